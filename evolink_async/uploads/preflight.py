"""Files checked against what the model takes, before anything is uploaded or paid for.

What is wrong with a file is decided in `media`, what it is found out in `probe`; nothing is sent here.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TypeAlias, TypeVar, cast
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
import attrs

from ..downloads import ResultReader
from ..errors import DownloadError, InvalidValue, LinkExpiredError, PreflightError
from ..media import LocalMedia, MediaFacts, MediaRule, UnreadableError, measure, media_faults, opened, places
from ..params import AnyParams, P, Params, local_media, with_media

_FIRST_BYTES = 1 << 20
"""How much of a file elsewhere is read: a film made for the web has its index there."""

T = TypeVar("T")

Identity: TypeAlias = tuple[int, int, int]
Finding: TypeAlias = MediaFacts | UnreadableError


@attrs.frozen
class Measured:
    """What a file of this machine was when it was read.

    Attributes:
        identity: Its length, the time of its last change and its number: while they stay, so does the rest.
        facts: What it is.
        sha256: The digest of its bytes; None if it is longer than the model takes.
    """

    identity: Identity
    facts: MediaFacts
    sha256: str | None


@attrs.frozen
class _Place:
    """A place of a wire body where media stand, and what may stand there."""

    path: str
    rule: MediaRule
    media: str | LocalMedia


class Preflight:
    """Measures the files that parameters name, each once, and judges them by the rules of their model.

    Args:
        remembered: How many files it keeps in mind; one forgotten is measured again.
        threads: How many it reads at once.
    """

    def __init__(self, *, remembered: int = 10_000, threads: int = 2) -> None:
        self._remembered = remembered
        self._files: OrderedDict[str | Path, Measured] = OrderedDict()
        self._links: OrderedDict[str | Path, Finding | None] = OrderedDict()
        self._turns: WeakValueDictionary[str | Path, anyio.Lock] = WeakValueDictionary()
        self._limiter = anyio.CapacityLimiter(threads)

    async def with_digests(self, params: P) -> P:
        """Return the parameters with the digest of every local file, so that equal content makes equal jobs.

        A file is read once, however many jobs name it, until it changes. May be cancelled at any time.

        Raises:
            PreflightError: Files are missing, unreadable, or break the rules of the model; all of them are named.
        """
        if not isinstance(params, Params) or not local_media(params):
            return params
        found = await self._measure(params)
        _judge(params, _findings(found))
        known = {local: one for local, one in found.items() if isinstance(one, Measured)}
        return with_media(params, {local: attrs.evolve(local, sha256=one.sha256) for local, one in known.items()})

    async def remote(self, params: AnyParams, result_reader: ResultReader) -> Mapping[str, MediaFacts]:
        """Judge what stands behind URLs too, by the first mebibyte of each, and return what became known of everything.

        What the first bytes do not tell is no fault, and neither is a host that does not answer us: the service may
        reach it, or not.

        Args:
            params: What names the files and URLs.
            result_reader: Reads them, as `ResultReader(HttpOptions())` of `evolink_async.downloads`; close it yourself.

        Returns:
            The facts by place in the wire body, as in `video_urls[0]`.

        Raises:
            PreflightError: As for `with_digests`; or a link is dead, or leads to what the model does not take.
        """
        if not isinstance(params, Params):
            return {}
        found = _findings(await self._measure(params))
        links = {place.media for place in _places(params) if isinstance(place.media, str)}
        async with anyio.create_task_group() as group:
            for link in links:
                group.start_soon(self._fetch, link, result_reader, found)
        return _judge(params, found)

    def facts(self, local: LocalMedia) -> MediaFacts | None:
        """Return what was measured of a file; None if it was not, or so long ago that it is forgotten."""
        known = self._files.get(local.path)
        return known.facts if known is not None and local.sha256 in (None, known.sha256) else None

    def facts_of(self, params: AnyParams) -> Mapping[str, MediaFacts]:
        """Return what was measured of the local files of parameters, by place in the wire body."""
        if not isinstance(params, Params):
            return {}
        local = [(place.path, place.media) for place in _places(params) if isinstance(place.media, LocalMedia)]
        return {path: facts for path, media in local if (facts := self.facts(media)) is not None}

    async def _measure(self, params: Params) -> dict[LocalMedia, Measured | UnreadableError]:
        limits: dict[LocalMedia, int] = {}
        for place in _places(params):
            if isinstance(place.media, LocalMedia):
                limits[place.media] = max(place.rule.max_bytes, limits.get(place.media, 0))
        found: dict[LocalMedia, Measured | UnreadableError] = {}
        async with anyio.create_task_group() as group:
            for local, most_bytes in limits.items():
                group.start_soon(self._read, local, most_bytes, found)
        return found

    async def _read(
        self, local: LocalMedia, most_bytes: int, found: dict[LocalMedia, Measured | UnreadableError]
    ) -> None:
        path = local.path
        async with self._turn(path):
            try:
                found[local] = with_digests = await anyio.to_thread.run_sync(
                    _measured, path, most_bytes, self._files.get(path), limiter=self._limiter, abandon_on_cancel=True
                )
            except UnreadableError as error:
                found[local] = error
                return
            self._remember(self._files, path, with_digests)

    async def _fetch(self, link: str, result_reader: ResultReader, found: dict[str | LocalMedia, Finding]) -> None:
        async with self._turn(link):
            if link in self._links:
                finding = self._links[link]
            else:
                finding = await self._told_by_first_bytes(link, result_reader)
                self._remember(self._links, link, finding)
        if finding is not None:
            found[link] = finding

    async def _told_by_first_bytes(self, link: str, result_reader: ResultReader) -> Finding | None:
        try:
            first, size_bytes = await _first_bytes(link, result_reader)
            look = partial(measure, BytesIO(first), size_bytes=size_bytes)
            return await anyio.to_thread.run_sync(look, limiter=self._limiter, abandon_on_cancel=True)
        except LinkExpiredError:
            return UnreadableError("is not served: its host answers 403, 404 or 410")
        except DownloadError:
            return None
        except UnreadableError as error:
            return error

    def _turn(self, what: str | Path) -> anyio.Lock:
        """One look at a thing at a time; whoever waits finds it known."""
        return self._turns.setdefault(what, anyio.Lock())

    def _remember(self, memory: OrderedDict[str | Path, T], what: str | Path, finding: T) -> None:
        memory[what] = finding
        memory.move_to_end(what)
        while len(memory) > self._remembered:
            memory.popitem(last=False)


def billed_input_seconds(params: AnyParams, facts: Mapping[str, MediaFacts]) -> float | None:
    """Return the seconds of input that are billed on top of the output; None if the model or a length is not known.

    Args:
        params: What to make.
        facts: What is known of its files, as `Preflight.facts_of` or `Preflight.remote` return it.
    """
    count = cast("Callable[[Sequence[float]], float] | None", getattr(params, "billed_input_seconds", None))
    if count is None:
        return None
    clips = [place.path for place in _places(cast("Params", params)) if place.rule.kind == "video"]
    lengths = [facts[path].seconds if path in facts else None for path in clips]
    known = [seconds for seconds in lengths if seconds is not None]
    return count(known) if len(known) == len(lengths) else None


def _places(params: Params) -> Iterator[_Place]:
    for field in params.media_fields:
        for path, media in places(getattr(params, field.name), field.path):
            yield _Place(path, cast("MediaRule", field.media), media)


def _findings(found: Mapping[LocalMedia, Measured | UnreadableError]) -> dict[str | LocalMedia, Finding]:
    return {local: one.facts if isinstance(one, Measured) else one for local, one in found.items()}


def _judge(params: Params, found: Mapping[str | LocalMedia, Finding]) -> Mapping[str, MediaFacts]:
    """Return the facts by place, if there is nothing wrong with them."""
    facts: dict[str, MediaFacts] = {}
    faults: list[InvalidValue] = []
    for place in _places(params):
        finding = found.get(place.media)
        name = f"{place.media.path} " if isinstance(place.media, LocalMedia) else ""
        if isinstance(finding, UnreadableError):
            faults.append(InvalidValue(place.path, f"{name}{finding}"))
        elif finding is not None:
            facts[place.path] = finding
            wrong = media_faults(place.rule, finding, place.path)
            faults += [InvalidValue(fault.path, f"{name}{fault.what}") for fault in wrong]
    faults += params.between_media(facts)
    if faults:
        raise PreflightError(faults, model=params.model)
    return facts


def _measured(path: Path, most_bytes: int, known: Measured | None) -> Measured:
    """Read a file, unless it is known and unchanged. Blocking.

    Raises:
        UnreadableError: As `measure` does; or the file changes while it is read.
    """
    with opened(path) as file:
        identity = _identity(os.fstat(file.fileno()))
        wants_digest = identity[0] <= most_bytes
        if known is not None and known.identity == identity and (known.sha256 or not wants_digest):
            return known
        facts = measure(file)
        digest = None
        if wants_digest:
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if _identity(os.fstat(file.fileno())) != identity:
            raise UnreadableError("changes while it is read")
        return Measured(identity, facts, digest)


def _identity(found: os.stat_result) -> Identity:
    return found.st_size, found.st_mtime_ns, found.st_ino


async def _first_bytes(link: str, result_reader: ResultReader) -> tuple[bytes, int]:
    """Read the beginning of a file elsewhere, and how long it is: longer than what was read, if nobody says."""
    first = bytearray()
    async with result_reader.open(link) as remote:
        async for piece in remote.pieces:
            first += piece
            if len(first) >= _FIRST_BYTES:
                return bytes(first), len(first) + 1 if remote.size_bytes is None else remote.size_bytes
    return bytes(first), len(first)
