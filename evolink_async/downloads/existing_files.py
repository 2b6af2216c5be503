"""Files of earlier runs: which of them are still what was saved. All of this reads whole files, so it blocks.

What a journal remembers of them is in `SavedFile`.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from io import FileIO
from stat import S_ISREG

import attrs

from ..jobs import Completed, SavedFile
from .folder import Folder
from .names import SUFFIXES, UNKNOWN_SUFFIX, Name
from .part_file import pieces_of

CLOCK_SLACK = 2.0
"""Seconds by which a file system may date a file too early: FAT counts in twos."""


def is_untouched(file: SavedFile) -> bool:
    """Whether a file is still there, and looks as if nobody had written to it: size and time are the same."""
    try:
        status = file.path.stat()
    except OSError:
        return False
    is_same = file.size_bytes is None or (file.size_bytes, file.mtime_ns) == (status.st_size, status.st_mtime_ns)
    return S_ISREG(status.st_mode) and is_same


def has_files(completed: Completed) -> bool:
    """Whether every result of a job is saved, and still is where and as it was saved."""
    return len(completed.saved) == len(completed.urls) and all(map(is_untouched, completed.saved))


def kept(completed: Completed) -> tuple[SavedFile | None, ...]:
    """The files of a job that are still what was saved, one place a link."""
    if len(completed.saved) != len(completed.urls):
        return (None,) * len(completed.urls)
    return tuple(map(_as_saved, completed.saved))


def _as_saved(file: SavedFile) -> SavedFile | None:
    """A file as it is now, if its bytes are those that were saved: whoever copies a file may change its time."""
    if is_untouched(file):
        return file
    with suppress(OSError), FileIO(file.path) as opened:
        if os.fstat(opened.fileno()).st_size == file.size_bytes and _digest(opened) == file.sha256:
            return attrs.evolve(file, mtime_ns=os.fstat(opened.fileno()).st_mtime_ns)
    return None


def _digest(file: FileIO) -> str:
    digest = hashlib.sha256()
    for piece in pieces_of(file):
        digest.update(piece)
    return digest.hexdigest()


def found(folder: Folder, names: tuple[Name, ...], since: float) -> tuple[SavedFile | None, ...]:
    """The files that an earlier run published, and died before any journal heard of it."""
    if len(set(names)) < len(names):
        return (None,) * len(names)
    return tuple([_found(folder, name, since - CLOCK_SLACK) for name in names])


def _found(folder: Folder, name: Name, since: float) -> SavedFile | None:
    """The file of this name: whole, as publishing is, and younger than its task's end."""
    for suffix in (*SUFFIXES.values(), UNKNOWN_SUFFIX) if name.suffix is None else (name.suffix,):
        with suppress(OSError), folder.open(name.stem + suffix) as file:
            status = os.fstat(file.fileno())
            if S_ISREG(status.st_mode) and status.st_size and status.st_mtime >= since:
                path = folder.path / (name.stem + suffix)
                return SavedFile(path, status.st_size, _digest(file), status.st_mtime_ns)
    return None
