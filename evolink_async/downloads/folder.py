"""The folder that results are saved in.

It is opened once: a symbolic link planted in it, or put in its place later, leads nowhere else. Nothing in it is ever
replaced, and only part files of this library are removed. All of this blocks for some microseconds. What is written
into a file is in `part_file`.
"""

from __future__ import annotations

import os
import re
import sys
import uuid
import weakref
from contextlib import suppress
from errno import EILSEQ, EINVAL, ENAMETOOLONG
from io import FileIO
from itertools import count
from pathlib import Path
from stat import S_ISREG

from ..errors import ConfigurationError
from ..regular_file import NO_WAITING
from .file_lock import try_lock
from .names import Name, numbered
from .templates import Exactly

# Windows cannot open a file relative to an open folder. There the folder is addressed by its path.
HAS_DIR_FD = {os.open, os.link, os.stat, os.unlink} <= os.supports_dir_fd
"""Whether files can be opened relative to an open folder."""
OPEN_FLAGS = getattr(os, "O_NOFOLLOW", 0) | NO_WAITING
"""Flags for `os.open`: symbolic links are not followed, and opening a pipe does not wait."""
OWN_FILES = re.compile(r"\.[0-9a-f]{32}(-[0-9a-f]{8})?\.(part|mark)")
"""Names of part files and version files."""
STALE_SECONDS = 86400.0
"""Age after which an unchanged part file is useless: result links work for 24 hours."""

# What file systems say of a name that they cannot hold: too long, or with a character that their encoding lacks.
_UNUSABLE = (EILSEQ, EINVAL, ENAMETOOLONG)


class _UnusableNameError(OSError):
    """The file system cannot hold a file of this name; Python raises a UnicodeEncodeError, which is no `OSError`."""


class Folder:
    """A folder that is held open as long as this object lives.

    Args:
        path: Made when missing; may itself be a symbolic link.

    Attributes:
        path: As given.

    Raises:
        ConfigurationError: It cannot be made or written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        # The next ordinal to try for each name: a batch of equal names would else try thousands of taken ones.
        self._next: dict[tuple[str, str], int] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
            if HAS_DIR_FD:
                self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
                weakref.finalize(self, os.close, self._fd)
            # Only writing shows it: quotas, read-only mounts and ACLs are not in the permission bits.
            trial = f".{uuid.uuid4().hex}.part"
            self.open(trial, "xb").close()
            self.remove(trial)
        # ValueError: the path holds a null byte.
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"cannot write to the folder {str(path)!r}: {reason}") from None

    def open(self, name: str, mode: str = "rb") -> FileIO:
        """Open a file of the folder without a buffer. The modes are those of the built-in `open`."""

        def opener(path: str, flags: int) -> int:
            return os.open(path, flags | OPEN_FLAGS, 0o666, dir_fd=self._fd)

        return FileIO(self._at(name), mode, opener=opener)

    def _at(self, name: str) -> str:
        return name if self._fd is not None else str(self.path / name)

    def status(self, name: str) -> os.stat_result:
        """Return the status of a name itself; a symbolic link is not followed."""
        return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        with suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._fd)

    def publish(self, part: str, name: Name, suffix: str) -> Path:
        """Give a complete file its name, or the next free one.

        A name that the file system cannot hold is replaced by the next of `Name.spellings`: the file is paid for.

        Args:
            part: The name that the file has now.
            name: The name to give.
            suffix: Used if the name has no suffix of its own.

        Returns:
            The path under which the file was saved.
        """
        spellings = [*name.spellings(suffix)]
        for stem, own_suffix in spellings[:-1]:
            with suppress(_UnusableNameError):
                return self._publish_as(part, stem, own_suffix)
        return self._publish_as(part, *spellings[-1])

    def _publish_as(self, part: str, stem: str, suffix: str) -> Path:
        """Give a file this name, or the next free one."""
        first = self._next.get((stem, suffix), 1)
        for ordinal in count(first):
            chosen = numbered(stem, suffix, ordinal)
            try:
                self._move(part, chosen)
            except FileExistsError:
                continue
            except (OSError, ValueError) as error:
                if isinstance(error, ValueError) or error.errno in _UNUSABLE:
                    raise _UnusableNameError(EILSEQ, f"the file system takes no file named {chosen!a}") from None
                raise
            if ordinal > 1:
                self._next[stem, suffix] = ordinal + 1
            return self.path / chosen
        raise AssertionError("unreachable")

    def _move(self, part: str, name: str) -> None:
        old, new = self._at(part), self._at(name)
        # Not on every platform can `os.link` be kept from following symbolic links.
        follow = os.link not in os.supports_follow_symlinks
        try:
            # A hard link fails if the name is taken. A rename would replace the file of that name.
            os.link(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=follow)
        except FileExistsError:
            raise
        except OSError:
            # A file system without hard links: take the name with an empty file, then replace that file.
            self.open(name, "xb").close()
            try:
                os.replace(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            except OSError:
                self.remove(name)
                raise

    def sweep(self, now: float) -> None:
        """Remove part files of dead processes that were not written to for `STALE_SECONDS`.

        Args:
            now: Unix seconds.
        """
        names: list[str] = []
        # Cleaning up is optional: a folder that cannot be listed, or a file that vanishes, must not fail a download.
        with suppress(OSError):
            names = os.listdir(self.path if self._fd is None else self._fd)  # noqa: PTH208  # by its descriptor
        for name in filter(OWN_FILES.fullmatch, names):
            with suppress(OSError):
                status = self.status(name)
                if S_ISREG(status.st_mode) and status.st_mtime < now - STALE_SECONDS:
                    self._remove_unused(name)

    def _remove_unused(self, name: str) -> None:
        with self.open(name, "r+b") as file:
            if try_lock(file):
                self.remove(name)
        # Windows has no lock here, but it refuses to remove a file that is open.
        if sys.platform == "win32":
            self.remove(name)


def place_of(path: str | os.PathLike[str]) -> tuple[Path, Exactly | None]:
    """Split a path into its folder and the file name in it.

    Returns:
        The folder and the name. The name is None if the path is a folder, or ends with a slash.

    Raises:
        ConfigurationError: The path is empty or holds a null byte.
    """
    text = os.fspath(path)
    if not text or "\0" in text:
        raise ConfigurationError(f"{text!r} is no path; give a folder, with a slash at its end, or a file's name")
    place = Path(text)
    if text.endswith((os.sep, os.altsep or os.sep)) or place.is_dir():
        return place, None
    return place.parent, Exactly.of(place.name)
