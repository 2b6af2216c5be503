"""A job: a key and the parameters of one generation.

Keys for parameters that come without one are made in `keys`.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from ..errors import ConfigurationError
from ..frozen import plain
from ..json_text import Json, dump
from ..params import AnyParams, Params, RawParams, dump_params, local_media, with_media

CALLBACK_URL = "callback_url"
"""The field of a request body that is no part of a job."""

_ANY_FILE = "file:"

# Categories of Unicode whose characters would break a line of a log or a table, or cannot be stored.
_BREAKING = frozenset({"Cc", "Zl", "Zp", "Cs"})


def key_fault(key: object) -> str | None:
    """Return what is wrong with a job's key, as "must be ..."; None for a valid key."""
    is_valid = isinstance(key, str) and 1 <= len(key) <= 255 and not _breaks(key)
    return None if is_valid else "must be 1 to 255 characters, with no control character, line separator or surrogate"


def _breaks(key: str) -> bool:
    # What is printable does not break. Not all else does: a wide space, or a joiner inside emoji.
    return not key.isprintable() and any(unicodedata.category(character) in _BREAKING for character in key)


def _check_key(instance: object, _field: object, key: Any) -> None:  # noqa: ANN401  # attrs types validators so
    fault = key_fault(key)
    if fault is not None:
        raise ConfigurationError(f"a job's key {fault}, not {key!r}")
    if type(key) is not str:
        # A member of an enum is hashed by its name, so the job would not be found by its key.
        object.__setattr__(instance, "key", plain(key))


def _check_params(_instance: object, _field: object, params: Any) -> None:  # noqa: ANN401  # as above
    if not isinstance(params, Params | RawParams):
        raise ConfigurationError(f"a job needs the parameters of a model, not {type(params).__name__}")


@attrs.frozen
class Job:
    """Parameters under a key that the caller chooses.

    Attributes:
        key: Identifies the job in outcomes, events and the journal; 1 to 255 characters, unique within a run. Control
            characters, line separators and surrogates are refused.
        params: The parameters of the generation.

    Raises:
        ConfigurationError: The key is not such a text, or the parameters are not those of a model.
    """

    key: str = attrs.field(validator=_check_key)
    params: AnyParams = attrs.field(validator=_check_params)


def identity(params: AnyParams) -> dict[str, Json]:
    """Return what tells one job from another: the request body without `callback_url`, which changes no video."""
    body = dump_params(params)
    body.pop(CALLBACK_URL, None)
    return body


def digest(params: AnyParams) -> str:
    """Return the digest of what `identity` returns; equal parameters have equal digests."""
    body = dump_params(params)
    return digest_of(body, dump(body))


def has_unread_files(params: AnyParams) -> bool:
    """Whether parameters name local files whose content is not known, so `digest` says nothing of what was sent."""
    return any(file.sha256 is None for file in local_media(params))


def digest_without_files(params: AnyParams) -> str:
    """Return the digest of parameters whatever their local files are: it tells jobs apart when these cannot be read."""
    return digest(with_media(params, dict.fromkeys(local_media(params), _ANY_FILE)))


def digest_of(body: dict[str, Json], written: bytes) -> str:
    """Return the digest of parameters by their request body, and the same body as it is `written`."""
    if CALLBACK_URL not in body:
        return body_digest(written)
    return body_digest(dump({name: value for name, value in body.items() if name != CALLBACK_URL}))


def differing_fields(one: Mapping[str, Json], other: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the names of the fields in which two request bodies differ, as "prompt" or "model_params.shot_type"."""
    return tuple(_differing(one, other, ""))


def _differing(one: Mapping[str, Json], other: Mapping[str, Json], path: str) -> Iterator[str]:
    for name in {**one, **other}:
        a, b = one.get(name), other.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from _differing(a, b, f"{path}{name}.")
        # As texts, because in Python 1, 1.0 and True are equal.
        elif (name in one) != (name in other) or json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True):
            yield f"{path}{name}"


def body_digest(body: bytes) -> str:
    """Return the first 16 hex digits of the SHA-256 of a request body."""
    # 64 bits: two of a million different bodies have the same digest with a chance of 1 in 37 million.
    return hashlib.sha256(body).hexdigest()[:16]
