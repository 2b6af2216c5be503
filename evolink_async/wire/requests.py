"""Values to requests.

Nothing is sent here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from ..errors import InvalidValue, ParamsError
from ..json_text import dump
from ..params import AnyParams, dump_params
from .messages import Request

TASK_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}")  # what the service's own clients accept


def encode_submit(params: AnyParams, idempotency_key: str) -> Request:
    """Make the paid request. The same arguments give the same bytes."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
    return Request(kind="submit", method="POST", path=params.path, body=dump(dump_params(params)), headers=headers)


def encode_poll(task_id: str) -> Request:
    """Ask for one task.

    Raises:
        ParamsError: No task can have this id: 1 to 128 of letters, digits and `._:-`.
    """
    given = cast("object", task_id)  # callers without a type checker
    if not isinstance(given, str) or not TASK_ID.fullmatch(given):
        raise ParamsError(
            [InvalidValue("task_id", f"must be 1 to 128 letters, digits or ._:-, not {str(given)[:200]!r}")]
        )
    return Request(kind="poll", method="GET", path=f"/v1/tasks/{task_id}")


def encode_batch(task_ids: Sequence[str]) -> Request:
    """Ask for up to 50 tasks at once. The ids are some that `encode_poll` takes.

    Source: the service's own command-line client; no page documents the route.
    """
    headers = {"Content-Type": "application/json"}
    body = dump({"task_ids": list(task_ids)})
    return Request(kind="batch", method="POST", path="/v1/tasks/batch", body=body, headers=headers)


def encode_credits() -> Request:
    """Ask for the account's credits."""
    return Request(kind="credits", method="GET", path="/v1/credits")
