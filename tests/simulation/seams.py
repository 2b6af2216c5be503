"""Every place where the simulation reaches into the library; a rebuild of the core changes this file and no other.

Elsewhere only public names are used: `SessionPool` and its methods, jobs, outcomes, errors, events, settings.
"""

from __future__ import annotations

import inspect
import random
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread

from evolink_async.client import ApiKey, FirstByte, HttpOptions, Transport
from evolink_async.concurrency import Channel, Signal
from evolink_async.errors import JournalError
from evolink_async.journal import MemoryJournal, sqlite
from evolink_async.journal.file import JournalFile
from evolink_async.journal.file_errors import journal_error
from evolink_async.pool import assembly
from evolink_async.pool.run import Run
from evolink_async.wire import Request, RequestKind, Response
from tests.simulation.dice import Dice
from tests.simulation.journal import Disk, Witness
from tests.simulation.loop import Clock
from tests.simulation.trace import Trace

__all__ = (
    "END_WRITES",
    "FirstByte",
    "Request",
    "RequestKind",
    "Response",
    "file_journal",
    "key",
    "memory_journal",
    "open_journal",
    "simulated",
)

T = TypeVar("T")

END_WRITES = ("ended",)
"""Methods of a journal that make the end of a job durable."""
KEPT_IN_SETS = (Run, Channel)
"""Classes whose objects the pool keeps in sets. By default their order there follows from addresses in memory."""
CLOCKS = {time.time: "wall", time.monotonic: "monotonic"}


@contextmanager
def simulated(clock: Clock, salt: int, transport: Callable[..., Transport], disk: Callable[[], Disk]) -> Iterator[None]:
    """Let the library work on virtual time and in memory.

    Args:
        clock: Answers `time.time` and `time.monotonic`.
        salt: Seeds `random`, from which back-off takes its jitter.
        transport: Makes the transport of the API key with this ordinal.
        disk: Returns the disk of the process that lives now.
    """
    ids, hashes = count(1), count(1)
    replaced: list[tuple[Any, str, Any]] = [
        (time, "time", clock.wall),
        (time, "monotonic", clock.monotonic),
        (secrets, "token_hex", lambda size: f"{next(ids):0{2 * size}x}"),
        (anyio.to_thread, "run_sync", _run_inline),
        (assembly, "AiohttpTransport", lambda _origin, key, **_options: transport(ordinal(key))),
        (assembly, "ResultReader", NoResults),
        (sqlite, "Writer", lambda path: _Writer(path, disk())),
    ]
    saved = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    dice = random.getstate()
    for owner, name, value in replaced:
        setattr(owner, name, value)
    for kind in KEPT_IN_SETS:
        kind.__hash__ = _numbered(hashes)  # type: ignore[method-assign, assignment]
    # `clock=time.monotonic` in a signature was bound when the library was imported; patching `time` does not reach it.
    restore = _with_clock(clock)
    random.seed(salt)
    try:
        yield
    finally:
        random.setstate(dice)
        restore()
        for kind in KEPT_IN_SETS:
            kind.__hash__ = object.__hash__  # type: ignore[method-assign]
        for owner, name, value in saved:
            setattr(owner, name, value)


def key(number: int) -> str:
    """Return the API key with this ordinal."""
    return f"sk-{number}"


def ordinal(api_key: ApiKey) -> int:
    """Return which API key it is."""
    return int(api_key.authorization().rpartition("-")[2])


def memory_journal() -> Any:
    """Make a journal that lives as long as the process."""
    return MemoryJournal()


def open_journal(inner: Any, trace: Trace, clock: Clock, dice: Dice | None, late_reads: Dice | None) -> Any:
    """Return a journal that notes in the trace what it has written."""
    return Witness(inner, trace, clock, dice, late_reads)


def file_journal(path: Path) -> Any:
    """Make the library's journal in a file. Within `simulated` it writes without a thread, at the pace of a `Disk`."""
    return sqlite.SqliteJournal(path)


class NoResults:
    """Takes the place of what reads result files: histories save none."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options

    async def aclose(self) -> None:
        """Nothing is open."""


class _Writer:
    """Takes the place of `journal.writer.Writer`: the same file and the same commits, without its thread."""

    def __init__(self, path: str, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._file: JournalFile | None = None
        self.epoch = 0

    async def open(self) -> None:
        self._file = JournalFile.open(self._path)
        self.epoch = self._file.epoch
        # The file is in memory; the journal's promise to wait for the disk is kept by `Disk`.
        self._file._connection.execute("PRAGMA synchronous = OFF")
        self._disk.on_unplugged(self._close)

    async def write(self, change: Callable[[Any], T], then: Signal | None = None) -> T:
        file = self._file
        if self._disk.is_dead or file is None:
            raise JournalError(f"the journal {self._path!r} is closed")
        made: list[T] = []
        failed: list[JournalError] = []

        def commit() -> None:
            try:
                made.extend(file.commit([change]))
            except Exception as error:  # noqa: BLE001  # as the writer does
                failed.append(journal_error(error, self._path))
            if then is not None and not self._disk.is_dead:
                then.fire()

        await self._disk.write(commit)
        if failed:
            raise failed[0]
        return made[0]

    async def aclose(self) -> None:
        self._disk.flush()
        self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


async def _run_inline(act: Callable[..., T], *args: Any, **_: Any) -> T:
    return act(*args)


def _numbered(hashes: Iterator[int]) -> Callable[[Any], int]:
    def of(instance: Any) -> int:
        kept: int | None = instance.__dict__.get("_ordinal_in_history")
        if kept is None:
            kept = instance.__dict__["_ordinal_in_history"] = next(hashes)
        return kept

    return of


def _with_clock(clock: Clock) -> Callable[[], None]:
    """Give the clock to every function that has a real one as a default; returns what undoes it."""
    saved = [(function, function.__defaults__, function.__kwdefaults__) for function in _with_clock_defaults()]
    for function, defaults, keywords in saved:
        function.__defaults__ = tuple(_replaced(value, clock) for value in defaults) if defaults else defaults
        if keywords:
            function.__kwdefaults__ = {name: _replaced(value, clock) for name, value in keywords.items()}

    def restore() -> None:
        for function, defaults, keywords in saved:
            function.__defaults__, function.__kwdefaults__ = defaults, keywords

    return restore


def _replaced(value: Any, clock: Clock) -> Any:
    word = CLOCKS.get(value) if callable(value) else None
    return getattr(clock, word) if word else value


@cache
def _with_clock_defaults() -> tuple[Any, ...]:
    found: list[Any] = []
    for name, module in list(sys.modules.items()):
        if not name.startswith("evolink_async"):
            continue
        for member in vars(module).values():
            owners = [member, *vars(member).values()] if inspect.isclass(member) else [member]
            found += [function for function in owners if inspect.isfunction(function) and _has_clock(function)]
    return tuple({id(function): function for function in found}.values())


def _has_clock(function: Any) -> bool:
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return any(value is real for value in values for real in CLOCKS)
