"""All outcomes of a pool on their way to the one stream that tells them: read from the journal, and watched for.

The journal is the queue: an outcome that was not marked as told is read again, by this or a later process. The stream
itself is in `streams`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from ..concurrency import Channel, Limiter, wait_shielded
from ..downloads import has_files
from ..errors import ConfigurationError, EvolinkError, JournalClaimError, JournalError
from ..jobs import Accepted, Completed, Failed, JobState, Outcome
from ..journal import Untold, end_of
from ..polling import WatchedTask
from ..settings import Limits
from ..task import Snapshot
from .conclusion import conclude, failure_of
from .engine import Engine
from .watched_jobs import WatchedJobs
from .work import Save

PAGE = 100
"""Outcomes that are read from the journal together, and that are kept ready at most."""
LENT = 10
"""Outcomes of a shared journal that are lent to one stream at most: others tell the rest meanwhile."""
LEASE_PAUSE = 0.5
"""Seconds between two tries of a stream whose process has lost its lease."""
NOT_RECORDED = 0
"""Stands for the number of an outcome that no journal holds, because its job was not sent."""


class OutcomeFeed:
    """Brings the outcomes of all jobs of a pool, whoever asked for them, in the order in which they can be told.

    While it is started, accepted jobs are watched, also those of an earlier process.

    Args:
        engine: The pool's parts.
        save: Fetches the files of a completed job before it is told.
    """

    def __init__(self, engine: Engine, save: Save | None) -> None:
        self._engine = engine
        self._save = save
        self._ready: Channel[Untold] = Channel()
        self._room = Limiter(LENT if engine.journal.is_shared else PAGE)
        self._watcher = self._heard  # one object for all jobs: see `Watchlist`
        self._watched = WatchedJobs()
        # Their jobs stay accepted in a shared journal, and are told once by this stream, not after each lease.
        self._given_up: set[str] = set()
        # In the order in which they began.
        self._under_way: dict[asyncio.Task[Any], None] = {}
        self._failure: BaseException | None = None
        self._was_started = False
        self._abandoned: asyncio.Task[None] | None = None
        self._has_left = False
        self.is_closed: bool = False

    def start(self) -> None:
        """Begin to read and to watch, once.

        Raises:
            ConfigurationError: The pool is closed, belongs to another event loop, or has another such stream open.
        """
        self._engine.check_loop()
        if self._was_started:
            return
        self._engine.check()
        if any(isinstance(work, OutcomeFeed) for work in self._engine.runs):
            raise ConfigurationError("another stream of all outcomes is open; a pool has one at a time")
        self._was_started = True
        self._engine.runs[self] = None
        # Before the journal is read: what is accepted meanwhile is watched twice at most, which costs nothing.
        self._engine.ends.on_said = self._said
        self._engine.submitter.on_accepted = self._watch
        self._begin(self._take_up())
        self._begin(self._read())

    @property
    def is_open(self) -> bool:
        """Whether it was started and not closed."""
        return self in self._engine.runs

    async def next(self) -> Untold:
        """Return the next outcome. It is told again by a later process until `mark_told`."""
        return await self._ready.get()

    async def mark_told(self, told: Untold) -> None:
        """Record durably that an outcome was told, and make room for another one."""
        if told.number != NOT_RECORDED:
            with suppress(JournalClaimError):  # this process stood still, and another one tells it again
                await self._engine.journal.mark_told((told.number,))
            self._engine.rebuys.taken(told.outcome)
            self._room.release()

    async def _take_up(self) -> None:
        """Watch what an earlier process, or this one, has left accepted; in a shared journal also what others leave."""
        while True:
            began = time.monotonic()
            await self._take_up_all()
            if self._engine.claims is None:
                return
            # A tenth of the time at most, however many jobs there are.
            await asyncio.sleep(max(self._engine.journal.lease_seconds, 10 * (time.monotonic() - began)))

    async def _take_up_all(self) -> None:
        states: tuple[JobState] = ("accepted",)
        after = ""
        while page := await self._engine.journal.jobs(states, after, PAGE):
            for job in await self._own([job for job in page if isinstance(job, Accepted)]):
                self._watch(job)
            after = page[-1].key

    async def _own(self, jobs: list[Accepted]) -> list[Accepted]:
        """Return the jobs that are to be watched here: in a shared journal those that nobody has."""
        claims = self._engine.claims
        if claims is None:
            return jobs
        watched = self._engine.tasks
        unwatched = [job for job in jobs if job.task_id not in watched and job.task_id not in self._given_up]
        mine = await claims.take([job.key for job in unwatched])
        found = [job for job in unwatched if job.key in mine]
        for job in found:
            claims.accepted(job)
        return found

    def _watch(self, accepted: Accepted) -> None:
        if self.is_closed:
            return
        entry = self._engine.task_waits.follow(accepted.task_id, self._watcher, accepted=accepted)
        if not self._watched.add(entry, accepted.key):
            self._engine.tasks.unwatch(entry, self._watcher)  # it is watched already, and one watcher is enough

    def _heard(self, entry: WatchedTask, seen: Snapshot | EvolinkError) -> None:
        if isinstance(seen, EvolinkError):
            self._given_up.add(entry.task_id)
        if isinstance(seen, EvolinkError) or seen.is_final:
            keys = self._watched.pop(entry)
            self._engine.tasks.unwatch(entry, self._watcher)
            for key in dict.fromkeys(keys):
                outcome = conclude(key, entry, seen, self._engine.rebuys.earlier_tasks(key))
                self._begin(self._engine.ends.conclude(outcome, seen))

    async def _read(self) -> None:
        """Read the journal whenever it may have more outcomes that were not told, and as many as there is room for."""
        journal, after, room = self._engine.journal, 0, self._room
        while True:
            await room.acquire()  # for the first one
            count = journal.ends.count
            try:
                page = await journal.take_untold(after, room.total - room.used + 1)
            except JournalClaimError:  # this process stood still; its next heartbeat begins a new lease
                room.release()
                await asyncio.sleep(LEASE_PAUSE)
                continue
            for number, untold in enumerate(page):
                if number:
                    await room.acquire()
                after = untold.number
                self._hand_over(untold)
            if not page:
                room.release()
                await journal.ends.wait_past(count)

    def _hand_over(self, untold: Untold) -> None:
        outcome = untold.outcome
        if self._save is not None and isinstance(outcome, Completed) and not has_files(outcome):
            self._begin(self._hand_over_saved(untold.number, outcome, self._save))
        else:
            self._ready.put(untold)

    async def _hand_over_saved(self, number: int, completed: Completed, save: Save) -> None:
        self._ready.put(Untold(number, await save(completed)))

    def _said(self, outcome: Outcome) -> None:
        """Tell a job that has failed without an end in the journal, as one that was refused: it is told once."""
        if isinstance(outcome, Failed) and end_of(outcome) is None:
            self._ready.put(Untold(NOT_RECORDED, outcome))

    def _begin(self, act: Coroutine[None, None, Any]) -> None:
        task = asyncio.create_task(act, name="evolink_async outcomes")
        self._under_way[task] = None
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        del self._under_way[task]
        if (error := failure_of(task, is_stopped=self.is_closed)) is not None:
            self.stop(error)

    # --- as one of the works of an engine

    @property
    def waiting(self) -> int:
        """Jobs read and not yet submitted: none."""
        return 0

    def retune(self, limits: Limits) -> None:
        """Go on: downloads keep to the limits of the pool."""

    def stop(self, error: BaseException | None) -> None:
        """Let the reader come to its end."""
        self._ready.finish(error)
        self.shut(error)
        if self in self._engine.runs:
            self._engine.runs.pop(self, None)
            self._engine.ends.on_said = _ignore
            self._engine.submitter.on_accepted = _ignore

    def shut(self, error: BaseException | None = None) -> None:
        """Watch and read nothing more.

        Args:
            error: What a caller gets who still reads.
        """
        self.is_closed = True
        self._failure = error
        for entry in self._watched:
            self._watched.pop(entry)
            self._engine.tasks.unwatch(entry, self._watcher)

    def abandon(self) -> None:
        """Close without waiting, for a stream that was dropped."""
        self._abandoned = asyncio.create_task(self.aclose(), name="evolink_async abandoned stream")

    async def aclose(self, error: BaseException | None = None) -> None:
        """Shut, and forget what was not taken: it is told by the next stream."""
        self.shut(error)
        pending = list(self._under_way)
        for task in pending:
            task.cancel()
        try:
            if pending:
                await asyncio.wait(pending)
        finally:
            self._ready.clear()
            try:
                if self._engine.journal.is_shared and self._was_started and not self._has_left:
                    self._has_left = True
                    # To its end: what stayed lent would be told to nobody while this pool is open.
                    await wait_shielded(asyncio.create_task(self._leave(), name="evolink_async outcomes"))
            finally:
                self.stop(error)

    async def _leave(self) -> None:
        with suppress(JournalError):  # then the journal does it at its next heartbeat
            await self._engine.journal.leave_untold()


def _ignore(_: object) -> None:
    """Nobody listens."""
