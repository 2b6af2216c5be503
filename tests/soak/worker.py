"""Workers to be killed: a process that runs jobs on a journal, forked from a nursery that has imported everything.

Importing costs half a second, forking some milliseconds, so a thousand workers can live and die in a minute or two.
The nursery has no event loop and no threads; it does what it reads on stdin, a line at a time, and answers with a line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import attrs

import evolink_async as ev
from evolink_async.errors import JournalError
from evolink_async.settings import Resubmit
from tests.kit import FAST, KEY, PATIENT, dance

ROOT = Path(__file__).parents[2]
SUBMITS = 4
TOO_LONG = 30.0
QUICK = attrs.evolve(FAST, first_look=0.01, min_interval=0.005, max_interval=0.02)


@attrs.frozen(kw_only=True)
class Life:
    """What a worker is born to do.

    Attributes:
        base_url: The service.
        journal: The journal's path.
        diary: A file that it writes into what it found and what it was told, as it happens.
        batch: The jobs' name, unlike that of any other journal's.
        count: How many jobs.
        resubmit: `RetryPolicy.resubmit`.
        follows: Whether it only submits its jobs, and reads the stream of all outcomes until it has told each.
    """

    base_url: str
    journal: str
    diary: str
    batch: str
    count: int
    resubmit: Resubmit = "if_undelivered"
    follows: bool = False

    @property
    def jobs(self) -> list[ev.Job]:
        """The jobs; those of a shorter life are the first ones of a longer."""
        return [ev.Job(f"{self.batch}-{n}", dance(prompt=f"{self.batch}, take {n}")) for n in range(1, self.count + 1)]

    async def live(self) -> None:
        """Run all jobs to the end."""
        pool = ev.SessionPool(
            KEY,
            base_url=self.base_url,
            journal=self.journal,
            cadence=QUICK,
            retry=attrs.evolve(PATIENT, resubmit=self.resubmit),
            limits=ev.Limits(submits=SUBMITS),
        )
        try:
            async with pool:
                found = [type(job).__name__ for job in pool.unfinished()]
                self._write(found={name: found.count(name) for name in ("Accepted", "Unknown")})
                if self.follows:
                    await self._follow(pool)
                    return
                async for outcome in pool.run(self.jobs):
                    self._write_outcome(outcome)
        except JournalError as error:
            self._write(refused=str(error))

    async def _follow(self, pool: ev.SessionPool) -> None:
        """Tell every outcome, as a service would that keeps no table of its own."""
        untold = {job.key for job in self.jobs}
        untold -= {entry["told"] for entry in read_diary(Path(self.diary)) if "told" in entry}
        async with pool.outcomes() as ends:
            submits = asyncio.gather(
                *(pool.submit(job.params, key=job.key) for job in self.jobs), return_exceptions=True
            )
            while untold:
                outcome = await anext(ends)
                self._write_outcome(outcome)
                untold.discard(outcome.key)
            await submits

    def _write_outcome(self, outcome: ev.Outcome) -> None:
        self._write(told=outcome.key, outcome=type(outcome).__name__, facts=facts_of(outcome))

    def _write(self, **entry: object) -> None:
        with Path(self.diary).open("ab", buffering=0) as file:
            file.write(json.dumps(entry).encode() + b"\n")


def facts_of(outcome: ev.Outcome) -> list[object]:
    """What may not change from one telling to the next."""
    if isinstance(outcome, ev.Completed):
        return [outcome.task_id, outcome.url, outcome.expires_at]
    if isinstance(outcome, ev.Unknown):
        return [outcome.error.idempotency_key, outcome.error.sent_at]
    return [repr(outcome.error)]


def read_diary(path: Path) -> list[dict[str, Any]]:
    """All whole entries of a diary; the worker may have died while it wrote the last one."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


class Nursery:
    """The test's end of a nursery. One worker at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def bear(self, life: Life) -> int:
        """Start a worker; its process id, which stays its own until it is `buried`."""
        self._say(json.dumps(attrs.asdict(life)))
        return int(self._hear())

    def bury(self) -> int:
        """Wait for the worker's end: its exit code, or the signal's number below zero."""
        self._say("bury")
        return int(self._hear())

    def kill(self, worker: int) -> bool:
        """Kill it; whether it was still alive."""
        os.kill(worker, signal.SIGKILL)
        return self.bury() == -signal.SIGKILL

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """A nursery for the length of a block; a worker that outlives it is killed."""
    command = [sys.executable, "-W", "error", "-m", __name__ if __name__ != "__main__" else "tests.soak.worker"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _fork(life: Life) -> int:
    worker = os.fork()
    if worker:
        return worker
    code: Literal[0, 1] = 1
    try:
        asyncio.run(_live_in_time(life))
        code = 0
    except BaseException:  # noqa: BLE001  # a fork of ours must not go on as its parent
        traceback.print_exc()
    os._exit(code)


async def _live_in_time(life: Life) -> None:
    """A life without end would only be seen by the test's own time limit, which says nothing of why."""
    living = asyncio.create_task(life.live())
    if not (await asyncio.wait([living], timeout=TOO_LONG))[0]:
        for task in asyncio.all_tasks():
            task.print_stack()
        raise TimeoutError(f"{life} does not end")
    living.result()


def main() -> None:
    """Fork a worker for each line that describes a life."""
    gc.freeze()
    worker = 0
    for line in sys.stdin:
        if line.strip() == "bury":
            answer, worker = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), 0
        else:
            answer = worker = _fork(Life(**json.loads(line)))
        print(answer, flush=True)  # noqa: T201
    if worker:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


if __name__ == "__main__":
    main()
