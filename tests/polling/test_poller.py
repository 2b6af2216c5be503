"""Status requests go out side by side."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from evolink_async.concurrency import Limiter
from evolink_async.errors import EvolinkError
from evolink_async.polling import Poller
from evolink_async.settings import Cadence
from evolink_async.task import Snapshot

pytestmark = pytest.mark.anyio


@attrs.define(eq=False)
class Silent:
    """An account that never answers."""

    expected: int
    busy: int = 0
    poll_many: None = None
    asked: set[str] = attrs.field(factory=set[str])
    all_asked: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def poll(self, task_id: str) -> Snapshot | EvolinkError:
        """Wait for ever."""
        self.asked.add(task_id)
        if len(self.asked) == self.expected:
            self.all_asked.set()
        return await asyncio.get_running_loop().create_future()


async def test_a_status_request_without_an_answer_holds_up_no_other():
    """All of three tasks are polled while none has an answer."""
    poller, account = Poller(Cadence(), Limiter(8)), Silent(expected=3)
    for number in range(3):
        poller.tasks.watch(f"task-{number}", account, lambda entry, seen: None, within=0.0)
    running = asyncio.create_task(poller.run())
    try:
        async with asyncio.timeout(10):
            await account.all_asked.wait()
    finally:
        running.cancel()
        await asyncio.wait([running])
