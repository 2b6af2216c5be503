"""The ready-made faults: constants, and functions with arguments.

The classes that they are instances of are in `kinds`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

from ..service.error_bodies import Generation, error_body, file_error_body
from ..service.json_types import Json, JsonObject
from .kinds import (
    ChangeHeaders,
    Delay,
    Drop,
    FixedReply,
    Hang,
    Headers,
    IgnoreRange,
    InjectedFault,
    LargeBody,
    RewriteTasks,
    SlowLoris,
    TruncateBody,
)

REFUSE: InjectedFault = Drop("arrival")
DROP_BEFORE_ACCEPT: InjectedFault = Drop("before_accept")
DROP_AFTER_ACCEPT: InjectedFault = Drop("after_accept")
HANG_BEFORE_ACCEPT: InjectedFault = Hang("before_accept")
HANG_AFTER_ACCEPT: InjectedFault = Hang("after_accept")
IGNORE_RANGE: InjectedFault = IgnoreRange()


def delay(seconds: float) -> InjectedFault:
    """Return a wait of real seconds before the normal reply; `speed` does not scale it.

    A client that disconnects does not stop it: a submit is then accepted and paid, and its reply is lost.
    """
    return Delay(seconds)


def cut(size_bytes: int) -> InjectedFault:
    """Return a response that ends after `size_bytes`; its Content-Length is always larger."""
    return TruncateBody(size_bytes)


def slow_loris(seconds_per_byte: float) -> InjectedFault:
    """Return the normal response, sent at one byte per `seconds_per_byte` real seconds."""
    return SlowLoris(seconds_per_byte)


def endless(size_bytes: int) -> InjectedFault:
    """Return a plain body of `size_bytes` that begins like JSON and has no Content-Length."""
    return LargeBody(size_bytes)


def gzip_bomb(size_bytes: int) -> InjectedFault:
    """Return a gzip body that decompresses to `size_bytes`."""
    return LargeBody(size_bytes, gzip=True)


def reply(
    status: int,
    body: str | bytes = b"",
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> InjectedFault:
    """Return a fixed reply to a request that is read but not accepted."""
    return _fixed_reply(status, body, content_type, headers, accept=False)


def reply_after_accept(
    status: int,
    body: str | bytes = b"",
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> InjectedFault:
    """Return a fixed reply to a request that is accepted."""
    return _fixed_reply(status, body, content_type, headers, accept=True)


def error(
    status: int,
    *,
    generation: Generation = "new",
    code: str | None = None,
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> InjectedFault:
    """Return an error reply in the vendor's form, new or old; nothing is accepted."""
    body = error_body(status, generation=generation, code=code, message=message)
    return reply(status, json.dumps(body), headers=headers)


def upload_refused(code: int, message: str) -> InjectedFault:
    """Return an error of the file service under HTTP 200, a form it may also use; nothing is accepted."""
    return reply(200, json.dumps(file_error_body(code, message)))


def redirect(status: int, location: str) -> InjectedFault:
    """Return a redirect to `location`; nothing is accepted."""
    return reply(status, headers={"Location": location})


def _fixed_reply(
    status: int, body: str | bytes, content_type: str, headers: Mapping[str, str] | None, *, accept: bool
) -> InjectedFault:
    raw = body.encode() if isinstance(body, str) else body
    return FixedReply(status, raw, (("Content-Type", content_type), *(headers or {}).items()), accept)


# After acceptance: an unreadable reply to a paid submit is the case that a client must not send again.
HTML_200: InjectedFault = reply_after_accept(200, "<html><body>Welcome</body></html>", content_type="text/html")
NOT_JSON: InjectedFault = reply_after_accept(200, '{"id": "task-unified-1757169743-')


def headers(changes: Headers) -> InjectedFault:
    """Return the normal response with other headers, such as `{"ETag": '"new"', "Accept-Ranges": None}`."""
    return ChangeHeaders(tuple(changes.items()))


def rewrite(name: str, change: Callable[[JsonObject], JsonObject]) -> InjectedFault:
    """Return the normal reply with `change` applied to a copy of each task in it; `name` is shown in the repr."""
    return RewriteTasks(name, change)


def missing(*fields: str) -> InjectedFault:
    """Return the normal reply without the given fields."""
    return RewriteTasks(f"missing {fields}", lambda task: _without(task, *fields))


def nulled(*fields: str) -> InjectedFault:
    """Return the normal reply with the given fields set to null."""
    return RewriteTasks(f"nulled {fields}", lambda task: task | dict.fromkeys(fields))


def extra(fields: Mapping[str, Json]) -> InjectedFault:
    """Return the normal reply with fields added or replaced."""
    return RewriteTasks(f"extra {tuple(fields)}", lambda task: task | dict(fields))


def state(status: str) -> InjectedFault:
    """Return the normal reply with another status; `results` and `usage` stay only with "completed"."""
    # Left in, they would contradict the status.
    contradicting = ("error",) if status == "completed" else ("error", "results", "usage")
    return RewriteTasks(f"state {status}", lambda task: _without(task, *contradicting) | {"status": status})


def lost_rows(share: float) -> InjectedFault:
    """Return the normal batch reply without about `share` of its rows, 0 to 1; the same tasks are always missing."""
    return RewriteTasks(f"lost {share:.0%} of the rows", lambda task: task if _draw(task) >= share else None)


def wrong_task_id(task_id: str = "task-unified-1757169743-another1") -> InjectedFault:
    """Return the normal reply with another task id."""
    return RewriteTasks("wrong task id", lambda task: task | {"id": task_id})


def _without(task: JsonObject, *fields: str) -> JsonObject:
    return {name: value for name, value in task.items() if name not in fields}


# Drawn from the task id, so that every batch lacks the same tasks.
def _draw(task: JsonObject) -> float:
    return random.Random(str(task.get("id"))).random()  # noqa: S311 - reproducible


def _counted_down(task: JsonObject) -> JsonObject:
    progress = task.get("progress")
    return task | {"progress": 100 - progress if isinstance(progress, int) else 100}


PROGRESS_BACKWARDS: InjectedFault = RewriteTasks("progress backwards", _counted_down)
COMPLETED_WITHOUT_RESULTS: InjectedFault = RewriteTasks(
    "completed without results",
    lambda task: _without(task, "results") | {"status": "completed", "progress": 100},
)
