"""A file of which libraries read only so much, so that no file keeps them busy or fills the memory.

What the libraries find is in the modules beside this one.
"""

from __future__ import annotations

import io
import os
import time
from typing import IO, cast

_MOST_SECONDS = 1.0
"""Processor time for a file. A healthy one of 100 MB needs 0.2 s; one of a million tiny parts needs 20 s."""


class TooMuchError(Exception):
    """A library wants to read more than is sensible. The facts are then not known; the file may be healthy."""


def bounded(file: IO[bytes], most_at_once: int, *, start: int = 0) -> IO[bytes]:
    """Return the bytes from `start` on for a library, which may read up to `most_at_once` bytes in one piece."""
    return cast("IO[bytes]", _BoundedFile(file, most_at_once, start))


class _BoundedFile(io.RawIOBase):
    def __init__(self, file: IO[bytes], most_at_once: int, start: int) -> None:
        self._file = file
        self._start = start
        self._size = file.seek(0, os.SEEK_END)
        self._most_at_once = most_at_once
        # Not the time on the wall: a busy machine or a slow disk is no property of the file.
        self._end = time.thread_time() + _MOST_SECONDS
        file.seek(start)

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size - self._file.tell())
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self._most_at_once or time.thread_time() > self._end:
            raise TooMuchError
        return self._file.read(wanted)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + (self._start if whence == os.SEEK_SET else 0), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start
