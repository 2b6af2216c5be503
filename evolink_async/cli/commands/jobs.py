"""The command `jobs`: lists the jobs of a journal and where each stands.

The journal is only read, and the service is not asked. How jobs ended is told by `outcomes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...jobs import STANDINGS, JobState, Standing
from ...journal.listing import RecordedJob
from ...journal.places import JournalPlace, journal_at
from ..exit_codes import OK
from ..output.job_objects import job_object, jobs_table, state_of
from ..output.tables import MAX_ROWS
from ..output.terminal import Terminal


def jobs(journal: str, state: JobState | None, terminal: Terminal) -> int:
    """List the jobs of a journal in the order of their keys; return the exit code.

    Args:
        journal: The journal file, or the address of a server.
        state: Only jobs in this state; None for all.
        terminal: Where they are printed.

    Raises:
        ConfigurationError: There is no such journal.
        JournalError: It is not a journal, or cannot be read.
    """
    place = journal_at(journal)
    counts: Counter[JobState] = Counter()
    shown: list[tuple[Standing, str]] = []
    for job in _all_jobs(place, state):
        counts[state_of(job.standing)] += 1
        if not terminal.shows_tables:
            terminal.json_line(job_object(job.standing, job.model))
        elif len(shown) < MAX_ROWS:
            shown.append((job.standing, job.model))
    if shown:
        terminal.say(jobs_table(shown, counts.total(), width=terminal.out.width))
    each = ", ".join(f"{counts[name]} {name}" for name in STANDINGS if counts[name])
    total = "1 job" if counts.total() == 1 else f"{counts.total()} jobs"
    terminal.note(f"{total}: {each}." if counts else f"No such job is in {place.name}.")
    return OK


def _all_jobs(place: JournalPlace, state: JobState | None) -> Iterator[RecordedJob]:
    # In pages: a journal may have a million jobs, and a run that uses it waits for no reader.
    states: tuple[JobState, ...] = tuple(STANDINGS) if state is None else (state,)
    after = ""
    while page := place.jobs(states, after):
        yield from page
        after = page[-1].standing.key
