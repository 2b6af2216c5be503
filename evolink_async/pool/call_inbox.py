"""Callbacks on their way to what they lead to: a poll that comes forward, or a doubt that is settled.

Taking one does not wait, so that the service has its answer at once; the journal is read afterwards, for many together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from itertools import islice
from typing import Any

from ..concurrency import Limiter, Signal
from ..errors import EvolinkError, JournalError
from ..jobs import Accepted
from ..journal import Bought
from ..settings import Limits
from ..task import Snapshot
from .call_meaning import Ownership, Step, ownership_of, step_after
from .callbacks import Callback, Callbacks
from .engine import Engine

MOST = 10_000
"""Callbacks that wait. While there are so many, the service is told to call again."""
PAGE = 100
"""Purchases that are read from the journal together."""
READS = 4
"""Tasks that are read at once to settle doubts."""
# The service calls again within 7 s only, and no poll is planned for a doubt.
PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds before each try to read such a task."""
JOURNAL_PAUSE = 1.0
"""Seconds before the journal is read again that could not be read."""

_log = logging.getLogger("evolink_async")


class CallInbox:
    """Takes the callbacks of a pool until it is closed.

    Args:
        engine: The pool's parts.
        callbacks: Where the callbacks come from.
    """

    def __init__(self, engine: Engine, callbacks: Callbacks) -> None:
        self._engine = engine
        self._callbacks = callbacks
        # In order of arrival. Equal callbacks are one, so that repeats cost nothing.
        self._waiting: dict[Callback, None] = {}
        self._news = Signal()
        # Those that a read or a submit goes on for, and those whose task was proven not to be ours.
        self._busy: set[Callback] = set()
        self._refused: dict[Callback, None] = {}
        self._reads = Limiter(READS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def start(self) -> None:
        """Take callbacks from now on.

        Raises:
            ConfigurationError: They go to another pool.
        """
        self._callbacks.attach(self.take)
        self._engine.runs[self] = None
        self._begin(self._work())
        if self._engine.journal.is_shared:
            self._begin(self._take_passed())

    def take(self, callback: Callback) -> bool:
        """Take a callback, and return whether there was room for it."""
        self._engine.check_loop()
        if self._is_closed:
            return False
        self._engine.tasks.calls.arrived()
        task_id = self._engine.calls.called(callback.purchase)
        # A task that is not watched here may be watched by another process, which the journal knows.
        if task_id is not None and (task_id in self._engine.tasks or not self._engine.journal.is_shared):
            self._engine.tasks.hint(task_id, is_callback=True)
            return True
        if callback in self._busy or callback in self._refused:
            return True
        if len(self._waiting) + len(self._busy) >= MOST:
            return False
        self._waiting[callback] = None
        self._news.fire()
        return True

    async def _work(self) -> None:
        while True:
            count = self._news.count
            page = list(islice(self._waiting, PAGE))
            if not page:
                await self._news.wait_past(count)
                continue
            try:
                known = await self._engine.journal.purchases([callback.purchase for callback in page])
                await self._pass_on({call: bought for call in page if (bought := known.get(call.purchase)) is not None})
            except JournalError:
                await asyncio.sleep(JOURNAL_PAUSE)
                continue
            for callback in page:
                self._waiting.pop(callback, None)
                self._go_on_with(callback, known.get(callback.purchase))

    async def _pass_on(self, calls: dict[Callback, Bought]) -> None:
        """Tell other processes of those that are for tasks that they watch."""
        elsewhere = {
            call.purchase: bought.task_id
            for call, bought in calls.items()
            if step_after(call, bought, is_under_way=False) is Step.HINT
            and bought.task_id is not None
            and bought.task_id not in self._engine.tasks
        }
        if elsewhere and self._engine.journal.is_shared:
            await self._engine.journal.pass_calls(elsewhere)

    async def _take_passed(self) -> None:
        """Take the calls for tasks of this pool that have reached another process."""
        journal = self._engine.journal
        while True:
            count = journal.calls.count
            try:
                passed = await journal.take_calls()
            except JournalError:
                await asyncio.sleep(JOURNAL_PAUSE)
                continue
            for purchase, task_id in passed.items():
                self._engine.tasks.calls.arrived()
                self._note_task(purchase, task_id)
                self._engine.tasks.hint(task_id, is_callback=True)
            await journal.calls.wait_past(count)

    def _go_on_with(self, callback: Callback, bought: Bought | None) -> None:
        submission = self._engine.submitter.find(bought.key) if bought is not None else None
        answer = submission.task if submission is not None else None
        step = step_after(callback, bought, is_under_way=answer is not None)
        if bought is None or step is Step.NOTHING:
            return
        if step is Step.HINT and bought.task_id is not None:
            self._note_task(callback.purchase, bought.task_id)
            self._engine.tasks.hint(bought.task_id, is_callback=True)
        elif step is Step.WAIT and answer is not None:
            self._busy.add(callback)
            answer.add_done_callback(lambda _: self._take_again(callback))
        elif callback.task_id is not None:
            self._busy.add(callback)
            self._begin(self._settle(callback, callback.task_id, bought))

    def _note_task(self, purchase: str, task_id: str) -> None:
        self._engine.calls.add(purchase, task_id)
        self._engine.calls.called(purchase)

    def _take_again(self, callback: Callback) -> None:
        self._busy.discard(callback)
        self.take(callback)

    async def _settle(self, callback: Callback, task_id: str, bought: Bought) -> None:
        """Settle a doubt with a task, if the task proves to be the one."""
        ownership = Ownership.UNREADABLE
        try:
            for pause in PAUSES:
                await asyncio.sleep(pause)
                ownership = await self._find_out(callback.purchase, task_id, bought)
                if ownership is not Ownership.UNREADABLE:
                    break
        finally:
            self._busy.discard(callback)
        if ownership is not Ownership.OURS:
            _log.warning("a callback for the job %r names the task %s, which %s", bought.key, task_id, ownership.value)
        if ownership not in (Ownership.OURS, Ownership.UNREADABLE):
            self._refused[callback] = None
            if len(self._refused) > MOST:
                del self._refused[next(iter(self._refused))]

    async def _find_out(self, purchase: str, task_id: str, bought: Bought) -> Ownership:
        try:
            key = await self._job_of(task_id)
            if key is not None:
                # The job may have the task by now: then nothing is left to do, as after a call to another process too.
                return Ownership.OURS if key == bought.key and bought.is_latest else Ownership.OTHER_JOB
            ownership = ownership_of(await self._read(task_id), bought, time.time())
            if ownership is Ownership.OURS and not await self._take_task(purchase, task_id, bought):
                ownership = Ownership.OTHER_JOB
        except JournalError:
            return Ownership.UNREADABLE
        return ownership

    async def _job_of(self, task_id: str) -> str | None:
        """Return the key of the job that has a task, as far as the journal knows."""
        journal = self._engine.journal
        if (owner := (await journal.owner((task_id,))).get(task_id)) is not None:
            return owner.standing.key
        ended = (await journal.outcome((task_id,))).get(task_id)
        return None if ended is None else ended.key

    async def _read(self, task_id: str) -> Snapshot | EvolinkError:
        await self._reads.acquire()
        try:
            return await self._engine.task_waits.read(task_id)
        finally:
            self._reads.release()

    async def _take_task(self, purchase: str, task_id: str, bought: Bought) -> bool:
        """Give a job its task, as a person does with `settle`; return False if the task is not that of the purchase."""
        engine, key = self._engine, bought.key
        is_taken = await engine.journal.late_answer(purchase, task_id)
        if not is_taken and bought.is_latest:
            return False
        self._note_task(purchase, task_id)
        if not is_taken:
            return True  # it is kept beside a purchase that was followed by another, as it was paid for
        engine.budget_queue.found(key, task_id)
        job = (await engine.journal.find((key,))).get(key)
        if not isinstance(job, Accepted):
            return True
        if engine.claims is not None:
            # The process that has sent it may wait for the answer still.
            if not await engine.claims.take((key,)):
                await engine.journal.pass_calls({purchase: task_id})
                return True
            engine.claims.accepted(job)
        engine.submitter.on_accepted(job)
        return True

    def _begin(self, act: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(act, name="evolink_async callbacks")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("callbacks are not taken any more; tasks are polled without them", exc_info=error)
            self.shut()

    # --- as one of the works of an engine

    @property
    def waiting(self) -> int:
        """Jobs read and not yet submitted: none."""
        return 0

    def retune(self, limits: Limits) -> None:
        """Go on: the limits of the pool hold for its polls."""

    def shut(self, error: BaseException | None = None) -> None:
        """Take no more callbacks."""
        if not self._is_closed:
            self._is_closed = True
            self._callbacks.detach()

    def stop(self, error: BaseException | None) -> None:
        """Leave the engine; it has shut this before, or this has shut itself."""
        self._engine.runs.pop(self, None)

    async def aclose(self, error: BaseException | None = None) -> None:
        """Shut, and give up what is under way: the service's task stays, and the doubt too."""
        self.shut(error)
        pending = list(self._tasks)
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)
        self.stop(error)
