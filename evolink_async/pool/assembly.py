"""Putting an open pool together from what its user chose: the one place that makes every part.

What the parts do, and what they do together, is not decided here.
"""

from __future__ import annotations

import attrs
from yarl import URL

from ..budget import BudgetAccount
from ..client import AiohttpTransport, ApiKey, HttpOptions, OutageGate, Session
from ..concurrency import Limiter
from ..downloads import ResultReader
from ..events import Observer
from ..journal import Journal
from ..polling import Schedule
from ..settings import Budget, Cadence, Limits, RetryPolicy
from ..uploads import LocalFiles, Preflight, Uploads
from .engine import Engine
from .observer import SafeObserver


@attrs.frozen(kw_only=True)
class Settings:
    """What a pool was made with, checked; see `SessionPool`."""

    keys: tuple[ApiKey, ...]
    origin: URL
    files_origin: URL
    limits: Limits
    cadence: Cadence
    retry: RetryPolicy
    http: HttpOptions
    budget: Budget | None
    observer: Observer | None


async def build_engine(settings: Settings, journal: Journal) -> Engine:
    """Make the parts, one session for each key. Call it inside the event loop that will use them.

    Args:
        settings: What the user chose.
        journal: Open already.

    Raises:
        JournalError: The journal cannot be read.
    """
    retry, http = settings.retry, settings.http
    emit = SafeObserver(settings.observer) if settings.observer is not None else None
    budget_account = (
        BudgetAccount(settings.budget.credits, await journal.ledger()) if settings.budget is not None else None
    )
    sessions = tuple(
        Session(
            AiohttpTransport(settings.origin, key, options=http),
            key.fingerprint,
            gate=OutageGate(retry.patience),
            emit=emit,
        )
        for key in settings.keys
    )
    transports = {key.fingerprint: AiohttpTransport(settings.files_origin, key, options=http) for key in settings.keys}
    uploads = Uploads(transports, journal, Limiter(settings.limits.uploads), policy=retry, emit=emit)
    return Engine(
        sessions,
        ResultReader(http),
        uploads,
        LocalFiles(Preflight(), uploads),
        journal,
        limits=settings.limits,
        cadence=settings.cadence,
        retry=retry,
        schedule=Schedule(settings.cadence, journal.durations()),
        budget_account=budget_account,
        emit=emit,
    )
