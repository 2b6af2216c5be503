"""Opening regular files for reading, and nothing else: no pipe is waited for, and no device is opened.

The callers read the file, and turn the errors into their own.
"""

from __future__ import annotations

import os
import stat
import sys
from errno import EILSEQ, EINVAL, EISDIR
from io import BufferedReader
from pathlib import Path

__all__ = ("NO_WAITING", "IrregularFileError", "open_regular", "regular_status")

# Without O_NONBLOCK, opening a pipe waits until another process writes to it. The flag means nothing to a regular file,
# and Windows has neither the flag nor such pipes.
NO_WAITING: int = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Flags for `os.open`."""


class IrregularFileError(OSError):
    """The path leads to a folder, a device, a pipe or a socket."""


def regular_status(path: Path) -> os.stat_result:
    """Return the status of a regular file, which is not opened.

    Raises:
        IrregularFileError: The path leads to something else.
        OSError: There is no such file, it cannot be looked up, or no file can have this name.
    """
    # For a null byte, and for what the encoding of this process lacks, `stat` raises a ValueError.
    try:
        if b"\0" in os.fsencode(path):
            raise OSError(EINVAL, "no file can have this name")
    except UnicodeEncodeError:
        encoding = sys.getfilesystemencoding()
        raise OSError(EILSEQ, f"its name cannot be written in the encoding of this process, {encoding}") from None
    status = path.stat()
    _refuse_irregular(status.st_mode)
    return status


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading, in binary mode. Blocks: call it in a thread.

    Raises:
        IrregularFileError: The path leads to something else.
        OSError: There is no such file, reading it is not allowed, or no file can have this name.
    """
    # Before opening, because opening a device can have effects: a tape rewinds.
    regular_status(path)
    file = os.fdopen(os.open(path, os.O_RDONLY | NO_WAITING), "rb")
    try:
        # Again on the open file: since the first check the path may lead elsewhere.
        _refuse_irregular(os.fstat(file.fileno()).st_mode)
    except OSError:
        file.close()
        raise
    return file


def _refuse_irregular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IrregularFileError(EISDIR, "is a folder")
    if not stat.S_ISREG(mode):
        raise IrregularFileError(EINVAL, "is a device, pipe or socket, not a regular file")
