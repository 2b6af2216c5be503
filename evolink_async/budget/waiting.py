"""Waiting for credits: the async coat on a `BudgetAccount`.

What fits is decided there; here jobs wait until something comes free, and everybody who waits asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..errors import BudgetError, TaskError
from ..jobs import Completed, Failed, Outcome
from .account import BudgetAccount, Reserved
from .ledger import PriceClass


class BudgetQueue:
    """Where jobs get their credits. Without a purse everything is affordable.

    Args:
        account: The budget, if there is one.
        is_watching: Whether any task is watched, whose end may free credits.
    """

    def __init__(self, budget_account: BudgetAccount | None, is_watching: Callable[[], bool]) -> None:
        self._account = budget_account
        self._is_watching = is_watching
        self._freed = asyncio.Event()
        self._inside = 0
        self._waiting = 0

    def enter(self) -> None:
        """A job comes that holds credits, or wants to, until `leave`."""
        self._inside += 1

    def leave(self) -> None:
        """The job has its task, or has given up."""
        self._inside -= 1
        self.reconsider()

    async def afford(self, key: str, price_class: PriceClass) -> float | BudgetError | None:
        """Hold credits for a job, after waiting while others may free some.

        Returns:
            The price held, None when it is not known (yet); or why the job is not to be sent.
        """
        while self._account is not None:
            may_free = self._inside > self._waiting + 1 or self._is_watching()
            answer = self._account.reserve(key, price_class, may_free=may_free)
            if isinstance(answer, BudgetError):
                return answer
            if isinstance(answer, Reserved):
                return answer.credits
            await self._wait()
        return None

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            await self._freed.wait()
        finally:
            self._waiting -= 1

    def reconsider(self) -> None:
        """Let those who wait ask again."""
        self._freed.set()
        self._freed = asyncio.Event()

    def accepted(self, key: str, credits_reserved: float | None) -> None:
        """The service took the job."""
        if self._account is not None:
            self._account.accepted(key, credits_reserved)

    def doubted(self, key: str) -> None:
        """The job may cost what is held for it."""
        if self._account is not None:
            self._account.doubted(key)

    def released(self, key: str) -> None:
        """The job costs nothing."""
        if self._account is not None:
            self._account.released(key)

    def settled(self, outcome: Outcome) -> None:
        """A task has ended, or our watching of it."""
        if self._account is not None and isinstance(outcome, Completed):
            self._account.settled(outcome.key, outcome.snapshot.credits_used)
        elif isinstance(outcome, Failed) and isinstance(outcome.error, TaskError):
            self.released(outcome.key)
        self.reconsider()
