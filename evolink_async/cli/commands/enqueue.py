"""The command `enqueue`: queues the jobs of a JSONL file for workers of Procrastinate.

The jobs are read by `inputs.jobs_file`, and queued by `engines.procrastinate`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ...jobs import Job
from ..exit_codes import FAILED, OK
from ..inputs.jobs_file import name_of, read_jobs
from ..output.remarks import report_lines
from ..output.terminal import Terminal
from ..running.worker_app import worker_app


def enqueue(source: str, journal: str, terminal: Terminal) -> int:
    """Queue the good lines of a file, and print how many were; return the exit code.

    Args:
        source: The jobs file, "-" for standard input.
        journal: The address of the journal.
        terminal: Where it is printed.

    Raises:
        ConfigurationError: The file cannot be read, a line names a local file, or the address is not one of PostgreSQL.
        JournalError: The server cannot be reached, or a key belongs to a job with other parameters.
    """
    parsed = read_jobs(source)
    report_lines(name_of(source), parsed, terminal)
    queued = asyncio.run(_enqueue(parsed.jobs, journal)) if parsed.jobs else 0
    known = len(parsed.jobs) - queued
    if terminal.shows_tables:
        terminal.say(f"queued: {queued}; queued before, or ended: {known}.")
    else:
        terminal.json_line({"queued": queued, "known": known, "bad": len(parsed.bad)})
    return FAILED if parsed.bad else OK


async def _enqueue(jobs: Sequence[Job], journal: str) -> int:
    _, films = worker_app(journal)
    await films.prepare(engine_too=True)
    return await films.enqueue(jobs)
