"""Locks on open files, which the system releases when the process ends, also after `kill -9`.

Which files are locked, and when, is decided in `part_file` and `folder`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from io import FileIO


def try_lock(file: FileIO) -> bool:
    """Take the exclusive lock of a file without waiting.

    Returns:
        False if another process has it, and on file systems and platforms without such locks.
    """
    # Windows locks byte ranges, and a locked range could not be read by the user's own programs.
    if sys.platform == "win32":
        return False
    import fcntl

    with suppress(OSError):
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
