"""Checking the media of parameters before anything is uploaded or paid for.

How files are measured is in `measured_file` and `remote_media`, and the check itself in `media_check`. Nothing is
uploaded here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
import attrs

from ..downloads import ResultReader
from ..errors import InvalidValue
from ..media import LocalMedia, MediaFacts, UnreadableError
from ..params import AnyParams, NamedFile, P, Params, local_media, with_media
from .measured_file import MeasuredFile, measure_file
from .media_check import Measured, MediaPlace, check_media, judge, media_places
from .remote_media import measure_remote

T = TypeVar("T")


class Preflight:
    """Measures the media that parameters name, each once, and checks them against the rules of the model.

    Args:
        remembered: How many files, and how many URLs, stay measured. After that the oldest is measured again.
        threads: How many files are measured at once. More would mostly wait for the same disk.
    """

    def __init__(self, *, remembered: int = 10_000, threads: int = 2) -> None:
        self._remembered = remembered
        self._files: OrderedDict[str | Path, MeasuredFile] = OrderedDict()
        self._links: OrderedDict[str | Path, Measured | None] = OrderedDict()
        # A lock exists as long as a task holds it or waits for it.
        self._locks: WeakValueDictionary[str | Path, anyio.Lock] = WeakValueDictionary()
        self._limiter = anyio.CapacityLimiter(threads)

    async def with_digests(self, params: P) -> P:
        """Return the parameters with the digest of every local file, so that equal content makes equal jobs.

        A file that many jobs name is read once, until it changes. Cancelling is safe at any time.

        Raises:
            PreflightError: Files are missing, unreadable, or break the rules of the model; the error lists all of them.
        """
        if not isinstance(params, Params) or not local_media(params):
            return params
        measured = await self._measure_files(media_places(params))
        check_media(params, _findings(measured))
        known = {local: one for local, one in measured.items() if isinstance(one, MeasuredFile)}
        return with_media(params, {local: attrs.evolve(local, sha256=one.sha256) for local, one in known.items()})

    async def faults(self, files: Sequence[NamedFile]) -> Sequence[InvalidValue]:
        """Return what is wrong with files of a body that is invalid anyway, each by itself.

        Args:
            files: As `files_of_body` of `evolink_async.params` returns them.
        """
        return judge(files, _findings(await self._measure_files(files)))[1]

    async def remote(self, params: AnyParams, result_reader: ResultReader) -> Mapping[str, MediaFacts]:
        """Check local files and URLs, the latter by the first MiB of what they lead to.

        What the first bytes do not show is not checked. A host that cannot be reached from here is no error, as the
        service may reach it.

        Args:
            params: What names the files and URLs.
            result_reader: Reads the URLs, as `ResultReader(HttpOptions())` of `evolink_async.downloads`. The caller
                closes it.

        Returns:
            The facts by place in the wire body, as in `video_urls[0]`, for all media of which something is known.

        Raises:
            PreflightError: See `with_digests`; also if a URL is not served, or leads to what the model does not take.
        """
        if not isinstance(params, Params):
            return {}
        findings = _findings(await self._measure_files(media_places(params)))
        links = {place.media for place in media_places(params) if isinstance(place.media, str)}
        async with anyio.create_task_group() as group:
            for link in links:
                group.start_soon(self._measure_link, link, result_reader, findings)
        return check_media(params, findings)

    def facts(self, local: LocalMedia) -> MediaFacts | None:
        """Return what was measured of a file; None if it was not measured, or is no longer remembered."""
        known = self._files.get(local.path)
        return known.facts if known is not None and local.sha256 in (None, known.sha256) else None

    def facts_of(self, params: AnyParams) -> Mapping[str, MediaFacts]:
        """Return what was measured of the local files of parameters, by place in the wire body."""
        if not isinstance(params, Params):
            return {}
        local = [(place.path, place.media) for place in media_places(params) if isinstance(place.media, LocalMedia)]
        return {path: facts for path, media in local if (facts := self.facts(media)) is not None}

    async def _measure_files(
        self, found: Iterable[MediaPlace | NamedFile]
    ) -> dict[LocalMedia, MeasuredFile | UnreadableError]:
        # A file in two places with different limits is hashed if one of them takes it.
        limits: dict[LocalMedia, int] = {}
        for place in found:
            if isinstance(place.media, LocalMedia):
                limits[place.media] = max(place.rule.max_bytes, limits.get(place.media, 0))
        measured: dict[LocalMedia, MeasuredFile | UnreadableError] = {}
        async with anyio.create_task_group() as group:
            for local, max_bytes in limits.items():
                group.start_soon(self._measure_file, local, max_bytes, measured)
        return measured

    async def _measure_file(
        self, local: LocalMedia, max_bytes: int, measured: dict[LocalMedia, MeasuredFile | UnreadableError]
    ) -> None:
        path = local.path
        async with self._lock(path):
            try:
                # A read that is abandoned changes nothing: its result is stored below, and only if it was awaited.
                measured[local] = file = await anyio.to_thread.run_sync(
                    measure_file, path, max_bytes, self._files.get(path), limiter=self._limiter, abandon_on_cancel=True
                )
            except UnreadableError as error:
                # Not remembered: a missing file may be there when the next job names it.
                measured[local] = error
                return
            self._remember(self._files, path, file)

    async def _measure_link(
        self, link: str, result_reader: ResultReader, findings: dict[str | LocalMedia, Measured]
    ) -> None:
        async with self._lock(link):
            if link in self._links:
                finding = self._links[link]
            else:
                finding = await measure_remote(link, result_reader, self._limiter)
                self._remember(self._links, link, finding)
        if finding is not None:
            findings[link] = finding

    def _lock(self, media: str | Path) -> anyio.Lock:
        """Return the lock under which a file or URL is measured. After waiting for it, the result is remembered."""
        return self._locks.setdefault(media, anyio.Lock())

    def _remember(self, memory: OrderedDict[str | Path, T], media: str | Path, finding: T) -> None:
        memory[media] = finding
        memory.move_to_end(media)
        while len(memory) > self._remembered:
            memory.popitem(last=False)


def _findings(measured: Mapping[LocalMedia, MeasuredFile | UnreadableError]) -> dict[str | LocalMedia, Measured]:
    return {local: one.facts if isinstance(one, MeasuredFile) else one for local, one in measured.items()}
