"""Makes every part of a pool, from the settings its user chose.

What the parts do is in their own rooms, what they do together in `engine`.
"""

from __future__ import annotations

import attrs
from yarl import URL

from ..budget import BudgetAccount, BudgetQueue
from ..client import AiohttpTransport, ApiKey, HttpOptions, Session
from ..concurrency import Limiter
from ..downloads import ResultReader
from ..events import Emit, Observer
from ..journal import Journal
from ..polling import Poller, Schedule
from ..settings import Budget, Cadence, Limits, RetryPolicy
from ..submitting import SendLoop, Submitter
from ..uploads import LocalFiles, Preflight, Uploads
from .ends import Ends
from .engine import Engine
from .observer import SafeObserver


@attrs.frozen(kw_only=True)
class Settings:
    """The checked arguments of a pool; see `SessionPool`."""

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
        settings: The arguments of the pool.
        journal: An open journal.

    Raises:
        JournalError: The journal cannot be read.
    """
    limits, retry, http = settings.limits, settings.retry, settings.http
    emit = SafeObserver(settings.observer) if settings.observer is not None else None
    sessions = tuple(_session(key, settings, emit) for key in settings.keys)
    requests = Limiter(limits.requests)
    schedule = Schedule(settings.cadence, await journal.durations())
    poller = Poller(settings.cadence, requests, schedule=schedule, emit=emit)
    budget_queue = BudgetQueue(await _account(settings.budget, journal), is_watching=lambda: len(poller.tasks) > 0)
    # Whoever waits for credits waits in vain then.
    poller.tasks.on_empty = budget_queue.reconsider
    uploads = _uploads(settings, journal, emit)
    local_files = LocalFiles(Preflight(), uploads)
    send_loop = SendLoop(
        sessions,
        retry,
        journal,
        budget_queue,
        submits=limits.submits,
        requests=requests,
        local_files=local_files,
        emit=emit,
    )
    submitter = Submitter(sessions, retry, journal, budget_queue, local_files, send_loop, emit=emit)
    return Engine(
        sessions=sessions,
        result_reader=ResultReader(http),
        uploads=uploads,
        local_files=local_files,
        journal=journal,
        limits=limits,
        cadence=settings.cadence,
        requests=requests,
        in_flight=Limiter(limits.in_flight),
        downloads=Limiter(limits.downloads),
        poller=poller,
        budget_queue=budget_queue,
        send_loop=send_loop,
        submitter=submitter,
        emit=emit,
        ends=Ends(journal, budget_queue, send_loop, emit),
    )


def _session(key: ApiKey, settings: Settings, emit: Emit | None) -> Session:
    transport = AiohttpTransport(settings.origin, key, options=settings.http)
    return Session(transport, key.fingerprint, policy=settings.retry, emit=emit)


async def _account(budget: Budget | None, journal: Journal) -> BudgetAccount | None:
    if budget is None:
        return None
    return BudgetAccount(budget.credits, await journal.ledger(), most_per_job=budget.most_per_job)


def _uploads(settings: Settings, journal: Journal, emit: Emit | None) -> Uploads:
    transports = {
        key.fingerprint: AiohttpTransport(settings.files_origin, key, options=settings.http) for key in settings.keys
    }
    return Uploads(transports, journal, Limiter(settings.limits.uploads), policy=settings.retry, emit=emit)
