"""The prices that `check` and `generate` compute with, and the jobs that a journal knows already.

What a job costs by them is decided in `budget`. A journal is only read, so a run may be using it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from ...budget import Estimate, KnownPrices, PriceBasis, price_class_of
from ...errors import ConfigurationError, JournalConflictError
from ...jobs import Accepted, Job, Unknown, has_failed_task
from ...journal import Found
from ...media import MediaFacts
from ...params import AnyParams, dump_params, local_media
from ...uploads import Preflight, billed_input_seconds, input_seconds
from ...wire import PriceRules
from .service import Service

Recorded: TypeAlias = Literal["ended", "under way", "in doubt", "conflict"]
"""Why a job is not bought: it has ended, goes on, may have been paid for, or has the key of another one."""

_PAGE = 500


def check_journal(journal: Path | None) -> None:
    """Refuse a file that does not exist: a wrong name must not look like a journal that has learned nothing.

    Raises:
        ConfigurationError: It does not.
    """
    if journal is not None and not journal.is_file():
        raise ConfigurationError(f"there is no journal {str(journal)!r}")


async def known_prices(journal: Path | None, service: Service | None) -> KnownPrices:
    """Return the prices that a journal has learned, and those that the service names.

    Args:
        journal: A journal file; None for none.
        service: The service to ask, free of charge; None for none. If it does not answer, its prices are not known.

    Raises:
        ConfigurationError: There is no API key.
        JournalError: The file is no journal, or cannot be read.
    """
    learned: Mapping[str, float] = {}
    if journal is not None:
        from ...journal.sqlite import SqliteJournal

        learned = (await SqliteJournal(journal).ledger()).prices
    return KnownPrices(learned=learned, catalogue=None if service is None else await _catalogue(service))


async def _catalogue(service: Service) -> PriceRules | None:
    async with service.pool() as pool:
        return await pool.prices()


async def recorded_jobs(
    journal: Path | None, jobs: Sequence[Job], *, retry_failed: bool = False
) -> dict[str, Recorded]:
    """Return which jobs a journal knows that a run would not buy, by their keys.

    Args:
        journal: A journal file; None for none.
        jobs: The jobs to look up.
        retry_failed: Whether the run buys jobs anew whose tasks have failed.

    Raises:
        JournalError: The file is no journal, or cannot be read.
    """
    if journal is None:
        return {}
    from ...journal.sqlite import SqliteJournal

    book, found = SqliteJournal(journal), dict[str, Recorded]()
    for start in range(0, len(jobs), _PAGE):
        known = await book.known(jobs[start : start + _PAGE])
        found.update(
            (key, _recorded(each)) for key, each in known.items() if not (retry_failed and _is_failed_task(each))
        )
    return found


def basis_of(params: AnyParams, facts: Mapping[str, MediaFacts], preflight: Preflight) -> PriceBasis:
    """Return what the price of a job depends on. A run knows the lengths of local files only: so go learned prices.

    Args:
        params: The parameters, with the digests of their files.
        facts: What was measured, by place in the request body.
        preflight: It has measured the files.
    """
    billed = billed_input_seconds(params, preflight.facts_of(params)) if local_media(params) else None
    return PriceBasis(price_class_of(dump_params(params), billed), input_seconds(params, facts))


def free_jobs(recorded: Iterable[Recorded]) -> Estimate:
    """Return the part of an estimate that is about jobs which the journal knows: they cost nothing."""
    counts = Counter(recorded)
    return Estimate(
        ended=counts["ended"],
        under_way=counts["under way"],
        in_doubt=counts["in doubt"],
        refused=counts["conflict"],
    )


def _is_failed_task(found: Found) -> bool:
    return not isinstance(found, JournalConflictError) and has_failed_task(found.standing)


def _recorded(found: Found) -> Recorded:
    if isinstance(found, JournalConflictError):
        return "conflict"
    if isinstance(found.standing, Unknown):
        return "in doubt"
    return "under way" if isinstance(found.standing, Accepted) else "ended"
