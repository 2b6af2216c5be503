"""Connections that read a journal file which this process does not own; also where nothing can be written.

What they read is in `reader`, `listing`, `doubts` and `pruning`.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from .file import has_log

# Seconds. A run that commits holds its lock for milliseconds; a file that stays locked is reported.
LOCK_TIMEOUT = 5


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that reads an existing file."""
    # SQLite keeps its other files beside the file that a link leads to.
    place = path.resolve()
    mode = mode_of(has_log=has_log(str(place)), can_write=_can_write(place) and _can_write(place.parent))
    return sqlite3.connect(f"{place.as_uri()}?{mode}", uri=True, timeout=LOCK_TIMEOUT)


def mode_of(*, has_log: bool, can_write: bool) -> str:
    """Return how SQLite is to open a journal file that is only read.

    Args:
        has_log: Whether there is a `-wal` file, as while a run has the journal open.
        can_write: Whether this process may write to the file and to its folder.
    """
    # 1) "immutable": SQLite reads a file in this format only if it can make a `-wal` and a `-shm` file beside it, or
    # is told that nobody changes the file. Without a `-wal` nobody does, and nothing is missing in the file.
    if not has_log and not can_write:
        return "mode=ro&immutable=1"
    # 2) Not "ro": the last connection to close removes the two files, and a read-only one cannot. "rw" creates no
    # journal, opens one for reading that may not be written, and only SELECT is sent.
    return "mode=rw"


def _can_write(place: Path) -> bool:
    return os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
