"""Ways to misbehave, as values, and the script that says which request meets which.

Nothing here touches a socket: `acts.py` acts these values out.

Stages, in the order of a request: it *arrives* (headers read), its body is read, it is *accepted* (a submit
is booked and paid), it is answered. Constants in capitals take no argument; functions make the others.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Container, Mapping
from typing import Literal, get_args

from attrs import frozen

from ..service.refusals import Generation, Json, JsonObject, error_body, file_error_body

Kind = Literal["submit", "poll", "batch", "credits", "models", "upload", "result", "file"]
KINDS: tuple[str, ...] = get_args(Kind)
Stage = Literal["arrival", "before_accept", "after_accept"]
Headers = Mapping[str, str | None]


@frozen
class Drop:
    """Reset the connection at a stage."""

    stage: Stage


@frozen
class Hang:
    """Say nothing from a stage on, until the client leaves or the emulator closes."""

    stage: Stage


@frozen
class Delay:
    """Wait real seconds before the request is looked at, then behave, even if the client has left."""

    seconds: float


@frozen
class Canned:
    """Answer with fixed bytes, with or without accepting the request."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    accept: bool = False


@frozen
class Cut:
    """Accept, promise the whole body, send its first bytes and close."""

    size_bytes: int


@frozen
class SlowLoris:
    """Accept, then send the honest body byte by byte."""

    seconds_per_byte: float


@frozen
class Flood:
    """Accept, then stream a body of a size, gzip-packed or plain, without a Content-Length."""

    size_bytes: int
    gzip: bool = False


@frozen
class Rewrite:
    """Accept, then change every task of the honest JSON reply; None leaves its row out of a batch answer."""

    name: str
    change: Callable[[JsonObject], JsonObject | None]


@frozen
class Reheader:
    """Accept, then change headers of the honest reply; None takes one away."""

    changes: tuple[tuple[str, str | None], ...]


@frozen
class IgnoreRange:
    """Behave, but as a server that does not know Range."""


Fault = Drop | Hang | Delay | Canned | Cut | SlowLoris | Flood | Rewrite | Reheader | IgnoreRange

REFUSE: Fault = Drop("arrival")
DROP_BEFORE_ACCEPT: Fault = Drop("before_accept")
DROP_AFTER_ACCEPT: Fault = Drop("after_accept")
HANG_BEFORE_ACCEPT: Fault = Hang("before_accept")
HANG_AFTER_ACCEPT: Fault = Hang("after_accept")
IGNORE_RANGE: Fault = IgnoreRange()


def delay(seconds: float) -> Fault:
    """Return a wait of real seconds (not scaled ones) before an honest answer.

    A client that leaves meanwhile does not stop it: a submit is then accepted, and paid, unseen.
    """
    return Delay(seconds)


def cut(size_bytes: int) -> Fault:
    """Return an answer that ends after `size_bytes`; its Content-Length always promises more."""
    return Cut(size_bytes)


def slow_loris(seconds_per_byte: float) -> Fault:
    """Return the honest answer, one byte every `seconds_per_byte` real seconds."""
    return SlowLoris(seconds_per_byte)


def endless(size_bytes: int) -> Fault:
    """Return a plain body of `size_bytes` that begins like JSON and has no Content-Length."""
    return Flood(size_bytes)


def gzip_bomb(size_bytes: int) -> Fault:
    """Return a gzip-packed body that unpacks to `size_bytes`."""
    return Flood(size_bytes, gzip=True)


def reply(
    status: int,
    body: str | bytes = b"",
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """Return a fixed answer to a request that is read but not accepted."""
    return _canned(status, body, content_type, headers, accept=False)


def reply_after_accept(
    status: int,
    body: str | bytes = b"",
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """Return a fixed answer to a request that was accepted all the same."""
    return _canned(status, body, content_type, headers, accept=True)


def error(
    status: int,
    *,
    generation: Generation = "new",
    code: str | None = None,
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """Return a refusal in the vendor's words, of the new or the old generation; nothing is accepted."""
    body = error_body(status, generation=generation, code=code, message=message)
    return reply(status, json.dumps(body), headers=headers)


def upload_refused(code: int, message: str) -> Fault:
    """Return a refusal of the file service as it may also come: under HTTP 200. Nothing is accepted."""
    return reply(200, json.dumps(file_error_body(code, message)))


def redirect(status: int, location: str) -> Fault:
    """Return a redirect to `location`; nothing is accepted."""
    return reply(status, headers={"Location": location})


def _canned(
    status: int, body: str | bytes, content_type: str, headers: Mapping[str, str] | None, *, accept: bool
) -> Fault:
    raw = body.encode() if isinstance(body, str) else body
    return Canned(status, raw, (("Content-Type", content_type), *(headers or {}).items()), accept)


HTML_200: Fault = reply_after_accept(200, "<html><body>Welcome</body></html>", content_type="text/html")
NOT_JSON: Fault = reply_after_accept(200, '{"id": "task-unified-1757169743-')


def headers(changes: Headers) -> Fault:
    """Return the honest answer with other headers, such as `{"ETag": '"new"', "Accept-Ranges": None}`."""
    return Reheader(tuple(changes.items()))


def rewrite(name: str, change: Callable[[JsonObject], JsonObject]) -> Fault:
    """Return the honest answer with `change` applied to a copy of every task in it; `name` is for the eye."""
    return Rewrite(name, change)


def missing(*fields: str) -> Fault:
    """Return the honest answer without some fields."""
    return Rewrite(f"missing {fields}", lambda task: {k: v for k, v in task.items() if k not in fields})


def nulled(*fields: str) -> Fault:
    """Return the honest answer with some fields null."""
    return Rewrite(f"nulled {fields}", lambda task: task | dict.fromkeys(fields))


def extra(fields: Mapping[str, Json]) -> Fault:
    """Return the honest answer with further or other fields."""
    return Rewrite(f"extra {tuple(fields)}", lambda task: task | dict(fields))


def state(status: str) -> Fault:
    """Return the honest answer under another status word; results stay only with "completed"."""
    gone = ("error",) if status == "completed" else ("error", "results")
    return Rewrite(
        f"state {status}", lambda task: {k: v for k, v in task.items() if k not in gone} | {"status": status}
    )


def lost_rows(share: float) -> Fault:
    """Return the honest batch answer without about `share` of its rows: always the same tasks are missing."""
    return Rewrite(f"lost {share:.0%} of the rows", lambda task: task if _draw(task) >= share else None)


def _draw(task: JsonObject) -> float:
    return random.Random(str(task.get("id"))).random()  # noqa: S311 - reproducible


def wrong_task_id(task_id: str = "task-unified-1757169743-another1") -> Fault:
    """Return the honest answer about another task's id."""
    return Rewrite("wrong task id", lambda task: task | {"id": task_id})


def _counted_down(task: JsonObject) -> JsonObject:
    progress = task.get("progress")
    return task | {"progress": 100 - progress if isinstance(progress, int) else 100}


PROGRESS_BACKWARDS: Fault = Rewrite("progress backwards", _counted_down)
COMPLETED_WITHOUT_RESULTS: Fault = Rewrite(
    "completed without results",
    lambda task: {k: v for k, v in task.items() if k != "results"} | {"status": "completed", "progress": 100},
)


class _Always:
    def __contains__(self, ordinal: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "ALWAYS"


ALWAYS: Container[int] = _Always()
"""Every request of a kind."""


@frozen
class _Sometimes:
    share: float
    seed: int

    def __contains__(self, ordinal: object) -> bool:
        return random.Random(f"{self.seed}-{ordinal}").random() < self.share  # noqa: S311 - reproducible


def sometimes(share: float, *, seed: int = 0) -> Container[int]:
    """Return ordinals that hit about `share` of the requests, the same ones for the same seed."""
    return _Sometimes(share, seed)


class FaultScript:
    """Which request meets which fault; may be changed at any time, from any thread."""

    def __init__(self) -> None:
        # Replaced as a whole, never changed in place: readers in another thread need no lock.
        self._rules: tuple[tuple[str, Container[int], Fault], ...] = ()

    def on(self, kind: Kind, ordinals: int | Container[int], fault: Fault) -> None:
        """Have the requests `ordinals` of `kind` meet `fault`; the latest rule that matches wins.

        Args:
            kind: One of `KINDS`.
            ordinals: Number of the request among those of its kind, from 1; or a range, a set, `ALWAYS`,
                `sometimes(...)`.
            fault: What to do.

        Raises:
            ValueError: There is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        chosen: Container[int] = (ordinals,) if isinstance(ordinals, int) else ordinals
        self._rules = (*self._rules, (kind, chosen, fault))

    def clear(self) -> None:
        """Forget all rules; the count of requests goes on."""
        self._rules = ()

    def fault_of(self, kind: str, ordinal: int) -> Fault | None:
        """Return what the `ordinal`-th request of `kind` meets, None for honest service."""
        for of_kind, ordinals, fault in reversed(self._rules):
            if of_kind == kind and ordinal in ordinals:
                return fault
        return None


def rewritten(body: JsonObject, change: Callable[[JsonObject], JsonObject | None]) -> JsonObject:
    """Return `body` with `change` applied: to each row of a batch answer, else to the whole."""
    rows = body.get("data")
    if not isinstance(rows, list):
        return change(dict(body)) or {}
    changed: list[Json] = [change(dict(row)) if isinstance(row, dict) else row for row in rows]
    return {**body, "data": [row for row in changed if row is not None]}
