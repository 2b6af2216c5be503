"""Waiting for tasks by their ids, and polling one at once: for callers who hold an id, not a job.

Runs watch their tasks through `follow` too. What an end changes is in `ends`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, TypeAlias

from ..client import AnySession, OwnSession, Session
from ..concurrency import Limiter, TimeLimit
from ..errors import EvolinkError, JournalError
from ..events import Emit
from ..jobs import Accepted, Completed, Failed, Timing
from ..journal import Journal, Known
from ..polling import Account, WatchedTask, Watcher, Watchlist, status_answered
from ..purchases import ExpectedCalls, FreshTasks
from ..task import Snapshot, TaskState
from .conclusion import PoolClosedError, closed, conclude, outcome_of
from .ends import Ends

LAST_POLL_SECONDS = 5.0
"""Seconds after which a poll without an answer is not waited for, once the time of who waits is up."""

Ended: TypeAlias = tuple[WatchedTask, Snapshot | EvolinkError]


class TaskWaits:
    """The waits for tasks of a pool.

    Args:
        sessions: One for each API key.
        journal: Knows the jobs of tasks.
        tasks: The tasks that are watched.
        fresh: The tasks that were accepted a moment ago.
        requests: Permits for HTTP calls.
        ends: What the ends of jobs change.
        calls: The tasks that the service calls back for.
        emit: Told what happens.
    """

    def __init__(
        self,
        sessions: tuple[Session, ...],
        journal: Journal,
        tasks: Watchlist,
        fresh: FreshTasks,
        requests: Limiter,
        ends: Ends,
        calls: ExpectedCalls,
        emit: Emit | None,
    ) -> None:
        self._sessions = sessions
        self._accounts: Mapping[str, Account] = {
            session.fingerprint: OwnSession(session, [other for other in sessions if other is not session])
            for session in sessions
        }
        self._journal = journal
        self._tasks = tasks
        self._fresh = fresh
        self._requests = requests
        self._ends = ends
        self._calls = calls
        self._emit = emit
        self._waiters: dict[asyncio.Future[Any], str] = {}
        self._is_closed = False

    def shut(self) -> None:
        """Write down no further ends: the journal is about to be closed."""
        self._is_closed = True

    def stop(self, error: BaseException) -> None:
        """End every wait: with the error, or, after closing, with one that says that the task goes on."""
        for waiter, task_id in self._waiters.items():
            if not waiter.done():
                waiter.set_exception(closed(task_id) if isinstance(error, PoolClosedError) else error)

    def _account(self, accepted: Accepted | None) -> Account:
        """Return the account that made a task; if it is not known, all of them in turn."""
        if accepted is not None and accepted.session in self._accounts:
            return self._accounts[accepted.session]
        [first, *others] = self._sessions
        return AnySession(self._sessions) if others else self._accounts[first.fingerprint]

    async def job_of(self, task_id: str) -> Accepted | None:
        """Return the job of a task, as far as the journal knows it."""
        try:
            return _accepted(await self._owner(task_id))
        except JournalError:
            return None  # all accounts are polled in turn then

    async def _owner(self, task_id: str) -> Known | None:
        return (await self._journal.owner((task_id,))).get(task_id)

    def follow(
        self,
        task_id: str,
        watcher: Watcher,
        *,
        duration_class: Hashable = None,
        accepted: Accepted | None = None,
        at_once: bool = False,
    ) -> WatchedTask:
        """Watch a task: by the schedule if this pool got it accepted just now, else it is polled at once.

        What an earlier process accepted may have ended long ago; its age, by a clock that can be wrong, plans nothing.
        A task whose callback came before anybody watched it is polled at once too, and any task if `at_once`.
        """
        age = self._fresh.age(task_id, time.monotonic()) if accepted is not None and not at_once else None
        is_new, was_called = age is not None, self._calls.was_called(task_id)
        entry = self._tasks.watch(
            task_id,
            self._account(accepted),
            watcher,
            # How long a task still runs when it is taken up says nothing of how long it runs in all.
            duration_class=duration_class if is_new else (duration_class, "taken up"),
            age=age or 0.0,
            accepted_at=accepted.accepted_at if accepted else None,
            estimated=accepted.snapshot.estimated_seconds if accepted else None,
            credits_reserved=accepted.credits_reserved if accepted else None,
            within=None if is_new and not was_called else 0.0,
            has_callback=self._calls.is_expected(task_id) and not was_called,
        )
        if accepted is not None:
            self._ends.taken_up(accepted)
        return entry

    async def wait(
        self, task_id: str, timeout: float | None, duration_class: Hashable, job: Accepted | None = None
    ) -> Completed | Failed | None:
        """Return how a task ends, from the journal or by polls; None if `timeout` seconds were not enough.

        Args:
            task_id: The task.
            timeout: Seconds; None to wait without a limit.
            duration_class: What its duration goes by; None for the class of its model.
            job: Its job, if the caller has it: the journal may have failed to write it down.

        Raises:
            JournalError: The journal cannot be read.
            PoolClosedError: The pool was closed meanwhile.
            ConfigurationError: The poller has died.
        """
        with ExitStack() as near:
            # Until it is watched: the journal may be slower than the patience of jobs that wait for its credits.
            near.enter_context(self._ends.near())
            owner = await self._owner(task_id)
            if owner is None and (ended_before := (await self._journal.outcome((task_id,))).get(task_id)) is not None:
                return ended_before
            accepted = _accepted(owner) or job
            if duration_class is None and accepted is not None:
                duration_class = (accepted.snapshot.model, None, None)
            ended = await self._end_of(task_id, accepted, timeout, duration_class, near.close)
        if ended is None:
            return None
        with self._ends.near():
            # Asked again: the reply to its submit may have come after us.
            owner = await self._owner(task_id) or owner
            known = owner.standing if owner else job
            key = known.key if known else task_id
            earlier_tasks = self._ends.rebuys.earlier_tasks(key)
            outcome = await self._ends.recorded(ended[1], task_id) or conclude(key, *ended, earlier_tasks)
            await self._ends.conclude(outcome, ended[1])
        self._ends.rebuys.taken(outcome)
        return outcome

    async def _end_of(
        self,
        task_id: str,
        accepted: Accepted | None,
        timeout: float | None,
        duration_class: Hashable,
        on_followed: Callable[[], None],
    ) -> Ended | None:
        """Return how the watching of a task ends; None if time was up and a last poll showed it running."""
        if self._is_closed:  # while the journal was read
            raise closed(task_id)
        waiter: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

        def heard(entry: WatchedTask, seen: Snapshot | EvolinkError) -> None:
            if (isinstance(seen, EvolinkError) or seen.is_final) and not waiter.done():
                waiter.set_result((entry, seen))

        entry = self.follow(task_id, heard, duration_class=duration_class, accepted=accepted)
        self._waiters[waiter] = task_id
        try:
            on_followed()
            await asyncio.wait([waiter], timeout=timeout)
            if not waiter.done():
                await self.last_poll(entry)
            return waiter.result() if waiter.done() else None
        finally:
            del self._waiters[waiter]
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # closing told it, and the last poll too
            self._tasks.unwatch(entry, heard)

    async def last_poll(self, entry: WatchedTask) -> None:
        """Poll a task once more after a time-out, as the last planned poll may have been long before.

        Polls that have not been sent, as there are so many, are waited for; those that get no answer are not.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def then() -> None:
            if not answer.done():
                answer.set_result(None)

        if not self._tasks.poll_once(entry, then):
            return
        self._waiters[answer] = entry.task_id
        try:
            is_silent = False
            while not (answer.done() or is_silent):
                with suppress(TimeoutError):
                    async with TimeLimit(LAST_POLL_SECONDS):
                        await asyncio.wait([answer])
                is_silent = _is_silent(entry, time.monotonic())
            if answer.done():
                answer.result()
        finally:
            del self._waiters[answer]

    async def poll(self, task_id: str) -> Snapshot | EvolinkError:
        """Poll a task once, now; an end that the caller sees is that of its job."""
        seen = await self.read(task_id)
        if isinstance(seen, Snapshot) and seen.is_final:
            await self.noticed(seen)
        return seen

    async def read(self, task_id: str) -> Snapshot | EvolinkError:
        """Poll a task once, now, without an effect on its job."""
        at = time.time()
        async with self._requests:
            seen = await self._account(await self.job_of(task_id)).poll(task_id)
        if self._emit is not None:
            self._emit(status_answered(at, time.time() - at, [task_id], seen))
        return seen

    async def noticed(self, seen: Snapshot, job: Accepted | None = None) -> None:
        """Conclude a job whose end a caller has seen in a poll or a watch; `job` as in `wait`.

        The journal may forget the job only if nobody else is to be told: whoever watches its task, or has seen its end
        first, as a run that saves the files. Until they are, the job of this key is not bought again.
        """
        if not self._is_closed:  # else the journal is too: the next pool finds the end again
            with self._ends.near():
                await self._noticed(seen, job)

    async def _noticed(self, seen: Snapshot, job: Accepted | None) -> None:
        owner = await self._owner(seen.task_id)
        known = owner.standing if owner else job
        if known is None or not seen.is_final or (seen.state == TaskState.COMPLETED and not seen.urls):
            return
        accepted = _accepted(owner) or job
        accepted_at = accepted.accepted_at if accepted is not None else None
        timing = Timing(accepted_at=accepted_at, finished_at=time.time(), looks=1, lag=0.0)
        key = known.key
        outcome = outcome_of(key, seen.task_id, seen, timing, self._ends.rebuys.earlier_tasks(key))
        if await self._ends.conclude(outcome, seen) and seen.task_id not in self._tasks:
            self._ends.rebuys.taken(outcome)


def _is_silent(entry: WatchedTask, now: float) -> bool:
    """Whether a poll of a task is under way and gets no answer, or the one before it got none."""
    is_under_way = entry.bucket is None
    return is_under_way and (entry.trouble is not None or now - entry.polled_at >= LAST_POLL_SECONDS)


def _accepted(owner: Known | None) -> Accepted | None:
    return owner.standing if owner is not None and isinstance(owner.standing, Accepted) else None
