"""The first byte of a paid request: before it nothing is bought, after it silence proves nothing.

It is asked whether it may leave in the very step in which it would, as a look-up of the address and a handshake take
time, and a lot may have changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp


class FirstByte:
    """The first byte of one send.

    Args:
        may_leave: Asked right before it leaves. With an aiohttp session of the user's, before the request is begun.

    Attributes:
        has_left: Whether it may have been sent.
        is_held_back: Whether it was not to leave when it was asked.
    """

    __slots__ = ("_may_leave", "has_left", "is_held_back")

    def __init__(self, may_leave: Callable[[], bool] | None = None) -> None:
        self._may_leave = may_leave
        self.has_left: bool = False
        self.is_held_back: bool = False

    def leaves(self) -> bool:
        """Let it leave now, if it may; further ones follow it."""
        if not self.has_left:
            self.has_left = self._may_leave is None or self._may_leave()
            self.is_held_back = not self.has_left
        return self.has_left

    def give_up(self) -> None:
        """Nobody waits for the answer any more: what has not left never does."""
        self._may_leave = _never


def first_byte_trace() -> aiohttp.TraceConfig:
    """Return what asks the first byte of every request of an aiohttp session."""
    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(_ask)
    return trace


# aiohttp sends the headers together with the first piece of the body, in the step in which this returns: nothing runs
# between the answer and the first byte. It types the context as Any.
async def _ask(_: aiohttp.ClientSession, context: Any, __: object) -> None:  # noqa: ANN401
    first_byte: FirstByte = context.trace_request_ctx
    if not first_byte.leaves():
        raise OSError


def _never() -> bool:
    return False
