"""Reading the bytes of a file at any offset; of a remote file only the first bytes are available.

The formats are in the modules beside this one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from .errors import UnreadableError

# A document has up to 100 MB, which should not be in memory at once.
_PIECE_BYTES = 1 << 20
_MOST_READS = 1_000_000


class Window:
    """The available bytes of a file.

    Attributes:
        file: The stream that they are read from.
        size_bytes: The size of the whole file.
        is_whole: Whether all bytes of the file are available.
    """

    def __init__(self, file: IO[bytes], size_bytes: int | None = None) -> None:
        here = file.seek(0, os.SEEK_END)
        self.file = file
        self.size_bytes: int = here if size_bytes is None else size_bytes
        self.is_whole: bool = here >= self.size_bytes
        self._reads = 0

    def at(self, offset: int, count: int) -> bytes:
        """Read `count` bytes at an offset.

        Raises:
            EOFError: The file ends before.
            UnreadableError: A million parts were read before this one.
        """
        # A file of a million tiny boxes or chunks was made to keep the reader busy.
        self._reads += 1
        if self._reads > _MOST_READS:
            raise UnreadableError("is damaged")
        self.file.seek(offset)
        found = self.file.read(count)
        if len(found) < count:
            raise EOFError
        return found

    def number(self, offset: int, count: int, *, big: bool = True) -> int:
        """Read an unsigned integer of `count` bytes, big-endian or little-endian.

        Raises:
            EOFError: The file ends before.
        """
        return int.from_bytes(self.at(offset, count), "big" if big else "little")

    def head(self, count: int) -> bytes:
        """Read the first `count` bytes, or all of a shorter file."""
        self.file.seek(0)
        return self.file.read(count)

    def pieces(self, overlap: int) -> Iterator[bytes]:
        """Iterate over the file in pieces of 1 MiB; each begins with the last `overlap` bytes of the one before.

        A word of up to `overlap` bytes is whole in at least one piece.
        """
        self.file.seek(0)
        tail = b""
        while piece := self.file.read(_PIECE_BYTES):
            yield tail + piece
            tail = piece[-overlap:]
