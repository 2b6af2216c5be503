"""How many paid requests a key sends in a minute: evenly apart, whatever the hour of those who want to send."""

from __future__ import annotations

import bisect
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evolink_async as ev
from evolink_async.emulator import Emulator
from evolink_async.errors import ConfigurationError
from evolink_async.settings import Limits
from evolink_async.submitting.rate_limit import CHUNK_SECONDS, LATE_SECONDS, EvenSlots, KeyRates, LentSlots
from tests.kit import jobs, open_pool, until
from tests.submitting.test_concurrency_limit import sessions

RATES = st.floats(min_value=0.5, max_value=60_000)
PAUSES = st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=60)
ROUNDING = 1e-6


def most_in_any_window(sent: list[float], gap: float) -> bool:
    """Whether in no time more requests were sent than `LATE_SECONDS` allows."""
    return all(
        (last - first + LATE_SECONDS) / gap >= count - ROUNDING
        for number, first in enumerate(sent)
        for count, last in enumerate(sent[number:])
    )


@given(RATES, PAUSES)
def test_no_more_in_any_time_than_the_rate_allows(per_minute, pauses):
    """However jobs come: each is sent when it comes and there is a slot, or at the next slot."""
    slots, sent, now = EvenSlots(per_minute), list[float](), 0.0
    for pause in pauses:
        now = max(now + pause * 60 / per_minute, slots.opens_at(now))
        slots.take(now)
        sent.append(now)
    assert most_in_any_window(sent, 60 / per_minute)


@given(RATES, st.floats(min_value=0, max_value=LATE_SECONDS * 0.99))
def test_a_late_process_uses_the_whole_rate(per_minute, late):
    """If it is late by less than is made up for, no slot is lost."""
    slots, now, count = EvenSlots(per_minute), 0.0, 500
    for _ in range(count):
        now = max(now, slots.opens_at(now) + late)
        slots.take(now)
    assert now <= (count - 1) * 60 / per_minute + 2 * LATE_SECONDS


def test_after_a_pause_there_is_one_slot_at_once():
    """What was not used is lost: a burst would be refused."""
    slots = EvenSlots(60)
    slots.take(0.0)
    slots.take(100.0)
    assert slots.opens_at(100.0) == 101.0


def test_a_rate_changes_after_the_next_slot():
    """The slot that was promised stays."""
    rates = KeyRates(keys := sessions(2), 60)
    rates.take(keys[0], 0.0)
    rates.retune(30)
    assert rates.opens_at(keys[0], 0.5) == 1.0
    rates.take(keys[0], 1.0)
    assert rates.opens_at(keys[0], 1.0) == 3.0
    assert rates.opens_at(keys[1], 0.0) < 0, "each key has its own"
    rates.retune(None)
    assert rates.opens_at(keys[0], 1.0) == -math.inf


class Row:
    """What a journal keeps of a rate: it lends slots as `postgres_facts` does."""

    def __init__(self, gap: float, pools: int) -> None:
        self.gap, self.pools, self.next = gap, pools, -math.inf

    def ask(self, stock: LentSlots, waiting: int, now: float, trip: float) -> None:
        """Lend a process what it wants; the answer arrives after `trip`."""
        if count := stock.wanted(waiting, now):
            begin = self.next if self.next >= now - LATE_SECONDS else now
            self.next = begin + count * self.gap
            slots = [max(begin + number * self.gap, now) + trip for number in range(count)]
            stock.lend(slots, self.gap, self.pools)


@settings(max_examples=25)
@given(st.integers(2, 8), st.floats(min_value=60, max_value=6000), st.floats(min_value=0, max_value=0.05))
def test_processes_with_jobs_get_the_same_share(count, per_minute, trip):
    """And together all slots there are."""
    gap = 60 / per_minute
    row, stocks = Row(gap, count), [LentSlots() for _ in range(count)]
    sent: list[list[float]] = [[] for _ in stocks]
    now, end = 0.0, 40 * count * gap
    while now < end:
        for stock, own in zip(stocks, sent, strict=True):
            row.ask(stock, 1000, now, trip)
            while stock.opens_at(now) <= now:
                stock.take(now)
                own.append(now)
        wakes = [at for stock in stocks for at in (stock.opens_at(now), stock.asks_at(now)) if at > now]
        now = min([*wakes, now + 0.01])
    shares = [len(own) for own in sent]
    assert sum(shares) >= 0.95 * end / gap - 1
    # Who was lent a chunk less so far is behind by that.
    assert min(shares) >= 0.8 * sum(shares) / count - 1 - CHUNK_SECONDS / gap / count
    merged = sorted(at for own in sent for at in own)
    # In any second: the late ones of each process, and what the trip moves.
    fits = max(bisect.bisect_right(merged, at + 1) - number for number, at in enumerate(merged))
    assert fits <= 1 + (1 + LATE_SECONDS + 2 * trip + 0.02) / gap + count


@given(st.integers(0, 50), st.floats(min_value=0.001, max_value=10), st.integers(1, 50))
def test_nobody_is_lent_more_than_jobs_wait(waiting, gap, pools):
    """Nor asks while it asks."""
    stock = LentSlots()
    for _ in range(3):
        wanted = stock.wanted(waiting, 0.0)
        stock.is_asking = True
        assert stock.wanted(waiting, 0.0) == 0
        stock.is_asking = False
        stock.lend([0.1 * number for number in range(wanted)], gap, pools)
    held = 0
    while stock.opens_at(0.0) < math.inf:
        stock.take(0.0)
        held += 1
    assert held <= waiting


def test_a_lent_slot_that_was_not_used_is_lost():
    """Kept, they would become a burst."""
    stock = LentSlots()
    stock.lend([1.0, 2.0, 3.0], 1.0, 1)
    assert stock.opens_at(2.5) == 3.0
    assert stock.opens_at(3.2) == 3.0
    assert stock.opens_at(4.0) == math.inf
    assert stock.wanted(5, 4.0) == 1


def test_without_the_journal_no_slot_is_waited_for():
    """Nothing is sent without it, so jobs go on to where that is told."""
    stock = LentSlots()
    stock.is_free = True
    assert stock.opens_at(0.0) == -math.inf


@pytest.mark.parametrize("rate", [0, -1, math.nan, True, "10"])
def test_a_rate_is_above_0(rate):
    """Any other is refused when it is given."""
    with pytest.raises(ConfigurationError, match=r"Limits\.submits_per_minute"):
        Limits(submits_per_minute=rate)


@pytest.mark.anyio
async def test_a_pool_is_not_refused_above_the_rate_of_its_account():
    """Without the limit it would be."""
    async with Emulator(speed=1000, submits_per_minute=1200) as emulator:
        async with open_pool(emulator, limits=ev.Limits(submits_per_minute=1200)) as pool:
            told = [outcome async for outcome in pool.run(jobs(60))]
            assert pool.stats().refused_for_load == 0
        assert all(isinstance(outcome, ev.Completed) for outcome in told)
    async with (
        Emulator(speed=1000, submits_per_minute=120) as emulator,
        open_pool(emulator) as pool,
        pool.run(jobs(60)),
    ):
        await until(lambda: pool.stats().refused_for_load)
