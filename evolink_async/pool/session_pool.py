"""The pool: many jobs in, a stream of outcomes out. This is the class users meet.

It checks how it is used and hands over to the engine; it decides and waits for nothing itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from ..client import HttpOptions
from ..errors import ConfigurationError
from ..events import Observer
from ..jobs import Accepted, Completed, Job, check_list, duration_class
from ..journal import Journal
from ..media import Upload
from ..params import AnyParams, Params, RawParams
from ..settings import Budget, Cadence, Limits, RetryPolicy
from ..uploads import Source
from ..wire import Credits
from .arguments import check_timeout, files_origin_of, journal_of, keys_of, origin_of
from .assembly import Settings, build_engine
from .engine import Engine
from .existing_tasks import ExistingTasks
from .job_source import JobSource
from .run import Run
from .saving import fetch_to, save_to
from .stats import Stats
from .streams import OutcomeStream, UrlStream


class SessionPool(ExistingTasks):
    """Runs many generations over one or more API keys.

    Use it as an async context manager, one per process, and share it: all its methods may be called from any number
    of tasks of the event loop that opened it.

    Args:
        api_key: The key, or several: a job goes to the least busy healthy one, and is looked at with the key that
            made it. Default: EVOLINK_API_KEY.
        base_url: Address of the API. Default: EVOLINK_BASE_URL, else https://api.evolink.ai.
        files_url: Address of the file service. Default: EVOLINK_FILES_BASE_URL, else https://files-api.evolink.ai; but
            the API's own address if that is loopback, as an emulator's, for which no file should leave this machine.
        limits: How much may go on at once.
        cadence: How often tasks are looked at.
        retry: When a submit may be sent again.
        journal: Where jobs are written down: the path of a file (SQLite), or a `Journal`. With a file, the same jobs
            run again cost nothing again: finished ones come straight back, accepted ones are looked at, what was
            being submitted when the process died is `Unknown`. Default: memory, which forgets when the process ends.
        budget: The most that may be spent, over all runs of the journal; jobs beyond it come back unsent, as `Failed`
            with a BudgetError.
        observer: Told of all that happens, as typed values: see `evolink_async.events`, and `evolink_async.telemetry`
            for ready-made ones.
        http: Time-outs, proxies, caps.

    Raises:
        ConfigurationError: No key, or an address that is none.

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
            observer=observer,
        )

    def __repr__(self) -> str:
        return f"<SessionPool {self._state}, {len(self._settings.keys)} key(s)>"

    async def _open(self) -> Engine:
        return await build_engine(self._settings, self._journal)

    # --- many jobs

    def run(
        self,
        jobs: JobSource,
        *,
        download_to: str | Path | None = None,
        name: str | None = None,
        timeout: float | None = None,
    ) -> OutcomeStream:
        """Run many jobs; yields one outcome for each, in the order they end. Never raises for one job's failure.

        The input is read lazily, at most `Limits.in_flight` jobs ahead of what was taken. Each job costs what its
        model costs, once: see `RetryPolicy`. Break out of the loop and no more is bought; use the stream as a
        context manager to be sure of when.

        Args:
            jobs: Parameters or `Job` values, in an iterable or async iterable. Parameters without a key get one made
                of their digest and their ordinal among equal ones.
            download_to: A folder to save results in; see `Completed.files`. Nothing in it is overwritten.
            name: What files are called there, as "{key}-{index}{ext}": with {key}, {index}, {task_id}, {model}, and
                {ext} at the end. Default: the key, and the index of the link if there are several.
            timeout: Seconds a task may take from acceptance; then its outcome is `Failed` with a `DeadlineError`,
                and the task goes on at the service.

        Raises:
            ConfigurationError: The pool is not open here; or `jobs` is a list with a key given twice or an item that
                is no job (in other inputs such an item gives a `Failed`).
        """
        engine = self._open_engine()
        if isinstance(jobs, str | bytes | Params | RawParams | Job):
            raise ConfigurationError(f"run takes an iterable of jobs, not a single {type(jobs).__name__}")
        if isinstance(jobs, Sequence):
            check_list(jobs)
        check_timeout(timeout)
        save = save_to(download_to, name, engine, self._settings.retry, self._settings.http)
        return OutcomeStream(Run(jobs, engine, timeout=timeout, save=save))

    def urls(self, jobs: JobSource, *, timeout: float | None = None) -> UrlStream:
        """Run many jobs; yields every result link as its job completes.

        The links live for 24 hours. Takes and raises what `run` does, and besides:

        Raises:
            ExceptionGroup: At the end, if any job failed or is unknown, with the error of each.
        """
        return UrlStream(self.run(jobs, timeout=timeout))

    # --- one job

    async def generate(self, params: AnyParams, *, key: str | None = None, timeout: float | None = None) -> Completed:
        """Submit one job and wait for its result.

        Args:
            params: What to make.
            key: The job's name; while a job of this key is unfinished, it is waited for and not paid for again.
            timeout: Seconds to wait after acceptance.

        Raises:
            EvolinkError: As `submit` and `wait`.
        """
        taken = await self._submit(params, key)
        if isinstance(taken, Completed):
            return taken
        return await self._wait(taken.task_id, timeout, duration_class(params))

    async def submit(self, params: AnyParams, *, key: str | None = None) -> Accepted:
        """Submit one job, at most once, and return as soon as the service has taken it.

        Without a key every call is a purchase of its own.

        Does not count towards `Limits.in_flight`, as nobody may ever wait for it. Cancelled while the request is on
        its way, the task id is still learnt in the background: see `unfinished`.

        Raises:
            PreflightError: Local files are missing, or break the rules of the model.
            UploadError: A local file could not be uploaded; nothing was submitted.
            SubmissionUnknownError: No readable answer; a task may exist and cost money.
            NotDeliveredError: The service could not be reached; nothing was accepted.
            StatusError: The service refused; nothing was charged.
            JournalConflictError: The key belongs to an unfinished job with other parameters.
            ConfigurationError: The pool is not open here.
        """
        taken = await self._submit(params, key)
        if isinstance(taken, Accepted):
            return taken
        return taken.as_accepted()

    async def _submit(self, params: AnyParams, key: str | None) -> Accepted | Completed:
        engine = self._open_engine()
        job = await engine.local_files.with_digests(Job(key or uuid.uuid4().hex, params))
        submitted = await engine.submitter.submit(job)
        if isinstance(submitted, Accepted | Completed):
            return submitted
        engine.tally(submitted)
        engine.say_ended(submitted)
        raise submitted.error

    async def download(self, completed: Completed, path: str | Path) -> Completed:
        """Fetch the results of a completed job, and write down where they are. Free of charge.

        Args:
            completed: The job, from this or an earlier run.
            path: A folder, that is there or ends with a slash, where files are named as `run` does; or a file's name.
                Nothing is overwritten: where the name is taken, it is the next free one, as `film-2.mp4`.

        Returns:
            The job, with its `files`.

        Raises:
            DownloadError: A result cannot be had or saved; those before it are there.
            ConfigurationError: The folder cannot be made or written to.
        """
        return await fetch_to(path, completed, self._open_engine(), self._settings.retry, self._settings.http)

    # --- files

    async def upload(self, source: Source, *, file_name: str | None = None) -> Upload:
        """Give a file to the service for 72 hours. Free of charge, and safe to repeat.

        A content that was uploaded before is not sent again while its link works for another 6 hours; the journal
        remembers it.

        Args:
            source: A `Path`, of up to 100 MB; bytes, up to 10 MB; or the http(s) URL of what the service is to fetch.
            file_name: What to call it, if not as its path does. The name stored begins with a part of its digest.

        Raises:
            UploadError: The file cannot be read, the service refuses it, or it does not get through.
            StatusError: All keys are refused (401, 402, 403).
            ConfigurationError: `source` is nothing that can be uploaded, or the pool is not open here.
        """
        engine = self._open_engine()
        return await engine.uploads.upload_with_any_key(engine.sessions, source, file_name)

    # --- what is going on

    async def credits(self) -> tuple[Credits, ...]:
        """What each key may still spend, in the order the keys were given. Free of charge.

        Raises:
            EvolinkError: As `poll`.
        """
        engine = self._open_engine()
        async with engine.requests:
            return tuple([await session.credits() for session in engine.sessions])

    def retune(self, limits: Limits) -> None:
        """Change how much may go on at once, while it goes on; nothing on its way is cut short."""
        self._open_engine().retune(limits)

    def stats(self) -> Stats:
        """Figures of this moment; all zero before the pool is opened."""
        return self._engine.stats() if self._engine is not None else Stats()
