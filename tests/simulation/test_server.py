"""The PostgreSQL server in memory answers as a real one: the same calls, drawn by chance, to both."""

# ruff: noqa: E402  # where psycopg is not installed, these tests are skipped

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from random import Random
from typing import Any

import attrs
import pytest

psycopg = pytest.importorskip("psycopg")

from evolink_async import Job
from evolink_async.budget import CreditRequest, PriceClass
from evolink_async.budget.account import Admitted
from evolink_async.errors import BudgetError, EvolinkError
from evolink_async.journal import Journal
from evolink_async.journal.postgres import PostgresJournal
from tests.journal.test_laws import accepted, completed, doubt, failed, intent
from tests.kit import dance
from tests.simulation.local_server import LocalServer

pytestmark = pytest.mark.anyio

CALLS = 250
KEYS = ("a", "b", "c", "d")
CLASS = PriceClass.parse("wan2.5-text-to-video duration=5 quality=720p")
Call = Callable[[list[Any], list[Any], Callable[[int | None], Awaitable[None]]], Awaitable[Any]]


def draw_call(dice: Random, number: int, answered: list[str]) -> tuple[str, Call]:
    """Draw a call: what it is, and a function that makes it on some journals with their budgets."""
    who, key, other = dice.randrange(2), dice.choice(KEYS), dice.choice(KEYS)
    task, purchase = dice.choice(answered or ["task-none"]), f"ev-{key}-{dice.randint(1, 2)}"
    owner = f"pool {who}"
    how = dice.choice(("resubmit", "abandon", task))
    price = dice.choice((None, 10.0, 40.0))

    def on(act: Callable[[Any], Awaitable[Any]]) -> Call:
        return lambda journals, _, __: act(journals[who])

    def money(act: Callable[[Any], Awaitable[Any]]) -> Call:
        return lambda _, budgets, __: act(budgets[who])

    made = f"task-{key}-{number}"
    named = attrs.evolve(accepted(key, made).snapshot, credits_reserved=price)
    wish = attrs.evolve(intent(key, purchase=purchase), price_class=str(CLASS))
    request = CreditRequest(key=key, price_class=CLASS, ticket=dice.randint(1, 3))
    facts = [one for one in (f"fact {key}", f"fact {other}") if key != other or one.endswith(key)]
    rate, version, count = dice.choice((None, 0.6, 0.3)), dice.randint(0, 3), dice.randint(1, 3)

    def fact(act: Callable[[Any], Awaitable[Any]]) -> Call:
        return lambda journals, _, __: act(journals[who].shared_facts())

    calls: dict[str, Call] = {
        "tell a fact": fact(lambda one: one.tell(facts[0], {"by": who, "number": number}, version)),
        "read facts": fact(_read_facts),
        "take a place": fact(lambda one: one.take_place(sorted(set(facts)))),
        "keep a place": fact(_keep_places),
        "leave a place": fact(lambda one: one.leave_place(facts)),
        "limit the rate": fact(lambda one: one.limit_rate(rate)),
        "lend slots": fact(lambda one: _lend(one, facts[0], count)),
        "let time pass": lambda _, __, expire: expire(None),
        "claim": on(lambda one: one.claim([key, other], owner)),
        "renew": on(lambda one: one.renew(KEYS, owner)),
        "release": on(lambda one: one.release([key], owner)),
        "planned": on(lambda one: one.planned(wish)),
        "submitting": on(lambda one: one.submitting(wish)),
        "refused": on(lambda one: one.refused(key)),
        "accepted": on(lambda one: one.accepted(attrs.evolve(accepted(key, made), snapshot=named))),
        "doubted": on(lambda one: one.doubted(doubt(key, purchase=purchase))),
        "completed": on(lambda one: one.ended(completed(key, task))),
        "failed": on(lambda one: one.ended(attrs.evolve(failed(key), task_id=task))),
        "bought anew": on(lambda one: one.bought_anew(key, task)),
        "missing": on(lambda one: one.missing(key, task)),
        "settled": on(lambda one: one.settled(key, how)),
        "late answer": on(lambda one: one.late_answer(purchase, dice.choice((task, made)))),
        "refreshed": on(lambda one: one.refreshed(completed(key, task))),
        "taken untold": on(lambda one: one.take_untold(0, 2)),
        "left untold": on(lambda one: one.leave_untold()),
        "marked told": on(lambda one: one.mark_told([number % 7, number % 11])),
        "read": on(_read),
        "admit": money(lambda one: one.admit([request])),
        "free": money(lambda one: one.release([request])),
        "stand still": lambda _, __, expire: expire(who),
    }
    weights = {
        "claim": 4,
        "submitting": 6,
        "accepted": 4,
        "admit": 5,
        "renew": 3,
        "read": 3,
        "tell a fact": 3,
        "lend slots": 2,
    }
    name = dice.choices(list(calls), [weights.get(name, 1) for name in calls])[0]
    if name == "accepted":
        answered.append(made)
    return f"{name} {who} {key} {other} {task} {purchase} {how} {price}", calls[name]


async def _read(journal: Journal) -> Any:
    keys, tasks = list(KEYS), [f"task-{key}-{number}" for key in KEYS for number in range(CALLS)]
    return [
        await journal.known([Job(key, dance()) for key in keys]),
        await journal.find(keys),
        await journal.jobs(("planned", "accepted", "unknown")),
        await journal.owner(tasks),
        await journal.outcome(tasks),
        await journal.purchases([f"ev-{key}-{number}" for key in keys for number in (1, 2)]),
        await journal.untold(),
        journal.unfinished(),
    ]


async def _read_facts(facts: Any) -> Any:
    told = await facts.read([f"fact {key}" for key in KEYS])
    return sorted((fact.scope, fact.version, fact.state, 0 <= fact.age < 60) for fact in told)


async def _keep_places(facts: Any) -> Any:
    return sorted(await facts.keep_place([f"fact {key}" for key in KEYS]))


async def _lend(facts: Any, scope: str, count: int) -> Any:
    # Slots are 100 or 200 s apart, so that the time of the calls themselves does not count.
    chunk = await facts.lend(scope, count)
    return None if chunk is None else (round(chunk.delay / 100), round(chunk.gap), chunk.pools)


async def answer(made: Awaitable[Any]) -> str:
    """Make a call; return what came of it without what differs from server to server."""
    try:
        told = repr(_in_order(await made))
    except EvolinkError as error:
        told = f"{type(error).__name__}: {error}"
    told = re.sub(r"postgresql://\S+", "journal", told)
    told = re.sub(r"<(\w+) [^>]*>|\b1[678]\d{8}(\.\d+)?", "...", told)
    return re.sub(r"for \d+ s", "for some s", told)


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(4))
async def test_a_server_in_memory_answers_as_a_real_one(postgres: str, seed: int) -> None:
    """Two owners, whose leases end now and then; every answer is the same."""
    local = LocalServer()
    real = [PostgresJournal(postgres, lease=600.0) for _ in range(2)]
    simulated = [local.journal(lease=600.0) for _ in range(2)]
    async with AsyncExitStack() as stack:
        budgets: list[list[Any]] = [[], []]
        for kind, group in enumerate((real, simulated)):
            for place, journal in enumerate(group):
                journal._name = journal._claimant = f"journal {place}"
                journal.seconds_to_answer = 70.0
                await journal.open()
                stack.push_async_callback(journal.aclose)
                budgets[kind].append(await journal.shared_account(100.0, None) if seed % 2 else None)
        admin = await stack.enter_async_context(await psycopg.AsyncConnection.connect(postgres, autocommit=True))

        async def expire(who: int | None) -> None:
            if who is None:
                await admin.execute("UPDATE evolink_facts SET held_until = held_until - interval '20 s'")
                await admin.execute("UPDATE evolink_rates SET next_at = next_at - interval '400 s'")
                return
            await admin.execute(
                "UPDATE evolink_owners SET lease_until = clock_timestamp() - interval '1 s' WHERE epoch = %s",
                [real[who]._open_lease().epoch],
            )

        async def expire_simulated(who: int | None) -> None:
            if who is None:
                for fact in local.tables.facts.values():
                    fact.held_until -= 20.0
                local.tables.rates = {scope: at - 400.0 for scope, at in local.tables.rates.items()}
                return
            if (owner := local.tables.owners.get(simulated[who]._open_lease().epoch)) is not None:
                owner.lease_until = local.tables.now() - 1

        dice, answered = Random(seed), list[str]()
        for number in range(CALLS):
            name, call = draw_call(dice, number, answered)
            if seed % 2 == 0 and name.startswith(("admit", "free")):
                continue
            state = dice.getstate()
            first = await answer(call(real, budgets[0], expire))
            dice.setstate(state)
            second = await answer(call(simulated, budgets[1], expire_simulated))
            assert second == first, f"{number}: {name}"


@pytest.mark.parametrize("is_real", [True, False])
async def test_a_learner_is_not_recorded_once_another_has_used_up_the_budget(postgres: str, is_real: bool) -> None:
    """Its own guess is no reason: it was admitted by it."""
    journal = PostgresJournal(postgres) if is_real else LocalServer().journal()
    await journal.open()
    async with aclosing(journal):
        budget = await journal.shared_account(100.0, None)
        classes = {key: PriceClass.parse(f"{key} duration=5") for key in "ab"}
        wishes = [CreditRequest(key=key, price_class=classes[key], ticket=1) for key in classes]
        assert await budget.admit(wishes) == [Admitted(None), Admitted(None)]
        intents = {key: attrs.evolve(intent(key), price_class=str(classes[key])) for key in classes}
        await journal.submitting(intents["a"])
        made = accepted("a", "task-a")
        await journal.accepted(attrs.evolve(made, snapshot=attrs.evolve(made.snapshot, credits_reserved=100.0)))
        with pytest.raises(BudgetError):
            await journal.submitting(intents["b"])
        await journal.ended(attrs.evolve(failed("a"), task_id="task-a"))
        await journal.submitting(intents["b"])
