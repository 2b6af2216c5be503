"""A worker of Procrastinate in a process of its own, to be stopped and killed: `python -m tests.engines.worker`.

It writes a line when it begins, and one for each outcome.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import procrastinate

import evolink_async as ev
from evolink_async.engines.procrastinate import EvolinkBlueprint
from evolink_async.journal.postgres import PostgresJournal
from tests.kit import FAST, KEY, PATIENT

ROOT = Path(__file__).parents[2]
LEASE = 30.0
SHORT_LEASE = 4.0
"""For tests that wait for its end; a machine that stands still for a second does not lose it."""
SUBMITS = 3
CHUNK = 20
EACH_SECOND = "* * * * * */1"
NEVER = "0 0 1 1 *"
"""Once a year: a worker leaves out what it has missed for longer than ten minutes."""


def make_app(
    journal: str, base_url: str, *, lease: float = LEASE, **settings: Any
) -> tuple[procrastinate.App, EvolinkBlueprint]:
    """An app with the blueprint, as a user makes it."""

    def make_pool(address: str) -> ev.SessionPool:
        return ev.SessionPool(
            KEY,
            base_url=base_url,
            journal=PostgresJournal(address, lease=lease),
            cadence=FAST,
            retry=attrs.evolve(PATIENT, grace=20),
            limits=ev.Limits(submits=SUBMITS),
            http=ev.HttpOptions(allow_private_results=True),
        )

    chosen: dict[str, Any] = {"chunk": CHUNK, "sweep": NEVER} | settings
    films = EvolinkBlueprint(journal, make_pool, **chosen)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=journal))
    app.add_tasks_from(films, namespace="films")
    return app, films


async def work(journal: str, base_url: str, sweep: str) -> None:
    """Work until a signal comes."""

    async def tell(job: ev.Job, outcome: ev.Outcome) -> None:
        print(json.dumps([job.key, type(outcome).__name__]), flush=True)  # noqa: T201

    lease = SHORT_LEASE if sweep == EACH_SECOND else LEASE
    app, _ = make_app(journal, base_url, on_outcome=tell, sweep=sweep, lease=lease)
    print("open", flush=True)  # noqa: T201
    async with app.open_async():
        await app.run_worker_async(concurrency=2, shutdown_graceful_timeout=0, fetch_job_polling_interval=0.2)


class Worker:
    """A worker's process, and what it has told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.told: list[tuple[str, str]] = []

    def hear(self, count: int) -> None:
        """Read until it has told of `count` jobs more."""
        assert self.process.stdout is not None
        until = len(self.told) + count
        while len(self.told) < until and (line := self.process.stdout.readline()):
            key, kind = json.loads(line)
            self.told.append((key, kind))


@contextmanager
def working(journal: str, base_url: str, sweep: str = NEVER) -> Iterator[Worker]:
    """A worker that is killed at the end, if it has not ended. One that sweeps each second has a short lease."""
    command = [sys.executable, "-m", "tests.engines.worker", journal, base_url, sweep]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield Worker(process)
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], sys.argv[3]))
