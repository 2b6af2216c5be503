"""The parts of an open pool and their common life: sessions, permits, journal, submitter, poller.

What a caller sees is in `pool` and `streams`. The engine's background work is one asyncio task of its own, so that
nothing of it is tied to the caller's cancel scopes.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Hashable
from typing import TypeAlias

import attrs

from ..budget import BudgetQueue
from ..client import AnySession, Session
from ..concurrency import Channel, Limiter
from ..downloads import ResultReader
from ..errors import ConfigurationError, EvolinkError, JournalError
from ..events import Emit
from ..jobs import Accepted, Completed, Failed, Timing, Unknown
from ..journal import Journal, Known
from ..polling import Account, Poller, WatchedTask, Watcher, Watchlist, status_answered
from ..settings import Cadence, Limits
from ..submitting import SendLoop, Submitter
from ..task import Snapshot, TaskState
from ..uploads import LocalFiles, Uploads
from .conclusion import closed, conclude, outcome_of
from .ends import Ends
from .stats import Stats
from .work import Work

Ended: TypeAlias = tuple[WatchedTask, Snapshot | EvolinkError]


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
        cadence: How often tasks are polled.
        requests: Permits for HTTP calls to the API.
        in_flight, downloads: Permits for jobs of runs alive at the service, and for files being fetched.
        poller: Polls the tasks that are watched.
        budget_queue: Where jobs wait for credits.
        send_loop: Sends submissions.
        submitter: Keeps one submission for each key.
        emit: Told what happens.
        ends: What the ends of jobs change.
        runs: What goes on until the engine is closed.
        channels: Streams of snapshots that are open.
    """

    sessions: tuple[Session, ...]
    result_reader: ResultReader
    uploads: Uploads
    local_files: LocalFiles
    journal: Journal
    limits: Limits
    cadence: Cadence
    requests: Limiter
    in_flight: Limiter
    downloads: Limiter
    poller: Poller
    budget_queue: BudgetQueue
    send_loop: SendLoop
    submitter: Submitter
    emit: Emit | None
    ends: Ends
    runs: set[Work] = attrs.field(init=False, factory=set["Work"])
    channels: set[Channel[Snapshot]] = attrs.field(init=False, factory=set[Channel[Snapshot]])
    _waiters: dict[asyncio.Future[Ended], str] = attrs.field(init=False, factory=dict[asyncio.Future[Ended], str])
    _loop: asyncio.AbstractEventLoop = attrs.field(init=False, factory=asyncio.get_running_loop)
    _closed: bool = attrs.field(init=False, default=False)
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
        self.uploads.limiter.resize(limits.uploads)
        self.send_loop.retune(limits.submits)
        for run in self.runs:
            run.retune(limits)

    def check(self) -> None:
        """Refuse to be used after closing, or from another event loop.

        Raises:
            ConfigurationError: It is.
        """
        self.check_loop()
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

    def _account(self, accepted: Accepted | None) -> Account:
        """The session that made a task, or all of them in turn when nobody remembers."""
        owner = next((s for s in self.sessions if accepted and s.fingerprint == accepted.session), None)
        return owner or (self.sessions[0] if len(self.sessions) == 1 else AnySession(self.sessions))

    async def account(self, task_id: str) -> Account:
        """The session that made a task, as the journal knows it."""
        try:
            owner = await self._owner(task_id)
        except JournalError:
            owner = None  # looking is worth more than knowing where
        return self._account(_accepted(owner))

    async def _owner(self, task_id: str) -> Known | None:
        return (await self.journal.owner((task_id,))).get(task_id)

    def follow(
        self,
        task_id: str,
        watcher: Watcher,
        *,
        duration_class: Hashable = None,
        accepted: Accepted | None = None,
        account: Account | None = None,
    ) -> WatchedTask:
        """Watch a task: by the schedule if it was accepted just now, else it is polled at once.

        What an earlier process accepted may have ended long ago; its age, by a clock that can be wrong, plans nothing.
        """
        age = max(0.0, time.time() - accepted.accepted_at) if accepted else math.inf
        is_new = age < self.cadence.first_look
        return self.tasks.watch(
            task_id,
            account or self._account(accepted),
            watcher,
            # How long a task still runs when it is taken up says nothing of how long it runs in all.
            duration_class=duration_class if is_new else (duration_class, "taken up"),
            age=age if is_new else 0.0,
            accepted_at=accepted.accepted_at if accepted else None,
            estimated=accepted.snapshot.estimated_seconds if accepted else None,
            credits_reserved=accepted.credits_reserved if accepted else None,
            within=None if is_new else 0.0,
        )

    async def wait(self, task_id: str, timeout: float | None, duration_class: Hashable) -> Completed | Failed | None:
        """How a task ends, from the journal or by polls; None when `timeout` seconds were not enough."""
        owner = await self._owner(task_id)
        if owner is None and (ended_before := (await self.journal.outcome((task_id,))).get(task_id)) is not None:
            return ended_before
        accepted = _accepted(owner)
        if duration_class is None and accepted is not None:
            duration_class = (accepted.snapshot.model, None, None)
        ended = await self._end_of(task_id, accepted, timeout, duration_class)
        if ended is None:
            return None
        # Asked again: the reply to its submit may have come after us.
        owner = await self._owner(task_id) or owner
        outcome = await self.ends.recorded(ended[1], task_id) or conclude(
            owner.standing.key if owner else task_id, *ended
        )
        await self.ends.conclude(outcome, ended[1])
        self.journal.taken(outcome)
        return outcome

    async def _end_of(
        self, task_id: str, accepted: Accepted | None, timeout: float | None, duration_class: Hashable
    ) -> Ended | None:
        """How the watching of a task ends; None when time was up, and the task still running at a last poll."""
        if self._closed:  # while the journal was read
            raise closed(task_id)
        waiter: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

        def heard(entry: WatchedTask, seen: Snapshot | EvolinkError) -> None:
            if (isinstance(seen, EvolinkError) or seen.is_final) and not waiter.done():
                waiter.set_result((entry, seen))

        entry = self.follow(task_id, heard, duration_class=duration_class, accepted=accepted)
        self._waiters[waiter] = task_id
        try:
            await asyncio.wait([waiter], timeout=timeout)
            if not waiter.done():
                await self.last_poll(entry)
            return waiter.result() if waiter.done() else None
        finally:
            del self._waiters[waiter]
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # closing told it, and the last poll too
            self.tasks.unwatch(entry, heard)

    async def last_poll(self, entry: WatchedTask) -> None:
        """Poll a task when somebody's time is up, as the last planned poll may have been long before."""
        answer: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

        def then(seen: Snapshot | EvolinkError) -> None:
            if not answer.done():
                answer.set_result((entry, seen))

        if not self.tasks.look(entry, then):
            return
        self._waiters[answer] = entry.task_id
        try:
            await answer
        finally:
            del self._waiters[answer]

    def stats(self) -> Stats:
        """Figures of this moment."""
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
            refused_for_load=self.send_loop.refused + self.poller.refused,
            lag_p50=self.tasks.lags.at(0.5),
            lag_p95=self.tasks.lags.at(0.95),
            pressure=self.tasks.pressure,
            submits_limit=self.send_loop.limits.limit,
            credits_reserved=self.tasks.credits_reserved,
            credits_used=self.ends.credits_used,
            requests=self.requests.used,
            requests_peak=self.requests.peak,
            in_flight_peak=self.in_flight.peak,
            uploading=self.uploads.limiter.used,
            downloading=self.downloads.used,
        )

    async def poll(self, task_id: str) -> Snapshot | EvolinkError:
        """Look at a task once, now."""
        at = time.time()
        async with self.requests:
            seen = await (await self.account(task_id)).poll(task_id)
        if self.emit is not None:
            self.emit(status_answered(at, time.time() - at, [task_id], seen))
        if isinstance(seen, Snapshot) and seen.is_final:
            await self.noticed(seen)
        return seen

    async def noticed(self, seen: Snapshot) -> None:
        """Conclude a job whose end the caller sees with his own eyes, in a look or a watch."""
        if self._closed:  # and so is the journal: the next pool finds the end again
            return
        owner = await self._owner(seen.task_id)
        if owner is None or not seen.is_final or (seen.state == TaskState.COMPLETED and not seen.urls):
            return
        accepted = _accepted(owner)
        accepted_at = accepted.accepted_at if accepted is not None else None
        timing = Timing(accepted_at=accepted_at, finished_at=time.time(), looks=1, lag=0.0)
        outcome = outcome_of(owner.standing.key, seen.task_id, seen, timing)
        await self.ends.conclude(outcome, seen)
        self.journal.taken(outcome)

    def _stopped(self, background: asyncio.Task[None]) -> None:
        """Tell everybody who waits that nothing will come any more."""
        crash = None if background.cancelled() else background.exception()
        for waiter, task_id in self._waiters.items():
            if not waiter.done():
                waiter.set_exception(crash or closed(task_id))
        error = crash or closed()
        for channel in list(self.channels):
            channel.finish(error)
        for run in list(self.runs):
            run.stop(error)

    def stop_buying(self) -> None:
        """Begin nothing new, from this moment on."""
        self._closed = True
        self.send_loop.is_closing = True
        for run in list(self.runs):
            run.shut(closed())

    async def aclose(self) -> None:
        """Stop reading and submitting, let what is on its way tell its task id, then close every connection."""
        self.stop_buying()
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
        await self.journal.aclose()
        if not self._background.cancelled() and (crash := self._background.exception()) is not None:
            raise crash


def _accepted(owner: Known | None) -> Accepted | None:
    return owner.standing if owner is not None and isinstance(owner.standing, Accepted) else None
