"""Makes every part of a pool, from the settings its user chose.

What the parts do is in their own rooms, what they do together in `engine`.
"""

from __future__ import annotations

from typing import TypeAlias

from yarl import URL

from ..budget import BudgetAccount, BudgetQueue, SharedAccount, SharedBudgetQueue
from ..client import AiohttpTransport, ApiKey, PriceCatalogue, Session
from ..concurrency import Limiter
from ..downloads import ResultReader
from ..events import Emit
from ..journal import Journal
from ..polling import Poller, Schedule
from ..purchases import Book, ExpectedCalls
from ..settings import Budget, Limits
from ..submitting import FactExchange, JobClaims, KeyLimits, KeyRates, SendLoop, Submission, Submitter
from ..uploads import LocalFiles, Preflight, Uploads
from .arguments import DEFAULT_FILES_URL, Settings
from .call_inbox import CallInbox
from .ends import Ends
from .engine import Engine
from .observer import SafeObserver
from .rebuys import Rebuys
from .task_waits import TaskWaits

_Account: TypeAlias = "BudgetAccount | SharedAccount | None"


async def build_engine(settings: Settings, journal: Journal) -> Engine:
    """Make the parts, one session for each key. Call it inside the event loop that will use them.

    Args:
        settings: The arguments of the pool.
        journal: An open journal.

    Raises:
        JournalError: The journal cannot be read.
        ConfigurationError: The receiver of callbacks serves another pool.
    """
    # The journal is read before anything is made that would have to be closed if that failed.
    account = await _account(settings.budget, journal)
    schedule = Schedule(settings.cadence, await journal.durations())
    engine = _build(settings, journal, account, schedule)
    try:
        if engine.facts is not None:
            await engine.facts.start()
        if settings.callbacks is not None:
            CallInbox(engine, settings.callbacks).start()
    except BaseException:
        await engine.aclose()
        raise
    return engine


def _build(settings: Settings, journal: Journal, account: _Account, schedule: Schedule) -> Engine:
    limits, retry = settings.limits, settings.retry
    emit = None if settings.observer is None else SafeObserver(settings.observer)
    sessions, requests = _sessions(settings, emit), Limiter(limits.requests)
    poller = Poller(settings.cadence, requests, schedule=schedule, emit=emit)
    budget_queue = _budget_queue(account, poller)
    uploads = _uploads(settings, journal, emit)
    files = LocalFiles(Preflight(), uploads)
    allowed = _key_limits(limits, sessions, journal)
    send_loop = SendLoop(
        sessions, retry, journal, budget_queue, limits=allowed, requests=requests, local_files=files, emit=emit
    )
    book: Book[Submission] = Book(settings.cadence.first_look)
    rebuys = Rebuys(retry, journal, budget_queue, send_loop, book)
    ends = Ends(journal, book, budget_queue, send_loop, rebuys, emit)
    calls = ExpectedCalls(None if settings.callbacks is None else settings.callbacks.url_for)
    claims = _claims(journal, book, poller)
    return Engine(
        sessions=sessions,
        result_reader=ResultReader(settings.http),
        uploads=uploads,
        local_files=files,
        journal=journal,
        limits=limits,
        requests=requests,
        in_flight=Limiter(limits.in_flight),
        downloads=Limiter(limits.downloads),
        poller=poller,
        budget_queue=budget_queue,
        catalogue=PriceCatalogue(sessions, requests),
        send_loop=send_loop,
        claims=claims,
        facts=_facts(settings, journal, send_loop, sessions, emit),
        submitter=Submitter(sessions, retry, journal, budget_queue, files, send_loop, book, calls, claims, emit),
        emit=emit,
        ends=ends,
        rebuys=rebuys,
        task_waits=TaskWaits(sessions, journal, poller.tasks, book.fresh, requests, ends, calls, emit),
        calls=calls,
    )


def _sessions(settings: Settings, emit: Emit | None) -> tuple[Session, ...]:
    answered = set[URL]()
    return tuple(_session(key, settings, emit, answered) for key in settings.keys)


def _session(key: ApiKey, settings: Settings, emit: Emit | None, answered: set[URL]) -> Session:
    transport = AiohttpTransport(settings.origin, key, options=settings.http, answered=answered)
    return Session(transport, key.fingerprint, policy=settings.retry, emit=emit)


def _facts(
    settings: Settings, journal: Journal, send_loop: SendLoop, sessions: tuple[Session, ...], emit: Emit | None
) -> FactExchange | None:
    facts = journal.shared_facts()
    if facts is None:
        return None
    rates, origin = send_loop.limits.rates, str(settings.origin)
    return FactExchange(facts, send_loop.queue, sessions, send_loop.brake, rates, origin=origin, emit=emit)


def _key_limits(limits: Limits, sessions: tuple[Session, ...], journal: Journal) -> KeyLimits:
    rates = KeyRates(sessions, limits.submits_per_minute, are_lent=journal.is_shared)
    return KeyLimits(sessions, limits.submits, rates)


def _claims(journal: Journal, book: Book[Submission], poller: Poller) -> JobClaims | None:
    """Return the claims of a pool that shares its journal; they are kept while a job is submitted or watched.

    Not while a job waits to be bought anew: the room that it needs may be that of jobs that others have, who wait too.
    """
    if not journal.is_shared:
        return None
    return JobClaims(journal, lambda key, task_id: book.find(key) is not None or task_id in poller.tasks)


async def _account(budget: Budget | None, journal: Journal) -> _Account:
    if budget is None:
        return None
    shared = await journal.shared_account(budget.credits, budget.most_per_job)
    if shared is not None:
        return shared
    return BudgetAccount(budget.credits, await journal.ledger(), most_per_job=budget.most_per_job)


def _budget_queue(account: _Account, poller: Poller) -> BudgetQueue:
    if account is None or isinstance(account, BudgetAccount):
        queue = BudgetQueue(account, is_watched=poller.tasks.__contains__)
    else:
        queue = SharedBudgetQueue(account)
    poller.tasks.on_forget = queue.forgotten
    return queue


def _uploads(settings: Settings, journal: Journal, emit: Emit | None) -> Uploads:
    answered = set[URL]()
    transports = {
        key.fingerprint: AiohttpTransport(settings.files_origin, key, options=settings.http, answered=answered)
        for key in settings.keys
    }
    place = str(settings.files_origin).rstrip("/")
    service = "" if place == DEFAULT_FILES_URL else place
    limiter = Limiter(settings.limits.uploads)
    return Uploads(transports, journal, limiter, policy=settings.retry, service=service, emit=emit)
