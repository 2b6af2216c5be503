"""Opening regular files, without waiting for pipes or devices.

Their content is read in `measure` and in `uploads`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from .errors import UnreadableError

# Without O_NONBLOCK, opening a pipe waits for a writer. It has no effect on regular files.
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def opened(path: Path) -> Generator[BufferedReader]:
    """Open a regular file for reading. A pipe or a device is refused and not read.

    Raises:
        UnreadableError: The file does not exist, cannot be read, or is not a regular file.
    """
    with readable_errors():
        if "\0" in str(path):
            raise UnreadableError("has a name that no file can have")
        # Before opening, because opening a device can have an effect.
        _refuse_irregular(path.stat().st_mode)
        with os.fdopen(os.open(path, os.O_RDONLY | _WITHOUT_WAITING), "rb") as file:
            # Another file can have taken its place between the check and the opening.
            _refuse_irregular(os.fstat(file.fileno()).st_mode)
            yield file


def _refuse_irregular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise UnreadableError("is a folder")
    if not stat.S_ISREG(mode):
        raise UnreadableError("is a device, pipe or socket, not a regular file")


@contextmanager
def readable_errors() -> Generator[None]:
    """Convert an `OSError` about a file to an `UnreadableError`."""
    try:
        yield
    except FileNotFoundError:
        raise UnreadableError("does not exist") from None
    except PermissionError:
        raise UnreadableError("cannot be read by this user") from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or type(error).__name__}") from None
