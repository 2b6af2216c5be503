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


@attrs.define(eq=False)
class Quick:
    """An account that answers in the next turn of the event loop."""

    enough: int
    busy: int = 0
    poll_many: None = None
    open: int = 0
    peak: int = 0
    answered: int = 0
    has_enough: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def poll(self, task_id: str) -> Snapshot | EvolinkError:
        """Answer that the task goes on."""
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            await asyncio.sleep(0)
        finally:
            self.open -= 1
        self.answered += 1
        if self.answered == self.enough:
            self.has_enough.set()
        return Snapshot(task_id=task_id, state="processing")


async def test_polls_that_are_due_use_every_permit():
    """However quick the answers are; and no more workers are started than that takes."""
    permits, tasks = 8, 100
    cadence = Cadence(polls_per_second=1e9, first_look=0.001, min_interval=0.001, max_interval=0.001, look_price=1e-9)
    poller, account = Poller(cadence, Limiter(permits)), Quick(enough=10 * tasks)
    for number in range(tasks):
        poller.tasks.watch(f"task-{number}", account, lambda entry, seen: None, within=0.0)
    others = asyncio.all_tasks()
    running = asyncio.create_task(poller.run())
    try:
        async with asyncio.timeout(10):
            await account.has_enough.wait()
        workers = asyncio.all_tasks() - others - {running}
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert account.peak == permits
    assert len(workers) <= permits + 2  # one that waits for the next due poll, and one that plans anew
