"""A file under way, under a hidden name that the next run finds: `kill -9` costs no more than what was not written yet.

Beside the part stands its mark, the host's word for the version that the bytes are of. Nothing is asked of a host here.
All of this blocks.
"""

from __future__ import annotations

import hashlib
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import FileIO
from stat import S_ISREG
from types import TracebackType
from typing import Self

from ..jobs import SavedFile
from .folder import Folder, locked
from .names import Name

MARK_BYTES = 512
"""Longest version kept; those of result hosts have about 40."""
PIECE_BYTES = 1 << 18


class Part:
    """The bytes of one file so far. Leaving its context removes it; what was published keeps its own name.

    Args:
        folder: Where it is, and where the file will be.
        label: Names the same file in every run: 32 hex digits.

    Attributes:
        size_bytes: Bytes in it.
        version: What the host calls the version they are of.
        is_old: Whether a process that died has left bytes to `take_up`.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, folder: Folder, label: str) -> None:
        self.size_bytes = 0
        self.version: str | None = None
        self._folder = folder
        self._name, self._mark = f".{label}.part", f".{label}.mark"
        self._hash = hashlib.sha256()
        self._file = _opened(folder, self._name) or self._other(label)
        self.is_old = self._file.seek(0, os.SEEK_END) > 1

    def _other(self, label: str) -> FileIO:
        """A file of our own: the one of this label is another process's, or no file."""
        self._name = f".{label}-{uuid.uuid4().hex[:8]}.part"
        self._mark = ""
        return self._folder.open(self._name, "x+b")

    @property
    def sha256(self) -> str:
        """The digest of the bytes, in hex."""
        return self._hash.hexdigest()

    def take_up(self, since: float) -> None:
        """Go on where a process that died had come to.

        The last byte is asked for again: of a part that was whole there would be nothing left to ask for.

        Args:
            since: Unix time before which nothing counts: what was written before the machine last started may never
                have reached the disk.
        """
        status = os.fstat(self._file.fileno())
        version = self._read_mark() if status.st_mtime >= since else None
        if version is None:
            return
        self._file.truncate(status.st_size - 1)
        for piece in pieces_of(self._file):
            self._hash.update(piece)
        self.size_bytes, self.version = status.st_size - 1, version

    def begin(self, version: str | None) -> None:
        """Empty it; what is written from now on is of this version."""
        self._remove_mark()
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.size_bytes, self.version = hashlib.sha256(), 0, version
        if self._mark and version is not None and version.isascii() and len(version) <= MARK_BYTES:
            with self._folder.open(self._mark, "xb") as mark:
                mark.write(version.encode())

    def _remove_mark(self) -> None:
        if self._mark:
            self._folder.remove(self._mark)

    def _read_mark(self) -> str | None:
        with suppress(OSError, ValueError), self._folder.open(self._mark) as mark:
            version = mark.read(MARK_BYTES + 1).decode("ascii")
            return version if version.isprintable() and 0 < len(version) <= MARK_BYTES else None
        return None

    def write(self, pieces: Iterable[bytes]) -> None:
        """Add bytes."""
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[self._file.write(left) :]
            self._hash.update(piece)
            self.size_bytes += len(piece)

    def publish(self, name: Name, suffix: str) -> SavedFile:
        """See the bytes onto the disk and give the file its name, or the next free one."""
        os.fsync(self._file.fileno())
        path = self._folder.publish(self._name, name, suffix)
        self._remove_mark()
        status = os.fstat(self._file.fileno())
        return SavedFile(path, size_bytes=status.st_size, sha256=self.sha256, mtime_ns=status.st_mtime_ns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what is left is found, or swept, by another run
            if _is_under(self._folder, self._name, self._file):  # another process may have taken the name up since
                self._remove_mark()
                self._folder.remove(self._name)
        self._file.close()
        if sys.platform == "win32":  # where no open file is removed
            self._folder.remove(self._name)


def pieces_of(file: FileIO) -> Iterator[bytes]:
    """What is in a file, from its beginning to its end."""
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece


def _opened(folder: Folder, name: str) -> FileIO | None:
    """The file of this name, made when missing; None if it is not for us alone."""
    try:
        with suppress(FileExistsError):
            folder.open(name, "xb").close()
        file = folder.open(name, "r+b")
    except OSError:
        return None
    if locked(file) and _is_under(folder, name, file) and os.fstat(file.fileno()).st_nlink == 1:
        return file
    file.close()
    return None


def _is_under(folder: Folder, name: str, file: FileIO) -> bool:
    """Whether a plain file still has its name: whoever had the lock may have published or removed it."""
    status = os.fstat(file.fileno())
    try:
        return S_ISREG(status.st_mode) and os.path.samestat(status, folder.status(name))
    except FileNotFoundError:
        return False
