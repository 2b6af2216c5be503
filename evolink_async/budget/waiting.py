"""Where jobs wait for credits: the async shell around a `BudgetAccount`.

What fits is decided in `account`; where many processes share a budget, jobs wait in `shared_waiting`. Jobs of one price
class wait in order of arrival; when something may have come free, only the first of each class is tried.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count

import attrs

from ..errors import BudgetError, JournalError
from ..jobs import Accepted, Completed, Outcome, last_snapshot
from .account import Admitted, Balance, BudgetAccount, Full
from .price_class import PriceClass

HAND_OVER_SECONDS = 0.05
"""Between an accepted submit and the watching of its task lie a few turns of the event loop, in which nothing seems to
go on. Jobs that wait are refused only if that is still so after this time."""
HAND_OVER_TURNS = 20
"""And after so many turns of the loop: one that stood still has seen the end of a task, and not yet what it frees."""
PATIENCE = 100
"""How many jobs may pass over one that waits before credits are kept free for it."""


@attrs.define(eq=False)
class Waiter:
    """A job that waits for credits."""

    key: str
    price_class: PriceClass
    ordinal: int
    answer: asyncio.Future[Admitted | BudgetError | JournalError]
    needed: int = 0
    passed_over: int = 0


class BudgetQueue:
    """Gives jobs their credits. Without an account every job is admitted at once.

    Args:
        account: The budget, if there is one.
        is_watched: Whether a task is watched, by its id.
    """

    def __init__(self, account: BudgetAccount | None, is_watched: Callable[[str], bool]) -> None:
        self._account = account
        self._is_watched = is_watched
        self._queues: dict[PriceClass, deque[Waiter]] = {}
        self._ordinals = count()
        self._inside = 0
        self._waiting = 0
        self._idle_check: asyncio.Handle | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is a budget."""
        return self._account is not None

    @property
    def balance(self) -> Balance | None:
        """What is left, held and spent; None without a budget."""
        return None if self._account is None else self._account.balance

    @property
    def prices(self) -> Mapping[str, float] | None:
        """The most credits that were named for a price class, by its text; None without a budget."""
        return None if self._account is None else self._account.prices

    async def aclose(self) -> None:
        """End what goes on in the background: nothing here."""

    # --- a job on its way

    def enter(self) -> None:
        """A job comes that holds credits, or wants to, until `leave`."""
        self._inside += 1

    def leave(self) -> None:
        """The job has its task, or has given up."""
        self._inside -= 1
        self.reconsider()

    async def afford(self, key: str, price_class: PriceClass) -> Admitted | BudgetError | JournalError | None:
        """Hold credits for a job, after waiting while others may free some. Cancelling leaves the budget as it was.

        Returns:
            None without a budget; an error if the job is not to be sent.
        """
        if not self.is_limited:
            return None
        waiter = Waiter(key, price_class, next(self._ordinals), asyncio.get_running_loop().create_future())
        self._queues.setdefault(price_class, deque()).append(waiter)
        self._waiting += 1
        self.reconsider()
        try:
            return await waiter.answer
        except asyncio.CancelledError:
            if waiter.answer.done() and not waiter.answer.cancelled() and isinstance(waiter.answer.result(), Admitted):
                # Credits came in the same turn as the cancellation, so nobody will send this job.
                self.released(key)
            raise
        finally:
            self._remove(waiter)  # who waits behind it is woken by `leave`, in the same step
            if not self._waiting and self._idle_check is not None:
                self._idle_check.cancel()
                self._idle_check = None

    def is_affordable(self, key: str) -> bool:
        """Whether a job that got its credits may still be sent."""
        return self._account is None or self._account.is_affordable(key)

    def overdrawn(self, key: str) -> None:
        """What is held for a job is not enough any more: only a shared budget finds that out elsewhere."""

    # --- who waits

    def reconsider(self) -> None:
        """Try the first waiting job of each class, the one that waits longest before the others."""
        account = self._account
        if account is None or not self._waiting:
            return
        while (granted := self._grant_one(account)) is not None:
            for queue in self._queues.values():
                if queue and queue[0].ordinal < granted.ordinal:
                    queue[0].passed_over += 1
        self._check_idle(account)

    def _check_idle(self, account: BudgetAccount) -> None:
        if self._is_idle(account) and self._idle_check is None:
            self._idle_check = asyncio.get_running_loop().call_later(HAND_OVER_SECONDS, self._refuse_if_idle, account)

    def _is_idle(self, account: BudgetAccount) -> bool:
        """Whether jobs wait, and nothing that goes on may free credits."""
        return self._waiting > 0 and self._inside <= self._waiting and not account.is_awaiting

    def _refuse_if_idle(self, account: BudgetAccount, turns: int = HAND_OVER_TURNS) -> None:
        self._idle_check = None
        if not self._is_idle(account):
            return
        if turns:
            self._idle_check = asyncio.get_running_loop().call_soon(self._refuse_if_idle, account, turns - 1)
            return
        if any(map(account.replace_learner, list(self._queues))):
            self.reconsider()
            return
        while heads := self._heads():
            for waiter in heads:
                self._answer(waiter, account.refusal(waiter.needed))

    def _heads(self) -> list[Waiter]:
        """The first waiting job of each class, in order of arrival. Who was cancelled in this turn waits no more."""
        for queue in list(self._queues.values()):
            while queue and queue[0].answer.done():
                self._remove(queue[0])
        return sorted((queue[0] for queue in self._queues.values()), key=lambda waiter: waiter.ordinal)

    def _grant_one(self, account: BudgetAccount) -> Waiter | None:
        """Answer one job that can be answered; None if there is none."""
        account.keep_free(0)
        for waiter in self._heads():
            answer = account.admit(waiter.key, waiter.price_class)
            if not isinstance(answer, Full):
                self._answer(waiter, answer)
                return waiter
            waiter.needed = answer.units
            if waiter.passed_over >= PATIENCE:
                account.keep_free(waiter.needed)
        return None

    def _answer(self, waiter: Waiter, answer: Admitted | BudgetError | JournalError) -> None:
        self._remove(waiter)
        waiter.answer.set_result(answer)

    def _remove(self, waiter: Waiter) -> None:
        """Take a job out of its queue, if it is still in it."""
        queue = self._queues.get(waiter.price_class)
        if queue is None or waiter not in queue:
            return
        self._waiting -= 1
        queue.remove(waiter)
        if not queue:
            del self._queues[waiter.price_class]

    # --- what becomes of jobs

    def accepted(self, accepted: Accepted) -> None:
        """The service accepted the job."""
        if self._account is not None:
            self._account.named(accepted.key, accepted.credits_reserved, accepted.task_id)
            self.reconsider()

    def doubted(self, key: str) -> None:
        """The job may cost what is held for it."""
        if self._account is not None:
            self._account.doubted(key)
            self.reconsider()

    def found(self, key: str, task_id: str) -> None:
        """The task of the job is known: from now on its end frees credits, as long as it is watched."""
        if self._account is not None:
            self._account.found(key, task_id, is_watched=self._is_watched(task_id))
            self.reconsider()

    def forgotten(self, task_id: str) -> None:
        """A task is watched no more."""
        if self._account is not None and self._account.forgotten(task_id):
            self._check_idle(self._account)

    def released(self, key: str) -> None:
        """The job costs nothing."""
        if self._account is not None:
            self._account.freed(key)
            self.reconsider()

    def settled(self, outcome: Outcome) -> None:
        """A task has ended, or our watching of it."""
        snapshot = last_snapshot(outcome)
        if self._account is not None and snapshot is not None:
            if isinstance(outcome, Completed) or snapshot.credits_used:
                reserved = snapshot.credits_reserved
                self._account.charged(outcome.key, snapshot.credits_used, reserved, task_id=snapshot.task_id)
            else:
                self._account.freed(outcome.key, snapshot.task_id)
        self.reconsider()
