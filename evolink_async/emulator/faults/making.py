"""The constants and functions that make faults.

The faults themselves are values: see `kinds`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

from ..service.refusals import Generation, Json, JsonObject, error_body, file_error_body
from .kinds import (
    Canned,
    Cut,
    Delay,
    Drop,
    Flood,
    Hang,
    Headers,
    IgnoreRange,
    InjectedFault,
    Reheader,
    Rewrite,
    SlowLoris,
)

REFUSE: InjectedFault = Drop("arrival")


DROP_BEFORE_ACCEPT: InjectedFault = Drop("before_accept")


DROP_AFTER_ACCEPT: InjectedFault = Drop("after_accept")


HANG_BEFORE_ACCEPT: InjectedFault = Hang("before_accept")


HANG_AFTER_ACCEPT: InjectedFault = Hang("after_accept")


IGNORE_RANGE: InjectedFault = IgnoreRange()


def delay(seconds: float) -> InjectedFault:
    """Return a wait of real seconds (not scaled ones) before an honest answer.

    A client that leaves meanwhile does not stop it: a submit is then accepted, and paid, unseen.
    """
    return Delay(seconds)


def cut(size_bytes: int) -> InjectedFault:
    """Return an answer that ends after `size_bytes`; its Content-Length always promises more."""
    return Cut(size_bytes)


def slow_loris(seconds_per_byte: float) -> InjectedFault:
    """Return the honest answer, one byte every `seconds_per_byte` real seconds."""
    return SlowLoris(seconds_per_byte)


def endless(size_bytes: int) -> InjectedFault:
    """Return a plain body of `size_bytes` that begins like JSON and has no Content-Length."""
    return Flood(size_bytes)


def gzip_bomb(size_bytes: int) -> InjectedFault:
    """Return a gzip-packed body that unpacks to `size_bytes`."""
    return Flood(size_bytes, gzip=True)


def reply(
    status: int,
    body: str | bytes = b"",
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> InjectedFault:
    """Return a fixed answer to a request that is read but not accepted."""
    return _canned(status, body, content_type, headers, accept=False)


def reply_after_accept(
    status: int,
    body: str | bytes = b"",
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> InjectedFault:
    """Return a fixed answer to a request that was accepted all the same."""
    return _canned(status, body, content_type, headers, accept=True)


def error(
    status: int,
    *,
    generation: Generation = "new",
    code: str | None = None,
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> InjectedFault:
    """Return a refusal in the vendor's words, of the new or the old generation; nothing is accepted."""
    body = error_body(status, generation=generation, code=code, message=message)
    return reply(status, json.dumps(body), headers=headers)


def upload_refused(code: int, message: str) -> InjectedFault:
    """Return a refusal of the file service as it may also come: under HTTP 200. Nothing is accepted."""
    return reply(200, json.dumps(file_error_body(code, message)))


def redirect(status: int, location: str) -> InjectedFault:
    """Return a redirect to `location`; nothing is accepted."""
    return reply(status, headers={"Location": location})


def _canned(
    status: int, body: str | bytes, content_type: str, headers: Mapping[str, str] | None, *, accept: bool
) -> InjectedFault:
    raw = body.encode() if isinstance(body, str) else body
    return Canned(status, raw, (("Content-Type", content_type), *(headers or {}).items()), accept)


HTML_200: InjectedFault = reply_after_accept(200, "<html><body>Welcome</body></html>", content_type="text/html")


NOT_JSON: InjectedFault = reply_after_accept(200, '{"id": "task-unified-1757169743-')


def headers(changes: Headers) -> InjectedFault:
    """Return the honest answer with other headers, such as `{"ETag": '"new"', "Accept-Ranges": None}`."""
    return Reheader(tuple(changes.items()))


def rewrite(name: str, change: Callable[[JsonObject], JsonObject]) -> InjectedFault:
    """Return the honest answer with `change` applied to a copy of every task in it; `name` is for the eye."""
    return Rewrite(name, change)


def missing(*fields: str) -> InjectedFault:
    """Return the honest answer without some fields."""
    return Rewrite(f"missing {fields}", lambda task: {k: v for k, v in task.items() if k not in fields})


def nulled(*fields: str) -> InjectedFault:
    """Return the honest answer with some fields null."""
    return Rewrite(f"nulled {fields}", lambda task: task | dict.fromkeys(fields))


def extra(fields: Mapping[str, Json]) -> InjectedFault:
    """Return the honest answer with further or other fields."""
    return Rewrite(f"extra {tuple(fields)}", lambda task: task | dict(fields))


def state(status: str) -> InjectedFault:
    """Return the honest answer under another status word; results stay only with "completed"."""
    gone = ("error",) if status == "completed" else ("error", "results")
    return Rewrite(
        f"state {status}", lambda task: {k: v for k, v in task.items() if k not in gone} | {"status": status}
    )


def lost_rows(share: float) -> InjectedFault:
    """Return the honest batch answer without about `share` of its rows: always the same tasks are missing."""
    return Rewrite(f"lost {share:.0%} of the rows", lambda task: task if _draw(task) >= share else None)


def _draw(task: JsonObject) -> float:
    return random.Random(str(task.get("id"))).random()  # noqa: S311 - reproducible


def wrong_task_id(task_id: str = "task-unified-1757169743-another1") -> InjectedFault:
    """Return the honest answer about another task's id."""
    return Rewrite("wrong task id", lambda task: task | {"id": task_id})


def _counted_down(task: JsonObject) -> JsonObject:
    progress = task.get("progress")
    return task | {"progress": 100 - progress if isinstance(progress, int) else 100}


PROGRESS_BACKWARDS: InjectedFault = Rewrite("progress backwards", _counted_down)


COMPLETED_WITHOUT_RESULTS: InjectedFault = Rewrite(
    "completed without results",
    lambda task: {k: v for k, v in task.items() if k != "results"} | {"status": "completed", "progress": 100},
)
