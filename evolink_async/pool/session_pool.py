"""`SessionPool`, the class that users work with: it makes new tasks.

It checks arguments and calls the engine. What it does with files is in `file_transfers`, with existing tasks in
`existing_tasks`, what it says of prices in `priced_jobs`; how it is opened and closed is in `lifetime`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..client import HttpOptions
from ..errors import PreflightError, TaskFailedError
from ..events import Observer
from ..jobs import Accepted, Completed, Failed, Job, Unknown, check_list, duration_class
from ..journal import Journal, Sent
from ..params import AnyParams
from ..settings import Budget, Cadence, Limits, RetryPolicy
from .arguments import Settings, check_iterable, check_timeout, files_origin_of, journal_of, keys_of, origin_of
from .assembly import build_engine
from .callbacks import Callbacks
from .conclusion import closed
from .engine import Engine
from .job_source import JobSource
from .outcome_feed import OutcomeFeed
from .priced_jobs import PricedJobs
from .rebuying_run import RebuyingRun
from .result_saving import save_to
from .run import Run
from .stats import Stats
from .streams import AllOutcomes, OutcomeStream, UrlStream


class SessionPool(PricedJobs):
    """Runs many generations over one or more API keys.

    Use it as an async context manager, one per process, and share it: every method may be called from any number of
    tasks of the event loop that opened it.

    Args:
        api_key: One key or several. A job goes to the least busy key that is not suspended; its task is polled with the
            key that made it. Default: EVOLINK_API_KEY.
        base_url: Address of the API. Default: EVOLINK_BASE_URL, else https://api.evolink.ai.
        files_url: Address of the file service. Default: EVOLINK_FILES_BASE_URL, else https://files-api.evolink.ai. If
            the API is on loopback, as an emulator is, the default is the API's own address.
        limits: How many requests, jobs and files are under way at once.
        cadence: How often tasks are polled.
        retry: When a submit may be sent again.
        journal: Where jobs are written down: the path of an SQLite file, the address of a PostgreSQL database, which
            many processes may share, or a `Journal`. With either, running the same jobs again buys nothing again:
            finished jobs come back at once, accepted ones are polled, and a job that was being submitted when its
            process died is `Unknown`. Default: memory, which lasts as long as the process.
        budget: The credits that may be spent, over all runs of the journal. A job that does not fit comes back unsent,
            as `Failed` with a `BudgetError`.
        callbacks: A `evolink_async.callbacks.CallbackReceiver`, for polls that are few and come soon after an end.
        observer: Called with every event, see `evolink_async.events`; `evolink_async.telemetry` has ready-made ones.
        http: Time-outs, proxies, size limits.

    Raises:
        ConfigurationError: There is no key, an address is not a URL that a key may be sent to, or an argument is of a
            wrong class.

    Example:
        >>> async def main(jobs):
        ...     async with SessionPool() as pool:
        ...         async for outcome in pool.run(jobs):
        ...             print(outcome.key, outcome)
    """

    def __init__(
        self,
        api_key: str | Sequence[str] | None = None,
        *,
        base_url: str | None = None,
        files_url: str | None = None,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        cadence: Cadence = Cadence(),  # noqa: B008
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008
        journal: str | Path | Journal | None = None,
        budget: Budget | None = None,
        callbacks: Callbacks | None = None,
        observer: Observer | None = None,
        http: HttpOptions = HttpOptions(),  # noqa: B008
    ) -> None:
        super().__init__(journal_of(journal))
        origin = origin_of(base_url)
        self._settings = Settings(
            keys=keys_of(api_key),
            origin=origin,
            files_origin=files_origin_of(files_url, origin),
            limits=limits,
            cadence=cadence,
            retry=retry,
            http=http,
            budget=budget,
            callbacks=callbacks,
            observer=observer,
        )
        self._journal.seconds_to_answer = http.submit_timeout + retry.grace

    def __repr__(self) -> str:
        return f"<SessionPool {self._state}, {len(self._settings.keys)} key(s)>"

    async def _make_engine(self) -> Engine:
        return await build_engine(self._settings, self._journal)

    # --- many jobs

    def run(
        self,
        jobs: JobSource,
        *,
        download_to: str | Path | None = None,
        name: str | None = None,
        timeout: float | None = None,
        retry_failed: bool = False,
    ) -> OutcomeStream:
        """Run many jobs and yield one outcome for each, in the order the jobs end.

        A job that fails is an outcome, not an exception. The input is read lazily, at most `Limits.in_flight` jobs
        ahead of the outcomes taken. Each job is paid for once: see `RetryPolicy`. Leaving the loop stops buying; use
        the stream as a context manager to control when.

        Args:
            jobs: Parameters or `Job` values, in an iterable or async iterable. Parameters without a key get one, made
                of their digest and their ordinal among equal ones.
            download_to: A folder to save results in; see `Completed.files`. Nothing in it is overwritten.
            name: The template of file names, as "{key}-{index}{ext}". Fields: {key}, {index}, {task_id}, {model}, and
                {ext} at the end. Default: the key, and the index of the link if there are several.
            timeout: Seconds a task may take from its acceptance. After that the outcome is `Failed` with a
                `DeadlineError`, and the task goes on at the service.
            retry_failed: Whether jobs are bought anew, once, whose tasks failed in an earlier run of the journal, for
                whatever reason. See `RetryPolicy.rebuy` for those that fail in this run.

        Raises:
            ConfigurationError: The pool is not open in this event loop; or `jobs` is no iterable, or a sequence in
                which a key occurs twice or an item is not a job. In a lazy input such an item gives a `Failed`.
        """
        engine = self._open_engine()
        check_iterable(jobs)
        if isinstance(jobs, Sequence):
            check_list(jobs)
        check_timeout(timeout)
        save = save_to(download_to, name, engine, self._settings.retry, self._settings.http)
        if not (retry_failed or engine.rebuys.is_on):
            return OutcomeStream(Run(jobs, engine, timeout=timeout, save=save))
        return OutcomeStream(RebuyingRun(jobs, engine, timeout=timeout, save=save, retry_failed=retry_failed))

    def urls(self, jobs: JobSource, *, timeout: float | None = None) -> UrlStream:
        """Run many jobs and yield each result link when its job completes.

        Links work for 24 hours. Arguments and errors are those of `run`, and in addition:

        Raises:
            ExceptionGroup: At the end, if any job failed or is unknown; it holds the error of each. What ends the run
                early then, as an outage, is the last in the group; else it is raised as it is.
        """
        return UrlStream(self.run(jobs, timeout=timeout))

    def outcomes(self, *, download_to: str | Path | None = None, name: str | None = None) -> AllOutcomes:
        """Yield the outcome of every job of the pool, whoever asked for it, each at least once.

        Also told are jobs that were only submitted, and those that an earlier process left unfinished. While the stream
        is open, accepted jobs are polled. An outcome counts as told, durably, when the next one is asked for or the
        stream is left without an exception; until then the next stream tells it again, also after a crash. So the only
        outcome that is told twice is the last one.

        A job in doubt is told as `Unknown`, and once it is settled, as what it becomes. A job that was not sent, as one
        that was refused, is told while the stream is open, and not again. A task by its bare id is not a job.

        A journal in memory keeps the last 10,000 outcomes.

        Args:
            download_to: A folder to save results in before they are told, as in `run`.
            name: The template of file names, as in `run`.

        Raises:
            ConfigurationError: The pool is not open in this event loop, or another such stream of it is open; or the
                folder cannot be used.
            JournalError: The journal cannot be read or written. Raised where the stream is read.
        """
        engine = self._open_engine()
        save = save_to(download_to, name, engine, self._settings.retry, self._settings.http)
        return AllOutcomes(OutcomeFeed(engine, save))

    # --- one job

    async def generate(self, params: AnyParams, *, key: str | None = None, timeout: float | None = None) -> Completed:
        """Submit one job and wait for its result.

        Args:
            params: What to make.
            key: The job's key. While a job of this key is unfinished, this call waits for it and buys nothing.
            timeout: Seconds to wait after acceptance; None waits until the task ends.

        Raises:
            EvolinkError: What `submit` and `wait` raise.
        """
        engine = self._open_engine()
        job = Job(secrets.token_hex(16) if key is None else key, params)
        if not engine.rebuys.is_on:
            return await self._generate_once(job, timeout)
        engine.rebuys.begin(job.key)
        bought: Sent | None = None
        try:
            while isinstance(done := await self._attempt(job, timeout, bought), Failed):
                goes_on = False
                try:
                    await engine.rebuys.pause(done, engine.stopped)
                    engine.check()
                    bought = await engine.rebuys.successor(done)
                    goes_on = bought is not None or await engine.rebuys.write_down(done)
                finally:
                    if not goes_on:
                        engine.rebuys.give_up(done)
                if not goes_on:
                    break
        finally:
            engine.rebuys.end(job.key)
        if isinstance(done, Failed):
            await engine.ends.given_up(done)
            raise done.error
        return done

    async def _attempt(self, job: Job, timeout: float | None, sent: Sent | None) -> Completed | Failed:
        """Submit a job, unless it was, and wait; a failure is returned if the job may be bought anew, else raised."""
        engine = self._open_engine()
        await engine.rebuys.learn(job.key)
        try:
            return await self._generate_once(job, timeout, sent)
        except TaskFailedError as error:
            failed = engine.rebuys.failure(error.task_id)
            if failed is None:
                raise
            return failed

    async def _generate_once(self, job: Job, timeout: float | None, sent: Sent | None = None) -> Completed:
        taken = sent if sent is not None else await self._submit(job)
        if isinstance(taken, Failed | Unknown):
            raise taken.error
        if isinstance(taken, Completed):
            return taken
        if self._closing is not None:
            raise closed(taken.task_id)  # it was accepted while the pool closed
        return await self._wait(taken.task_id, timeout, duration_class(job.params), taken)

    async def submit(self, params: AnyParams, *, key: str | None = None) -> Accepted:
        """Submit one job, at most once, and return when the service has accepted it.

        Without a key every call is a purchase of its own. The job does not count towards `Limits.in_flight`. If this
        call is cancelled while the request is under way, the pool still learns the task id in the background: see
        `unfinished`.

        Raises:
            PreflightError: Local files are missing, or break the rules of the model.
            UploadError: A local file could not be uploaded; nothing was submitted.
            SubmissionUnknownError: There was no readable answer; a task may exist and cost money.
            NotDeliveredError: The service could not be reached; nothing was accepted.
            StatusError: The service refused; nothing was charged.
            BudgetError: The job does not fit into the budget; nothing was submitted.
            JournalConflictError: The key belongs to a job with other parameters.
            ConfigurationError: The pool is not open in this event loop, or the key cannot be one.
        """
        taken = await self._submit(Job(secrets.token_hex(16) if key is None else key, params))
        return taken if isinstance(taken, Accepted) else taken.as_accepted()

    async def _submit(self, job: Job) -> Accepted | Completed:
        engine = self._open_engine()
        with suppress(PreflightError):  # raised by `submitter`, unless the job was sent when its files were there
            job = await engine.local_files.with_digests(job)
        submitted, is_new = await engine.submitter.submit(job)
        if isinstance(submitted, Accepted | Completed):
            return submitted
        if is_new:
            engine.ends.tally(submitted)
            engine.ends.say(submitted)
        raise submitted.error

    # --- what is going on

    async def retry_keys(self) -> None:
        """Find out now whether suspended keys may be used again, as after a top-up. Free of charge.

        Without this call a suspended key is tried when a job wants it and 60 s have passed; longer if it was suspended
        again at once. The same holds for models that a key was refused for.
        """
        await self._open_engine().send_loop.queue.check_keys()

    def retune(self, limits: Limits) -> None:
        """Change the limits of the open pool. Requests under way are not cut short."""
        self._open_engine().retune(limits)

    def stats(self) -> Stats:
        """Return the figures of this moment; all are zero before the pool is opened."""
        return self._engine.stats() if self._engine is not None else Stats()
