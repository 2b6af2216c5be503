"""Buying jobs anew whose tasks have failed for a passing reason: who decides, and what is written down.

Whether a job may be bought anew is decided in `purchases.rebuying`; runs and `generate` do it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress

import attrs

from ..budget import BudgetQueue
from ..concurrency import wait_shielded
from ..errors import JournalClaimError, JournalError
from ..jobs import Accepted, Completed, Failed, Outcome, Planned, Unknown
from ..journal import Journal, Sent
from ..purchases import Book, may_rebuy
from ..settings import RetryPolicy
from ..submitting import SendLoop, Submission


class Rebuys:
    """Jobs that are bought anew.

    While a buyer waits for a job, its failure for a passing reason is no end: nobody counts it, writes it down or tells
    it, whoever else sees it. The buyer buys anew, or concludes the job after `end`.

    Args:
        policy: How often, and after which pause.
        journal: Told of each.
        budget_queue: Told that a failed task costs nothing.
        send_loop: Writes to the journal.
        book: Knows which failures were ends before a buyer saw them.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        journal: Journal,
        budget_queue: BudgetQueue,
        send_loop: SendLoop,
        book: Book[Submission],
    ) -> None:
        self._policy = policy
        self._journal = journal
        self._budget_queue = budget_queue
        self._send_loop = send_loop
        self._book = book
        self._buyers: Counter[str] = Counter()
        self._askers: Counter[str] = Counter()
        self._failures: dict[str | None, Failed] = {}
        self._replaced: dict[str | None, str] = {}
        self._taken: dict[str, Outcome] = {}
        self._earlier_tasks: dict[str, tuple[str, ...]] = {}

    @property
    def is_on(self) -> bool:
        """Whether the policy allows it at all."""
        return self._policy.rebuy > 0

    def begin(self, key: str) -> None:
        """A buyer waits for a job."""
        self._buyers[key] += 1

    def end(self, key: str) -> None:
        """A buyer waits no more."""
        self._buyers[key] -= 1
        if self._buyers[key] <= 0:
            del self._buyers[key]
            self._earlier_tasks.pop(key, None)
            self._let_forget(key)

    @contextmanager
    def asking(self, key: str) -> Generator[None]:
        """Have the journal forget nothing of a job while a buyer asks what became of it."""
        self._askers[key] += 1
        try:
            yield
        finally:
            self._askers[key] -= 1
            if self._askers[key] <= 0:
                del self._askers[key]
                self._let_forget(key)

    def taken(self, outcome: Outcome) -> None:
        """A caller has taken an outcome. The journal may forget it once no other buyer waits for the job, or asks."""
        self._taken[outcome.key] = outcome
        self._let_forget(outcome.key)

    def _let_forget(self, key: str) -> None:
        if key not in self._buyers and key not in self._askers and (outcome := self._taken.pop(key, None)) is not None:
            self._journal.taken(outcome)

    def note(self, job: Accepted | Planned | Unknown) -> None:
        """Remember what the journal knows of earlier tasks of a job."""
        self._remember(job.key, job.earlier_tasks)

    async def learn(self, key: str) -> None:
        """Read from the journal which tasks of a job failed, before it is submitted."""
        standing = (await self._journal.find((key,))).get(key)
        if isinstance(standing, Planned | Unknown):
            self.note(standing)

    def _remember(self, key: str, tasks: tuple[str, ...]) -> None:
        # They only become more: an answer of the journal may be older than what is known here.
        if tasks := tuple(dict.fromkeys((*self.earlier_tasks(key), *tasks))):
            self._earlier_tasks[key] = tasks

    def earlier_tasks(self, key: str) -> tuple[str, ...]:
        """Return the ids of the tasks of a job that failed before."""
        return self._earlier_tasks.get(key, ())

    def forget(self, key: str) -> None:
        """The job has ended. Its buyers must still count, whoever has seen the end first."""
        if key not in self._buyers:
            self._earlier_tasks.pop(key, None)

    def is_no_end(self, outcome: Completed | Failed) -> bool:
        """Whether a buyer waits for the job and may buy it anew, or has done so; then its task costs nothing."""
        if self.is_going_on(outcome.key, outcome.task_id or ""):
            return True
        if outcome.key not in self._buyers or not may_rebuy(outcome, self._policy.rebuy):
            return False
        assert isinstance(outcome, Failed)  # noqa: S101  # as `may_rebuy` says
        self._failures[outcome.task_id] = outcome
        # Once for each task, also if it was an end before: what is held later under this key is for the next purchase.
        if not self._book.has_ended(outcome.key, outcome.task_id or ""):
            self._budget_queue.settled(outcome)
        return True

    def failure(self, task_id: str) -> Failed | None:
        """Return the failure of a task that was no end."""
        return self._failures.get(task_id)

    def is_going_on(self, key: str, task_id: str) -> bool:
        """Whether a task of a job has failed, and that was no end: the job is bought anew, or was."""
        if self._replaced.get(task_id) == key:
            return True
        # Who saw the failure and has left since, without deciding, buys nothing anew: then it is an end.
        failed = self._failures.get(task_id)
        return failed is not None and failed.key == key and key in self._buyers

    def has_buyer(self, key: str) -> bool:
        """Whether somebody waits for a job who may buy it anew."""
        return key in self._buyers

    async def successor(self, failed: Failed) -> Sent | None:
        """Return what became of a job that another buyer has bought anew since; None if it is to be bought.

        A journal in memory no longer knows a job whose outcome was taken, so that asking for it would buy it once more.
        """
        if self._replaced.get(failed.task_id) != failed.key:
            return None
        standing = (await self._journal.find((failed.key,))).get(failed.key)
        if isinstance(standing, Completed | Failed):
            # It was counted and said when it ended.
            return attrs.evolve(standing, resumed=True)
        return None if isinstance(standing, Planned) else standing

    def give_up(self, failed: Failed) -> None:
        """Do not buy a job anew after all: the failure is its end, unless another buyer has bought."""
        self._failures.pop(failed.task_id, None)

    async def pause(self, failed: Failed, stopped: asyncio.Event) -> None:
        """Wait before a job is bought anew, or until `stopped`."""
        # Source: the vendor advises 30 to 60 s for `service_error`, 1 to 5 minutes for `resource_exhausted`.
        longest = self._policy.cap * 2 ** (len(failed.earlier_tasks) + 1)
        seconds = random.uniform(longest / 2, longest)  # noqa: S311  # spreads load, no secret
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stopped.wait()

    async def write_down(self, failed: Failed) -> bool:
        """Write down that the job may be sent again, as a new purchase. Cancelling this call does not cut it short.

        Returns:
            Whether to go on. If the journal cannot be written, the job is not bought anew, and the failure is its end.
        """
        task_id = failed.task_id or ""
        self._replaced[task_id] = failed.key
        entry = self._send_loop.record(self._write_down(failed, task_id))
        return await wait_shielded(asyncio.create_task(entry, name="evolink_async rebuy"))

    async def _write_down(self, failed: Failed, task_id: str) -> None:
        try:
            await self._journal.bought_anew(failed.key, task_id)
        except JournalError as error:
            self._replaced.pop(task_id, None)
            # Another process has the job by now, and buys it anew or not. If it does not, this one tries again.
            if not isinstance(error, JournalClaimError):
                raise
        else:
            self._remember(failed.key, (*failed.earlier_tasks, task_id))
