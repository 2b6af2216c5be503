"""Requests to the API: submit, poll, batch, credits and prices.

Requests to the file service are in `files`; requests are sent in `client`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from ..errors import InvalidValue, ParamsError
from ..json_text import Json, dump
from ..params import AnyParams, dump_params
from .messages import Request

# Source: the check of the service's own clients. An id goes into the path, where "." and ".." would name another one.
TASK_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}")


def encode_submit(params: AnyParams, idempotency_key: str, body: dict[str, Json] | None = None) -> Request:
    """Make the paid request. Equal arguments give equal bytes.

    Args:
        params: What is asked for.
        idempotency_key: What the purchase goes by.
        body: What `dump_params` returns, if the caller has it.
    """
    # The service's own clients send the header; no page documents it. A repeated submit must repeat key and body.
    headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
    written = dump(dump_params(params) if body is None else body)
    return Request(kind="submit", method="POST", path=params.path, body=written, headers=headers)


def check_task_id(task_id: str) -> None:
    """Raise for a word that is no task id.

    Raises:
        ParamsError: `task_id` is not 1 to 128 letters, digits or `._:-`.
    """
    # Callers without a type checker can give anything.
    given = cast("object", task_id)
    if not isinstance(given, str) or not TASK_ID.fullmatch(given):
        raise ParamsError(
            [InvalidValue("task_id", f"must be 1 to 128 letters, digits or ._:-, not {str(given)[:200]!r}")]
        )


def encode_poll(task_id: str) -> Request:
    """Make the request that polls one task.

    Raises:
        ParamsError: See `check_task_id`.
    """
    check_task_id(task_id)
    return Request(kind="poll", method="GET", path=f"/v1/tasks/{task_id}")


def encode_batch(task_ids: Sequence[str]) -> Request:
    """Make the request that polls up to 50 tasks. The ids are such as `check_task_id` takes.

    Source: the service's own command-line client; no page documents the route.
    """
    headers = {"Content-Type": "application/json"}
    body = dump({"task_ids": list(task_ids)})
    return Request(kind="batch", method="POST", path="/v1/tasks/batch", body=body, headers=headers)


def encode_credits() -> Request:
    """Make the request for the credits of the account."""
    return Request(kind="credits", method="GET", path="/v1/credits")


def encode_price_rules(etag: str | None = None) -> Request:
    """Make the request for the price catalogue; with the version of the last answer, for a newer one alone.

    Source: the service's own command-line client; no page documents the route.
    """
    headers = {} if etag is None else {"If-None-Match": etag}
    return Request(kind="prices", method="GET", path="/v1/catalog/pricing-rules", headers=headers)
