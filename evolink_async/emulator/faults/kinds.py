"""Ways to misbehave, as values, and the script that says which request meets which.

Nothing here touches a socket: `acts.py` acts these values out.

Stages, in the order of a request: it *arrives* (headers read), its body is read, it is *accepted* (a submit
is booked and paid), it is answered. Constants in capitals take no argument; functions make the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

from attrs import frozen

from ..service.refusals import Json, JsonObject

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


InjectedFault = Drop | Hang | Delay | Canned | Cut | SlowLoris | Flood | Rewrite | Reheader | IgnoreRange


def rewritten(body: JsonObject, change: Callable[[JsonObject], JsonObject | None]) -> JsonObject:
    """Return `body` with `change` applied: to each row of a batch answer, else to the whole."""
    rows = body.get("data")
    if not isinstance(rows, list):
        return change(dict(body)) or {}
    changed: list[Json] = [change(dict(row)) if isinstance(row, dict) else row for row in rows]
    return {**body, "data": [row for row in changed if row is not None]}
