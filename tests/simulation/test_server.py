"""The PostgreSQL server in memory answers as a real one: the same calls, drawn by chance, to both."""

# ruff: noqa: E402  # where psycopg is not installed, these tests are skipped

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import attrs
import pytest

psycopg = pytest.importorskip("psycopg")

from evolink_async import Job
from evolink_async.budget import CreditRequest, PriceClass
from evolink_async.errors import EvolinkError
from evolink_async.journal import Journal
from evolink_async.journal.postgres import PostgresJournal
from tests.journal.test_laws import accepted, completed, doubt, failed, intent
from tests.kit import dance
from tests.simulation.local_server import LocalServer

pytestmark = pytest.mark.anyio

CALLS = 250
KEYS = ("a", "b", "c", "d")
CLASS = PriceClass.parse("wan2.5-text-to-video duration=5 quality=720p")
Call = Callable[[list[Any], list[Any], Callable[[int], Awaitable[None]]], Awaitable[Any]]


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
    calls: dict[str, Call] = {
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
    weights = {"claim": 4, "submitting": 6, "accepted": 4, "admit": 5, "renew": 3, "read": 3}
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

        async def expire(who: int) -> None:
            await admin.execute(
                "UPDATE evolink_owners SET lease_until = clock_timestamp() - interval '1 s' WHERE epoch = %s",
                [real[who]._open_lease().epoch],
            )

        async def expire_simulated(who: int) -> None:
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
