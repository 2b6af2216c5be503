"""Nothing stands still in silence."""

from __future__ import annotations

import asyncio

import pytest

from evolink_async.emulator import faults
from evolink_async.errors import AuthenticationError, EvolinkError, RateLimitError, ReplyError, ServerError
from evolink_async.polling.trouble_reports import TroubleReports
from tests.kit import dance, open_pool, until

HOUR = 3600.0


def waits(*answers: tuple[float, EvolinkError]) -> list[str]:
    """What is told of answers at some seconds."""
    told: list[str] = []
    reports = TroubleReports()
    reports.report = told.append
    for at, error in answers:
        reports.note_wait(error, 1000.0 + at)
    return told


@pytest.mark.parametrize(
    "error",
    [
        RateLimitError(429, "slow", retry_after=600),
        ServerError(503, "a page", retry_after=600, is_foreign=True),
        AuthenticationError(401, "no", retry_after=600),
    ],
)
def test_an_answer_that_stops_the_polls_is_told_at_once(error):
    """The first one already: nothing is polled until it is over."""
    assert waits((0, error)) == [f"no poll is sent for 600 s, as an answer to one asks for it; last: {error}"]


@pytest.mark.parametrize("error", [RateLimitError(429, "x", retry_after=5), RateLimitError(429, "x"), ReplyError("x")])
def test_a_short_wait_is_not_worth_a_word(error):
    """Such ones are normal in a long run."""
    assert not waits((0, error))


def test_each_wait_is_told_once():
    """Answers to what was under way together ask for the same one; the next one, or a longer one, is told again."""
    error = RateLimitError(429, "slow", retry_after=600)
    assert len(waits((0, error), (0.1, error), (3, error))) == 1
    assert len(waits((0, error), (600, error))) == 2
    assert len(waits((0, error), (300, error))) == 2
    assert "for 3600 s" in waits((0, RateLimitError(429, "slow", retry_after=10 * HOUR)))[0]


def test_short_waits_in_a_row_are_told_once_a_minute():
    """However many there are."""
    error = RateLimitError(429, "slow", retry_after=10)
    assert len(waits(*[(at, error) for at in range(0, 120, 10)])) == 2


@pytest.mark.anyio
async def test_one_429_that_stops_the_polls_of_a_pool_is_told(emulator, caplog):
    """A WARNING, though no second poll fails."""
    emulator.faults.on("poll", 1, faults.error(429, headers={"Retry-After": "600"}))
    async with open_pool(emulator) as pool:
        waiting = asyncio.create_task(pool.generate(dance(1)))
        await until(lambda: bool(caplog.records))
        waiting.cancel()
        await asyncio.wait([waiting])
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("no poll is sent for 600 s, as an answer to one asks for it; last: HTTP 429")
