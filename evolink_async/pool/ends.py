"""What the end of a job changes, once: the figures, the budget, the journal, the observer.

Several watchers may see one end, and any of them may be cancelled. The outcome itself is made in `conclusion`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

from ..budget import BudgetQueue
from ..concurrency import wait_shielded
from ..errors import DeadlineError, EvolinkError, JournalClaimError, TaskNotFoundError
from ..events import Emit, JobEnded
from ..jobs import Accepted, Completed, Failed, Outcome, last_snapshot
from ..journal import Journal
from ..purchases import Book
from ..submitting import SendLoop, Submission
from ..task import Snapshot
from .rebuys import Rebuys
from .work import Save


class Ends:
    """The ends of the jobs of a pool.

    Args:
        journal: Told before the observer and the caller.
        book: Knows which ends are new.
        budget_queue: Told what a job has cost.
        send_loop: Writes to the journal.
        rebuys: Knows which failures are no end.
        emit: Told of each outcome.

    Attributes:
        counts: Outcomes by kind.
        credits_used: Credits charged for the jobs of this pool.
        on_said: Called with each outcome, after the observer.
    """

    def __init__(
        self,
        journal: Journal,
        book: Book[Submission],
        budget_queue: BudgetQueue,
        send_loop: SendLoop,
        rebuys: Rebuys,
        emit: Emit | None,
    ) -> None:
        self.rebuys = rebuys
        self.counts: Counter[type[Outcome]] = Counter()
        self.credits_used: float = 0.0
        self.on_said: Callable[[Outcome], None] = lambda _: None
        self._journal = journal
        self._book = book
        self._budget_queue = budget_queue
        self._send_loop = send_loop
        self._emit = emit
        self._is_closed = False
        self._last_errors: dict[str, EvolinkError] = {}
        self._unwritten: set[str | None] = set()
        self._writing: set[asyncio.Task[Any] | None] = set()
        self._concluding: set[asyncio.Task[bool]] = set()

    def tally(self, outcome: Outcome, *, is_charged: bool = True) -> None:
        """Count an outcome."""
        self.counts[type(outcome)] += 1
        if is_charged and isinstance(outcome, Completed) and not outcome.resumed:
            self.credits_used += outcome.credits or 0.0

    async def settle(self, outcome: Completed | Failed, last: Snapshot | EvolinkError) -> bool:
        """Count and write down how a task ended; when only our watching has ended, the task stays unfinished.

        Returns:
            Whether this is the first time for this job. If so, `say` is due.
        """
        if not isinstance(last, Snapshot):
            if self._is_repeated(outcome.key, last):
                return False
            self.tally(outcome)
            self._budget_queue.settled(outcome)
            if isinstance(last, TaskNotFoundError) and outcome.task_id is not None:
                await self._write(self._journal.missing(outcome.key, outcome.task_id))
            return True
        if self.rebuys.is_no_end(outcome):
            return False
        self._last_errors.pop(outcome.key, None)
        self.rebuys.forget(outcome.key)
        end = self._book.ended(outcome.key, last.task_id)
        if not end.is_new:
            if outcome.task_id in self._unwritten:
                await self._write(self._ended(outcome))
            return False
        self.tally(outcome, is_charged=end.is_charged)
        self._budget_queue.settled(outcome)
        await self._write(self._ended(outcome))
        return True

    async def _ended(self, outcome: Completed | Failed) -> None:
        """Write an end down; if that is refused, also when the end is seen again."""
        self._unwritten.add(outcome.task_id)
        try:
            await self._journal.ended(outcome)
        except JournalClaimError:
            # This process stood still. If another process has the job by now, that one sees the end by itself.
            await self._journal.renew((), "")
            await self._journal.ended(outcome)
        self._unwritten.discard(outcome.task_id)

    def _is_repeated(self, key: str, error: EvolinkError) -> bool:
        """Whether another watcher of the same job has brought the same error. A deadline is of one watcher."""
        if isinstance(error, DeadlineError):
            return False
        is_repeated = self._last_errors.get(key) is error
        self._last_errors[key] = error
        return is_repeated

    async def _write(self, entry: Awaitable[None]) -> None:
        task = asyncio.current_task()
        self._writing.add(task)
        try:
            await self._send_loop.record(entry)
        finally:
            self._writing.discard(task)

    async def recorded(self, last: Snapshot | EvolinkError, task_id: str) -> Completed | Failed | None:
        """Return the end of a task that the journal has, when a watcher has only an error of its own."""
        if isinstance(last, Snapshot):
            return None
        return (await self._journal.outcome((task_id,))).get(task_id)

    @contextmanager
    def near(self) -> Generator[None]:
        """Somebody is about to watch a task, or has seen its end: who waits for credits is not refused meanwhile."""
        self._budget_queue.enter()
        try:
            yield
        finally:
            self._budget_queue.leave()

    def taken_up(self, accepted: Accepted) -> None:
        """Somebody waits for the end of a job, perhaps again, which may free what is held for it."""
        self.rebuys.note(accepted)
        # Who read the journal just before the end frees nothing: that end was the only one.
        if not self._book.has_ended(accepted.key, accepted.task_id):
            self._budget_queue.found(accepted.key, accepted.task_id)

    def is_writing(self, task: asyncio.Task[None]) -> bool:
        """Whether a task writes an end down, and must not be cut short."""
        return task in self._writing

    async def conclude(self, outcome: Completed | Failed, last: Snapshot | EvolinkError) -> bool:
        """Settle, then let the observer know. Cancelling this call does not cut it short.

        Returns:
            Whether this is the first time for this job.
        """

        async def whole() -> bool:
            # After closing, what somebody still sees is not written down: the next pool finds the end again.
            is_first = not self._is_closed and await self.settle(outcome, last)
            if is_first:
                self.say(outcome)
            return is_first

        task = asyncio.create_task(whole())
        self._concluding.add(task)
        task.add_done_callback(self._concluding.discard)
        return await wait_shielded(task)

    async def given_up(self, failed: Failed) -> None:
        """Conclude a job that is not bought anew after all, unless another buyer waits for it."""
        if (last := last_snapshot(failed)) is not None:
            await self.conclude(failed, last)
        self.rebuys.taken(failed)

    async def aclose(self) -> None:
        """Wait until the ends that somebody has seen are written down. Those that are seen later change nothing."""
        self._is_closed = True
        if self._concluding:
            await asyncio.wait(list(self._concluding))

    async def save(self, completed: Completed, save: Save, *, is_first: bool) -> Completed:
        """Fetch the files of a job. Cancelled, the observer learns of an end that the caller never takes."""
        try:
            return await save(completed)
        except asyncio.CancelledError:
            if is_first:
                self.say(completed)
            raise

    def say(self, outcome: Outcome) -> None:
        """Let the observer know of an outcome just before the caller does."""
        if self._emit is not None:
            self._emit(JobEnded(at=time.time(), outcome=outcome))
        self.on_said(outcome)
