"""Where the jobs of one process wait for credits of a budget that other processes use too.

What fits is decided by the shared account, in one step over all processes. It is asked when a job comes, when credits
may have come free somewhere, and every second while a job waits.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count, islice

import attrs

from ..errors import JournalError
from ..jobs import Accepted
from .account import Admitted, Balance
from .refusals import lacking
from .shared import CreditAnswer, CreditRequest, SharedAccount, Wait
from .waiting import BudgetQueue, Waiter

LOOK_SECONDS = 1.0
"""Between two requests of a job that waits, when nothing is told meanwhile."""
SPACING = 0.02
"""Seconds between two requests for jobs that were told to wait, however much happens."""
BALANCE_SECONDS = (0.2, 5.0)
"""Between two looks at the balance: at least, and at most. It is shown, and decides nothing."""
IDLE_SECONDS = 0.5
"""Jobs that wait are refused if for so long nothing seems to go on that may free credits: a process that has just been
opened takes up the jobs of an earlier one only when its input names them."""
RELEASE_SECONDS = 60.0
"""For so long a request whose answer was lost is released again and again: it may reach the account after its
release."""
TOGETHER = 16
"""Jobs of one price class that are asked for in one step."""

_log = logging.getLogger("evolink_async")


class SharedBudgetQueue(BudgetQueue):
    """Gives the jobs of a pool their credits out of a shared budget.

    Args:
        account: The budget.
    """

    def __init__(self, account: SharedAccount) -> None:
        super().__init__(None, is_watched=lambda _: False)
        self._shared = account
        self._tickets = count(1)
        self._asked: dict[Waiter, CreditRequest] = {}
        self._held: dict[str, CreditRequest] = {}
        self._overdrawn: set[str] = set()
        self._to_release: list[CreditRequest] = []
        # Requests that nobody waits for, and until when they are released once more with every look.
        self._stray: dict[CreditRequest, float] = {}
        self._stray_at = float("-inf")
        self._has_stalled = False
        self._idle_since: float | None = None
        self._is_closing = False
        self._balance_at, self._seen = float("-inf"), -1
        self._serving = asyncio.create_task(self._serve(), name="evolink_async budget")

    @property
    def is_limited(self) -> bool:
        """Always."""
        return True

    @property
    def balance(self) -> Balance:
        """What is left, held and spent, over all processes."""
        return self._shared.balance

    @property
    def prices(self) -> Mapping[str, float]:
        """The most credits that were named for a price class, by its text."""
        return self._shared.prices

    def is_affordable(self, key: str) -> bool:
        """Whether a job may still be sent, as far as this process knows: the journal asks at the moment it is sent."""
        return key not in self._overdrawn

    def overdrawn(self, key: str) -> None:
        """What is held for a job is not enough any more, as the journal has found."""
        self._overdrawn.add(key)

    def accepted(self, accepted: Accepted) -> None:
        """The service accepted the job: from now on the journal moves its credits, as it does for a doubt."""
        self._held.pop(accepted.key, None)

    def doubted(self, key: str) -> None:
        """The job may cost what is held for it."""
        self._held.pop(key, None)

    def released(self, key: str) -> None:
        """The job was not sent, or costs nothing."""
        self._overdrawn.discard(key)
        if (request := self._held.pop(key, None)) is not None:
            self._to_release.append(request)
        self.reconsider()

    def reconsider(self) -> None:
        """Let the account be asked."""
        self._shared.changed.fire()

    async def aclose(self) -> None:
        """Ask no more. What is held for jobs that were not sent is freed with the claims of the pool."""
        self._is_closing = True
        while not self._serving.done():
            # A library of the journal may swallow a cancellation.
            self._serving.cancel()
            await asyncio.wait([self._serving], timeout=0.1)

    # --- the account

    async def _serve(self) -> None:
        changed = self._shared.changed
        while not self._is_closing:
            seen = changed.count
            try:
                await self._release()
                if await self._ask():
                    continue
                await self._refresh(seen)
            except Exception as error:  # noqa: BLE001  # whatever it is, who waits must not wait for ever
                self._refuse_all(error)
            if self._waiting:
                await asyncio.sleep(SPACING)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_look(seen)):
                    await changed.wait_past(seen)

    async def _release(self) -> None:
        requests, self._to_release = [*self._to_release, *self._strays()], []
        if requests:
            try:
                await self._shared.release(requests)
            except JournalError:
                self._release_late(requests)
                raise

    def _strays(self) -> list[CreditRequest]:
        """Return what is to be released once more."""
        now = asyncio.get_running_loop().time()
        if now < self._stray_at + LOOK_SECONDS:
            return []
        self._stray_at = now
        self._stray = {request: until for request, until in self._stray.items() if now < until}
        return list(self._stray)

    def _release_late(self, requests: Sequence[CreditRequest]) -> None:
        until = asyncio.get_running_loop().time() + RELEASE_SECONDS
        self._stray.update(dict.fromkeys(requests, until))

    async def _ask(self) -> bool:
        """Ask for the first of each class; return whether anybody was answered, so that there may be more."""
        waiters = self._next()
        if not waiters:
            self._idle_since = None
            return False
        requests = [self._request(waiter) for waiter in waiters]
        try:
            answers = await self._shared.admit(requests)
        except Exception:
            self._release_late(requests)  # the answer may be what was lost, or it may not be decided yet
            raise
        is_answered = [self._take(*each) for each in zip(waiters, requests, answers, strict=True)]
        self._has_stalled = not any(is_answered)
        return any(is_answered)

    def _next(self) -> list[Waiter]:
        self._heads()  # drops those that were cancelled
        most = 1 if self._has_stalled else TOGETHER
        firsts = [waiter for queue in self._queues.values() for waiter in islice(queue, most)]
        return sorted(firsts, key=lambda waiter: waiter.ordinal)

    def _request(self, waiter: Waiter) -> CreditRequest:
        request = self._asked.get(waiter)
        if request is None:
            request = CreditRequest(key=waiter.key, price_class=waiter.price_class, ticket=next(self._tickets))
            self._asked[waiter] = request
        return request

    def _take(self, waiter: Waiter, request: CreditRequest, answer: CreditAnswer) -> bool:
        """Tell a job the answer, unless it has to wait; return whether it is answered."""
        if isinstance(answer, Wait) and not self._has_stayed_idle(answer):
            if request.since is None and answer.grants:  # without a lease it is told none
                self._asked[waiter] = attrs.evolve(request, since=answer.grants)
            return False
        if waiter.answer.done():  # it was cancelled meanwhile, and nobody will send this job
            if isinstance(answer, Admitted):
                self._to_release.append(request)
            return True
        if isinstance(answer, Admitted):
            self._held[waiter.key] = request
            self._overdrawn.discard(waiter.key)
        self._answer(waiter, lacking(answer.units, answer.left) if isinstance(answer, Wait) else answer)
        return True

    def _has_stayed_idle(self, answer: Wait) -> bool:
        """Whether nothing goes on that may free credits, and has not for a while."""
        now = asyncio.get_running_loop().time()
        if not answer.is_idle:
            self._idle_since = None
            return False
        self._idle_since = now if self._idle_since is None else self._idle_since
        return now - self._idle_since >= IDLE_SECONDS

    def _remove(self, waiter: Waiter) -> None:
        self._asked.pop(waiter, None)
        super()._remove(waiter)

    def _refuse_all(self, error: Exception) -> None:
        _log.warning("the shared budget cannot be asked: %s", error)
        told = error if isinstance(error, JournalError) else JournalError(f"the shared budget cannot be asked: {error}")
        while heads := self._heads():
            for waiter in heads:
                self._answer(waiter, copy.copy(told))

    async def _refresh(self, seen: int) -> None:
        if self._until_refresh(seen) <= 0:
            self._balance_at, self._seen = asyncio.get_running_loop().time(), seen
            await self._shared.refresh()

    def _until_look(self, seen: int) -> float:
        """Seconds until the account is asked again, when nothing is told meanwhile."""
        return LOOK_SECONDS if self._waiting or self._stray else self._until_refresh(seen)

    def _until_refresh(self, seen: int) -> float:
        """Seconds until the balance is read again."""
        pause = BALANCE_SECONDS[seen == self._seen]
        return self._balance_at + pause - asyncio.get_running_loop().time()
