"""The command `journal prune`: removes jobs from a journal that ended long ago.

The service is not asked. Which jobs stay is decided in the room `journal`.
"""

from __future__ import annotations

import asyncio
import re
import time

from ...errors import ConfigurationError
from ...journal.places import Pruning, journal_at
from ..exit_codes import OK
from ..output.terminal import Terminal

_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}
_LEAST = 86400
"""Seconds. Links live for a day, and a run that goes on may ask for its younger jobs again."""

_STAYS = {
    "untold": "no pool.outcomes() has told their ends; --untold removes them too",
    "unpriced": "the service named no price, and a budget holds credits for them",
    "late": "a paid task is kept beside them; see the column late_task_ids",
    "in_use": "a process works with them now, or a queue has them for one",
}


def prune(journal: str, older: str, terminal: Terminal, *, untold: bool, dry_run: bool) -> int:
    """Remove jobs, and print how many went and why others of that age stay; return the exit code.

    Args:
        journal: The journal file, or the address of a server.
        older: The age, as "30d".
        terminal: Where the result is printed.
        untold: Also jobs whose ends no stream of outcomes has told.
        dry_run: Only count.

    Raises:
        ConfigurationError: There is no such journal, or `older` is not an age of a day or more.
        JournalError: It is not a journal, or another process is using the file.
    """
    pruning = Pruning(before=time.time() - _seconds(older), untold=untold, is_trial=dry_run)
    pruned = asyncio.run(journal_at(journal).prune(pruning))
    act = "would be removed" if dry_run else "removed"
    terminal.say(f"{_jobs(pruned.removed)} {act}, that ended more than {older} ago.")
    for name, reason in _STAYS.items():
        if count := getattr(pruned, name):
            terminal.note(f"{_jobs(count)} of that age stay{'s' if count == 1 else ''}: {reason}.")
    return OK


def _seconds(age: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([hdw])", age)
    if match is None:
        raise ConfigurationError(f"an age is a number with h, d or w, as 30d, not {age!r}")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds < _LEAST:
        raise ConfigurationError(f"jobs of less than a day are not removed, and {age} is less")
    return seconds


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"
