"""Saving results: whole or absent, under a name that cannot leave the folder, never over another file.

How bytes are read off a host is `fetch`'s business.
"""

from __future__ import annotations

import itertools
import os
import re
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import IO, TypeAlias
from urllib.parse import urlsplit

import anyio.to_thread
import attrs

from ..errors import ConfigurationError, DownloadError, EvolinkError, LinkExpiredError
from ..events import Downloaded, Emit
from ..fetch import Fetcher
from ..limits import RetryPolicy
from ..outcome import Completed
from ..permits import Permits
from ..task import Snapshot
from .transfer import Transfer, on_disk, unsaved

Look: TypeAlias = Callable[[str], Awaitable[Snapshot | EvolinkError]]

CLOCK_SLACK = 2.0
"""Seconds by which a file system may date a file too early: FAT counts in twos."""
SUFFIXES = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
}


class Downloads:
    """Saves the results of completed jobs in one folder.

    Args:
        folder: Made when missing.
        fetcher: Reads the links.
        permits: How many files are fetched at once.
        policy: How often, and when, a transfer that broke off is taken up again.
        look: Reads a task again, when its links have expired.
        max_bytes: Longest file saved.
        emit: Told of every file.

    Raises:
        ConfigurationError: The folder cannot be made or written to.
    """

    def __init__(
        self,
        folder: Path,
        fetcher: Fetcher,
        permits: Permits,
        *,
        policy: RetryPolicy,
        look: Look,
        max_bytes: int,
        emit: Emit | None = None,
    ) -> None:
        self._folder = folder
        self._fetcher = fetcher
        self._permits = permits
        self._policy = policy
        self._look = look
        self._max_bytes = max_bytes
        self._emit = emit
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ConfigurationError(f"cannot write to the folder {str(folder)!r}: {error.strerror or error}") from None

    async def save(self, completed: Completed) -> Completed:
        """Fetch every link of a job. What goes wrong is told in `download_error`; the links work on."""
        stem = file_stem(completed.key)
        stems = [stem] if len(completed.urls) == 1 else [f"{stem}-{n}" for n, _ in enumerate(completed.urls, 1)]
        if completed.resumed:  # the run that saved it may have died before the journal heard of that
            since = completed.timing.finished_at - CLOCK_SLACK
            found = await anyio.to_thread.run_sync(lambda: [_saved(self._folder, stem, since) for stem in stems])
            if all(found):
                return attrs.evolve(completed, files=tuple(path for path in found if path))
        files: list[Path] = []
        for number, stem in enumerate(stems):
            saved = await self._save_and_tell(completed.urls[number], stem, completed.key)
            if isinstance(saved, LinkExpiredError) and (fresh := await self._fresh_links(completed)) is not None:
                completed = fresh
                saved = await self._save_and_tell(completed.urls[number], stem, completed.key)
            if isinstance(saved, DownloadError):
                return attrs.evolve(completed, files=tuple(files), download_error=saved)
            files.append(saved)
        return attrs.evolve(completed, files=tuple(files))

    async def _fresh_links(self, completed: Completed) -> Completed | None:
        """Read the task again, as the service may hand out new links; None when it has no others."""
        seen = await self._look(completed.task_id)
        if not isinstance(seen, Snapshot) or len(seen.urls) != len(completed.urls) or seen.urls == completed.urls:
            return None
        return attrs.evolve(completed, urls=seen.urls, snapshot=seen)

    async def _save_and_tell(self, url: str, stem: str, key: str) -> Path | DownloadError:
        async with self._permits:
            at = time.time()
            try:
                saved: Path | DownloadError = await self._save_one(url, stem)
            except DownloadError as error:
                saved = error
        if self._emit is not None:
            self._emit(_downloaded(key, saved, at=at, seconds=time.time() - at))
        return saved

    async def _save_one(self, url: str, stem: str) -> Path:
        with _part_in(self._folder, url) as part:
            transfer = Transfer(url, part, max_bytes=self._max_bytes)
            await transfer.run(self._fetcher, self._policy)
            target = self._folder / (stem + _suffix(url, transfer.content_type))
            return await on_disk(lambda: _publish(Path(part.name), target), url)


@contextmanager
def _part_in(folder: Path, url: str) -> Generator[IO[bytes], None, None]:
    """A file under a name nobody looks for, gone at the end; whoever gave it a second name keeps that one.

    Not by `tempfile`: its files can be read by their owner only, whatever the umask says.
    """
    path = folder / f".{uuid.uuid4().hex}.part"
    try:
        part = path.open("xb")
    except OSError as error:
        raise unsaved(error, url) from None
    try:
        with part:
            yield part
    finally:
        path.unlink(missing_ok=True)


def _saved(folder: Path, stem: str, since: float) -> Path | None:
    """The file an earlier run published under this name: whole, as publishing is, and younger than its task's end."""
    for suffix in (*SUFFIXES.values(), ".bin"):
        path = folder / (stem + suffix)
        with suppress(OSError):
            status = path.stat()
            if S_ISREG(status.st_mode) and status.st_size and status.st_mtime >= since:
                return path
    return None


def _publish(part: Path, target: Path) -> Path:
    """Give a whole file its name, or the next free one: a link never replaces anything, a rename would."""
    for ordinal in itertools.count(1):
        name = target if ordinal == 1 else target.with_name(f"{target.stem}-{ordinal}{target.suffix}")
        try:
            _link(part, name)
        except FileExistsError:
            continue
        return name
    raise AssertionError("unreachable")


def _link(part: Path, name: Path) -> None:
    try:
        os.link(part, name)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: take the name first, then put the file there
        os.close(os.open(name, os.O_CREAT | os.O_EXCL))
        try:
            part.replace(name)
        except OSError:
            name.unlink(missing_ok=True)
            raise


def _suffix(url: str, content_type: str) -> str:
    named = PurePosixPath(urlsplit(url).path).suffix.lower()
    return SUFFIXES.get(content_type) or (named if named in SUFFIXES.values() else ".bin")


def file_stem(key: str) -> str:
    """A file name made of a job's key that means the same on Linux, macOS and Windows, and cannot leave its folder."""
    stem = re.sub(r"[^\w.-]+", "_", key).strip("._ ")
    while len(stem.encode()) > 120:
        stem = stem[:-1]
    reserved = re.fullmatch(r"(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(\..*)?", stem, re.IGNORECASE)
    return f"_{stem}" if reserved or not stem else stem


def _downloaded(key: str, saved: Path | DownloadError, *, at: float, seconds: float) -> Downloaded:
    if isinstance(saved, DownloadError):
        return Downloaded(at=at, seconds=seconds, key=key, error=saved)
    return Downloaded(at=at, seconds=seconds, key=key, path=str(saved), size_bytes=saved.stat().st_size)
