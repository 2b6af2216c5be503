"""The command `outcomes`: writes how the jobs of a journal ended as JSON lines, and goes on with those that end.

The journal is only read: nothing counts as told, and the service is not asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...jobs import Accepted, Planned
from ...journal.listing import RecordedJob
from ...journal.places import JournalPlace, journal_at
from ..exit_codes import OK
from ..output.outcomes import outcome_object
from ..output.streams import raise_if_reader_gone
from ..output.terminal import Terminal

POLL_SECONDS = 0.5
"""Seconds between two reads of a journal that is followed: a commit of a run takes some milliseconds."""


def outcomes(journal: str, terminal: Terminal, *, follow: bool) -> int:
    """Write the outcomes of a journal to standard output, in the order of their ends; return the exit code.

    Args:
        journal: The journal file, or the address of a server.
        terminal: Where they are written.
        follow: Go on with the jobs that end, until Ctrl-C.

    Raises:
        ConfigurationError: There is no such journal.
        JournalError: It is not a journal, or cannot be read.
        BrokenPipeError: The reader of the output went away.
    """
    place = journal_at(journal)
    for job in _followed(place) if follow else place.ends():
        standing = job.standing
        # A job that was settled since the page was read.
        if not isinstance(standing, Planned | Accepted):
            terminal.json_line(outcome_object(standing, job.model))
    return OK


def _followed(place: JournalPlace) -> Iterator[RecordedJob]:
    after, counted = None, -1
    while True:
        # Counted first: an end that is written meanwhile is read now, or after the next count.
        before, counted = counted, place.count_ends()
        if counted != before:
            for job in place.ends(after):
                yield job
                after = max(after or 0, job.end_number or 0)
            # What ends from now on has a number.
            after = after or 0
        raise_if_reader_gone()
        time.sleep(POLL_SECONDS)
