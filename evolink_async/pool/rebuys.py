"""Buying jobs anew whose tasks have failed for a passing reason: who decides, and what is written down.

Whether a job may be bought anew is decided in `purchases.rebuying`; runs and `generate` do it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress

from ..budget import BudgetQueue
from ..jobs import Accepted, Completed, Failed
from ..journal import Journal
from ..purchases import may_rebuy
from ..settings import RetryPolicy
from ..submitting import SendLoop


class Rebuys:
    """Jobs that are bought anew.

    While a buyer waits for a job, its failure for a passing reason is no end: nobody counts it, writes it down or tells
    it, whoever else sees it. The buyer buys anew, or concludes the job after `end`.

    Args:
        policy: How often, and after which pause.
        journal: Told of each.
        budget_queue: Told that a failed task costs nothing.
        send_loop: Writes to the journal.
    """

    def __init__(self, policy: RetryPolicy, journal: Journal, budget_queue: BudgetQueue, send_loop: SendLoop) -> None:
        self._policy = policy
        self._journal = journal
        self._budget_queue = budget_queue
        self._send_loop = send_loop
        self._buyers: Counter[str] = Counter()
        self._failed: dict[str, Failed] = {}
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
            self._failed.pop(key, None)

    def note(self, accepted: Accepted) -> None:
        """Remember what the journal knows of earlier tasks of a job."""
        if accepted.earlier_tasks:
            self._earlier_tasks[accepted.key] = accepted.earlier_tasks

    def earlier_tasks(self, key: str) -> tuple[str, ...]:
        """Return the ids of the tasks of a job that failed before."""
        return self._earlier_tasks.get(key, ())

    def forget(self, key: str) -> None:
        """The job has ended."""
        self._earlier_tasks.pop(key, None)

    def is_due(self, outcome: Completed | Failed) -> bool:
        """Tell whether a buyer may buy the job anew."""
        return may_rebuy(outcome, self._policy.rebuy)

    def is_no_end(self, outcome: Completed | Failed) -> bool:
        """Tell whether a buyer waits for the job, and may buy it anew. It is kept for `take`."""
        is_no_end = outcome.key in self._buyers and self.is_due(outcome)
        if is_no_end and isinstance(outcome, Failed):
            self._failed[outcome.key] = outcome
        return is_no_end

    def take(self, key: str) -> Failed | None:
        """Return the failure of a job that was no end, once."""
        return self._failed.pop(key, None)

    async def pause(self, failed: Failed, stopped: asyncio.Event) -> None:
        """Free what is held for a failed task, and wait before it is bought anew, or until `stopped`."""
        self._budget_queue.settled(failed)
        # Source: the vendor advises 30 to 60 s for `service_error`, 1 to 5 minutes for `resource_exhausted`.
        longest = self._policy.cap * 2 ** (len(failed.earlier_tasks) + 1)
        seconds = random.uniform(longest / 2, longest)  # noqa: S311  # spreads load, no secret
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stopped.wait()

    async def write_down(self, failed: Failed) -> None:
        """Write down that the job may be sent again, as a new purchase."""
        task_id = failed.task_id or ""
        self._earlier_tasks[failed.key] = (*failed.earlier_tasks, task_id)
        await self._send_loop.record(self._journal.bought_anew(failed.key, task_id))
