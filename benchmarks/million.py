"""A million jobs through `pool.run` with a journal in a file; the process is killed half way, and its input run again.

The vendor ends its tasks after a minute or so, so a steady number of them is in flight, and what grows, grows with the
jobs that are done. Runs a hundred and ten times as short come first: a job of the longest should cost what a job of
those does. Each run is a process of its own (`python -m benchmarks.million`), and so is its vendor.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import attrs

import evolink_async as ev

from .cpu import shot
from .measure import MIB, Row, cpu, peak_bytes, resident_bytes
from .service import Lives, Service
from .stub import Answer, reply, stub
from .turns import TurnsLoop
from .vendor import KEY

JOBS = 1_000_000
SHORTER = (100, 10)
"""How many times as short the runs before it are."""
SECONDS = 60.0
SUBMITS = 32
LIMITS = ev.Limits(requests=2 * SUBMITS, submits=SUBMITS, in_flight=100_000)
CADENCE = ev.Cadence(polls_per_second=100)
"""A thousand ends a second, at most: as many as one core can submit."""
KILLED_AFTER = 0.05
"""Seconds after half of the jobs are told. Not at once: an outcome is told just after a commit, which many jobs share,
so all submits would be at the same step."""
STEPS = 20
"""In so many steps of a run it is noted what it holds and has used."""

Figures = dict[str, Any]


def million(jobs: str | None = None) -> Iterator[Row]:
    """Every row; all of what the runs showed is printed too."""
    most = int(jobs or JOBS)
    shortest, shorter, longest = (_killed_and_resumed(most // times) for times in (*SHORTER, 1))
    yield from _promises(longest, f"{most:,} jobs")
    yield from _growth(shortest, shorter, longest)
    yield from _costs(longest, f"{most:,} jobs")


def _promises(run: Figures, jobs: str) -> Iterator[Row]:
    yield Row(f"{jobs}, killed and resumed: outcomes not told exactly once / 1", run["not_once"], 1, "jobs", 0.0)
    yield Row(f"{jobs}: paid twice / 1", run["paid_twice"], 1, "jobs", 0.0)
    yield Row(f"{jobs}: in doubt / the submits under way when killed", run["unknown"], SUBMITS, "jobs", 1.0)


def _growth(*runs: Figures) -> Iterator[Row]:
    *_, shorter, longest = runs
    for run in runs[:-1]:
        each, fewer = (one["cpu_s"] / one["count"] * 1e6 for one in (longest, run))
        yield Row(f"CPU a job, {longest['count']:,} jobs / {run['count']:,} jobs", each, fewer, "us CPU", 1.2)
    more = longest["count"] - shorter["count"]
    held = (longest["peak_bytes"] - shorter["peak_bytes"]) / more
    yield Row(f"memory a job beyond {shorter['count']:,} / 100 bytes", held, 100, "bytes", 1.0)


def _costs(run: Figures, jobs: str) -> Iterator[Row]:
    yield Row(f"{jobs}: most memory held / 1 MiB", run["peak_bytes"] / MIB, 1, "MiB", None)
    yield Row(f"{jobs}: most jobs in flight / 1", run["in_flight_peak"], 1, "jobs", None)
    yield Row(f"{jobs}: worst turn / 200 ms", run["worst_ms"], 200, "ms CPU", 1.0, _collected(run))
    yield Row(f"{jobs}: CPU of both processes / 1 s", run["cpu_s"], 1, "s", None)
    yield Row(f"{jobs}: time of both processes / 1 s", run["seconds"], 1, "s", None)
    yield Row(f"{jobs}: status requests a job / one", run["status_requests"] / run["count"], 1, "requests", 1.0)


def _collected(run: Figures) -> str:
    return f"The longest garbage collection took {run['worst_collection_ms']:.0f} ms; it walks through the whole heap."


def _killed_and_resumed(count: int) -> Figures:
    """Run so many jobs, kill the process when half of them are told, and run them again."""
    with tempfile.TemporaryDirectory() as folder, stub(Counting(Lives(median=SECONDS), count)) as url:
        first = _run_apart(url, count, folder, killed_at=count // 2)
        then = _run_apart(url, count, folder, killed_at=0)
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    both = {name: first[name] + then[name] for name in ("cpu_s", "seconds")}
    most = {name: max(first[name], then[name]) for name in ("peak_bytes", "worst_ms", "worst_collection_ms")}
    most["in_flight_peak"] = max(first["in_flight_peak"], then["in_flight_peak"])
    whole = {**then, **both, **most, "count": count, "journal_bytes": size}
    print(json.dumps({**whole, "before the kill": first}), file=sys.stderr, flush=True)
    return whole


def _run_apart(url: str, count: int, folder: str, killed_at: int) -> Figures:
    command = [sys.executable, "-m", "benchmarks.million", url, str(count), folder, str(killed_at)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == (-signal.SIGKILL if killed_at else 0), ran
    return json.loads(ran.stdout.splitlines()[-1])


# --- the vendor


@attrs.frozen
class Counting:
    """A vendor that notes for which jobs it was paid: called in the stub's process, it makes the answers."""

    lives: Lives
    count: int

    def __call__(self) -> Answer:
        """Make the answers."""
        return _Counting(self.lives, self.count).answer


class _Counting(Service):
    """Knows a job by its prompt."""

    def __init__(self, lives: Lives, count: int) -> None:
        super().__init__(lives)
        self._paid = bytearray(count)

    def answer(self, path: str, body: bytes) -> bytes:
        """Answer a request."""
        if path == "/paid":
            twice = len(self._paid) - self._paid.count(0) - self._paid.count(1)
            return reply({**self.figures(), "paid_twice": twice, "paid_never": self._paid.count(0)})
        if found := re.search(rb'"Take (\d+)"', body):
            self._paid[int(found[1])] += 1
        return super().answer(path, body)


# --- in a process of its own


def main() -> None:
    """Run the jobs, print what was seen as JSON, and be killed half way if that is asked for."""
    url, count, folder, killed_at = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    loop = TurnsLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_Run(loop, url, count, killed_at).run(folder / "jobs.db"))


class _Run:
    """One process's part."""

    def __init__(self, loop: TurnsLoop, url: str, count: int, killed_at: int) -> None:
        self._loop = loop
        self._url = url
        self._count = count
        self._killed_at = killed_at
        self._told = bytearray(count)
        self._seen = 0
        self._unknown = 0
        self._steps: list[tuple[int, int, float, float]] = []
        self._began = time.monotonic()

    async def run(self, journal: Path) -> None:
        """Run the jobs to the end, or to the kill."""
        self._loop.phase = "running"
        async with ev.SessionPool(KEY, base_url=self._url, limits=LIMITS, cadence=CADENCE, journal=journal) as pool:
            async with pool.run(self._jobs()) as outcomes:
                async for outcome in outcomes:
                    self._note(outcome)
                    if self._seen == self._killed_at:
                        self._loop.call_later(KILLED_AFTER, self._kill, pool)
            figures = self._figures(pool)
        print(json.dumps({**figures, **await _asked(self._url)}))

    def _kill(self, pool: ev.SessionPool) -> None:
        print(json.dumps(self._figures(pool)), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    def _jobs(self) -> Iterator[ev.Job]:
        for number in range(self._count):
            yield ev.Job(str(number), shot(number))

    def _note(self, outcome: ev.Outcome) -> None:
        self._told[int(outcome.key)] += 1
        self._seen += 1
        assert not isinstance(outcome, ev.Failed), outcome
        self._unknown += isinstance(outcome, ev.Unknown)
        if self._seen % max(1, self._count // STEPS) == 0:
            seconds = time.monotonic() - self._began
            self._steps.append((self._seen, resident_bytes() // MIB, round(cpu(), 1), round(seconds, 1)))
            print(f"    {self._count:,} jobs: {self._steps[-1]}", file=sys.stderr, flush=True)

    def _figures(self, pool: ev.SessionPool) -> Figures:
        turns = self._loop.turns["running"].figures()
        return {
            "not_once": self._count - self._told.count(1),
            "unknown": self._unknown,
            "steps": self._steps,
            "worst_ms": turns["worst_ms"],
            "turns": turns,
            "worst_collection_ms": max((lasted for _, lasted in self._loop.full_collections), default=0.0),
            "peak_bytes": peak_bytes(),
            "in_flight_peak": pool.stats().in_flight_peak,
            "cpu_s": cpu(),
            "seconds": time.monotonic() - self._began,
        }


async def _asked(url: str) -> Figures:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/paid") as answer:
        return await answer.json()


if __name__ == "__main__":
    main()
