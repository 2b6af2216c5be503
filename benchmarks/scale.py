"""Twenty and a hundred thousand jobs in flight through one `pool.run`: turns of the loop, memory, the request budget.

Each run is a process of its own (`python -m benchmarks.scale`), and so is its vendor. No task ends before all are
accepted.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp

import evolink_async as ev

from .measure import MIB, WORKERS, Row, cpu, peak_bytes, resident_bytes
from .service import SHOT, Lives
from .stub import stub
from .turns import TurnsLoop
from .vendor import KEY

FEW, MANY = 20_000, 100_000
RETRY_AFTER_SECONDS, SPREAD = 15.0, 10.0
Figures = dict[str, Any]


def scale() -> Iterator[Row]:
    """Every row of both runs; all of what they showed is printed too."""
    few, many = run_apart(FEW), run_apart(MANY)
    for figures in (few, many):
        print(json.dumps(figures), file=sys.stderr, flush=True)
    yield from _turns(few, many)
    yield from _promises(many)
    yield from _memory(many)


def _turns(few: Figures, many: Figures) -> Iterator[Row]:
    polling, submitting = few["phases"]["polling"], few["phases"]["submitting"]
    yield Row(f"{FEW:,} in flight: p99 of a turn while looking / 4 ms", polling["p99_ms"], 4, "ms CPU", 1.0)
    yield Row(
        f"{FEW:,} in flight: worst turn while submitting / 90 ms",
        submitting["worst_ms"],
        90,
        "ms CPU",
        1.0,
        _collected(few),
    )
    for phase, told in many["phases"].items():
        why = _collected(many) if phase == "submitting" else ""
        yield Row(f"{MANY:,} in flight: worst turn while {phase} / 200 ms", told["worst_ms"], 200, "ms CPU", 1.0, why)


def _collected(figures: Figures) -> str:
    return (
        f"The longest garbage collection took {figures['worst_collection_ms']:.0f} ms: the worst turns are full"
        " collections of a growing heap. A program may call gc.freeze(); a library must not."
    )


def _promises(many: Figures) -> Iterator[Row]:
    budget = many["polls_per_second"] * 10
    yield Row(f"{MANY:,} in flight: outcomes not delivered exactly once / 1", many["not_once"], 1, "jobs", 0.0)
    yield Row(
        f"{MANY:,} in flight: status requests in any 10 s / the budget", many["most_in_10_s"], budget, "requests", 1.05
    )
    yield Row(f"{MANY:,} in flight: CPU of the whole run / 1 s", many["cpu_s"], 1.0, "s", None)


def _memory(many: Figures) -> Iterator[Row]:
    slope = (many["bytes_at_last"] - many["bytes_at_few"]) / (MANY - FEW)
    yield Row(f"{MANY:,} in flight: memory a job / 700 bytes", slope, 700, "bytes", 1.0)
    yield Row(f"{MANY:,} in flight: most memory held / 1 MiB", many["peak_bytes"] / MIB, 1, "MiB", None)


def run_apart(count: int) -> Figures:
    """Run so many jobs in a process of its own."""
    with stub(Lives(together=count, rest=RETRY_AFTER_SECONDS, spread=SPREAD)) as url:
        command = [sys.executable, "-m", "benchmarks.scale", url, str(count)]
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(told.stdout)


# --- in that process


def main() -> None:
    """Run the jobs and print what was seen, as JSON."""
    url, count = sys.argv[1], int(sys.argv[2])
    loop = TurnsLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        print(json.dumps(runner.run(_run(loop, url, count))))


async def _run(loop: TurnsLoop, url: str, count: int) -> Figures:
    limits = ev.Limits(requests=2 * WORKERS, submits=WORKERS, in_flight=count + 1)  # else it would not read to the end
    cadence = ev.Cadence(polls_per_second=count / 1000, first_look=5, max_interval=5)
    told, figures = bytearray(count), Figures(count=count, polls_per_second=count / 1000)
    began = time.monotonic()
    async with ev.SessionPool(KEY, base_url=url, limits=limits, cadence=cadence) as pool:
        async with pool.run(_jobs(loop, count, figures)) as outcomes:
            async for outcome in outcomes:
                _note(loop, outcome, told)
        figures |= {"stats": _stats(pool), "seconds": time.monotonic() - began}
    return figures | _seen(loop, told) | await _asked(url)


async def _jobs(loop: TurnsLoop, count: int, figures: Figures) -> AsyncIterator[ev.Job]:
    loop.phase = "submitting"
    began = time.monotonic()
    for number in range(count):
        if number == FEW:
            figures["bytes_at_few"] = resident_bytes()
        prompt = f"Take {number}"
        yield ev.Job(str(number), ev.Wan26ReferenceVideo(prompt=prompt, video_urls=SHOT["video_urls"]))
    figures |= {"bytes_at_last": resident_bytes(), "submitting_s": time.monotonic() - began}
    loop.phase = "polling"


def _note(loop: TurnsLoop, outcome: ev.Outcome, told: bytearray) -> None:
    if loop.phase == "polling":
        loop.phase = "ending"
    if isinstance(outcome, ev.Completed):
        told[int(outcome.key)] += 1


def _stats(pool: ev.SessionPool) -> Figures:
    stats = pool.stats()
    return {name: getattr(stats, name) for name in ("completed", "failed", "looks", "status_requests", "lag_p50")}


def _seen(loop: TurnsLoop, told: bytearray) -> Figures:
    return {
        "not_once": len(told) - told.count(1),
        "phases": {name: turns.figures() for name, turns in loop.turns.items() if name != "starting"},
        "worst_collection_ms": max((lasted for _, lasted in loop.full_collections), default=0.0),
        "collections": [(phase, round(lasted)) for phase, lasted in loop.full_collections],
        "peak_bytes": peak_bytes(),
        "cpu_s": cpu(),
    }


async def _asked(url: str) -> Figures:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/figures") as reply:
        return await reply.json()


if __name__ == "__main__":
    main()
