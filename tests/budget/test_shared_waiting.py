"""Credits of a shared budget that nobody knows of would be held until their process ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

import attrs
import pytest

from evolink_async.budget import Balance, CreditRequest, PriceClass, shared_waiting
from evolink_async.budget.shared_waiting import SharedBudgetQueue
from evolink_async.concurrency import Signal
from evolink_async.errors import JournalError

pytestmark = pytest.mark.anyio

CLIP = PriceClass("clip", (("duration", "5"),))


@attrs.define(eq=False)
class LateAccount:
    """A budget whose answers are lost: what was asked for is held after some releases have come."""

    late_by: int = 0
    refusals: int = 0
    error: Exception = attrs.field(factory=lambda: JournalError("no connection"))
    changed: Signal = attrs.field(factory=Signal)
    balance: Balance = attrs.field(factory=lambda: Balance(left=0.0, held=0.0, spent=0.0))
    prices: dict[str, float] = attrs.field(factory=dict)
    held: set[str] = attrs.field(factory=set[str])
    releases: int = 0
    freed: asyncio.Event = attrs.field(factory=asyncio.Event)
    _on_their_way: list[CreditRequest] = attrs.field(factory=list[CreditRequest])

    async def admit(self, requests: Sequence[CreditRequest]) -> NoReturn:
        """Hear of it now or later, and never answer."""
        self._on_their_way += requests
        self._arrive()
        raise self.error

    async def release(self, requests: Sequence[CreditRequest]) -> None:
        """Free what has arrived, unless the connection is lost once more."""
        self.releases += 1
        if self.refusals:
            self.refusals -= 1
            raise JournalError("no connection")
        self.held -= {request.key for request in requests}
        if not self.held and not self._on_their_way:
            self.freed.set()
        self._arrive()

    async def refresh(self) -> None:
        """There is nothing new."""

    def _arrive(self) -> None:
        if self.releases >= self.late_by:
            self.held |= {request.key for request in self._on_their_way}
            self._on_their_way.clear()


@asynccontextmanager
async def refused(account: LateAccount, error: str = "no connection") -> AsyncIterator[None]:
    """A process whose job was refused because the budget did not answer."""
    queue = SharedBudgetQueue(account)
    try:
        async with asyncio.timeout(30):
            answer = await queue.afford("a", CLIP)
            assert isinstance(answer, JournalError)
            assert str(answer) == error
            yield
    finally:
        await queue.aclose()


@pytest.mark.parametrize(
    "account",
    [LateAccount(), LateAccount(late_by=1), LateAccount(refusals=1), LateAccount(late_by=2, refusals=1)],
    ids=["at once", "after its release", "a release is lost", "both"],
)
async def test_what_nobody_was_told_of_is_freed(monkeypatch, account):
    """It is released with every look for a while, also when a release is lost."""
    monkeypatch.setattr(shared_waiting, "LOOK_SECONDS", 0.05)
    account = attrs.evolve(account, changed=Signal(), freed=asyncio.Event())
    async with refused(account):
        await account.freed.wait()
    assert account.held == set()


async def test_it_is_freed_after_an_answer_that_cannot_be_read():
    """The job is told so, and may be asked for again."""
    account = LateAccount(error=KeyError("answer"))
    async with refused(account, "the shared budget cannot be asked: 'answer'"):
        await account.freed.wait()


async def test_it_is_not_released_with_every_change():
    """A release costs a statement, and changes come by the hundred."""
    account = LateAccount(late_by=1)
    async with refused(account):
        await account.freed.wait()
        count = account.releases
        for _ in range(50):
            account.changed.fire()
            await asyncio.sleep(0)
        assert account.releases == count
