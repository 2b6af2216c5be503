"""Jobs of a shared journal as tasks of Procrastinate, on the same PostgreSQL database.

Procrastinate brings chunks of keys to workers, at least once each. What was queued is in `journal.postgres_queue`, what
follows from an outcome in `consequences`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ..errors import ConfigurationError, EvolinkError, JournalError, OutageError
from ..jobs import Job, KeyAssigner, Outcome, error_of
from ..journal import intent_of
from ..params import AnyParams
from ..pool import SessionPool
from ..version import how_to_install
from .consequences import Consequence, consequence_of
from .worker_pool import WorkerPool

try:
    from procrastinate import App, Blueprint, JobContext
    from procrastinate.exceptions import ConnectorException, JobAborted
    from procrastinate.job_context import AbortReason
    from procrastinate.jobs import Job as EngineJob
    from procrastinate.jobs import Status
    from procrastinate.retry import BaseRetryStrategy, RetryDecision
    from procrastinate.types import JSONDict

    from ..journal.postgres_queue import AnyConnection, JobQueue
    from .task_tables import WAITING, make_schema
except ImportError:
    raise ConfigurationError(f"this engine needs procrastinate; {how_to_install('procrastinate')}") from None

__all__ = ("EvolinkBlueprint",)

_log = logging.getLogger("evolink_async")

_SWEEP_LIMIT = 10_000
"""Jobs that one sweep brings again."""


class _HandBack(BaseRetryStrategy):
    """A chunk that is cut short by the end of its worker waits for the next worker; what else fails is swept up."""

    def get_retry_decision(self, *, exception: BaseException, job: EngineJob) -> RetryDecision | None:
        return RetryDecision() if isinstance(exception, asyncio.CancelledError) else None


class EvolinkBlueprint(Blueprint):
    """Jobs as tasks of Procrastinate: `app.add_tasks_from(EvolinkBlueprint(url), namespace="films")`.

    Its task `run_chunk` runs the jobs of some keys in the pool of the worker, which all chunks share. Its periodic task
    `sweep` brings jobs again that nobody works on: those of workers that have died, and those that were put off. The
    journal keeps each job from being bought twice, however often it is brought.

    A worker that is stopped hands its chunks back when `shutdown_graceful_timeout` has passed, which is for you to set:
    Procrastinate's default waits until all their jobs have ended. Requests under way are given `RetryPolicy.grace` to
    tell their task ids; accepted tasks go on at the service, and the next worker waits for them.

    Args:
        journal: The address of the journal, `postgresql://...`. The app must use the same database, and find its own
            tables and those of the journal by its search path.
        make_pool: Makes the pool of a worker, not opened yet, from that address. Default: `SessionPool(journal=...)`.
        chunk: Most jobs of one task.
        download_to: A folder to save results in, as in `SessionPool.run`. A job is done when its files are saved.
        name: The template of file names, as in `SessionPool.run`.
        on_outcome: Awaited for each job and its outcome, at least once for each end. If it raises, the chunk fails, and
            its jobs come again with the next sweep.
        sweep: When jobs are swept up, as cron has it; a sixth field is seconds.
        queue: The name of Procrastinate's queue.

    Raises:
        ConfigurationError: The address cannot be read, or `chunk` is not positive.
    """

    def __init__(
        self,
        journal: str,
        make_pool: Callable[[str], SessionPool] | None = None,
        *,
        chunk: int = 100,
        download_to: str | Path | None = None,
        name: str | None = None,
        on_outcome: Callable[[Job, Outcome], Awaitable[None]] | None = None,
        sweep: str = "* * * * *",
        queue: str = "evolink_async",
    ) -> None:
        super().__init__()
        if chunk < 1:
            raise ConfigurationError(f"chunk must be at least 1, not {chunk!r}")
        self._chunk = chunk
        self._download_to = download_to
        self._name = name
        self._on_outcome = on_outcome
        self._queue = JobQueue(journal)
        self._pool = WorkerPool(lambda: make_pool(journal) if make_pool else SessionPool(journal=journal))
        self._run_task = self.task(name="run_chunk", queue=queue, retry=_HandBack(), pass_context=True)(self._run_chunk)
        # No lock: a sweep whose worker died would keep it for ever. Two sweeps at once do no harm.
        self._sweep_task = self.periodic(cron=sweep)(
            self.task(name="sweep", queue=queue, priority=1, queueing_lock=f"{queue}:sweep", pass_context=True)(
                self._sweep
            )
        )

    # --- for programs that have jobs

    async def prepare(self, *, engine_too: bool = False) -> None:
        """Make the tables of the journal, if they are not there. Any number of processes may do so at once.

        Args:
            engine_too: Make Procrastinate's tables too, in the first schema of the journal's search path, if there are
                none. Those of an older version are left as they are; its own pages say how to bring them up to date.

        Raises:
            JournalError: The server cannot be reached, or may lose what it has confirmed.
        """
        await self._queue.prepare()
        if engine_too:
            await self._queue.in_transaction(make_schema)

    async def enqueue(self, jobs: Iterable[Job | AnyParams], *, connection: AnyConnection | None = None) -> int:
        """Put jobs into the journal as planned ones, and the tasks that do them into the queue: all of it or nothing.

        Jobs that have ended, or are queued already, are not queued again; one that was given up is.

        Args:
            jobs: Parameters or `Job` values, as for `SessionPool.run`; all are read first. They may not name local
                files, as the worker may be on another machine.
            connection: A psycopg `AsyncConnection` whose transaction these writes are to be part of, so that you commit
                them. Default: one of our own.

        Returns:
            How many jobs were queued.

        Raises:
            ConfigurationError: An item is not a job, a key occurs twice, or a job names a local file; or this blueprint
                was not added to an app whose connector is one of psycopg.
            JournalConflictError: A key belongs to a job with other parameters.
            JournalError: The server cannot be reached, or has no such tables: see `prepare`.
        """
        assigner = KeyAssigner()
        intents = [intent_of(assigner.job(item)) for item in jobs]

        # Of all tries: one whose commit was not heard of has queued them, and the next finds nothing to do.
        queued = set[str]()

        async def act(given: AnyConnection) -> int:
            keys = await self._queue.put(given, intents)
            await self._defer(given, keys)
            queued.update(keys)
            return len(queued)

        if connection is None:
            return await self._queue.in_transaction(act)
        async with self._queue.translated():
            if not connection.autocommit:
                await connection.execute("SELECT 1")  # else the next line would begin a transaction, and commit it
            async with connection.transaction():
                return await act(connection)

    def opened(self) -> AbstractAsyncContextManager[SessionPool]:
        """Keep the pool of this worker open, and give it. Without this it is opened for chunks, and closed after them.

        Raises:
            EvolinkError: What making and opening a pool raise.
        """
        return self._pool.opened()

    async def _defer(self, connection: AnyConnection, keys: Sequence[str]) -> None:
        size = self._chunk
        chunks: list[JSONDict] = [{"keys": [*keys[at : at + size]]} for at in range(0, len(keys), size)]
        if not chunks:
            return
        if not isinstance(self._run_task.blueprint, App):
            raise ConfigurationError("this blueprint belongs to no app yet: call app.add_tasks_from(it, namespace=...)")
        try:
            await self._run_task.configure(connection=connection).batch_defer_async(*chunks)
        except ConnectorException as error:
            reason = error.__cause__ or error
            if self._queue.is_passing(reason, connection):
                raise reason from None  # then all is done again, with another connection
            text = f"Procrastinate cannot take the chunks: {' '.join(str(reason).split())}"
            raise JournalError(text, advice="Its tables must be where the journal's are: see `prepare`.") from None

    # --- in a worker

    async def _run_chunk(self, context: JobContext, keys: list[str]) -> None:
        """Run those of the jobs that no other worker has."""
        async with self._pool.opened() as pool:
            try:
                await self._work(pool, keys)
            except asyncio.CancelledError:
                if context.abort_reason() is AbortReason.USER_REQUEST:
                    await self._queue.give_up(keys, "its chunk was aborted", unsent_only=True)
                    raise JobAborted from None
                # Its claims must be free before another worker gets this chunk.
                await self._pool.close_for_all(pool)
                raise

    async def _work(self, pool: SessionPool, keys: Sequence[str]) -> None:
        async with pool.claiming(keys) as mine:
            jobs = await self._jobs([key for key in keys if key in mine])
            left = dict(jobs)
            try:
                async with pool.run(jobs.values(), download_to=self._download_to, name=self._name) as outcomes:
                    async for outcome in outcomes:
                        await self._conclude(left.pop(outcome.key), outcome)
            except OutageError as error:
                _log.warning("an outage: %d jobs are put off: %s", len(left), error)
                await self._queue.put_off(list(left))

    async def _jobs(self, keys: Sequence[str]) -> dict[str, Job]:
        found: dict[str, Job] = {}
        for row in await self._queue.read(keys):
            try:
                found[row.key] = row.job()
            except EvolinkError as error:
                await self._give_up(row.key, error)
        return found

    async def _conclude(self, job: Job, outcome: Outcome) -> None:
        if self._on_outcome is not None:
            await self._on_outcome(job, outcome)
        match consequence_of(outcome, time.time()):
            case Consequence.DONE:
                await self._queue.done([job.key])
            case Consequence.PUT_OFF:
                await self._queue.put_off([job.key])
            case Consequence.GIVE_UP:
                await self._give_up(job.key, error_of(outcome))
            case _:
                _log.warning("the job %r waits for a person: %s", job.key, error_of(outcome))

    async def _give_up(self, key: str, error: EvolinkError | None) -> None:
        _log.error("the job %r is given up: %s", key, error)
        await self._queue.give_up([key], f"{type(error).__name__}: {error}")

    async def _sweep(self, context: JobContext, timestamp: int) -> None:
        """Bring the jobs again that nobody works on."""
        await self._clear_stalled(context.app)
        await self._queue.remove_ended_owners()

        async def act(connection: AnyConnection) -> int:
            values = {"task": self._run_task.name}
            keys = await self._queue.orphans(connection, WAITING, values, _SWEEP_LIMIT)
            await self._defer(connection, keys)
            return len(keys)

        if count := await self._queue.in_transaction(act):
            _log.info("%d jobs that nobody worked on are queued again", count)

    async def _clear_stalled(self, app: App) -> None:
        """End the tasks that workers left behind that have died. Their jobs are found without them."""
        manager = app.job_manager
        for task in (self._run_task, self._sweep_task):
            for job in await manager.get_stalled_jobs(task_name=task.name):
                try:
                    await manager.finish_job(job, status=Status.ABORTED, delete_job=False)
                except ConnectorException as error:
                    _log.debug("task %s was ended by another sweep: %s", job.id, error)
