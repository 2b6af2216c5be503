"""The bytes of a file that are at hand: all of them, or only the first ones of a file elsewhere.

No format is known here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from .errors import UnreadableError

_PIECE_BYTES = 1 << 20
_MOST_READS = 1_000_000


class Window:
    """A file, read at any place.

    Attributes:
        file: Where the bytes are read.
        size_bytes: The length of the whole file.
        is_whole: Whether all of it is at hand.
    """

    def __init__(self, file: IO[bytes], size_bytes: int | None = None) -> None:
        here = file.seek(0, os.SEEK_END)
        self.file = file
        self.size_bytes = here if size_bytes is None else size_bytes
        self.is_whole = here >= self.size_bytes
        self._reads = 0

    def at(self, offset: int, count: int) -> bytes:
        """Read bytes at a place.

        Raises:
            EOFError: Not all of them are there.
            UnreadableError: A million parts were read already, as of a file made to keep us busy.
        """
        self._reads += 1
        if self._reads > _MOST_READS:
            raise UnreadableError("is damaged")
        self.file.seek(offset)
        found = self.file.read(count)
        if len(found) < count:
            raise EOFError
        return found

    def number(self, offset: int, count: int, *, big: bool = True) -> int:
        """Read a whole number without sign, its highest byte first or last.

        Raises:
            EOFError: Not all of its bytes are there.
        """
        return int.from_bytes(self.at(offset, count), "big" if big else "little")

    def head(self, count: int) -> bytes:
        """Read the first bytes, fewer if there are no more."""
        self.file.seek(0)
        return self.file.read(count)

    def pieces(self, overlap: int) -> Iterator[bytes]:
        """Read it all, each piece beginning with the last bytes of the one before, so that no word is cut."""
        self.file.seek(0)
        tail = b""
        while piece := self.file.read(_PIECE_BYTES):
            yield tail + piece
            tail = piece[-overlap:]
