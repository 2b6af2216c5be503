"""A receiver on a real socket, and an emulator that calls it when its time is moved."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import attrs
import pytest

from evolink_async.callbacks import CallbackReceiver
from evolink_async.emulator import Emulator
from evolink_async.emulator.clock import HandClock
from tests.callbacks.kit import Caller, in_fastapi, new_receiver
from tests.kit import until


@attrs.define
class Stage:
    """A receiver, and a service that calls it."""

    receiver: CallbackReceiver
    emulator: Emulator
    clock: HandClock
    caller: Caller

    async def end_all(self) -> None:
        """Let all tasks end, and wait until their callbacks have been answered."""
        self.clock.advance(10_000)
        await until(lambda: not self.emulator.callbacks_waiting)

    @property
    def status_requests(self) -> int:
        """How often the service was asked for tasks."""
        return sum(request.kind in ("poll", "batch") for request in self.emulator.received)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The receiver is a part of a FastAPI application."""
    receiver, clock = new_receiver(), HandClock(time.time())
    async with (
        in_fastapi(receiver) as port,
        Emulator(clock=clock, callbacks_to=f"http://127.0.0.1:{port}") as emulator,
    ):
        yield Stage(receiver, emulator, clock, Caller(port))
