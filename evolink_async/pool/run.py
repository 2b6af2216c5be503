"""One call of `pool.run`: reads jobs, has them submitted and watched, gathers their outcomes.

The work belongs to the pool and goes on beside the caller; the streams in `streams` are only the caller's end of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from ..concurrency import Channel, Limiter
from ..downloads import has_files
from ..errors import ConfigurationError, EvolinkError, PreflightError
from ..jobs import Accepted, Completed, Failed, Job, KeyAssigner, Outcome, duration_class
from ..params import AnyParams
from ..polling import WatchedTask
from ..purchases import withdrawn
from ..settings import Limits
from ..submitting import Submission, Submitted
from ..task import Snapshot
from .conclusion import conclude, deadline, failure_of
from .engine import Engine
from .input_reading import InputReading
from .job_source import JobSource
from .watched_jobs import WatchedJobs
from .work import Save


class Run:
    """The jobs of one input on their way. Every job read gives exactly one outcome, in the order they end.

    Args:
        source: The input; read one ahead of what may be submitted.
        engine: The pool's parts.
        timeout: Seconds a task may take from its acceptance before it is given up (it goes on at the service).
        save: Fetches the files of a completed job.
    """

    def __init__(self, source: JobSource, engine: Engine, *, timeout: float | None, save: Save | None) -> None:
        self.outcomes: Channel[Outcome] = Channel()
        self._source = source
        self._engine = engine
        self._timeout = timeout
        self._save = save
        self._room = Limiter(engine.limits.in_flight)
        self._read_ahead = Limiter(engine.limits.submits)
        self._submitting: dict[asyncio.Future[Submitted], Submission] = {}
        self._watcher = self._heard  # one object for all jobs: see `Watchlist`
        self._watched = WatchedJobs()
        self._concluding: set[asyncio.Task[None]] = set()
        self._reading = True
        self._is_draining = self._closed = False
        self._failure: BaseException | None = None
        self._abandoned: asyncio.Task[None] | None = None
        self._keys = KeyAssigner()
        self._input: InputReading | None = None

    @property
    def waiting(self) -> int:
        """Jobs read and not yet submitted."""
        return len(self._submitting)

    def start(self) -> None:
        """Begin to read, once. Raise a ConfigurationError if the pool is closed, or belongs to another event loop."""
        self._engine.check_loop()
        if self._input is not None or self._closed:
            return
        self._engine.check()
        self._engine.runs[self] = None
        if self._is_draining:
            self._has_read()
        else:
            self._input = InputReading(self._source, self._make_room, self._begin, self._came_late, self._has_read)

    async def next(self) -> Outcome:
        """Return the next outcome. Raise StopAsyncIteration after the last."""
        outcome = await self.outcomes.get()
        self._room.release()
        self._engine.rebuys.taken(outcome)
        return outcome

    def _has_read(self, reading: asyncio.Task[None] | None = None) -> None:
        """The input has ended, or was left behind. What ended it before its time is raised where the run is read."""
        self._reading = False
        # Of any class: an input may raise what is no `Exception`, as pytest's `fail` does.
        if reading is not None:
            self._failure = failure_of(reading, is_stopped=self._is_draining or self._closed) or self._failure
        self._finish_if_done()

    async def _make_room(self) -> None:
        """Wait until one more job may be read: the caller takes outcomes, and submits keep up."""
        await self._room.acquire()
        await self._read_ahead.acquire()

    async def _begin(self, item: Job | AnyParams) -> None:
        try:
            try:
                item = await self._engine.local_files.with_digests(item)
            except PreflightError:
                if not isinstance(item, Job):  # else the journal may know its key: the submitter asks it first
                    item = self._keys.job(item)
                    raise
            item = job = self._keys.job(item)
            await self._engine.in_flight.acquire()
        except asyncio.CancelledError:
            self._conclude(self._refuse_drained(item))
            raise
        except (ConfigurationError, PreflightError) as error:
            self._refuse(Failed(getattr(item, "key", "?"), error))
        else:
            await self._submit(job)

    async def _submit(self, job: Job) -> None:
        """Have a job submitted. It has its permits: they go back when it is accepted and ended, or comes to nothing."""
        try:
            submission = await self._start(job)
        except EvolinkError as error:
            submission = Failed(job.key, error)
        except BaseException as error:
            self._engine.in_flight.release()
            if isinstance(error, asyncio.CancelledError):
                self._conclude(self._refuse_drained(job))
            raise
        if isinstance(submission, Submission) and submission.task is not None:
            self._submitting[submission.task] = submission
            if submission.was_elsewhere:  # another process works on it: the next job is read meanwhile
                self._read_ahead.release()
            submission.task.add_done_callback(self._submitted)
            if self._is_draining or self._closed:  # since it was begun
                self._engine.submitter.release(submission, self, self._failure)
        elif not isinstance(submission, Submission):
            self._go_on_with(job, submission)

    async def _start(self, job: Job) -> Submission | Submitted:
        return await self._engine.submitter.start(job, self)

    def _refuse(self, outcome: Failed) -> None:
        self._read_ahead.release()
        self._tell(outcome)

    def _came_late(self, item: Job | AnyParams) -> None:
        self._conclude(self._refuse_drained(item))

    async def _refuse_drained(self, item: Job | AnyParams) -> None:
        """Tell of a job that was read and not yet sent when the run was drained: every job read has an outcome."""
        is_taken = not self._closed and isinstance(item, Job) and await self._engine.submitter.is_taken(item)
        if not self._closed:
            self._refuse(withdrawn(getattr(item, "key", "?"), self._failure, is_taken=is_taken))

    def _submitted(self, future: asyncio.Future[Submitted]) -> None:
        submission = self._submitting.pop(future)
        self._engine.submitter.release(submission, self)
        if submission.stops_runs is not None and not self._closed:
            # More of the same would follow: buy no more, and raise it after the last outcome.
            self._failure = submission.stops_runs
            self.drain()
        if submission.was_elsewhere:
            self._read_ahead.borrow()
        self._go_on_with(submission.job, self._engine.submitter.outcome(submission), is_first=submission.tell())
        self._finish_if_done()

    def _go_on_with(self, job: Job, submitted: Submitted, *, is_first: bool = True) -> None:
        """Watch the task of a job, or tell what became of it without one."""
        self._read_ahead.release()
        if isinstance(submitted, Accepted) and not self._closed:
            self._watch(job, submitted)
        else:
            self._engine.in_flight.release()
        if not isinstance(submitted, Accepted):
            self._tell(submitted, is_first=is_first)

    def _tell(self, outcome: Outcome, *, is_first: bool = True) -> None:
        """Hand over the outcome of a job that is not watched: never sent, in doubt, or finished in an earlier run."""
        if is_first:
            self._engine.ends.tally(outcome)
        if self._save is not None and isinstance(outcome, Completed) and not has_files(outcome):
            self._conclude(self._hand_over(outcome, is_first=is_first))
        else:
            self._put(outcome, is_first=is_first)

    def _watch(self, job: Job, accepted: Accepted) -> None:
        kind = duration_class(job.params)
        entry = self._engine.task_waits.follow(accepted.task_id, self._watcher, duration_class=kind, accepted=accepted)
        if not self._watched.add(entry, job.key):
            self._engine.tasks.unwatch(entry, self._watcher)  # it is watched already, and one watcher is enough
        elif self._timeout is not None:
            timer = asyncio.get_running_loop().call_later(self._timeout, self._expire, entry, self._timeout)
            self._watched.set_timer(entry, timer)

    def _heard(self, entry: WatchedTask, seen: Snapshot | EvolinkError) -> None:
        if isinstance(seen, EvolinkError) or seen.is_final:
            self._ended(entry, seen)

    def _expire(self, entry: WatchedTask, timeout: float) -> None:
        self._conclude(self._poll_once_more(entry, timeout))

    async def _poll_once_more(self, entry: WatchedTask, timeout: float) -> None:
        """Give a task up only after a poll at the deadline."""
        await self._engine.task_waits.last_poll(entry)
        if entry in self._watched:
            self._ended(entry, deadline(entry.task_id, timeout))

    def _ended(self, entry: WatchedTask, last: Snapshot | EvolinkError) -> None:
        for key in self._unwatch(entry):
            self._conclude(self._end(conclude(key, entry, last, self._engine.rebuys.earlier_tasks(key)), last))

    def _unwatch(self, entry: WatchedTask) -> tuple[str, ...]:
        keys = self._watched.pop(entry)
        self._engine.tasks.unwatch(entry, self._watcher)
        for _ in keys:
            self._engine.in_flight.release()
        return keys

    def _conclude(self, act: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(act)
        self._concluding.add(task)
        task.add_done_callback(self._delivered)

    async def _end(self, outcome: Completed | Failed, last: Snapshot | EvolinkError) -> None:
        if (recorded := await self._engine.ends.recorded(last, outcome.task_id or "")) is not None:
            self._tell(recorded)
            return
        await self._hand_over(outcome, is_first=await self._engine.ends.settle(outcome, last))

    async def _hand_over(self, outcome: Outcome, *, is_first: bool = True) -> None:
        """Save the files, then put the outcome where the caller takes it."""
        if self._save is not None and isinstance(outcome, Completed):
            outcome = await self._engine.ends.save(outcome, self._save, is_first=is_first)
        self._put(outcome, is_first=is_first)

    def _put(self, outcome: Outcome, *, is_first: bool = True) -> None:
        # First, so that it is not lost whatever is raised then; the caller takes it in a later step.
        self.outcomes.put(outcome)
        if is_first:
            self._engine.ends.say(outcome)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._concluding.discard(task)
        if (error := failure_of(task, is_stopped=self._closed)) is not None:
            self.stop(error)
            self.drain()  # nobody takes more outcomes: buy no more
        self._finish_if_done()

    def _finish_if_done(self) -> None:
        if not (self._reading or self._submitting or self._watched or self._concluding):
            self.stop(self._failure)

    def retune(self, limits: Limits) -> None:
        """Read as far ahead as other limits say."""
        self._room.resize(limits.in_flight)
        self._read_ahead.resize(limits.submits)

    def stop(self, error: BaseException | None) -> None:
        """Let the consumer come to its end."""
        self._save = None  # and let go of the folder
        self.outcomes.finish(error)
        self._engine.runs.pop(self, None)

    def abandon(self) -> None:
        """Close without waiting, for a stream that was dropped."""
        if not self._closed:
            self._abandoned = asyncio.create_task(self.aclose(), name="evolink_async abandoned stream")

    @property
    def started(self) -> bool:
        """Whether jobs have been read and not all outcomes told."""
        return self in self._engine.runs

    def drain(self) -> None:
        """Read and submit nothing more, and let what is in flight come to its end."""
        self._is_draining = True
        if self._input is not None:
            self._input.stop()
        for submission in list(self._submitting.values()):
            self._engine.submitter.release(submission, self, self._failure)

    def shut(self, error: BaseException | None = None) -> None:
        """Read and submit nothing more, from this step on; a caller who still reads gets `error`."""
        self._closed = True
        self._failure = error
        if self._input is not None:
            self._input.stop()
        for submission in list(self._submitting.values()):
            self._engine.submitter.release(submission, self)
        for entry in self._watched:
            self._unwatch(entry)

    async def aclose(self, error: BaseException | None = None) -> None:
        """Shut, and forget what was not taken; accepted tasks go on, known by their ids."""
        self.shut(error)
        pending = list(self._concluding)
        for task in pending:
            if not self._engine.ends.is_writing(task):  # an end is written down as a whole
                task.cancel()
        if pending:
            await asyncio.wait(pending)
        if self._input is not None:
            await self._input.stopped()
        self.outcomes.clear()
        self.stop(error)
