"""Jobs wait for credits in order of arrival, for a limited time, and with few calls of the account."""

from __future__ import annotations

import asyncio

import pytest

from evolink_async import BudgetError
from evolink_async.budget import Admitted, Balance, BudgetAccount, BudgetQueue, Ledger, PriceClass, waiting
from evolink_async.budget.waiting import PATIENCE
from evolink_async.jobs import Accepted, Completed, Failed, Timing
from evolink_async.pool.conclusion import outcome_of
from evolink_async.task import Snapshot
from tests.kit import turns

pytestmark = pytest.mark.anyio

CLIP, FILM = PriceClass("clip", (("duration", "5"),)), PriceClass("film", (("duration", "5"),))


def queue_of(limit: float, *, inside: int = 5000, **prices: float) -> BudgetQueue:
    """A queue for a budget with the given prices of `clip` and `film`, and so many jobs on their way."""
    known = {"clip": CLIP, "film": FILM}
    ledger = Ledger(prices={str(known[name]): price for name, price in prices.items()})
    return busy(BudgetQueue(BudgetAccount(limit, ledger), is_watched=lambda _: True), inside)


def busy(queue: BudgetQueue, inside: int) -> BudgetQueue:
    for _ in range(inside):
        queue.enter()
    return queue


def taken(key: str, task_id: str, credits_reserved: float | None) -> Accepted:
    """The answer to a submit."""
    snapshot = Snapshot(task_id=task_id, state="pending", credits_reserved=credits_reserved)
    return Accepted(key=key, task_id=task_id, snapshot=snapshot, accepted_at=1e9)


def ended(
    key: str, task_id: str, state: str = "completed", *, used: float | None = None, reserved: float | None = None
) -> Completed | Failed:
    """The end of a task."""
    timing = Timing(accepted_at=1e9, finished_at=1e9 + 60, looks=1, lag=0.0)
    snapshot = Snapshot(task_id=task_id, state=state, credits_used=used, credits_reserved=reserved)
    return outcome_of(key, task_id, snapshot, timing)


async def test_without_a_budget_no_job_waits():
    """`afford` returns None at once."""
    assert await BudgetQueue(None, is_watched=lambda _: True).afford("a", CLIP) is None


async def test_those_of_a_class_are_served_in_order_of_arrival():
    """Freed credits go to the job that has waited longest."""
    queue, order = queue_of(10, clip=10.0), []

    async def job(key: str) -> None:
        await queue.afford(key, CLIP)
        order.append(key)
        queue.released(key)

    await queue.afford("first", CLIP)
    jobs = [asyncio.create_task(job(str(number))) for number in range(20)]
    await turns()
    assert order == []
    queue.released("first")
    await asyncio.gather(*jobs)
    assert order == [str(number) for number in range(20)]


async def test_a_dear_job_is_not_passed_over_for_ever():
    """After `PATIENCE` cheaper jobs, credits are kept free for it."""
    queue, served = queue_of(10, clip=1.0, film=10.0), list[str]()

    async def cheap(key: str) -> None:
        await queue.afford(key, CLIP)
        served.append(key)
        queue.released(key)

    await queue.afford("held", CLIP)
    dear = asyncio.create_task(queue.afford("dear", FILM))
    await turns()
    others = []
    for number in range(PATIENCE + 20):
        others.append(asyncio.create_task(cheap(f"cheap-{number}")))
        await turns(2)
    assert len(served) == PATIENCE
    queue.released("held")
    assert await asyncio.wait_for(dear, 5) == Admitted(10.0)
    queue.released("dear")
    await asyncio.wait_for(asyncio.gather(*others), 5)


async def test_when_nothing_may_free_credits_all_who_wait_are_told():
    """A waiting job fails if no other job or task can free credits."""
    queue = queue_of(10, inside=1, clip=10.0)
    await queue.afford("held", CLIP)
    answer = await asyncio.wait_for(queue.afford("next", CLIP), 5)
    assert isinstance(answer, BudgetError)
    assert answer.needed == 10


async def test_who_waits_for_the_end_of_a_watched_task_is_told_when_it_is_watched_no_more():
    """The end of another watched task, which is no job's, frees nothing."""
    queue = queue_of(10, inside=1, clip=10.0)
    await queue.afford("held", CLIP)
    queue.found("held", "task-held")
    waits = asyncio.create_task(queue.afford("next", CLIP))
    await turns()
    assert queue._idle_check is None
    queue.forgotten("task-foreign")
    assert queue._idle_check is None
    queue.forgotten("task-held")
    assert isinstance(await asyncio.wait_for(waits, 5), BudgetError)


async def test_a_loop_that_stood_still_frees_credits_before_anybody_is_refused(monkeypatch):
    """It has seen the end of the last watched task, whose credits are free some turns later; the time is over."""
    monkeypatch.setattr(waiting, "HAND_OVER_SECONDS", 0.0)
    queue = queue_of(10, inside=1, clip=10.0)
    await queue.afford("held", CLIP)
    queue.found("held", "task-held")
    waits = asyncio.create_task(queue.afford("next", CLIP))
    await turns()
    queue.forgotten("task-held")
    await turns(waiting.HAND_OVER_TURNS // 2)
    queue.released("held")
    assert await asyncio.wait_for(waits, 5) == Admitted(10.0)


@pytest.mark.parametrize("becomes_stuck", [False, True])
async def test_a_watched_task_whose_job_has_ended_keeps_nobody_waiting(becomes_stuck):
    """Somebody else has seen its end: what was held was freed, or is kept, as no price was named."""
    queue = queue_of(10, inside=1, clip=6.0)
    await queue.afford("held", CLIP)
    await queue.afford("ended", FILM)
    queue.found("ended", "task-ended")
    waits = asyncio.create_task(queue.afford("next", CLIP))
    await turns()
    assert queue._idle_check is None
    queue.doubted("ended") if becomes_stuck else queue.released("ended")
    assert isinstance(await asyncio.wait_for(waits, 5), BudgetError)


def test_what_two_jobs_hold_for_one_task_is_not_awaited_once_it_is_watched_no_more():
    """Nor what was held for an earlier purchase of a job, when a price is named later."""
    account = BudgetAccount(100, Ledger(prices={str(CLIP): 10.0}))
    for key in ("first", "second", "first"):
        account.admit(key, CLIP)
        account.found(key, "task", is_watched=True)
    account.forgotten("task")
    account.named("second", 20.0)
    assert not account.is_awaiting
    account.found("second", "task", is_watched=True)
    assert account.is_awaiting


async def test_the_end_of_a_task_may_name_a_price():
    """It costs what its last answer says is reserved, and so much is held for the next one."""
    queue = queue_of(100, clip=10.0)
    await queue.afford("a", CLIP)
    queue.accepted(taken("a", "task-a", None))
    queue.settled(ended("a", "task-a", reserved=60.0))
    assert queue.balance == Balance(left=40, held=0, spent=60)
    assert isinstance(await queue.afford("b", CLIP), BudgetError)


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
async def test_the_end_of_an_earlier_task_frees_nothing_of_a_later_purchase(state):
    """A task that the service had forgotten may end after its job was bought again: before and after it is accepted."""
    queue, end = queue_of(100, clip=10.0), ended("a", "task-1", state, used=10.0)
    await queue.afford("a", CLIP)
    queue.accepted(taken("a", "task-1", 10.0))
    queue.released("a")  # settled, to be bought again
    await queue.afford("a", CLIP)
    queue.settled(end)
    assert queue.balance == Balance(left=90, held=10, spent=0)
    queue.accepted(taken("a", "task-2", 60.0))
    queue.settled(end)
    assert queue.balance == Balance(left=40, held=60, spent=0)
    queue.settled(ended("a", "task-2", used=50.0))
    assert queue.balance == Balance(left=50, held=0, spent=50)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
@pytest.mark.parametrize(("used", "spent"), [(4.0, 4), (0.0, 0), (None, 0)])
async def test_a_failed_task_costs_what_the_service_charged_for_it(state, used, spent):
    """That is nearly always nothing. What is held for it comes free."""
    queue = queue_of(100, clip=10.0)
    await queue.afford("a", CLIP)
    queue.accepted(taken("a", "task-1", 10.0))
    queue.settled(ended("a", "task-1", state, used=used, reserved=10.0))
    assert queue.balance == Balance(left=100 - spent, held=0, spent=spent)


async def test_the_end_of_a_task_counts_whoever_told_its_id():
    """Its answer was lost: a person, a callback or the journal names it. That of an earlier process ends unnamed."""
    queue = queue_of(100, clip=10.0)
    await queue.afford("a", CLIP)
    queue.doubted("a")
    queue.found("a", "task-1")
    queue.found("a", "task-2")  # a person has settled it by another task
    queue.settled(ended("a", "task-1", used=10.0))
    assert queue.balance == Balance(left=90, held=10, spent=0)
    queue.settled(ended("a", "task-2", used=10.0))
    assert queue.balance == Balance(left=90, held=0, spent=10)
    ledger = Ledger(held={"a": 10.0}, classes={"a": str(CLIP)}, prices={str(CLIP): 10.0})
    earlier = BudgetQueue(BudgetAccount(100, ledger), is_watched=lambda _: True)
    earlier.settled(ended("a", "task-3", used=10.0))
    assert earlier.balance == Balance(left=90, held=0, spent=10)


async def test_a_cancelled_job_leaves_the_budget_as_it_was():
    """Also if it is cancelled in the same turn of the event loop in which it gets credits."""
    queue = queue_of(10, clip=10.0)
    await queue.afford("held", CLIP)
    waits = asyncio.create_task(queue.afford("waits", CLIP))
    late = asyncio.create_task(queue.afford("late", CLIP))
    await turns()
    waits.cancel()
    await turns()
    queue.released("held")
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert await asyncio.wait_for(queue.afford("next", CLIP), 5) == Admitted(10.0)


async def test_two_thousand_who_wait_are_cheap():
    """Each wake tries only the first job of each class: fewer than 5 calls of `admit` per job."""
    account = BudgetAccount(10, Ledger(prices={str(CLIP): 10.0}))
    calls = 0
    admit = account.admit

    def counted(key: str, price_class: PriceClass) -> object:
        nonlocal calls
        calls += 1
        return admit(key, price_class)

    account.admit = counted  # type: ignore[method-assign, assignment]  # counts the calls
    queue = busy(BudgetQueue(account, is_watched=lambda _: True), 5000)
    await queue.afford("held", CLIP)

    async def job(key: str) -> None:
        await queue.afford(key, CLIP)
        queue.released(key)

    jobs = [asyncio.create_task(job(str(number))) for number in range(2000)]
    await turns()
    queue.released("held")
    await asyncio.gather(*jobs)
    assert calls < 5 * 2000
