"""A job as the row that stands for it before it is sent, and back: any process may send it then.

What is written about a job later is in `rows`; the rows of jobs that any worker may do are in `postgres_queue`.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ..budget import price_class_of
from ..errors import ConfigurationError, ParamsError
from ..jobs import Job, digest_of
from ..json_text import Json, dump, parse
from ..media import media_in
from ..params import AnyParams, Params, RawParams, dump_params, files_of_body, load_params, local_media
from ..wire import encode_submit
from .entries import Intent

_UPLOAD_FIRST = "another process may be on another machine: upload it first, and give its link"


def intent_of(job: Job) -> Intent:
    """Return what is written of a job that any process may send.

    Raises:
        ConfigurationError: The job names a local file.
    """
    if files := local_media(job.params):
        raise ConfigurationError(f"the job {job.key!r} names the local file {str(files[0].path)!r}; {_UPLOAD_FIRST}")
    body = dump_params(job.params)
    request = encode_submit(job.params, "", body)
    written = request.body or b""
    return Intent(
        key=job.key,
        model=job.params.model,
        path=request.path,
        body=written,
        digest=digest_of(body, written),
        idempotency_key="",
        session="",
        price_class=str(price_class_of(body)),
    )


def job_of(key: str, path: str, written: bytes) -> Job:
    """Return the job whose request body and path these are; the inverse of `intent_of`.

    A body that a model class would write otherwise, as one of an earlier version, is kept as it is, in `RawParams`.

    Args:
        key: The job's key.
        path: Path of the request.
        written: Its body.

    Raises:
        ConfigurationError: The body names a local file by its path or digest, so it cannot be sent from here.
    """
    body = cast("dict[str, Json]", parse(written))
    if (place := _local_file(body)) is not None:
        raise ConfigurationError(f"the job {key!r} names a local file @ {place}; {_UPLOAD_FIRST}")
    return Job(key, _same_params(body, path, written) or RawParams(str(body.get("model")), body, path))


def _same_params(body: dict[str, Json], path: str, written: bytes) -> AnyParams | None:
    """Return parameters of the model's class that make this very request; None if there are none."""
    try:
        params = load_params(body, check=False)
    except ParamsError:
        return None
    return params if params.path == path and dump(dump_params(params)) == written else None


def _local_file(body: dict[str, Json]) -> str | None:
    """Return the place of a local file in a body: there is its path, or the digest that stood for it."""
    if files := files_of_body(body, files_from=Path()):
        return files[0].path
    try:
        params = load_params(body, check=False)
    except ParamsError:
        return None
    if not isinstance(params, Params):
        return None
    found = [
        place
        for field in params.media_fields
        for place, item in media_in(getattr(params, field.name), field.path)
        if str(item).startswith("sha256:")
    ]
    return found[0] if found else None
