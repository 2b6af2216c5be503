"""Hundreds of drawn histories keep the laws, but for what is known to be broken."""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from pathlib import Path

import attrs
import pytest

from tests.simulation import script as steps
from tests.simulation import shrink as shrinking
from tests.simulation.dice import Dice
from tests.simulation.draw import draw
from tests.simulation.history import History
from tests.simulation.kept import KEPT
from tests.simulation.known import KNOWN, Known, is_known
from tests.simulation.laws import violations
from tests.simulation.mended import MENDED
from tests.simulation.play import play
from tests.simulation.processes import printed_in_processes
from tests.simulation.script import Run, Script, Wish, show
from tests.simulation.shrink import shrink
from tests.simulation.trace import Judged, Posted
from tests.simulation.violation import Violation

HISTORIES = 1_000
CHUNK = 20
"""Histories in one test, so that two processes share them."""
ROOT = Path(__file__).parents[2]
GROWTH = 1.2
"""By how much the calls for a job may grow when there are ten times as many jobs."""


@pytest.mark.parametrize("first", range(1, HISTORIES, CHUNK))
def test_drawn_histories_keep_the_laws(first: int) -> None:
    """What fails is shrunk and printed, ready to be kept."""
    for seed in range(first, first + CHUNK):
        for violation in violations(play(draw(seed))):
            if not is_known(violation.name):
                script = show(shrink(draw(seed), violation.name, most_plays=200))
                pytest.fail(f"history {seed} breaks a law\n{violation.name}\n{violation.text}\n\n{script}")


@pytest.mark.parametrize("name", KEPT)
def test_kept_scripts_keep_every_law(name: str) -> None:
    """No table of exceptions holds for these."""
    assert violations(play(KEPT[name])) == []


@pytest.mark.parametrize("mended", MENDED, ids=[mended.pattern for mended in MENDED])
def test_what_was_mended_keeps_every_law(mended: Known) -> None:
    """Each of these broke a law once."""
    assert violations(play(mended.script)) == []


def test_credits_that_a_settle_frees_go_at_once_to_who_waits() -> None:
    """Not only when the next task ends, which no law would miss."""
    script = Script(
        budget=28.0,
        wishes=(Wish(key="doubt", sends=("500_paid",)), Wish(key="long", life=900.0), Wish(key="waits")),
        steps=(
            Run(at=0.0, name="run", jobs=("doubt", "long")),
            steps.Submit(at=50.0, name="waits", job="waits"),
            steps.Settle(at=100.0, job="doubt", how="abandon"),
        ),
    )
    assert [(entry.at, entry.job) for entry in play(script).trace.of(Posted)][1:] == [(0.0, "long"), (100.0, "waits")]


def test_what_is_known_is_still_broken() -> None:
    """When this fails a fault was mended: take it out of `known`, and put it into `mended`."""
    for known in KNOWN:
        found = [violation.name for violation in violations(play(known.script))]
        assert any(fnmatch(name, known.pattern) for name in found), f"mended, it seems: {known.pattern}"


def test_the_same_seed_is_the_same_history_in_every_process() -> None:
    """Neither hashes of strings nor addresses in memory change what happens."""
    prints = printed_in_processes("draw", "draw", 20)
    assert prints[0].count(",") == 19
    assert prints[0] == prints[1]


@pytest.mark.slow
def test_work_for_a_job_does_not_grow_with_the_number_of_jobs() -> None:
    """The twelfth law, counted in calls of functions, which are the same on every machine."""
    few, many = _calls_per_job(100), _calls_per_job(1000)
    assert many < GROWTH * few, f"{few:.0f} calls a job with 100 jobs, {many:.0f} with 1,000"


def _calls_per_job(count: int) -> float:
    keys = tuple(f"job-{number}" for number in range(count))
    script = Script(wishes=tuple(Wish(key=key) for key in keys), steps=(Run(at=0.0, name="run", jobs=keys),))
    calls = 0

    def counted(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        play(script)
    finally:
        sys.setprofile(None)
    return calls / count


def test_a_script_prints_as_python() -> None:
    """What is printed makes the same script."""
    script = draw(11)
    names = {name: getattr(steps, name) for name in dir(steps) if attrs.has(getattr(steps, name))}
    assert eval(show(script), names) == script


def test_delays_are_drawn_by_name() -> None:
    """A draw does not depend on the draws before it, and without salt there is no delay."""
    dice = Dice(5)
    first = dice.delay("out", "a", 1)
    dice.delay("out", "b", 1)
    assert dice.delay("out", "a", 1) == first
    assert len({dice.delay("out", "a", number) for number in range(50)}) > 10
    assert {Dice(0).delay("out", number) for number in range(50)} == {Dice(0).delay("back")}


def test_a_failing_script_becomes_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps, jobs and settings that the failure does not need are gone."""

    def refused_for_load(history: History, _: str = "") -> list[Violation]:
        is_busy = any(entry.word == "429" for entry in history.trace.of(Judged))
        return [Violation("0 test", "a refusal for load", "")] if is_busy else []

    monkeypatch.setattr(shrinking, "violations", refused_for_load)
    seed = next(seed for seed in range(1, 1000) if len(draw(seed).steps) > 3 and refused_for_load(play(draw(seed))))
    short = shrink(draw(seed), "0 test: a refusal for load")
    assert len(short.steps) == 1
    assert len(short.wishes) == 1
    assert (short.salt, short.budget, short.journal) == (0, None, "memory")
