"""What a pool says of money before it is spent: what jobs will cost, and what the account has.

What a price is made of is decided in `budget`. Nothing here is paid for.
"""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing, suppress
from typing import cast

import anyio.lowlevel

from ..budget import Estimate, KnownPrices, PriceBasis, estimate, price_class_of
from ..errors import ConfigurationError, JournalConflictError, PreflightError
from ..jobs import Accepted, Job, KeyAssigner, Unknown, has_failed_task, has_unread_files
from ..params import AnyParams, Params, RawParams, dump_params, local_media
from ..wire import Credits, PriceRules
from .arguments import check_iterable
from .engine import Engine
from .file_transfers import FileTransfers
from .job_source import JobSource, read_jobs
from .recorded_jobs import PAGE


class PricedJobs(FileTransfers):
    """The methods of a pool that tell prices and balances."""

    async def estimate(self, jobs: JobSource, *, retry_failed: bool = False) -> Estimate:
        """Return what jobs would cost if they were run now. Nothing is bought.

        A price is one that the service named for such a job, as this pool or the journal knows it; else one of the
        service's price catalogue, for which it is asked once in 5 minutes, free of charge; else one of the list in this
        package, with its date. Catalogue and list are public prices, without discounts of the account. What is not
        known is named, and not counted.

        Args:
            jobs: Parameters or `Job` values, as `run` takes them. They are read to their end, and local files are
                measured. An iterator is used up: give `run` another one.
            retry_failed: As it will be given to `run`: jobs whose tasks have failed are then bought anew.

        Raises:
            JournalError: The journal cannot be read.
            ConfigurationError: The pool is not open in this event loop, or `jobs` is a single job, or no iterable.
        """
        engine = self._open_engine()
        survey = await _surveyed(engine, jobs, retry_failed=retry_failed)
        learned = engine.budget_queue.prices
        if learned is None:
            learned = (await engine.journal.ledger()).prices
        rules = await engine.catalogue.rules() if survey.counts else None
        return estimate(survey.counts, KnownPrices(learned=learned, catalogue=rules), survey.standing)

    async def prices(self) -> PriceRules | None:
        """Return the service's price catalogue, at most 5 minutes old; None if it does not answer. Free of charge.

        No page documents the catalogue.

        Raises:
            ConfigurationError: The pool is not open in this event loop.
        """
        return await self._open_engine().catalogue.rules()

    async def credits(self) -> tuple[Credits, ...]:
        """Read what each key may still spend, in the order the keys were given. Free of charge.

        Raises:
            EvolinkError: What `poll` raises.
        """
        engine = self._open_engine()
        async with engine.requests:
            return tuple([await session.credits() for session in engine.sessions])


class _Survey:
    """The jobs of one input, by what their prices depend on, and those that cost nothing."""

    def __init__(self, engine: Engine, *, retry_failed: bool) -> None:
        self._retry_failed = retry_failed
        self.counts: Counter[PriceBasis] = Counter()
        self._engine = engine
        self._keys = KeyAssigner()
        self._batch: list[Job] = []
        self._free: Counter[str] = Counter()

    @property
    def standing(self) -> Estimate:
        """The jobs that cost nothing."""
        free = self._free
        return Estimate(
            ended=free["ended"],
            under_way=free["under_way"],
            in_doubt=free["in_doubt"],
            duplicates=free["duplicates"],
            refused=free["refused"],
        )

    async def take(self, item: Job | AnyParams) -> None:
        """Add one item of the input."""
        # Callers without a type checker can give anything.
        if not isinstance(cast("object", item), Job | Params | RawParams):
            self._free["refused"] += 1
            return
        try:
            with suppress(PreflightError):  # a job with a key of its own may have been sent when its files were there
                item = await self._engine.local_files.with_digests(item)
            if isinstance(item, Params) and has_unread_files(item):
                self._free["refused"] += 1
                return
            job = self._keys.job(item)
        except ConfigurationError:
            self._free["duplicates"] += 1
        else:
            self._batch.append(job)
            if len(self._batch) >= PAGE:
                await self.finish()

    async def finish(self) -> None:
        """Look up the jobs that were read."""
        batch, self._batch = self._batch, []
        # A journal in memory answers at once, and an input in memory never waits.
        await anyio.lowlevel.checkpoint()
        found = await self._engine.journal.known(batch)
        for job in batch:
            known = found.get(job.key)
            if self._engine.submitter.is_under_way(job.key):
                self._free["under_way"] += 1
            elif known is None:
                self._buy(job)
            elif isinstance(known, JournalConflictError):
                self._free["refused"] += 1
            elif self._retry_failed and has_failed_task(known.standing):
                self._buy(job)
            elif isinstance(known.standing, Unknown):
                self._free["in_doubt"] += 1
            else:
                self._free["under_way" if isinstance(known.standing, Accepted) else "ended"] += 1

    def _buy(self, job: Job) -> None:
        if has_unread_files(job.params):
            self._free["refused"] += 1
        else:
            self.counts[self._basis(job.params)] += 1

    def _basis(self, params: AnyParams) -> PriceBasis:
        files = self._engine.local_files
        billed = files.billed_seconds(params) if local_media(params) else None
        return PriceBasis(price_class_of(dump_params(params), billed), files.input_seconds(params))


async def _surveyed(engine: Engine, jobs: JobSource, *, retry_failed: bool) -> _Survey:
    check_iterable(jobs)
    survey = _Survey(engine, retry_failed=retry_failed)
    async with aclosing(read_jobs(jobs)) as source:
        async for item in source:
            await survey.take(item)
    await survey.finish()
    return survey
