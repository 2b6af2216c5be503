"""A result file that is not complete yet, under a hidden name that the next run finds.

After `kill -9` only the bytes that were not written yet are downloaded again. All of this blocks. No host is asked
here: see `transfer`.
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
from typing import BinaryIO, Self

from ..jobs import SavedFile
from .file_lock import try_lock
from .folder import Folder
from .names import Name
from .part_version import VersionFile

PIECE_BYTES = 1 << 18
"""Bytes read at once when a file is hashed."""


class PartFile:
    """The bytes of one result so far.

    Leaving its context removes the part file; a published file keeps its name.

    Args:
        folder: Where the part file is, and where the complete file will be.
        label: 32 hex digits that name the same result in every run.

    Attributes:
        size_bytes: Bytes that are downloaded and hashed.
        version: The host's version of these bytes, as a text; None if no part of that version could be asked for.
        has_earlier_bytes: Whether a process that died left bytes for `resume`.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(self, folder: Folder, label: str) -> None:
        self.size_bytes: int = 0
        self.version: str | None = None
        self._folder = folder
        self._hash = hashlib.sha256()
        self._name = f".{label}.part"
        self._version_file: VersionFile | None = VersionFile(folder, f".{label}.mark")
        file = _open_exclusive(folder, self._name)
        if file is None:
            # Another process writes to this part file. Waiting for it could take hours, so both download the result,
            # and this one does so under a random name, which no later run resumes.
            self._name = f".{label}-{uuid.uuid4().hex[:8]}.part"
            self._version_file = None
            file = folder.open(self._name, "x+b")
        self._file = file
        # One byte is not worth resuming: `resume` gives up the last byte.
        self.has_earlier_bytes: bool = file.seek(0, os.SEEK_END) > 1

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far, in hex."""
        return self._hash.hexdigest()

    def resume(self, not_before: float) -> None:
        """Continue with the bytes that a process that died left; without a readable version this does nothing.

        Args:
            not_before: Unix seconds when the machine started. Bytes written earlier may not have reached the disk,
                although the file has its full length.
        """
        status = os.fstat(self._file.fileno())
        version = None
        if self._version_file is not None and status.st_mtime >= not_before:
            version = self._version_file.read()
        if version is None:
            return
        # The last byte is requested again. Of a complete part file nothing would be left to request, and a host
        # answers an empty range with an error.
        self._file.truncate(status.st_size - 1)
        for piece in read_pieces(self._file):
            self._hash.update(piece)
        self.size_bytes, self.version = status.st_size - 1, version

    def reset(self, version: str | None) -> None:
        """Remove all bytes; those written from now on are of this version."""
        # The old version goes before the old bytes, and the new one comes after: at no moment stands a version
        # beside bytes of another one.
        self._remove_version()
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.size_bytes, self.version = hashlib.sha256(), 0, version
        if self._version_file is not None:
            self._version_file.write(version)

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append bytes."""
        for piece in pieces:
            # The file has no buffer, and a raw write may take only a part of what it is given.
            left = memoryview(piece)
            while left:
                left = left[self._file.write(left) :]
            self._hash.update(piece)
            self.size_bytes += len(piece)

    def first_bytes(self, count: int) -> bytes:
        """Return the first bytes."""
        return self.bytes_at(0, count)

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Return so many bytes from an offset on; fewer at the end."""
        self._file.seek(offset)
        found = self._file.read(count)
        self._file.seek(0, os.SEEK_END)
        return found

    def publish(self, name: Name, suffix: str) -> SavedFile:
        """Flush the bytes to the disk and give the file its name, or the next free one.

        Args:
            name: The name to give.
            suffix: Used if the name has no suffix of its own.
        """
        # A name must never stand for bytes that a power cut can still take away.
        os.fsync(self._file.fileno())
        path = self._folder.publish(self._name, name, suffix)
        self._remove_version()
        status = os.fstat(self._file.fileno())
        return SavedFile(path, size_bytes=status.st_size, sha256=self.sha256, mtime_ns=status.st_mtime_ns)

    def _remove_version(self) -> None:
        if self._version_file is not None:
            self._version_file.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What cannot be removed now is resumed, or swept, by another run.
        with suppress(OSError):
            # Publishing by a rename frees the name, and another process may have made its own part file under it.
            if _has_name(self._file, folder=self._folder, name=self._name):
                self._remove_version()
                self._folder.remove(self._name)
        self._file.close()
        # Windows removes no open file.
        if sys.platform == "win32":
            self._folder.remove(self._name)


def read_pieces(file: BinaryIO) -> Iterator[bytes]:
    """Read a file from its beginning to its end."""
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece


def _open_exclusive(folder: Folder, name: str) -> FileIO | None:
    """Open and lock a file, which is made when missing; None if this process cannot have it for itself."""
    try:
        with suppress(FileExistsError):
            folder.open(name, "xb").close()
        file = folder.open(name, "r+b")
    except OSError:
        return None
    # 1. Without a lock, another process may be writing.
    # 2. The process that had the lock before may have published or removed the file since it was opened here.
    # 3. A second hard link is a published file, which belongs to the user now.
    if try_lock(file) and _has_name(file, folder=folder, name=name) and os.fstat(file.fileno()).st_nlink == 1:
        return file
    file.close()
    return None


def _has_name(file: FileIO, *, folder: Folder, name: str) -> bool:
    """Whether the name still leads to this open file, and the file is a regular one."""
    status = os.fstat(file.fileno())
    try:
        return S_ISREG(status.st_mode) and os.path.samestat(status, folder.status(name))
    except FileNotFoundError:
        return False
