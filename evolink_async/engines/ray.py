"""Generations as a step of a Ray Data pipeline: rows of parameters in, the same rows with their videos out.

Ray brings each batch to some worker at least once; the journal that all workers share makes that "paid at most once".
Needs the extra `ray`.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, EvolinkError, InvalidValue, JournalConflictError, ParamsError
from ..jobs import Completed, Failed, Job, Outcome
from ..journal import is_address
from ..params import load_params
from ..pool import SessionPool
from ..version import how_to_install

__all__ = ("COLUMNS", "BatchRunner", "job_of_row")

COLUMNS = ("outcome", "task_id", "url", "file", "credits", "error")
"""The columns that are added to a batch; see `BatchRunner`."""
_KEY = "custom_id"
"""The column with the key of a job."""
_CLOSING_SECONDS = 30.0
"""For which the end of a worker waits for its pool to close."""


def job_of_row(row: Mapping[str, Any]) -> Job:
    """Make a job of a row: `custom_id` is its key, every other column that is not null a parameter.

    Raises:
        ParamsError: The row has no `custom_id`, or its parameters are invalid.
    """
    values = {name: value for name, value in row.items() if value is not None}
    key = values.pop(_KEY, None)
    if key is None:
        raise ParamsError([InvalidValue(_KEY, "is missing: it is the key of the job, the same in each run")])
    return Job(str(key), load_params(values))


class BatchRunner:
    """Runs the jobs of a batch, for `Dataset.map_batches` with `batch_format="pyarrow"`.

    Each worker opens one pool, with the first batch. A batch that comes again, after the death of a worker or in
    another run of the pipeline, finds its tasks in the journal and buys nothing again. What a dead worker had is taken
    over by others when its lease has ended; what it was sending is in doubt, and never sent again by itself.

    These columns are added. They are text but for `credits`, and null where there is nothing to tell:

    - `outcome`: "completed", "failed" or "unknown". An unknown job may have been paid for: see `SessionPool.settle`.
    - `task_id`: the service's id of the task.
    - `url`: the first link of a completed job, which lives for a day.
    - `file`: the path of its video, with `download_to`.
    - `credits`: what the service charged.
    - `error`: why the job failed or is in doubt, or why its video was not saved. A row that makes no valid job has
      failed, and nothing is sent for it.

    An error that is not of one job, as an outage or a journal that is away, ends the pipeline: run it again.

    Args:
        journal: The address of the PostgreSQL journal that all workers share.
        download_to: A folder for the videos, which all nodes see; None to leave them at their links.
        job_of: Makes the job of a row. Its key must be the same in each run.
        settings: Further arguments of `SessionPool`, which Ray can pickle. Limits count once for each worker.

    Raises:
        ConfigurationError: The journal is none that workers can share, or pyarrow is not installed.
    """

    def __init__(
        self,
        journal: str,
        *,
        download_to: str | Path | None = None,
        job_of: Callable[[Mapping[str, Any]], Job] = job_of_row,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if not is_address(journal):
            # A file on each node, or a journal in memory: the same batch on another worker would be bought again.
            raise ConfigurationError("workers share a journal in PostgreSQL only: give its address, postgresql://...")
        self._arrow = _pyarrow()
        self._download_to = download_to
        self._job_of = job_of
        self._arguments: dict[str, Any] = {**(settings or {}), "journal": journal}
        SessionPool(**self._arguments)  # wrong settings are refused here, and not with the first batch
        self._opening: asyncio.Task[SessionPool] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, batch: Any) -> Any:  # noqa: ANN401  # a pyarrow.Table, which has no types
        """Run the jobs of a table, and return the table with `COLUMNS` added.

        Raises:
            ConfigurationError: The batch is no `pyarrow.Table`, or has one of the columns that are added.
            JournalError: The journal cannot be used.
            OutageError: The service was away for longer than the patience of the pool.
        """
        if not isinstance(batch, self._arrow.Table):
            raise ConfigurationError(f"use map_batches(..., batch_format='pyarrow'), not {type(batch).__name__}")
        if taken := [name for name in COLUMNS if name in batch.column_names]:
            raise ConfigurationError(f"the rows have columns that are added here: {', '.join(taken)}; rename them")
        wanted = _wanted(batch.to_pylist(), self._job_of)
        jobs = {job.key: job for job in wanted if isinstance(job, Job)}
        outcomes = await self._run(list(jobs.values()))
        rows = [_columns(job if isinstance(job, EvolinkError) else outcomes[job.key]) for job in wanted]
        for name in COLUMNS:
            kind = self._arrow.float64() if name == "credits" else self._arrow.string()
            batch = batch.append_column(name, self._arrow.array([row.get(name) for row in rows], kind))
        return batch

    async def _run(self, jobs: list[Job]) -> dict[str, Outcome]:
        pool = await self._open_pool()
        async with pool.run(jobs, download_to=self._download_to) as stream:
            return {outcome.key: outcome async for outcome in stream}

    async def _open_pool(self) -> SessionPool:
        """Return the pool, opened by the first batch; batches run side by side in one event loop.

        Ray may bring a batch again after the journal was away; so the next batch tries to open a pool once more.
        """
        if self._opening is None or _has_failed(self._opening):
            self._loop = asyncio.get_running_loop()
            pool = SessionPool(**self._arguments)
            self._opening = asyncio.create_task(pool.open(), name="evolink_async open")
        return await asyncio.shield(self._opening)

    async def aclose(self) -> None:
        """Close the pool. Tasks that it had accepted go on, and other workers may take them over at once."""
        opening, self._opening, self._loop = self._opening, None, None
        if opening is not None:
            with suppress(EvolinkError):
                await (await asyncio.shield(opening)).aclose()

    def __del__(self) -> None:
        # Ray lets go of this object when a worker ends well, in another thread than that of the event loop.
        loop: asyncio.AbstractEventLoop | None = getattr(self, "_loop", None)
        if loop is not None and loop.is_running() and not _is_in_loop():
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(self.aclose(), loop).result(_CLOSING_SECONDS)


def _has_failed(task: asyncio.Task[Any]) -> bool:
    """Whether a task has ended without a result."""
    return task.done() and (task.cancelled() or task.exception() is not None)


def _is_in_loop() -> bool:
    """Whether this thread runs an event loop, and would wait for itself."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _wanted(rows: list[dict[str, Any]], job_of: Callable[[Mapping[str, Any]], Job]) -> list[Job | EvolinkError]:
    """Return the job of each row, or why there is none. Rows with the same key are one job."""
    jobs: dict[str, Job] = {}
    wanted: list[Job | EvolinkError] = []
    for row in rows:
        try:
            job = job_of(row)
        except EvolinkError as error:
            wanted.append(error)
            continue
        is_same = jobs.setdefault(job.key, job) == job
        text = f"the key {job.key!r} stands for other parameters in this batch"
        wanted.append(job if is_same else JournalConflictError(text))
    return wanted


def _columns(result: Outcome | EvolinkError) -> dict[str, Any]:
    """Return the columns that are added to a row; those that are missing are null."""
    if isinstance(result, Completed):
        return {
            "outcome": "completed",
            "task_id": result.task_id,
            "url": next(iter(result.urls), None),
            "file": str(result.files[0]) if result.files else None,
            "credits": result.credits,
            "error": str(result.download_error) if result.download_error is not None else None,
        }
    if isinstance(result, EvolinkError):
        return {"outcome": "failed", "error": str(result)}
    if isinstance(result, Failed):
        return {"outcome": "failed", "task_id": result.task_id, "error": str(result.error)}
    return {"outcome": "unknown", "error": str(result.error)}


def _pyarrow() -> Any:  # noqa: ANN401  # pyarrow has no types
    try:
        return importlib.import_module("pyarrow")
    except ImportError:
        raise ConfigurationError(f"batches of Ray Data need pyarrow; {how_to_install('ray')}") from None
