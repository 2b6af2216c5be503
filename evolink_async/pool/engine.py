"""The parts of an open pool and their common life: sessions, permits, journal, submitter, poller.

What a caller sees is in `session_pool` and `streams`. The engine's background work is one asyncio task of its own, so
that nothing of it is tied to the caller's cancel scopes.
"""

from __future__ import annotations

import asyncio
import copy
import time
from pathlib import Path
from typing import cast

import attrs

from ..budget import BudgetQueue
from ..client import PriceCatalogue, Session, Trouble
from ..concurrency import Channel, Limiter
from ..downloads import Published, ResultReader
from ..errors import ConfigurationError
from ..events import Emit
from ..jobs import Completed, Failed, Unknown
from ..journal import Journal
from ..polling import Poller, Watchlist
from ..purchases import ExpectedCalls
from ..settings import Limits
from ..submitting import FactExchange, JobClaims, SendLoop, Submitter
from ..task import Snapshot
from ..uploads import LocalFiles, Uploads
from .conclusion import closed, died
from .ends import Ends
from .rebuys import Rebuys
from .stats import Stats
from .task_waits import TaskWaits
from .work import Work


@attrs.define(kw_only=True, eq=False)
class Engine:
    """Everything an open pool works with, made in `assembly`.

    Attributes:
        sessions: One for each API key.
        result_reader: Reads result files.
        uploads: Uploads files.
        local_files: Measures and uploads the files that jobs name.
        journal: Where jobs are written down.
        limits: How much may go on at once.
        requests: Permits for HTTP calls to the API.
        in_flight, downloads: Permits for jobs of runs alive at the service, and for files being fetched.
        poller: Polls the tasks that are watched.
        budget_queue: Where jobs wait for credits.
        catalogue: What the service says of its prices.
        send_loop: Sends submissions.
        claims: The jobs that the pool has in a journal that others share; None for other journals.
        facts: What the pool tells others that share its journal, and hears from them; None for other journals.
        submitter: Keeps one submission for each key.
        emit: Told what happens.
        ends: What the ends of jobs change.
        rebuys: Jobs that are bought anew.
        task_waits: Everybody who waits for a task by its id.
        calls: The tasks that the service calls back for.
        published: Result files that are saved and not recorded yet.
        runs: What goes on until the engine is closed, in the order in which it began.
        channels: Streams of snapshots that are open.
        stopped: Set when nothing new is begun any more.
    """

    sessions: tuple[Session, ...]
    result_reader: ResultReader
    uploads: Uploads
    local_files: LocalFiles
    journal: Journal
    limits: Limits
    requests: Limiter
    in_flight: Limiter
    downloads: Limiter
    poller: Poller
    budget_queue: BudgetQueue
    catalogue: PriceCatalogue
    send_loop: SendLoop
    claims: JobClaims | None
    facts: FactExchange | None
    submitter: Submitter
    emit: Emit | None
    ends: Ends
    rebuys: Rebuys
    task_waits: TaskWaits
    calls: ExpectedCalls
    published: Published = attrs.field(init=False, factory=dict[Path, tuple[str, int]])
    runs: dict[Work, None] = attrs.field(init=False, factory=dict["Work", None])
    channels: set[Channel[Snapshot]] = attrs.field(init=False, factory=set[Channel[Snapshot]])
    stopped: asyncio.Event = attrs.field(init=False, factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = attrs.field(init=False, factory=asyncio.get_running_loop)
    _closed: bool = attrs.field(init=False, default=False)
    _death: ConfigurationError | None = attrs.field(init=False, default=None)
    _background: asyncio.Task[None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._background = asyncio.create_task(self.poller.run(), name="evolink_async poller")
        self._background.add_done_callback(self._stopped)

    @property
    def tasks(self) -> Watchlist:
        """The tasks that are watched."""
        return self.poller.tasks

    def retune(self, limits: Limits) -> None:
        """Change how much may go on at once; what goes on already is not cut short."""
        self.limits = limits
        self.requests.resize(limits.requests)
        self.in_flight.resize(limits.in_flight)
        self.downloads.resize(limits.downloads)
        self.uploads.retune(limits.uploads)
        self.send_loop.retune(limits.submits, limits.submits_per_minute)
        for run in self.runs:
            run.retune(limits)

    def check(self) -> None:
        """Refuse to be used after closing, or from another event loop.

        Raises:
            ConfigurationError: It is.
        """
        self.check_loop()
        if self._death is not None:
            raise copy.copy(self._death) from self._death.__cause__
        if self._closed:
            raise closed()

    def check_loop(self) -> None:
        """Refuse to be used from another event loop than the one that opened it.

        Raises:
            ConfigurationError: It is.
        """
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is not self._loop:
            raise ConfigurationError("the pool belongs to another event loop; open one pool in each loop")

    def stats(self) -> Stats:
        """Return the figures of this moment."""
        balance = self.budget_queue.balance
        return Stats(
            waiting=sum(run.waiting for run in self.runs),
            submitting=self.send_loop.limits.used,
            in_flight=len(self.tasks),
            completed=self.ends.counts[Completed],
            failed=self.ends.counts[Failed],
            unknown=self.ends.counts[Unknown],
            submits=self.send_loop.sends,
            looks=self.poller.polls,
            status_requests=self.poller.requests_sent,
            faults=self.send_loop.faults + self.poller.faults,
            unrecorded=self.send_loop.record.failures,
            refused_for_load=self.send_loop.refused + self.poller.refused,
            lag_p50=self.tasks.lags.at(0.5),
            lag_p95=self.tasks.lags.at(0.95),
            pressure=self.tasks.pressure,
            submits_limit=self.send_loop.limits.limit,
            credits_reserved=sum(task.credits_reserved for task in self.tasks),
            credits_used=self.ends.credits_used,
            credits_left=balance.left if balance is not None else None,
            credits_held=balance.held if balance is not None else None,
            credits_spent=balance.spent if balance is not None else None,
            requests=self.requests.used,
            requests_peak=self.requests.peak,
            in_flight_peak=self.in_flight.peak,
            uploading=self.uploads.limiter.used,
            downloading=self.downloads.used,
            seconds_left=left.seconds if (left := self.poller.time_left()) is not None else None,
            seconds_each=left.each if left is not None else None,
            trouble=_by_wall_clock(self.send_loop.brake.trouble or self.uploads.trouble),
        )

    def _stopped(self, background: asyncio.Task[None]) -> None:
        """Tell everybody who waits that nothing will come any more."""
        crash = _crash_of(background)
        if not self._closed:
            # Without polls no end would ever be seen, so nothing more is bought.
            self._death = died(crash)
            self.stop_buying()
        error = crash or self._death or closed()
        self.task_waits.stop(error)
        for channel in list(self.channels):
            channel.finish(error)
        for run in list(self.runs):
            run.stop(error)

    def stop_buying(self) -> None:
        """Begin nothing new, from this moment on."""
        self._closed = True
        self.stopped.set()
        self.send_loop.is_closing = True
        self.task_waits.shut()
        for run in list(self.runs):
            run.shut(self._death or closed())

    async def aclose(self) -> None:
        """Stop reading and submitting, let what is on its way tell its task id, then close every connection.

        Not safe to cancel: `lifetime` runs it in a task of its own, and waits for it shielded.

        Raises:
            BaseException: What ended the poller before, if anything did; all connections are closed by then.
        """
        self.stop_buying()
        self.journal.hurry()
        for run in list(self.runs):
            await run.aclose(closed())
        await self.submitter.aclose()
        await self.uploads.aclose()
        self._background.cancel()
        await asyncio.wait([self._background])
        for session in self.sessions:
            await session.aclose()
        await self.result_reader.aclose()
        await self.ends.aclose()
        await self.budget_queue.aclose()
        if self.facts is not None:
            await self.facts.aclose()
        if self.claims is not None:
            await self.claims.aclose()
        await self.journal.aclose()
        if (crash := _crash_of(self._background)) is not None:
            raise crash


def _crash_of(task: asyncio.Task[None]) -> BaseException | None:
    """What first ended a task, without the groups that task groups put around it."""
    crash: BaseException | None = None if task.cancelled() else task.exception()
    while isinstance(crash, BaseExceptionGroup):
        crash = cast("BaseExceptionGroup[BaseException]", crash).exceptions[0]
    return crash


def _by_wall_clock(trouble: Trouble | None) -> Trouble | None:
    """Return what is known of trouble, with a time that people can read."""
    return trouble and attrs.evolve(trouble, until=time.time() + trouble.until - time.monotonic())
