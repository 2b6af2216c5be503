"""A process that runs jobs on a shared journal, to be stopped and killed: `python -m tests.shared_journal.worker`.

It writes a line for each outcome that it is told, and ends after the last one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

import evolink_async as ev
from evolink_async.journal.postgres import PostgresJournal
from tests.kit import FAST, KEY, PATIENT, dance, jobs

ROOT = Path(__file__).parents[2]
LEASE = 4.0
"""Some tests wait for its end; a machine that stands still for a second does not lose it."""
SUBMITS = 3


@attrs.define
class Worker:
    """A process, and what it has been told so far."""

    process: subprocess.Popen[str]
    told: dict[str, list[str | None]] = attrs.field(factory=dict)

    def begin(self) -> None:
        """Let it begin, once its pool is open."""
        assert self.process.stdin is not None
        self.process.stdin.write("begin\n")
        self.process.stdin.flush()

    def hear(self, count: int) -> None:
        """Read until it was told of `count` jobs."""
        assert self.process.stdout is not None
        while len(self.told) < count and (line := self.process.stdout.readline()):
            key, *facts = json.loads(line)
            assert key not in self.told, "told twice"
            self.told[key] = facts

    def hear_all(self) -> None:
        """Read until it ends, which must be well."""
        self.hear(1 << 30)
        assert self.process.wait() == 0

    @property
    def in_doubt(self) -> list[str]:
        """The jobs that may have been paid for."""
        return [key for key, (kind, _) in self.told.items() if kind == "Unknown"]


def start(base_url: str, journal: str, count: int, **options: Any) -> Worker:
    """Start a worker; see `work`. It begins when it is told to."""
    command = [sys.executable, "-m", "tests.shared_journal.worker", base_url, journal, str(count), json.dumps(options)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return Worker(subprocess.Popen(command, cwd=ROOT, **pipes))


@contextmanager
def all_at_once(*workers: Worker) -> Iterator[None]:
    """Let workers begin together; those that outlive the context are killed."""
    try:
        for worker in workers:
            assert worker.process.stdout is not None
            assert worker.process.stdout.readline() == "open\n"
        for worker in workers:
            worker.begin()
        yield
    finally:
        for worker in workers:
            worker.process.kill()
            with worker.process:
                pass


@contextmanager
def working(base_url: str, journal: str, count: int) -> Iterator[tuple[Worker, Worker]]:
    """Two workers with the same `count` jobs, which begin together; those that outlive the context are killed."""
    one, other = (start(base_url, journal, count) for _ in range(2))
    with all_at_once(one, other):
        yield one, other


async def work(
    base_url: str,
    journal: str,
    count: int,
    *,
    name: str = "shot",
    submits: int = SUBMITS,
    tells: bool = False,
    lease: float = LEASE,
    per_minute: float | None = None,
    patience: float = PATIENT.patience,
    **budget: float,
) -> None:
    """Run all jobs to the end: `<name>-1` to `<name>-<count>`, with a budget if there is one.

    With `tells` it runs none, and tells the outcomes of all pools for ever.
    """
    settings: dict[str, Any] = {
        "journal": PostgresJournal(journal, lease=lease),
        "cadence": FAST,
        "retry": attrs.evolve(PATIENT, patience=patience),
        "limits": ev.Limits(submits=submits, submits_per_minute=per_minute),
        "budget": ev.Budget(**budget) if budget else None,
    }
    wanted = [ev.Job(job.key.replace("shot", name), dance(prompt=f"{name} {job.key}")) for job in jobs(count)]
    async with ev.SessionPool(KEY, base_url=base_url, **settings) as pool:
        print("open", flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.readline)
        async for outcome in pool.outcomes() if tells else pool.run(wanted):
            told = type(outcome.error if isinstance(outcome, ev.Failed) else outcome).__name__
            task_id = None if isinstance(outcome, ev.Unknown) else outcome.task_id
            print(json.dumps([outcome.key, told, task_id]), flush=True)  # noqa: T201


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(work(sys.argv[1], sys.argv[2], int(sys.argv[3]), **json.loads(sys.argv[4] if sys.argv[4:] else "{}")))
