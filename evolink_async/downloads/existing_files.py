"""Result files that earlier runs saved: which of them are still what was saved, and which were saved unrecorded.

`SavedFile` in `jobs` holds what a journal knows of a file. Except for `has_files` and `find_named`, all of this reads
whole files. To which job a file belongs is in `file_owners`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

import attrs

from ..jobs import Completed, SavedFile
from ..regular_file import open_regular
from .folder import Folder
from .names import SUFFIXES, UNKNOWN_SUFFIX, Name, numbered
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


def find_same(
    folder: Folder, spellings: Iterable[tuple[str, str]], same: SavedFile, since: float
) -> tuple[SavedFile, ...]:
    """Find files with the bytes of a result, as an earlier run published them before it died.

    Names and dates prove nothing: two keys can differ only in characters that names cannot hold, and the user may have
    files of any name.

    Args:
        folder: Where to look.
        spellings: Stems and suffixes that the file may have; numbered names are looked for too.
        same: Size and digest of the result.
        since: Unix seconds when the task ended; older files are of something else.
    """
    names = (name for stem, suffix in spellings for name in _taken_names(folder, stem, suffix))
    return tuple([file for name in names if (file := _same(folder, name, same, since - CLOCK_SLACK))])


def find_named(folder: Folder, name: Name, since: float) -> Path | None:
    """Find a file that has the name of a result and may be that result; nothing more is known of it.

    Args:
        folder: Where to look.
        name: The name that the file of the job would get.
        since: Unix seconds when the task ended; older files are of something else.
    """
    for suffix in (*SUFFIXES.values(), UNKNOWN_SUFFIX) if name.suffix is None else (name.suffix,):
        # Not the spare name: nothing but the task tells which result it is.
        for stem, own_suffix in [*name.spellings(suffix)][:-1]:
            with suppress(OSError, ValueError):
                status = folder.status(stem + own_suffix)
                if S_ISREG(status.st_mode) and status.st_size and status.st_mtime >= since - CLOCK_SLACK:
                    return folder.path / (stem + own_suffix)
    return None


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


def _taken_names(folder: Folder, stem: str, suffix: str) -> Iterator[str]:
    """Yield the name and those with numbers behind it, up to the first that is free."""
    for ordinal in count(1):
        name = numbered(stem, suffix, ordinal)
        try:
            folder.status(name)
        # ValueError: this process cannot write the name in its own encoding.
        except (OSError, ValueError):
            return
        yield name


def _same(folder: Folder, name: str, same: SavedFile, since: float) -> SavedFile | None:
    # A file that cannot be read is nothing that could be used.
    with suppress(OSError, ValueError), folder.open(name) as file:
        status = os.fstat(file.fileno())
        may_be_it = S_ISREG(status.st_mode) and status.st_size == same.size_bytes and status.st_mtime >= since
        if may_be_it and _digest(file) == same.sha256:
            return SavedFile(folder.path / name, status.st_size, same.sha256, status.st_mtime_ns)
    return None


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    for piece in read_pieces(file):
        digest.update(piece)
    return digest.hexdigest()
