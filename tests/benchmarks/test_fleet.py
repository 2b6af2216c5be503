"""The simulated fleet: a small one keeps the promises of a large one, and its journal does what a real one does."""

from __future__ import annotations

import random
from typing import Any

import anyio
import attrs
import pytest

from benchmarks import fleet
from benchmarks.fleet_journal import FleetFacts, FleetServer, ServerCosts
from benchmarks.fleet_run import Fleet, Plan, simulate
from evolink_async.journal import SharedFacts
from evolink_async.journal.postgres import PostgresJournal

SMALL = Plan(workers=20, per_minute=300, median=30, warm_up=40, steady=60, outage=20, after=60)
BESIDE = 3 + 5
"""Jobs in doubt beside those under way: those that close the brake, and trials."""
SCOPES = ("outage a", "outage b")


@pytest.fixture(scope="module")
def small() -> Fleet:
    """A fleet of twenty."""
    return simulate(SMALL)


def test_a_fleet_uses_its_rate_and_shares_it(small):
    """In good times nobody is refused but at the border of the minute, and nobody starves."""
    found = fleet.steady(small)
    assert found.share >= 0.98
    assert found.refused <= 0.01
    assert found.slowest >= 0.9
    assert found.fastest <= 1.1
    assert found.others == 0, "nothing is told while nothing is wrong"


def test_an_outage_costs_a_fleet_no_more_than_what_was_under_way(small):
    """And all come back, at the pace of the rate."""
    found = fleet.outage(small)
    assert len([one for one in small.workers if one.halted]) == SMALL.workers
    assert found.doubts == found.tried <= found.most_open + BESIDE
    assert found.all_back < SMALL.after
    assert found.posts <= 1 + SMALL.per_minute / 60 * 1.25 + 1
    assert found.gave_up == 0


def test_a_silent_service_costs_no_more_than_may_be_under_way():
    """Nothing is known to be wrong before the first time-out, so `Limits.submits` of all workers is the bound."""
    plan = attrs.evolve(SMALL, workers=10, submits=1, per_minute=60, warm_up=60, steady=1, outage=70, is_silent=True)
    found = fleet.outage(simulate(plan))
    assert found.halted > 50
    assert found.doubts == found.tried <= plan.workers * plan.submits + BESIDE
    assert found.all_back < plan.after


def test_polls_share_requests(small):
    """Twenty workers with eight videos each."""
    found = fleet.polls(small)
    assert found.rows > 3
    assert found.requests < 3
    assert found.lag_p50 < found.lag_p95 < 10


def test_the_same_plan_gives_the_same_figures(small):
    """On every machine."""
    plan = attrs.evolve(SMALL, workers=5, per_minute=120, warm_up=40, steady=10, outage=5, after=5)
    first, second = simulate(plan), simulate(plan)
    assert list(first.account.posts) == list(second.account.posts)
    assert list(first.account.status) == list(second.account.status)


def test_a_table_names_every_figure(small):
    """With its words."""
    shown = fleet.table("good times", fleet.steady(small))
    assert shown.startswith("good times\n")
    assert shown.count("\n") == len(attrs.fields(fleet.Steady))


@pytest.mark.anyio
async def test_the_journal_in_memory_does_what_postgresql_does(postgres):
    """Three pools do the same at both, drawn at random: the answers are equal."""
    dice, server = random.Random(7), FleetServer(ServerCosts(trip=0, commit=0, lend=0, spread=0), random.Random(7))
    journals = [PostgresJournal(postgres) for _ in range(3)]
    for journal in journals:
        await journal.open()
    try:
        pairs = [(journal.shared_facts(), FleetFacts(server)) for journal in journals]
        for number in range(150):
            real, played = dice.choice(pairs)
            act, values = _drawn(dice, number)
            assert await _done(played, act, values) == await _done(real, act, values), (number, act, values)
    finally:
        with anyio.CancelScope(shield=True):
            for journal in journals:
                await journal.aclose()


def _drawn(dice: random.Random, number: int) -> tuple[str, tuple[Any, ...]]:
    scopes = dice.choice(([SCOPES[0]], [SCOPES[1]], list(SCOPES)))
    acts: list[tuple[str, tuple[Any, ...]]] = [
        ("read", (scopes,)),
        ("tell", (dice.choice(SCOPES), {"number": number}, dice.randrange(4))),
        ("tell_next", (dice.choice(SCOPES), {"number": number})),
        ("take_place", (scopes,)),
        ("keep_place", (scopes,)),
        ("leave_place", (scopes,)),
        ("limit_rate", (dice.choice((None, 0.6, 0.3)),)),
        ("lend", (dice.choice(SCOPES), dice.randrange(1, 4))),
    ]
    return dice.choice(acts)


async def _done(facts: SharedFacts, act: str, values: tuple[Any, ...]) -> object:
    """What an act returns, without what depends on the time it took."""
    if act == "tell_next":
        scope, state = values
        known = await facts.read([scope])
        return await facts.tell(scope, state, known[0].version if known else 0)
    answer = await getattr(facts, act)(*values)
    if act == "keep_place":
        return sorted(answer)
    if act == "read":
        return sorted((fact.scope, fact.version, fact.state["number"]) for fact in answer)
    if act == "lend" and answer is not None:
        # Slots are at least 100 s apart, and the test takes no such time.
        return round(answer.delay / 100), round(answer.gap, 6), answer.pools
    return answer
