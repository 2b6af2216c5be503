"""Result files that earlier runs saved: which of them are still what was saved.

`SavedFile` in `jobs` holds what a journal knows of a file. Except for `has_files`, all of this reads whole files.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from stat import S_ISREG
from typing import BinaryIO

import attrs

from ..jobs import Completed, SavedFile
from ..regular_file import open_regular
from .folder import Folder
from .names import SUFFIXES, UNKNOWN_SUFFIX, Name
from .part_file import read_pieces

CLOCK_SLACK = 2.0
"""Seconds by which a file may be dated too early: FAT keeps times in steps of two seconds."""


def has_files(completed: Completed) -> bool:
    """Whether every result of a job is saved, and its file has the size and time that it was saved with.

    Blocks for one `stat` a file.
    """
    return len(completed.saved) == len(completed.urls) and all(map(_is_unchanged, completed.saved))


def unchanged_files(completed: Completed) -> tuple[SavedFile | None, ...]:
    """Return the saved files of a job that still hold the bytes that were saved.

    Returns:
        One entry for each link; None where the file is missing or changed.
    """
    if len(completed.saved) != len(completed.urls):
        return (None,) * len(completed.urls)
    return tuple(map(_unchanged, completed.saved))


def find_unrecorded(folder: Folder, names: tuple[Name, ...], since: float) -> tuple[SavedFile | None, ...]:
    """Find files that an earlier run published before it died, so that no journal recorded them.

    Args:
        folder: Where to look.
        names: The names that the files of the job would get.
        since: Unix seconds when the task ended; older files are of something else.

    Returns:
        One entry for each name; None where there is no such file.
    """
    # Links that share a name were published under the next free numbers, and nothing tells which is which.
    if len(set(names)) < len(names):
        return (None,) * len(names)
    return tuple([_find(folder, name, since - CLOCK_SLACK) for name in names])


def _is_unchanged(file: SavedFile) -> bool:
    """Whether a file has the size and time that it was saved with."""
    try:
        status = file.path.stat()
    # ValueError: this process cannot write the path in its own encoding, and an earlier one could.
    except (OSError, ValueError):
        return False
    # Rows of older journals hold the path alone; such a file counts while it exists.
    is_same = file.size_bytes is None or (file.size_bytes, file.mtime_ns) == (status.st_size, status.st_mtime_ns)
    return S_ISREG(status.st_mode) and is_same


def _unchanged(file: SavedFile) -> SavedFile | None:
    if _is_unchanged(file):
        return file
    # Copying, or restoring a backup, changes the time but not the bytes; hashing is cheaper than a download.
    with suppress(OSError), open_regular(file.path) as opened:
        if os.fstat(opened.fileno()).st_size == file.size_bytes and _digest(opened) == file.sha256:
            return attrs.evolve(file, mtime_ns=os.fstat(opened.fileno()).st_mtime_ns)
    return None


def _find(folder: Folder, name: Name, since: float) -> SavedFile | None:
    # Any file of the name is complete, since a name is given only to complete files.
    for suffix in (*SUFFIXES.values(), UNKNOWN_SUFFIX) if name.suffix is None else (name.suffix,):
        # Not the spare name: nothing but the task tells which result it is.
        for stem, own_suffix in [*name.spellings(suffix)][:-1]:
            with suppress(OSError, ValueError), folder.open(stem + own_suffix) as file:
                status = os.fstat(file.fileno())
                if S_ISREG(status.st_mode) and status.st_size and status.st_mtime >= since:
                    return SavedFile(
                        folder.path / (stem + own_suffix), status.st_size, _digest(file), status.st_mtime_ns
                    )
    return None


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    for piece in read_pieces(file):
        digest.update(piece)
    return digest.hexdigest()
