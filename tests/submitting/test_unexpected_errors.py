"""Exceptions that no rule expects, of a journal or tracer: no outcome, doubt or task id is lost, nothing hangs."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.journal import MemoryJournal
from tests.kit import SINGLY, dance, error_of, jobs, open_pool

pytestmark = pytest.mark.anyio

ANSWERS = {
    "refused": faults.error(429, headers={"Retry-After": "0"}),
    "doubted": faults.DROP_AFTER_ACCEPT,
    "accepted": None,
}
"""What the vendor does with the first submit, so that a journal is told that."""
OUTCOMES = {"refused": ev.Failed, "doubted": ev.Unknown, "accepted": ev.Completed}


class StrangeError(Exception):
    """Nothing of the library knows it."""


class BrokenJournal(MemoryJournal):
    """A journal of the user's, one method of which raises.

    Args:
        method: Its name.
        error: What it raises.
    """

    def __init__(self, method: str, error: BaseException) -> None:
        super().__init__()
        self.error = error
        setattr(self, method, self._fail)

    async def _fail(self, *_: Any) -> None:
        raise self.error


def emulator_that(method: str, emulator: Emulator) -> None:
    """Let the first submit be answered so that a journal is told by `method`."""
    if (fault := ANSWERS[method]) is not None:
        emulator.faults.on("submit", 1, fault)


@pytest.mark.parametrize("error", [StrangeError("ill"), OSError("full")], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", ANSWERS)
async def test_an_exception_of_a_journal_is_raised_after_the_outcomes(emulator, method, error):
    """The job whose entry failed is told as what it is, gives back what it held, and the reader gets the exception."""
    emulator_that(method, emulator)
    outcomes = []
    async with open_pool(emulator, journal=BrokenJournal(method, error), limits=ev.Limits(submits=1)) as pool:
        with pytest.raises(type(error)) as caught:
            async with asyncio.timeout(30):
                async for outcome in pool.run(jobs(1)):
                    outcomes.append(outcome)
        assert caught.value is error
        assert [type(outcome) for outcome in outcomes] == [OUTCOMES[method]]
        stats = pool.stats()
        assert (stats.submitting, stats.in_flight, stats.waiting) == (0, 0, 0)
    assert emulator.ledger.accepted == (method != "refused")


async def test_a_paid_task_id_is_returned_although_the_journal_fails(emulator, caplog):
    """It exists nowhere else, so it counts more than the exception, which is logged."""
    error = StrangeError("ill")
    async with open_pool(emulator, journal=BrokenJournal("accepted", error)) as pool:
        with caplog.at_level(logging.ERROR, logger="evolink_async"):
            accepted = await pool.submit(dance())
    assert [accepted.task_id] == list(emulator.tasks)
    [record] = [record for record in caplog.records if record.name == "evolink_async"]
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_an_exception_says_that_a_job_is_in_doubt(emulator):
    """Who only reads the exception of the journal must not buy the job again unawares."""
    emulator_that("doubted", emulator)
    async with open_pool(emulator, journal=BrokenJournal("doubted", StrangeError("ill"))) as pool:
        with pytest.raises(StrangeError) as caught:
            await pool.submit(dance(), key="one")
        [note] = caught.value.__notes__
        assert "job 'one'" in note
        assert "may have been accepted" in note
        with pytest.raises(ev.SubmissionUnknownError):
            await pool.submit(dance(), key="one")
    assert emulator.ledger.accepted == 1


@pytest.mark.parametrize("method", ["planned", "submitting"])
async def test_an_exception_before_the_first_byte_buys_nothing(emulator, method):
    """The job comes back unsent, and the exception is raised after it."""
    budget = ev.Budget(credits=1e-4, most_per_job=1.0) if method == "planned" else None
    outcomes = []
    async with open_pool(emulator, journal=BrokenJournal(method, StrangeError("ill")), budget=budget) as pool:
        with pytest.raises(StrangeError):
            async for outcome in pool.run(jobs(1)):
                outcomes.append(outcome)
        assert pool.stats().in_flight == 0
    assert isinstance(error_of(outcomes[0]), ev.ConfigurationError)
    assert not emulator.received


async def test_nothing_is_bought_for_a_run_that_an_exception_has_ended(emulator):
    """The end of the first job cannot be written: nobody would take the outcomes of further ones."""
    async with open_pool(
        emulator, journal=BrokenJournal("ended", StrangeError("ill")), limits=ev.Limits(submits=1)
    ) as pool:
        run = pool.run(jobs(200))
        with pytest.raises(StrangeError):
            async for _ in run:
                pass
        bought = emulator.ledger.accepted
        await asyncio.wait_for(_all_ended(pool), 30)
        assert emulator.ledger.accepted <= bought + 1  # one may have been under way
        assert bought < 200


async def _all_ended(pool: ev.SessionPool) -> None:
    while (stats := pool.stats()).in_flight or stats.submitting or stats.waiting:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("error", "raised"),
    [(GeneratorExit(), GeneratorExit), (StopAsyncIteration(), RuntimeError), (StrangeError(), StrangeError)],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_an_exception_of_a_tracer_ends_no_run_quietly(emulator, error, raised):
    """Of any class: every job has its outcome, and the place in flight is free again."""
    sends = 0

    async def fail_once(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        nonlocal sends
        sends += params.method == "POST"
        if params.method == "POST" and sends == 2:
            raise error

    tracer = aiohttp.TraceConfig()
    tracer.on_request_start.append(fail_once)
    async with aiohttp.ClientSession(trace_configs=[tracer]) as session:
        http = ev.HttpOptions(session=session, allow_private_results=True)
        async with open_pool(emulator, http=http, cadence=SINGLY) as pool:
            outcomes = []
            with pytest.raises(raised):
                async for outcome in pool.run(jobs(4)):
                    outcomes.append(outcome)
            assert len({outcome.key for outcome in outcomes}) == sends
            assert pool.stats().in_flight == 0
