"""The async iterators that callers read: outcomes, links, snapshots.

A stream is the reading end of a queue. The work behind it belongs to the pool, so a stream holds no task group and no
cancel scope, and leaving one early is safe (an async generator that yields inside a cancel scope is not: PEP 789).
"""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from types import TracebackType
from typing import Generic, Self, TypeVar

from ..concurrency import Channel
from ..errors import EvolinkError, JournalError
from ..jobs import Accepted, Completed, Outcome
from ..journal import Untold
from ..polling import WatchedTask
from ..task import Snapshot
from .engine import Engine
from .job_waits import task_of
from .outcome_feed import OutcomeFeed
from .run import Run

T = TypeVar("T")


class Stream(Generic[T]):
    """An async iterator that can be closed early, by `aclose` or by leaving its context."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Stop reading."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class OutcomeStream(Stream[Outcome]):
    """The outcomes of `SessionPool.run`: one for each job, in the order the jobs end.

    Nothing is read or submitted before the first outcome is asked for, or the stream is entered. Closing stops reading
    the input and submitting; accepted tasks go on at the service, and `SessionPool.unfinished` names them. A stream
    that is dropped without being closed is closed by the event loop, with a `ResourceWarning`.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._done = False

    async def __anext__(self) -> Outcome:
        self._run.start()
        try:
            return await self._run.next()
        except (StopAsyncIteration, Exception):
            self._done = True
            raise

    async def __aenter__(self) -> Self:
        self._run.start()
        return self

    def drain(self) -> None:
        """Stop reading the input and submitting; go on to yield the outcomes of the jobs in flight.

        Jobs that were read and not yet sent come back as `Failed` with a `ConfigurationError`; they cost nothing.
        """
        self._run.drain()

    async def aclose(self) -> None:
        """Stop reading the input and submitting; drop the outcomes not taken yet."""
        self._done = True
        await self._run.aclose()

    def __del__(self) -> None:
        if self._done or not self._run.started or self._loop.is_closed():
            return
        # The caller has left the loop and wants no more videos: stop buying now, not when the pool closes. `__del__`
        # may run in any thread, so the loop is asked to do it.
        self._loop.call_soon_threadsafe(self._run.abandon)
        warnings.warn(
            f"{self!r} was dropped without aclose(); use `async with`",
            ResourceWarning,
            source=self,
            stacklevel=2,
        )


class AllOutcomes(Stream[Outcome]):
    """The outcomes of all jobs of a pool, told at least once; see `SessionPool.outcomes`.

    Read it in one task. It ends when it is closed; if the pool is closed before, it raises.
    """

    def __init__(self, feed: OutcomeFeed) -> None:
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._last: Untold | None = None

    async def __anext__(self) -> Outcome:
        self._feed.start()
        await self._mark_last()
        self._last = await self._feed.next()
        return self._last.outcome

    async def __aenter__(self) -> Self:
        self._feed.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._last = None  # what was being handled when something went wrong is told again
        await self.aclose()

    async def _mark_last(self) -> None:
        if self._last is None:
            return
        try:
            await self._feed.mark_told(self._last)
        except JournalError:
            # With its pool the journal is closed: a later process tells this outcome again.
            if not self._feed.is_closed:
                raise
        self._last = None

    async def aclose(self) -> None:
        """Stop watching and reading. The last outcome counts as told; those not taken are told by the next stream."""
        try:
            await self._mark_last()
        finally:
            await self._feed.aclose()

    def __del__(self) -> None:
        feed: OutcomeFeed | None = getattr(self, "_feed", None)
        if feed is None or not feed.is_open or self._loop.is_closed():
            return
        # `__del__` may run in any thread, so the loop is asked to do it. The last outcome stays untold.
        self._loop.call_soon_threadsafe(feed.abandon)
        warnings.warn(
            f"{self!r} was dropped without aclose(); use `async with`", ResourceWarning, source=self, stacklevel=2
        )


class UrlStream(Stream[str]):
    """The result links of a run, in the order its jobs complete; see `SessionPool.urls`."""

    def __init__(self, outcomes: OutcomeStream) -> None:
        self._outcomes = outcomes
        self._ready: deque[str] = deque()
        self._errors: list[Exception] = []

    async def __anext__(self) -> str:
        while not self._ready:
            try:
                outcome = await anext(self._outcomes)
            except Exception as end:
                errors, self._errors = self._errors, []
                if not errors:
                    raise
                text = f"{len(errors)} jobs brought no video"
                if isinstance(end, StopAsyncIteration):
                    raise ExceptionGroup(text, errors) from None
                # Those in doubt may have been paid for, and nothing else tells of them.
                raise ExceptionGroup(f"{text}, and then the run ended early", [*errors, end]) from None
            if isinstance(outcome, Completed):
                self._ready.extend(outcome.urls)
            else:
                self._errors.append(outcome.error)
        return self._ready.popleft()

    async def aclose(self) -> None:
        """Close the run; drop the links not taken yet."""
        await self._outcomes.aclose()


class SnapshotStream(Stream[Snapshot]):
    """The changes of state or progress of one task, or of the tasks of one job; see `SessionPool.watch`.

    A stream that is dropped, as by `break`, stops watching the task.
    """

    def __init__(self, engine: Engine, name: str, *, is_key: bool = False) -> None:
        self._engine = engine
        self._name = name
        self._is_key = is_key
        self._feed: _SnapshotFeed | None = None
        self._loop = asyncio.get_running_loop()

    async def __anext__(self) -> Snapshot:
        feed = self._feed or await self._begin()
        seen = await feed.news.get()
        if seen.is_final:
            try:
                await self._engine.task_waits.noticed(seen, feed.job)
            except BaseException:
                # As with a time-out for each snapshot: nothing tells the end again but the next read.
                feed.news.put_back(seen)
                raise
            if self._is_key and self._engine.rebuys.is_going_on(self._name, seen.task_id):
                # Another task may read the stream, and have begun anew meanwhile.
                self._feed = None if self._feed is feed else self._feed
                feed.leave()
                return await anext(self)
        return seen

    async def _begin(self) -> _SnapshotFeed:
        self._engine.check()
        task = await task_of(self._engine, self._name) if self._is_key else None
        task_id = self._name if task is None else task.task_id
        # The journal may have failed to write down what was accepted here.
        accepted = await self._engine.task_waits.job_of(task_id) or (task if isinstance(task, Accepted) else None)
        self._engine.check()  # it may have been closed while the journal was read
        # Another task may read the stream, and have begun meanwhile.
        if self._feed is None:
            self._feed = _SnapshotFeed(self._engine, task_id, accepted)
            if isinstance(task, Snapshot):
                self._feed.end(task)
        return self._feed

    async def aclose(self) -> None:
        """Stop watching the task."""
        if self._feed is not None:
            self._feed.leave()

    def __del__(self) -> None:
        # Free of charge, so without a warning. `__del__` may run in any thread, so the loop is asked to do it.
        feed: _SnapshotFeed | None = getattr(self, "_feed", None)
        if feed is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(feed.leave)


class _SnapshotFeed:
    """What the watched task calls. It does not know its stream, so that a stream nobody holds is collected."""

    def __init__(self, engine: Engine, task_id: str, accepted: Accepted | None) -> None:
        self.news: Channel[Snapshot] = Channel()
        self.job = accepted
        self._engine = engine
        self._last: tuple[str, int | None] | None = None
        self._entry = engine.task_waits.follow(task_id, self._polled, accepted=accepted, at_once=True)
        engine.channels.add(self.news)

    def _polled(self, _: WatchedTask, seen: Snapshot | EvolinkError) -> None:
        if isinstance(seen, EvolinkError):
            self.news.finish(seen)
            return
        now = seen.state, seen.progress_percent
        if now != self._last or seen.is_final:
            self._last = now
            self.news.put(seen)
        if seen.is_final:
            self.news.finish()

    def end(self, last: Snapshot) -> None:
        """Tell the last snapshot of a task that had ended before."""
        self.news.put(last)
        self.leave()

    def leave(self) -> None:
        """Stop watching."""
        self.news.finish()
        self._engine.channels.discard(self.news)
        self._engine.tasks.unwatch(self._entry, self._polled)
