"""Whether a job is the one that a journal has under its key, and what differs if it is not.

How jobs are looked up is in `memory_queries`, `row_queries` and `postgres_reads`.
"""

from __future__ import annotations

from typing import cast

from ..errors import JournalConflictError
from ..jobs import CALLBACK_URL, body_digest, differing_fields, has_unread_files, identity
from ..json_text import Json, dump, parse
from ..params import AnyParams, dump_params, local_media


def conflict(key: str, kept: bytes | None, params: AnyParams) -> JournalConflictError:
    """Return the error for a key whose job has other parameters; it names them.

    Args:
        key: The key.
        kept: The body that was sent for the key; None if the journal does not keep it.
        params: What is asked for now.
    """
    if kept is None:
        text = "a journal in memory does not keep which ones differ"
        return JournalConflictError(f"the key {key!r} belongs to an unfinished job with other parameters; {text}")
    asked = identity(params)
    fields = differing_fields(_without_callback(kept), asked)
    # A file's link is no sign of a difference: the parameters name it by its digest.
    files = {str(file) for file in local_media(params)}
    fields = tuple(field for field in fields if not _names_any(asked.get(field.split(".")[0]), files)) or fields
    return JournalConflictError(
        f"the key {key!r} stands in the journal with other parameters: {', '.join(fields) or 'their order'}",
        fields=fields,
    )


def is_same_job(digest: str, kept: bytes, params: AnyParams) -> bool:
    """Whether a job is the one of a row whose digest is another one.

    It is if they differ in their `callback_url` alone: the digests of the first version covered it. It is too if they
    differ in the links of local files alone, and some of these cannot be read now.

    Args:
        digest: The digest in the row.
        kept: The body in the row, with links in place of local files.
        params: What is asked for now.
    """
    before, asked = cast("dict[str, Json]", parse(kept)), dump_params(params)
    if CALLBACK_URL in before:
        asked[CALLBACK_URL] = before[CALLBACK_URL]
    else:
        asked.pop(CALLBACK_URL, None)
    if has_unread_files(params):
        files = {str(file) for file in local_media(params)}
        asked = {name: _with_links(value, before.get(name), files) for name, value in asked.items()}
    return body_digest(dump(asked)) == digest or not differing_fields(before, asked)


def _with_links(asked: Json, kept: Json, files: set[str]) -> Json:
    """Put the links of a body that was sent in the places in which local files are asked for."""
    if isinstance(asked, str) and asked in files and isinstance(kept, str):
        return kept
    if isinstance(asked, list) and isinstance(kept, list) and len(asked) == len(kept):
        return [_with_links(one, other, files) for one, other in zip(asked, kept, strict=True)]
    if isinstance(asked, dict) and isinstance(kept, dict):
        return {name: _with_links(value, kept.get(name), files) for name, value in asked.items()}
    return asked


def _without_callback(body: bytes) -> dict[str, Json]:
    kept = cast("dict[str, Json]", parse(body))
    kept.pop(CALLBACK_URL, None)
    return kept


def _names_any(value: Json, files: set[str]) -> bool:
    """Whether one of the files stands in a value of a body."""
    if isinstance(value, str):
        return value in files
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return any(_names_any(item, files) for item in inner)
