"""`kill -9` at any moment: no paid task is forgotten, none is paid twice.

Sizes: the small ones run with every suite, the big ones with `pytest -m soak`.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import attrs
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import JournalError
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.settings import Resubmit
from tests.kit import open_pool
from tests.soak.worker import SUBMITS, Life, Nursery, nursery, read_diary

NEW_JOBS = 6
"""Jobs that each life finds new, so that there is always something to submit."""
LIVES = 25
"""Kills on one journal; the next ones take a fresh journal."""


@contextmanager
def service(*, idempotency: bool = False) -> Iterator[Emulator]:
    """A service whose answers take time, where every second POST is accepted although its sender has died."""
    emulator = Emulator(speed=1000, median_seconds=10, latency=0.004, credits=1e12, idempotency=idempotency)
    emulator.faults.on("submit", faults.sometimes(0.5), faults.delay(0.008))
    with emulator.in_thread():
        yield emulator


def until(condition: Callable[[], bool]) -> None:
    """Check again and again; the time limit of the test is the bound."""
    while not condition():
        time.sleep(0.0005)


@attrs.define
class Toll:
    """What a bench has seen so far."""

    kills: int = 0
    jobs: int = 0
    paid: int = 0
    in_doubt: int = 0
    in_doubt_paid: int = 0
    restarts_with_accepted: int = 0
    restarts_with_doubt: int = 0
    killed_before_opening: int = 0
    told: int = 0
    told_jobs: int = 0


@attrs.define
class Bench:
    """Kills workers on one journal after the other, and counts."""

    emulator: Emulator
    nursery: Nursery
    folder: Path
    resubmit: Resubmit
    dice: random.Random
    follows: bool = False
    toll: Toll = attrs.field(factory=Toll)
    batch: int = 0

    def life(self, count: int) -> Life:
        """The life of the next worker of this batch."""
        return Life(
            base_url=self.emulator.base_url,
            journal=str(self.folder / f"{self.batch}.db"),
            diary=str(self.folder / f"{self.batch}.jsonl"),
            batch=f"batch {self.batch}",
            count=count,
            resubmit=self.resubmit,
            follows=self.follows,
        )

    def span(self) -> float:
        """Seconds that a whole life takes here and now, so that kills fall on all of it on any machine."""
        self.batch += 1
        self.nursery.bear(self.life(NEW_JOBS))
        born = time.perf_counter()
        assert self.nursery.bury() == 0
        return time.perf_counter() - born

    def kill_some(self, kills: int) -> None:
        """Kill `kills` workers on one new journal, let the last one finish, then see that all is well."""
        longest = min(self.span(), self.span())
        self.batch += 1
        count = killed = 0
        while killed < kills:
            count += NEW_JOBS
            killed += self.kill_one(self.life(count), longest)
        last = self.life(count)
        self.nursery.bear(last)
        assert self.nursery.bury() == 0
        self.toll.kills += killed
        self.toll.jobs += count
        self.check(last, killed)

    def kill_one(self, life: Life, longest: float) -> bool:
        """Kill a worker at some moment, or as soon as some of its new jobs are paid for; whether it was still alive."""
        accepted = self.emulator.ledger.accepted + self.dice.randint(1, NEW_JOBS)
        is_timed = self.dice.random() < 0.5
        worker = self.nursery.bear(life)
        if is_timed:
            time.sleep(self.dice.uniform(0, 1.2 * longest))
        else:
            # A machine that has become slow since `longest` was measured may let no worker of the others come so far.
            until(lambda: self.emulator.ledger.accepted >= accepted)
        return self.nursery.kill(worker)

    def check(self, life: Life, kills: int) -> None:
        """Hold journal, ledger and diary against each other."""
        with closing(sqlite3.connect(life.journal)) as connection:
            connection.row_factory = sqlite3.Row
            assert [tuple(row) for row in connection.execute("PRAGMA integrity_check")] == [("ok",)]
            rows = {row["key"]: row for row in connection.execute("SELECT * FROM jobs")}
        assert rows.keys() == {job.key for job in life.jobs}
        tasks_by_body = self.emulator.ledger.tasks_by_body
        paid = {
            key: tasks_by_body.get(hashlib.sha256(row["body"].encode()).hexdigest(), ()) for key, row in rows.items()
        }
        doubted = {key for key, row in rows.items() if row["state"] == "in_doubt"}

        assert [key for key in paid if len(paid[key]) > 1] == [], "paid twice"
        known = {key: (row["task_id"],) for key, row in rows.items() if key not in doubted}
        assert known == {key: paid[key] for key in known}, "paid and not known, or known and not paid"
        assert {row["state"] for row in rows.values()} <= {"completed", "in_doubt"}
        assert len(doubted) <= kills * SUBMITS
        if self.resubmit == "same_key":
            assert doubted == set()
        found = [entry["found"] for entry in read_diary(Path(life.diary)) if "found" in entry]
        self.toll.restarts_with_accepted += sum(one["Accepted"] > 0 for one in found)
        self.toll.restarts_with_doubt += sum(one["Unknown"] > 0 for one in found)
        self.toll.killed_before_opening += kills_before_opening(life, found)
        (self.check_stream if self.follows else partial(self.check_diary, doubted=doubted))(life)
        self.toll.paid += sum(map(len, paid.values()))
        self.toll.in_doubt += len(doubted)
        self.toll.in_doubt_paid += sum(len(paid[key]) for key in doubted)

    def check_diary(self, life: Life, doubted: set[str]) -> None:
        """What was told once is told again, and every job was told as what it is."""
        entries = read_diary(Path(life.diary))
        assert not [entry for entry in entries if "refused" in entry]
        told: dict[str, dict] = {}
        for entry in entries:
            if "told" in entry:
                before = told.setdefault(entry["told"], entry)
                assert before == entry or (self.resubmit == "same_key" and before["outcome"] == "Unknown")
                told[entry["told"]] = entry
        assert told.keys() == {job.key for job in life.jobs}
        assert {key for key, entry in told.items() if entry["outcome"] == "Unknown"} == doubted
        assert Counter(entry["outcome"] for entry in told.values())["Completed"] == life.count - len(doubted)

    def check_stream(self, life: Life) -> None:
        """Every job was told; again only what its life may not have marked: the last one that it told."""
        lives: list[list[str]] = []
        for entry in read_diary(Path(life.diary)):
            if "found" in entry:
                lives.append([])
            else:
                lives[-1].append(entry["told"])
        told = dict[str, list[str]]()
        for keys in lives:
            for key in keys:
                assert key not in told or told[key][-1] == key, "told again, though another one was asked for"
                told[key] = keys
            self.toll.told += len(keys)
        self.toll.told_jobs += len(told)
        assert told.keys() == {job.key for job in life.jobs}

    def run(self, kills: int) -> Toll:
        """Kill so many in all."""
        while self.toll.kills < kills:
            self.kill_some(min(LIVES, kills - self.toll.kills))
        return self.toll


def kills_before_opening(life: Life, found: list[dict]) -> int:
    """Workers that died before they had opened the journal: each life that did so wrote what it found."""
    return life.count // NEW_JOBS + 1 - len(found)


def kill(kills: int, folder: Path, resubmit: Resubmit, *, follows: bool = False) -> Toll:
    """Run a bench, and see that it was not for nothing."""
    with service(idempotency=resubmit == "same_key") as emulator, nursery() as born:
        toll = Bench(emulator, born, folder, resubmit, random.Random(kills), follows).run(kills)
        assert max(map(len, emulator.ledger.tasks_by_body.values())) == 1
        assert max(map(len, emulator.ledger.tasks_by_key.values()), default=1) == 1
    print(resubmit, toll)  # noqa: T201  # figures for whoever runs it with -s
    assert toll.restarts_with_accepted > 0, "no worker died with a task accepted"
    assert toll.restarts_with_doubt > 0, "no worker died with a submit on its way"
    return toll


@pytest.mark.parametrize(
    "kills",
    [pytest.param(16, marks=pytest.mark.slow), pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(600)])],
)
def test_killed_at_any_moment(tmp_path, kills):
    """0 lost, 0 paid twice by a ledger that takes every POST for a purchase; in doubt at most what was on its way."""
    toll = kill(kills, tmp_path, "if_undelivered")
    assert 0 < toll.in_doubt <= toll.kills * SUBMITS


@pytest.mark.parametrize(
    "kills",
    [pytest.param(16, marks=pytest.mark.slow), pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(600)])],
)
def test_killed_at_any_moment_with_keys_that_are_honoured(tmp_path, kills):
    """With `resubmit="same_key"` every job completes, and still none is paid twice."""
    toll = kill(kills, tmp_path, "same_key")
    assert toll.in_doubt == 0
    assert toll.paid == toll.jobs


@pytest.mark.parametrize(
    "kills",
    [pytest.param(16, marks=pytest.mark.slow), pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(900)])],
)
def test_killed_while_all_outcomes_are_told(tmp_path, kills):
    """Every outcome is told at least once, by one life or another; only the last one of a life comes again."""
    toll = kill(kills, tmp_path, "if_undelivered", follows=True)
    assert toll.told >= toll.told_jobs


@pytest.mark.parametrize(
    "kills",
    [pytest.param(10, marks=pytest.mark.slow), pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(600)])],
)
def test_killed_while_the_journal_is_made(tmp_path, kills):
    """Whatever a worker leaves behind that dies in its first moments, the next one opens it."""
    dice = random.Random(kills)
    with service() as emulator, nursery() as born:
        for number in range(kills):
            life = Life(
                base_url=emulator.base_url,
                journal=str(tmp_path / f"{number}.db"),
                diary=str(tmp_path / f"{number}.jsonl"),
                batch="new",
                count=0,
            )
            worker = born.bear(life)
            until(Path(f"{life.journal}-lock").exists)
            time.sleep(dice.uniform(0, 0.004))
            born.kill(worker)
            born.bear(life)
            assert born.bury() == 0
            assert read_diary(Path(life.diary))[-1] == {"found": {"Accepted": 0, "Unknown": 0}}


def test_a_stopped_worker_keeps_its_journal(tmp_path):
    """While it sleeps a second worker is refused and sends nothing; awake again, it finishes."""
    with service() as emulator, nursery() as first, nursery() as second:
        life = Life(
            base_url=emulator.base_url,
            journal=str(tmp_path / "run.db"),
            diary=str(tmp_path / "first.jsonl"),
            batch="stopped",
            count=40,
        )
        worker = first.bear(life)
        until(lambda: emulator.ledger.accepted >= 5)
        os.kill(worker, signal.SIGSTOP)
        other = attrs.evolve(life, diary=str(tmp_path / "second.jsonl"))
        second.bear(other)
        assert second.bury() == 0
        [entry] = read_diary(Path(other.diary))
        assert "another process" in entry["refused"]
        assert "run.db" in entry["refused"]
        os.kill(worker, signal.SIGCONT)
        assert first.bury() == 0
        told = [entry["outcome"] for entry in read_diary(Path(life.diary)) if "told" in entry]
        assert told == ["Completed"] * 40
        assert emulator.ledger.accepted == 40


@pytest.mark.anyio
async def test_the_journal_of_a_dead_worker_opens_at_once(tmp_path):
    """No lock outlives its owner: the next pool opens the file and goes on with what it finds there."""
    with service() as emulator, nursery() as born:
        life = Life(
            base_url=emulator.base_url,
            journal=str(tmp_path / "run.db"),
            diary=str(tmp_path / "run.jsonl"),
            batch="dead",
            count=40,
        )
        worker = born.bear(life)
        until(lambda: emulator.ledger.accepted >= 5)
        with pytest.raises(JournalError, match="in use by another process"):
            await SqliteJournal(life.journal).open()
        assert born.kill(worker)
        async with open_pool(emulator, journal=life.journal) as pool:
            outcomes = [outcome async for outcome in pool.run(life.jobs)]
        assert {type(outcome) for outcome in outcomes} <= {ev.Completed, ev.Unknown}
        assert len(outcomes) == 40
        assert max(map(len, emulator.ledger.tasks_by_body.values())) == 1
