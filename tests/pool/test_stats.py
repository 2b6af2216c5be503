"""Figures of many numbers without keeping them."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.events import Event, PollingTrouble
from evolink_async.polling.quantiles import Quantiles
from evolink_async.pool import SessionPool, Stats
from evolink_async.settings import RetryPolicy
from tests.kit import FAST, jobs, until
from tests.servers import refusing_address


@given(st.lists(st.floats(0.01, 1e5), min_size=1), st.floats(0.01, 1))
def test_quantiles_are_right_to_five_percent(numbers, share):
    """Never below the number asked for, and at most 5 percent and a rounding above it."""
    quantiles = Quantiles()
    for number in numbers:
        quantiles.add(number)
    exact = sorted(numbers)[math.ceil(share * len(numbers)) - 1]
    assert exact <= (quantiles.at(share) or 0) * (1 + 1e-9)
    assert quantiles.at(share) <= exact * math.exp(Quantiles.STEP) * (1 + 1e-9)


def test_nothing_has_no_quantiles_and_nothing_is_zero():
    """None before the first; what is below a thousandth of a second is 0."""
    quantiles = Quantiles()
    assert quantiles.at(0.5) is None
    quantiles.add(0.0)
    assert quantiles.at(0.5) == 0.0


def test_shares_of_nothing():
    """A pool that did nothing divides by nothing."""
    assert (Stats().looks_per_task, Stats().refused_share) == (None, 0.0)
    stats = Stats(completed=3, failed=1, looks=10, submits=4, status_requests=6, refused_for_load=2)
    assert stats.looks_per_task == 2.5
    assert stats.refused_share == pytest.approx(0.2)


@pytest.mark.anyio
@pytest.mark.parametrize("is_observed", [False, True])
async def test_polls_that_fail_are_told_at_the_second_one(caplog, is_observed):
    """To the observer, else to the log; once, however long it lasts."""
    address, events = refusing_address(), list[Event]()
    observer = events.append if is_observed else None
    async with SessionPool("sk-down", base_url=address, cadence=FAST, observer=observer) as pool:
        waiting = asyncio.create_task(pool.wait("task-unified-1-a"))
        await until(lambda: pool.stats().status_requests >= 4)
        waiting.cancel()
        await asyncio.wait([waiting])
    said = [event.reason for event in events if isinstance(event, PollingTrouble)]
    said += [record.getMessage() for record in caplog.records if record.name == "evolink_async"]
    told = f"status requests fail, and are sent again; last: no connection to {address} (refused)"
    assert (said[0], said.count(told)) == (told, 1)
    assert bool(caplog.records) != is_observed


@pytest.mark.anyio
@pytest.mark.parametrize("count", [1, 12])
async def test_a_service_that_is_down_is_told_at_once(count, caplog):
    """In the figures with the number of tries and the end of patience, and in the log if nobody observes."""
    address = refusing_address()
    retry = RetryPolicy(base=0.01, cap=0.02, patience=60, grace=0.1)
    async with SessionPool("sk-down", base_url=address, retry=retry) as pool, pool.run(jobs(count)) as outcomes:
        reading = asyncio.create_task(anext(aiter(outcomes)))
        await until(lambda: pool.stats().trouble is not None and pool.stats().submits > count // 2)
        trouble = pool.stats().trouble
        assert trouble is not None
        assert str(trouble.error) == f"no connection to {address} (refused)"
        assert 0 < trouble.until - time.time() <= 60
        assert trouble.tries >= 1
        reading.cancel()
        await asyncio.wait([reading])
    first, *_ = [record.getMessage() for record in caplog.records if record.name == "evolink_async"]
    assert first == f"no connection to {address} (refused); jobs are tried for up to 30 s"
