"""Opening a regular file, and never waiting for a pipe or a device.

What is in it is read elsewhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from .errors import UnreadableError

# A pipe opened without it waits for a writer; no file does.
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def opened(path: Path) -> Generator[BufferedReader]:
    """Open a regular file for reading; never wait for a pipe, never touch a device.

    Raises:
        UnreadableError: There is no such file, or it may not be read.
    """
    with readable_errors():
        if "\0" in str(path):
            raise UnreadableError("has a name that no file can have")
        _refuse_irregular(path.stat().st_mode)
        with os.fdopen(os.open(path, os.O_RDONLY | _WITHOUT_WAITING), "rb") as file:
            _refuse_irregular(os.fstat(file.fileno()).st_mode)  # it may have changed in between
            yield file


def _refuse_irregular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise UnreadableError("is a folder")
    if not stat.S_ISREG(mode):
        raise UnreadableError("is a device, pipe or socket, no file")


@contextmanager
def readable_errors() -> Generator[None]:
    """Turn what the system says of a file into an ending of a sentence about it."""
    try:
        yield
    except FileNotFoundError:
        raise UnreadableError("does not exist") from None
    except PermissionError:
        raise UnreadableError("may not be read by this user") from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or type(error).__name__}") from None
