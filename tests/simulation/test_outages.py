"""Many jobs run into an outage: it costs few doubts, no job is lost, and the rest is bought when it is over.

What an outage may cost: the submits under way when it begins, three that close the brake, and five trials.
"""

from __future__ import annotations

import pytest

from tests.kit import soak
from tests.simulation.history import History
from tests.simulation.laws import violations
from tests.simulation.play import play
from tests.simulation.script import Outage, Revoke, Run, Script, Wish
from tests.simulation.trace import Answered, Finished, Judged, Told
from tests.simulation.vendor import REPLIES

SUBMITS = 8
MOST_DOUBTS = SUBMITS + 3 + 5
BEGIN = 10.0
"""When an outage begins: some jobs are bought by then."""
SHORT, LONG = 120.0, 1000.0
"""Seconds of an outage, within patience and beyond."""
REFUSED = ("404_page", "403_page")
"""Pages that say that nothing was accepted."""
OUTAGES = (
    "502_page",
    "503_page",
    "524_page",
    "504_page",
    "302_page",
    "200_page",
    "reset",
    "silent",
    "undelivered",
    *REFUSED,
)
PAID = ("reset_paid", "silent_paid", "200_page_paid", "302_paid", "502_paid")
READS = pytest.mark.parametrize("reads", [False, True], ids=["reads are answered", "reads fail too"])


def script(count: int, *steps: Outage | Revoke | Run, sessions: int = 1, journal: str = "memory") -> Script:
    """So many jobs, which are run from the beginning, and what else happens."""
    keys = keys_of(count)
    return Script(
        salt=1,
        sessions=sessions,
        journal=journal,
        submits=SUBMITS,
        in_flight=1000,
        wishes=tuple(Wish(key=key) for key in keys),
        steps=(Run(at=0.0, name="run", jobs=keys), *steps),
    )


def keys_of(count: int) -> tuple[str, ...]:
    """The keys of so many jobs."""
    return tuple(f"job-{number}" for number in range(count))


def outage(reply: str, *, seconds: float = SHORT, reads: bool = False) -> Outage:
    """An outage soon after the first jobs."""
    return Outage(at=BEGIN, seconds=seconds, reply=reply, reads=reads)


def again(at: float, count: int) -> Run:
    """The same input once more."""
    return Run(at=at, name=f"again at {at:g}", jobs=keys_of(count))


def told_in(history: History, call: str) -> dict[str, Told]:
    """What a run told of each job, once."""
    told = [entry for entry in history.trace.of(Told) if entry.call == call]
    assert len({entry.job for entry in told}) == len(told)
    return {entry.job: entry for entry in told}


def end_of(history: History, call: str) -> str:
    """How a run ended."""
    [how] = [entry.how for entry in history.trace.of(Finished) if entry.call == call]
    return how


def jobs_that_met(history: History, reply: str) -> set[str]:
    """The jobs whose POST arrived in the outage."""
    return {entry.job for entry in history.trace.of(Judged) if entry.word == reply}


def jobs_too_late(history: History) -> set[str]:
    """The jobs whose reply came after the time-out, as now and then without any outage."""
    return {entry.job for entry in history.trace.of(Answered) if entry.word == "timeout"}


def check_cost(history: History, reply: str) -> set[str]:
    """Check what the outage cost; returns the jobs that may be in doubt."""
    met, late = jobs_that_met(history, reply), jobs_too_late(history)
    if reply in REFUSED:
        return late
    assert len(met) <= MOST_DOUBTS
    return met | late


def check_short(reply: str, count: int, *, reads: bool, sessions: int = 1) -> None:
    """Within patience, everything that is not in doubt is bought in the same run."""
    history = play(script(count, outage(reply, reads=reads), sessions=sessions))
    told, doubtful = told_in(history, "run"), check_cost(history, reply)
    assert end_of(history, "run") == "end"
    assert set(told) == set(keys_of(count))
    assert {job for job, entry in told.items() if entry.kind == "unknown"} == doubtful
    assert {entry.kind for job, entry in told.items() if job not in doubtful} == {"completed"}
    assert violations(history) == []


@pytest.mark.parametrize("reply", OUTAGES)
def test_a_thousand_jobs_while_reads_are_answered(reply):
    """POSTs fail for two minutes and reads do not: every probe is answered, so the trials alone find out."""
    check_short(reply, 1000, reads=False)


@pytest.mark.parametrize("reply", OUTAGES)
def test_many_jobs_while_reads_fail_too(reply):
    """Nothing is answered for two minutes."""
    check_short(reply, 150, reads=True)


@READS
@pytest.mark.parametrize("reply", PAID)
def test_an_outage_that_charges(reply, reads):
    """The vendor takes the jobs and its replies are lost: each is paid once, and told as unknown."""
    check_short(reply, 150, reads=reads)


@READS
@pytest.mark.parametrize("reply", ["502_page", "silent", "404_page", "undelivered"])
def test_an_outage_costs_the_same_with_several_keys(reply, reads):
    """All keys have one brake together."""
    check_short(reply, 150, reads=reads, sessions=3)


@pytest.mark.timeout(600)
@READS
@pytest.mark.parametrize("reply", [soak(reply) for reply in (*OUTAGES, *PAID)])
def test_ten_thousand_jobs(reply, reads):
    """The number of jobs that wait changes nothing."""
    check_short(reply, 10_000, reads=reads)


@pytest.mark.parametrize("reply", ["502_page", "reset", "silent", "302_page"])
def test_an_outage_of_one_key_stops_that_key_alone(reply):
    """Its account answers nobody; the jobs go to the other key, and the run does not end early."""
    count = 150
    history = play(script(count, Revoke(at=BEGIN, session=0, seconds=LONG, reply=reply), sessions=2))
    told, doubtful = told_in(history, "run"), check_cost(history, reply)
    assert end_of(history, "run") == "end"
    assert {job for job, entry in told.items() if entry.kind == "unknown"} == doubtful
    assert {entry.kind for job, entry in told.items() if job not in doubtful} == {"completed"}
    assert len(told) == count
    assert violations(history) == []


@READS
@pytest.mark.parametrize("reply", [*OUTAGES, "reset_paid"])
def test_an_outage_beyond_patience_ends_the_run_and_the_next_run_goes_on(reply, reads):
    """The run stops reading, tells what it has read, and raises; the same input then buys the rest, once."""
    count = 100
    history = play(script(count, outage(reply, seconds=LONG, reads=reads), again(1600.0, count), journal="file"))
    first, second = told_in(history, "run"), told_in(history, "again at 1600")
    doubtful = check_cost(history, reply)
    assert end_of(history, "run").startswith("evolink_async:OutageError")
    assert len(first) < count
    unsent = [entry for entry in first.values() if entry.kind == "failed"]
    assert unsent
    assert all(entry.may_resubmit and not entry.task for entry in unsent)
    assert {entry.error for entry in unsent} <= {"OutageError", "InterceptedError"}
    assert end_of(history, "again at 1600") == "end"
    assert set(second) == set(keys_of(count))
    assert {job for job, entry in second.items() if entry.kind == "unknown"} == doubtful
    assert {entry.kind for job, entry in second.items() if job not in doubtful} == {"completed"}
    assert len({task.job for task in history.ledger}) == len(history.ledger)
    assert violations(history) == []


@pytest.mark.parametrize("reply", ["502_page", "404_page", "undelivered"])
def test_who_runs_again_during_an_outage_pays_little_for_it(reply):
    """Each further run in the same process ends at once, or costs one trial at most."""
    count, moments = 100, (400.0, 500.0, 600.0, 700.0)
    runs = [again(at, count) for at in moments]
    history = play(script(count, outage(reply, seconds=LONG), *runs, journal="file"))
    met = jobs_that_met(history, reply)
    assert reply in REFUSED or len(met) <= MOST_DOUBTS + len(moments)
    for run in runs:
        assert end_of(history, run.name).startswith("evolink_async:OutageError")
    assert violations(history) == []


def test_every_kind_of_outage_is_played():
    """A name that the vendor does not know would be a test of nothing."""
    assert {*OUTAGES, *PAID} <= set(REPLIES)
