"""The kinds of faults, as values, and the kinds of requests that can get one.

How a fault changes a response is in `injection`; the functions that make faults are in `factories`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

from attrs import frozen

from ..service.json_types import Json, JsonObject

# One kind per group of routes. A status request is a "poll", or a "batch" when it carries up to 50 polls.
Kind = Literal["submit", "poll", "batch", "credits", "models", "prices", "upload", "result", "file"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# The stages that a client or the ledger can tell apart.
Stage = Literal["arrival", "before_accept", "after_accept"]
Headers = Mapping[str, str | None]
TaskChange = Callable[[JsonObject], JsonObject | None]


@frozen
class Drop:
    """Reset the connection at a stage."""

    stage: Stage


@frozen
class Hang:
    """Send nothing from a stage on, until the client disconnects or the emulator closes."""

    stage: Stage


@frozen
class Delay:
    """Wait real seconds, then serve the request normally, even if the client has disconnected."""

    seconds: float


@frozen
class FixedReply:
    """Reply with fixed bytes, after accepting the request or without accepting it."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    accept: bool = False


@frozen
class TruncateBody:
    """Accept, announce the whole body, send its first bytes and close the connection."""

    size_bytes: int


@frozen
class SlowLoris:
    """Accept, then send the normal body one byte at a time."""

    seconds_per_byte: float


@frozen
class LargeBody:
    """Accept, then stream a body of a given size without a Content-Length, plain or compressed with gzip."""

    size_bytes: int
    gzip: bool = False


@frozen
class RewriteTasks:
    """Accept, then change each task in the normal JSON reply; None removes its row from a batch reply."""

    name: str
    change: TaskChange


@frozen
class ChangeHeaders:
    """Accept, then change headers of the normal response; None removes a header."""

    changes: tuple[tuple[str, str | None], ...]


# Not a ChangeHeaders: the Range header must go before the handler reads the request.
@frozen
class IgnoreRange:
    """Serve the request normally, but without its Range header."""


# A closed union: the type checker reports a kind that `Exchange.respond` does not match.
InjectedFault = (
    Drop | Hang | Delay | FixedReply | TruncateBody | SlowLoris | LargeBody | RewriteTasks | ChangeHeaders | IgnoreRange
)


def rewritten(body: JsonObject, change: TaskChange) -> JsonObject:
    """Return `body` with `change` applied to each row of a batch reply, or to the whole of another reply."""
    rows = body.get("data")
    if not isinstance(rows, list):
        return change(dict(body)) or {}
    changed: list[Json] = [change(dict(row)) if isinstance(row, dict) else row for row in rows]
    return {**body, "data": [row for row in changed if row is not None]}
