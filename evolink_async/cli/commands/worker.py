"""The command `worker`: does the jobs that were queued in a journal, with Procrastinate's own worker.

What a chunk of jobs is, and what becomes of them, is in `engines.procrastinate`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from ...jobs import Job, Outcome
from ..exit_codes import OK
from ..inputs.service import Service
from ..output.outcomes import outcome_object, sentence_of
from ..output.terminal import Terminal
from ..running.worker_app import worker_app


def worker(
    journal: str, service: Service, terminal: Terminal, *, folder: Path | None, name: str | None, chunks: int
) -> int:
    """Work until a signal comes; return the exit code.

    Args:
        journal: The address of the journal.
        service: The service, and how it is used.
        terminal: Where outcomes are printed.
        folder: Where videos are saved; None saves none.
        name: Template for their names.
        chunks: Chunks that are done at once.

    Raises:
        ConfigurationError: There is no API key, the folder cannot be used, or an address is invalid.
        JournalError: The server cannot be reached.
    """
    return asyncio.run(_Worker(terminal).work(journal, service, folder, name, chunks))


class _Worker:
    """A worker that tells what becomes of its jobs, and ends when nobody can be told any more."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._working: asyncio.Task[None] | None = None
        self._failure: OSError | None = None

    async def work(self, journal: str, service: Service, folder: Path | None, name: str | None, chunks: int) -> int:
        app, films = worker_app(journal, service, download_to=folder, name=name, on_outcome=self._tell)
        await films.prepare(engine_too=True)
        # Its pool stays open from chunk to chunk, and what is wrong with its settings is told at once.
        async with app.open_async(), films.opened() as pool:
            pool.run((), download_to=folder, name=name)  # refuses a folder that cannot be used
            self._terminal.note("waiting for jobs; Ctrl-C or SIGTERM ends this worker, and others go on with its jobs.")
            self._working = asyncio.create_task(
                app.run_worker_async(concurrency=chunks, shutdown_graceful_timeout=0, delete_jobs="successful")
            )
            with suppress(asyncio.CancelledError):
                await self._working
        if self._failure is not None:
            raise self._failure
        return OK

    async def _tell(self, job: Job, outcome: Outcome) -> None:
        try:
            if self._terminal.shows_tables:
                problem = sentence_of(outcome)
                self._terminal.say(f"{outcome.key} completed" if problem is None else problem[0])
            else:
                self._terminal.json_line(outcome_object(outcome, job.params.model))
        except OSError as error:
            # The reader of the output has gone, or a disk is full. Another worker tells this outcome again.
            self._failure = error
            if self._working is not None:
                self._working.cancel()
            raise
