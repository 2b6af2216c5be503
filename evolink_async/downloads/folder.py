"""The folder that results are saved in: opened once, so that no link planted in it, or above it later, leads elsewhere.

Nothing in it is ever replaced, and nothing removed but parts of our own. All of this blocks, for some microseconds;
what goes into a file is the business of `part`.
"""

from __future__ import annotations

import os
import re
import sys
import uuid
import weakref
from contextlib import suppress
from io import FileIO
from itertools import count
from pathlib import Path
from stat import S_ISREG

from ..errors import ConfigurationError
from ..regular_file import NO_WAITING
from .names import Exactly, Name, numbered

HAS_DIR_FD = {os.open, os.link, os.stat, os.unlink} <= os.supports_dir_fd
"""Whether a file can be named beside an open folder. On Windows it cannot: there the folder goes by its path."""
FLAGS = getattr(os, "O_NOFOLLOW", 0) | NO_WAITING
"""No link is followed, no pipe is waited for."""
OURS = re.compile(r"\.[0-9a-f]{32}(-[0-9a-f]{8})?\.(part|mark)")
STALE = 86400.0
"""Seconds after which a part that nobody wrote to is of no use: its link has expired."""


class Folder:
    """A folder, held open as long as this object lives.

    Args:
        path: Made when missing; may itself be a symbolic link.

    Raises:
        ConfigurationError: It cannot be made or written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._next: dict[tuple[str, str], int] = {}  # ordinals of names that are taken: not to try thousands each time
        try:
            path.mkdir(parents=True, exist_ok=True)
            if HAS_DIR_FD:
                self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
                weakref.finalize(self, os.close, self._fd)
            trial = f".{uuid.uuid4().hex}.part"
            self.open(trial, "xb").close()
            self.remove(trial)
        except (OSError, ValueError) as error:  # ValueError: a path that holds what none may hold
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"cannot write to the folder {str(path)!r}: {reason}") from None

    def open(self, name: str, mode: str = "rb") -> FileIO:
        """Open a file, without a buffer. The modes are those of the built-in `open`."""

        def opener(path: str, flags: int) -> int:
            return os.open(path, flags | FLAGS, 0o666, dir_fd=self._fd)

        return FileIO(self._at(name), mode, opener=opener)

    def _at(self, name: str) -> str:
        return name if self._fd is not None else str(self.path / name)

    def status(self, name: str) -> os.stat_result:
        """What is under a name itself, not where it may lead."""
        return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Remove a file of our own, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._fd)

    def publish(self, part: str, name: Name, suffix: str) -> Path:
        """Give a whole file its name, or the next free one: a link never replaces anything, a rename would."""
        suffix = suffix if name.suffix is None else name.suffix
        first = self._next.get((name.stem, suffix), 1)
        for ordinal in count(first):
            chosen = numbered(name.stem, suffix, ordinal)
            try:
                self._move(part, chosen)
            except FileExistsError:
                continue
            if ordinal > 1:
                self._next[name.stem, suffix] = ordinal + 1
            return self.path / chosen
        raise AssertionError("unreachable")

    def _move(self, part: str, name: str) -> None:
        old, new = self._at(part), self._at(name)
        follow = os.link not in os.supports_follow_symlinks  # where it can be told not to, it is
        try:
            os.link(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=follow)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: take the name first, then put the file there
            self.open(name, "xb").close()
            try:
                os.replace(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            except OSError:
                self.remove(name)
                raise

    def sweep(self, now: float) -> None:
        """Remove parts that nobody wrote to for `STALE` seconds before `now`, in Unix time; nothing else."""
        names: list[str] = []
        with suppress(OSError):  # what cannot be read is not swept
            names = os.listdir(self.path if self._fd is None else self._fd)  # noqa: PTH208  # by its descriptor
        for name in filter(OURS.fullmatch, names):
            with suppress(OSError):  # another run was faster
                status = self.status(name)
                if S_ISREG(status.st_mode) and status.st_mtime < now - STALE:
                    self._remove_unused(name)

    def _remove_unused(self, name: str) -> None:
        with self.open(name, "r+b") as file:
            if locked(file):
                self.remove(name)
        if sys.platform == "win32":  # where a file in use is not removed
            self.remove(name)


def locked(file: FileIO) -> bool:
    """Take the lock of a file, which dies with the process; False if another has it, or the system has no such lock."""
    if sys.platform == "win32":
        return False
    import fcntl

    with suppress(OSError):
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def place_of(path: str | os.PathLike[str]) -> tuple[Path, Exactly | None]:
    """The folder that a path means, and the name in it; no name when the path itself is a folder, or ends like one.

    Raises:
        ConfigurationError: It is no path.
    """
    text = os.fspath(path)
    if not text or "\0" in text:
        raise ConfigurationError(f"{text!r} is no path; give a folder, with a slash at its end, or a file's name")
    place = Path(text)
    if text.endswith((os.sep, os.altsep or os.sep)) or place.is_dir():
        return place, None
    return place.parent, Exactly.of(place.name)
