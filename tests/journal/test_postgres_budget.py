"""A budget as rows of PostgreSQL: it decides as the budget of one process does, and over all who share the journal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import attrs
import psycopg
import pytest

from evolink_async.budget import (
    UNITS,
    Admitted,
    BudgetAccount,
    CreditAnswer,
    CreditRequest,
    Ledger,
    PriceClass,
    SharedAccount,
    Wait,
)
from evolink_async.budget.account import Full
from evolink_async.errors import BudgetError, JournalClaimError
from evolink_async.jobs import Accepted, Completed
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.task import Snapshot, TaskState
from evolink_async.wire import task_error
from tests.journal.test_laws import accepted, completed, doubt, failed, intent
from tests.journal.test_postgres import expire, opened, sql

pytestmark = pytest.mark.anyio

CLIP = PriceClass("clip", (("duration", "5"), ("quality", "720p")))
LONG = PriceClass("clip", (("duration", "10"), ("quality", "1080p")))
FILM = PriceClass("film", (("duration", "5"),))
TICKETS = count(1)


@attrs.define
class Buyer:
    """A process with a budget: what its pool would do, step by step."""

    journal: PostgresJournal
    account: SharedAccount
    classes: dict[str, PriceClass] = attrs.field(factory=dict)
    requests: dict[str, CreditRequest] = attrs.field(factory=dict)

    async def ask(self, key: str, price_class: PriceClass = CLIP) -> CreditAnswer:
        """Claim a job and ask for its credits."""
        await self.journal.claim([key], "me")
        self.classes[key] = price_class
        self.requests[key] = CreditRequest(key=key, price_class=price_class, ticket=next(TICKETS))
        [answer] = await self.account.admit([self.requests[key]])
        return answer

    async def send(self, key: str) -> None:
        """Write that its request begins."""
        shape = self.classes.get(key, CLIP)
        await self.journal.submitting(attrs.evolve(intent(key), model=shape.model, price_class=str(shape)))

    async def accept(self, key: str, credits_reserved: float | None) -> None:
        """Send it; the service accepts it."""
        await self.send(key)
        await self.journal.accepted(named(key, credits_reserved))

    async def release(self, *keys: str) -> None:
        """Give up what was not sent."""
        await self.account.release([self.requests[key] for key in keys])

    async def balance(self) -> tuple[float, float]:
        """Credits held and spent."""
        await self.account.refresh()
        return self.account.balance.held, self.account.balance.spent


def named(key: str, credits_reserved: float | None) -> Accepted:
    """The answer to a submit, with its price."""
    snapshot = Snapshot(task_id=f"task-{key}", state=TaskState.PENDING, credits_reserved=credits_reserved)
    return attrs.evolve(accepted(key), snapshot=snapshot)


def charged(key: str, credits_used: float | None, credits_reserved: float | None = None) -> Completed:
    """A good end, with its price."""
    end = completed(key)
    snapshot = attrs.evolve(end.snapshot, credits_used=credits_used, credits_reserved=credits_reserved)
    return attrs.evolve(end, snapshot=snapshot)


async def buyer(journal: PostgresJournal, limit: float, most_per_job: float | None = None) -> Buyer:
    """A process whose pool has such a budget."""
    return Buyer(journal, await journal.shared_account(limit, most_per_job))


@pytest.fixture
async def one(postgres: str) -> AsyncIterator[PostgresJournal]:
    """A journal."""
    async with opened(postgres) as journal:
        yield journal


@pytest.fixture
async def other(postgres: str, one: PostgresJournal) -> AsyncIterator[PostgresJournal]:
    """Another process's journal, on the same tables."""
    async with opened(postgres) as journal:
        yield journal


# --- as the budget of one process


def simplified(answer: object) -> object:
    """What an answer means, whoever gave it."""
    if isinstance(answer, BudgetError):
        return str(answer), answer.needed, round(answer.left, 4), answer.blocked_by
    return Full(answer.units) if isinstance(answer, Wait) else answer


class Twins:
    """A shared budget and one of a single process, which are told the same."""

    def __init__(self, shared: Buyer, limit: float, most_per_job: float | None, dice: random.Random) -> None:
        self.shared, self.own = shared, BudgetAccount(limit, Ledger(), most_per_job=most_per_job)
        self.dice, self.numbers = dice, count()
        self.admitted: list[str] = []
        self.accepted: list[str] = []
        self.doubts: list[str] = []

    def pick(self, keys: list[str]) -> str:
        """Take one of the keys out."""
        return keys.pop(self.dice.randrange(len(keys)))

    def price(self) -> float | None:
        """A price, or none."""
        return self.dice.choice([None, 0.3, 1.5, 2.0, 2.5, 4.0])

    async def ask(self) -> None:
        key, price_class = f"job-{next(self.numbers)}", self.dice.choice([CLIP, CLIP, LONG, FILM])
        answer = await self.shared.ask(key, price_class)
        assert simplified(answer) == simplified(self.own.admit(key, price_class))
        if isinstance(answer, Admitted):
            self.admitted.append(key)

    async def accept(self) -> None:
        key, price = self.pick(self.admitted), self.price()
        self.own.named(key, price)
        await self.shared.accept(key, price)
        self.accepted.append(key)

    async def doubt(self) -> None:
        key = self.pick(self.admitted)
        self.own.doubted(key)
        await self.shared.send(key)
        await self.shared.journal.doubted(doubt(key))
        self.doubts.append(key)

    async def refuse(self) -> None:
        key = self.pick(self.admitted)
        self.own.freed(key)
        if self.dice.random() < 0.7:
            await self.shared.send(key)
            await self.shared.journal.refused(key)
        await self.shared.release(key)

    async def complete(self) -> None:
        key, used, reserved = self.pick(self.accepted), self.price(), self.price()
        self.own.charged(key, used, reserved)
        await self.shared.journal.ended(charged(key, used, reserved))

    async def fail(self) -> None:
        key, used, reserved = self.pick(self.accepted), self.dice.choice([None, 0.0, 1.5]), self.price()
        if used:
            self.own.charged(key, used, reserved)
        else:
            self.own.freed(key)
        snapshot = Snapshot(task_id=f"task-{key}", state=TaskState.FAILED, credits_used=used, credits_reserved=reserved)
        await self.shared.journal.ended(attrs.evolve(failed(key), error=task_error(snapshot)))

    async def settle(self) -> None:
        key = self.pick(self.doubts)
        self.own.freed(key)
        await self.shared.journal.settled(key, self.dice.choice(["abandon", "resubmit"]))

    async def step(self) -> None:
        """Let something happen, and compare."""
        acts = [self.ask] * 4
        acts += [self.accept, self.accept, self.doubt, self.refuse] * bool(self.admitted)
        acts += [self.complete, self.fail] * bool(self.accepted) + [self.settle] * bool(self.doubts)
        # A price that rises takes the right to send from those that wait; they are asked for again.
        if self.own.exposure > self.own._limit and self.admitted:
            acts = [self.refuse_unsent]
        await self.dice.choice(acts)()
        held, spent = await self.shared.balance()
        assert (held, spent) == (self.own.balance.held, self.own.balance.spent)

    async def refuse_unsent(self) -> None:
        key = self.pick(self.admitted)
        self.own.freed(key)
        await self.shared.release(key)


@pytest.mark.parametrize("most_per_job", [None, 2.0])
@pytest.mark.parametrize("seed", range(6))
async def test_it_decides_as_the_budget_of_one_process(one, seed, most_per_job):
    """Whatever happens in whatever order: the same answers, the same sums."""
    dice = random.Random(seed)
    limit = dice.choice([3.0, 8.0, 20.0])
    twins = Twins(await buyer(one, limit, most_per_job), limit, most_per_job, dice)
    for _ in range(120):
        await twins.step()


# --- over all processes


async def test_many_at_once_stay_within_the_limit(postgres, one):
    """64 ask at the same time, over 4 connections each: exactly as many get credits as fit."""
    journals = [PostgresJournal(postgres) for _ in range(3)]
    for journal in journals:
        await journal.open()
    buyers = [await buyer(journal, 2.0) for journal in (one, *journals)]
    await buyers[0].ask("learner")
    await buyers[0].accept("learner", 0.1)
    answers = await asyncio.gather(*(buyers[number % 4].ask(f"job-{number}") for number in range(64)))
    assert sum(isinstance(answer, Admitted) for answer in answers) == 19
    assert await buyers[1].balance() == (2.0, 0.0)
    for journal in journals:
        await journal.aclose()
    own = sum(isinstance(answer, Admitted) for answer in answers[::4])
    spent, held = await buyers[0].balance()
    assert (round(spent, 4), held) == (round(0.1 + 0.1 * own, 4), 0.0)


async def test_a_price_that_one_learns_is_known_to_all(one, other):
    """Also as the ceiling of a smaller class, and there is one learner of a class over all."""
    first, second = await buyer(one, 10.0), await buyer(other, 10.0)
    assert await first.ask("a", LONG) == Admitted(None)
    waits = await second.ask("b", LONG)
    assert isinstance(waits, Wait)
    assert not waits.is_idle
    await first.accept("a", 3.0)
    assert await second.ask("b", LONG) == Admitted(3.0)
    assert await second.ask("c", CLIP) == Admitted(3.0)
    await second.accept("c", 1.0)
    assert await first.ask("d", CLIP) == Admitted(1.0)


async def test_three_unpriced_purchases_over_all(one, other):
    """Then the class comes back, and the keys are named; a settle by anybody lets another one try."""
    first, second = await buyer(one, 10.0), await buyer(other, 10.0)
    for number, who in enumerate((first, second, first)):
        assert await who.ask(f"lost-{number}") == Admitted(None)
        await who.send(f"lost-{number}")
        await who.journal.doubted(doubt(f"lost-{number}"))
        await who.journal.release([f"lost-{number}"], "me")
    refused = await second.ask("next")
    assert isinstance(refused, BudgetError)
    assert refused.blocked_by == ("lost-0", "lost-1", "lost-2")
    await first.journal.settled("lost-1", "abandon")
    assert await second.ask("next") == Admitted(None)


async def test_an_end_that_two_processes_see_counts_once(one, other):
    """The second one finds nothing to charge."""
    first = await buyer(one, 10.0)
    await first.ask("a")
    await first.accept("a", 2.0)
    await one.release(["a"], "me")
    await other.ended(charged("a", 1.5))
    await one.ended(charged("a", 1.5))
    assert await first.balance() == (0.0, 1.5)


async def test_the_failure_of_an_earlier_purchase_frees_nothing_of_a_later_one(one, other):
    """A process that sees it late does not know that the job was bought anew."""
    first = await buyer(one, 10.0)
    await first.ask("a")
    await first.accept("a", 2.0)
    await one.bought_anew("a", "task-a")
    assert await first.balance() == (0.0, 0.0)
    await first.ask("a")
    await first.journal.submitting(attrs.evolve(intent("a", purchase="ev-second"), model="clip", price_class=str(CLIP)))
    await first.journal.accepted(attrs.evolve(named("a", 2.0), task_id="task-second"))
    await one.release(["a"], "me")
    await other.ended(failed("a"))
    assert await first.balance() == (2.0, 0.0)


async def test_a_failed_task_that_was_charged_is_spent_over_all(one, other):
    """Also after its job is bought anew, and in a journal that counts its money only then."""
    without = Buyer(one, None)  # type: ignore[arg-type]  # it has no budget
    for key in ("a", "b"):
        await without.accept(key, 2.0)
        snapshot = Snapshot(task_id=f"task-{key}", state=TaskState.FAILED, credits_used=1.5)
        await one.ended(attrs.evolve(failed(key), error=task_error(snapshot)))
    await one.bought_anew("a", "task-a")
    first = await buyer(other, 10.0)
    assert await first.balance() == (0.0, 3.0)
    await one.bought_anew("b", "task-b")
    assert await first.balance() == (0.0, 3.0)


async def test_pools_without_a_budget_count(postgres, one, other):
    """What they buy is part of what all spend, also before anybody had a budget."""
    other_buyer = Buyer(other, None)  # type: ignore[arg-type]  # it has no budget
    await other_buyer.accept("early", 2.0)
    await other_buyer.send("flying")
    await other_buyer.send("lost")
    await other.doubted(doubt("lost"))
    await other_buyer.accept("done", 1.0)
    await other.ended(charged("done", 0.5))
    first = await buyer(one, 8.0)
    # The doubt and the one under way hold the price of their class, the highest that was named.
    assert await first.balance() == (6.0, 0.5)
    await other_buyer.send("late")
    assert await first.balance() == (8.0, 0.5)
    await other.refused("late")
    await other.refused("flying")
    assert await first.balance() == (4.0, 0.5)
    await other_buyer.accept("late", None)
    await other.ended(charged("late", None))
    assert await first.balance() == (6.0, 0.5)
    waits = await first.ask("no room")
    assert isinstance(waits, Wait)
    assert not waits.is_idle  # the end of "early" may free some


async def test_counting_begins_once(postgres, one):
    """Also if many open at the same moment, while others write."""
    journals = [PostgresJournal(postgres) for _ in range(5)]
    for journal in journals:
        await journal.open()
    without = Buyer(one, None)  # type: ignore[arg-type]  # it has no budget
    await without.accept("early", 1.0)
    buyers, _ = await asyncio.gather(
        asyncio.gather(*(buyer(journal, 50.0) for journal in journals)),
        asyncio.gather(*(without.accept(f"a-{number}", 1.0) for number in range(20))),
    )
    assert await buyers[0].balance() == (21.0, 0.0)
    assert await sql(postgres, "SELECT count(*) FROM evolink_budget") == [(1,)]
    for journal in journals:
        await journal.aclose()


async def test_the_strictest_limit_of_all_open_pools_holds(one, other):
    """When its pool is gone, the next one does."""
    first, second = await buyer(one, 10.0, 1.0), await buyer(other, 3.0, 1.0)
    answers = [await first.ask(f"job-{number}") for number in range(4)]
    assert [type(answer) for answer in answers] == [Admitted] * 3 + [Wait]
    await second.journal.aclose()
    assert isinstance(await first.ask("job-3"), Admitted)
    await other.open()


async def test_a_request_whose_answer_was_lost_is_asked_again(one):
    """It gets the same credits, not more; released, it may ask anew."""
    first = await buyer(one, 2.0, 1.0)
    assert await first.ask("a") == Admitted(1.0)
    assert await first.account.admit([first.requests["a"]]) == [Admitted(1.0)]
    assert await first.balance() == (1.0, 0.0)
    old = first.requests["a"]
    assert await first.ask("a") == Admitted(1.0)  # withdrawn and wanted again, before the release was sent
    await first.account.release([old])
    assert await first.balance() == (1.0, 0.0)
    await first.release("a")
    await first.release("a")
    assert await first.balance() == (0.0, 0.0)


async def test_what_another_process_had_reserved_is_replaced_with_its_claim(one, other):
    """It cannot send the job any more, so the credits are not held twice, and its release frees nothing."""
    first, second = await buyer(one, 3.0, 1.0), await buyer(other, 3.0, 1.0)
    await first.ask("a")
    assert isinstance(await second.ask("a"), JournalClaimError)
    await one.release(["a"], "me")
    assert await second.ask("a") == Admitted(1.0)
    await first.release("a")
    assert await first.balance() == (1.0, 0.0)
    await second.accept("a", 1.0)
    assert isinstance(await first.ask("a"), JournalClaimError)


async def test_what_was_sent_is_not_released(one):
    """Neither while it is on its way, nor accepted, nor in doubt."""
    first = await buyer(one, 9.0, 1.0)
    for key in ("flying", "accepted", "lost"):
        await first.ask(key)
    await first.send("flying")
    await first.accept("accepted", None)
    await first.send("lost")
    await one.doubted(doubt("lost"))
    await first.release("flying", "accepted", "lost")
    assert await first.balance() == (3.0, 0.0)


async def test_the_reservations_of_a_lost_process_are_freed(postgres, one, other):
    """What it was sending is held as a doubt; what it had only reserved is free, and it may not send with it."""
    first, second = await buyer(one, 3.0, 1.0), await buyer(other, 3.0, 1.0)
    for key in ("flying", "waiting"):
        await first.ask(key)
    await first.send("flying")
    await expire(postgres, one)
    assert await other.renew([], "me") == frozenset()
    assert await second.balance() == (1.0, 0.0)
    [over] = await first.account.admit([attrs.evolve(first.requests["waiting"], key="late")])
    assert isinstance(over, Wait)
    assert not over.is_idle
    await one.renew([], "me")
    await one.claim(["waiting"], "me")
    with pytest.raises(BudgetError):
        await first.send("waiting")
    assert await first.ask("waiting") == Admitted(1.0)
    await first.send("waiting")
    assert await second.balance() == (2.0, 0.0)


async def test_a_price_that_rises_elsewhere_stops_what_was_not_sent(one, other):
    """The journal refuses it at the last moment, so that only what was under way exceeds the limit."""
    first, second = await buyer(one, 4.0), await buyer(other, 4.0)
    await first.ask("learner")
    await first.accept("learner", 1.0)
    for number in range(2):
        assert await first.ask(f"a-{number}") == Admitted(1.0)
    assert await second.ask("b") == Admitted(1.0)
    await second.accept("b", 3.0)
    with pytest.raises(BudgetError):
        await first.send("a-0")
    await first.release("a-0", "a-1")
    assert isinstance(await first.ask("a-0"), Wait)


async def test_nobody_waits_in_vain(one, other):
    """Nothing that somebody follows holds credits: then those who wait are told."""
    first, second = await buyer(one, 2.0, 2.0), await buyer(other, 2.0, 2.0)
    await first.ask("a")
    await first.accept("a", 2.0)
    waits = await second.ask("b")
    assert isinstance(waits, Wait)
    assert not waits.is_idle
    await one.release(["a"], "me")
    waits = await second.ask("b")
    assert isinstance(waits, Wait)
    assert waits.is_idle


async def test_who_waits_is_woken_by_others(one, other):
    """Whatever frees credits: an end, a refusal, a release, a settle."""
    first, second = await buyer(one, 4.0, 1.0), await buyer(other, 4.0, 1.0)
    for number in range(4):
        await first.ask(f"a-{number}")
    await first.accept("a-0", 1.0)
    await first.send("a-1")
    await one.doubted(doubt("a-1"))
    await first.send("a-2")
    await one.refused("a-2")

    async def freed(act: Any, key: str) -> None:
        assert isinstance(await second.ask(key), Wait)
        seen = second.account.changed.count
        await act
        while isinstance(await second.ask(key), Wait):
            await asyncio.wait_for(second.account.changed.wait_past(seen), 5)
            seen = second.account.changed.count

    await freed(one.ended(failed("a-0")), "b-0")
    await freed(one.settled("a-1", "abandon"), "b-1")
    await freed(first.release("a-2"), "b-2")
    await freed(first.release("a-3"), "b-3")


async def test_a_dear_job_is_not_passed_over_for_ever(one, other):
    """After 100 grants to others, credits are kept free for it, in whichever process it waits."""
    first, second = await buyer(one, 10.0), await buyer(other, 10.0)
    for key, price_class, price in (("clip", CLIP, 1.0), ("film", FILM, 10.0)):
        await first.ask(key, price_class)
        await first.accept(key, price)
        await one.ended(failed(key))
    await first.ask("held")
    waits = await second.ask("dear", FILM)
    assert isinstance(waits, Wait)
    second.requests["dear"] = attrs.evolve(second.requests["dear"], since=waits.grants)
    served = 0
    while isinstance(await first.ask("cheap"), Admitted):
        served += 1
        await first.release("cheap")
        await second.account.admit([second.requests["dear"]])
    assert served == 100
    await first.release("held")
    assert await second.account.admit([second.requests["dear"]]) == [Admitted(10.0)]
    await second.release("dear")
    assert await first.ask("cheap") == Admitted(1.0)


async def test_units_are_exact(one):
    """An exact budget buys its last job, and ends at nothing left."""
    first = await buyer(one, 1.0)
    for number in range(10):
        assert isinstance(await first.ask(str(number)), Admitted)
        await first.accept(str(number), 0.1)
        await one.ended(charged(str(number), 0.1))
    assert await first.balance() == (0.0, 1.0)
    assert isinstance(await first.ask("one more"), BudgetError)
    assert first.account.balance.left == 0
    assert UNITS == 10_000  # the statements write it as a number


async def test_sums_are_those_of_the_rows(postgres, one):
    """The sums that are kept are those that reading all rows gives."""
    first = await buyer(one, 100.0, 2.0)
    for number in range(12):
        await first.ask(str(number))
        await first.accept(str(number), [None, 1.0, 2.0][number % 3])
        if number % 2:
            await one.ended(charged(str(number), [None, 0.7][number % 4 // 2]))
    kept = await sql(postgres, "SELECT held, stuck FROM evolink_budget")
    assert kept == await sql(
        postgres, "SELECT sum(units)::bigint, sum(units) FILTER (WHERE is_stuck)::bigint FROM evolink_holds"
    )
    ledger = await one.ledger()
    assert (await first.balance())[1] == pytest.approx(ledger.spent)


async def test_cut_connections_count_nothing_twice(one, postgres):
    """In the middle of asking, sending and ending: the sums stay those of the rows."""
    first = await buyer(one, 1000.0, 1.0)

    async def whole(number: int) -> None:
        key = f"job-{number}"
        assert isinstance(await first.ask(key), Admitted)
        await first.accept(key, 1.0)
        await one.ended(charged(key, 1.0))

    working = asyncio.gather(*map(whole, range(100)))
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as admin:
        for _ in range(10):
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() AND query LIKE '%%evolink%%'"
            )
            await asyncio.sleep(0.02)
    await working
    assert await first.balance() == (0.0, 100.0)
