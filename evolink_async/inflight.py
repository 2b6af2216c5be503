"""A task being watched, and what a look at it leads to.

Plain decisions: the clock is an argument, nothing waits, nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, TypeAlias

import attrs

from .errors import (
    AccessDeniedError,
    AuthenticationError,
    EvolinkError,
    InsufficientCreditsError,
    ReplyError,
    StatusError,
    TaskNotFoundError,
)
from .limits import Cadence
from .schedule import Schedule
from .task import Snapshot, TaskState

Watcher: TypeAlias = "Callable[[InFlight, Snapshot | EvolinkError], None]"

MAX_RETRY_AFTER = 3600.0
"""Seconds; a longer wish is taken for a mistake, lest a task be forgotten."""
DENIALS = 3
"""How often a look that the key is refused for is repeated, over `max_interval`."""
BLANKS = 3
"""How often a completed task without a link is looked at again."""


class Account(Protocol):
    """Whom to ask about a task; a `Session`, seen from down here."""

    busy: int

    async def poll(self, task_id: str) -> Snapshot | EvolinkError:
        """Look once."""
        ...


@attrs.define(eq=False)
class InFlight:
    """One watched task: ids, times and counts, no parameters, so that 100,000 of them are cheap.

    Attributes:
        task_id: The vendor's id.
        session: The account asked.
        shape: What durations are learned by.
        since: Monotonic seconds of acceptance, or of the first time we were asked about it.
        estimated: The service's estimate in seconds.
        accepted_at: Unix seconds of acceptance; None for a task made elsewhere.
        credits_reserved: Credits held for it; 0 when the service did not say.
        due: Monotonic seconds of the next look.
        last_no: Monotonic seconds of the last look that said "not yet".
        finished: Monotonic seconds of the look that said "done".
        looks: Status reads sent.
        watchers: Who is told; a task without watchers is not looked at.
        bucket: Its place in the agenda.
    """

    task_id: str
    session: Account
    shape: Hashable
    since: float
    estimated: float | None = None
    accepted_at: float | None = None
    credits_reserved: float = 0.0
    due: float = 0.0
    last_no: float = 0.0
    finished: float = 0.0
    looks: int = 0
    faults: int = 0
    denials: int = 0
    blanks: int = 0
    progress: int | None = None
    watchers: list[Watcher] = attrs.field(factory=list[Watcher])
    bucket: int | None = None

    @property
    def lag(self) -> float:
        """Seconds between the last "not yet" and the first "done"."""
        return self.finished - max(self.last_no, self.since)


@attrs.frozen
class Again:
    """Look again in `delay` seconds."""

    delay: float


def first_look(entry: InFlight, now: float, schedule: Schedule) -> float:
    """Seconds until the first look."""
    return schedule.next_look(entry.shape, now - entry.since, entry.estimated)


def after_look(
    entry: InFlight, seen: Snapshot | EvolinkError, now: float, *, cadence: Cadence, schedule: Schedule
) -> Again | Snapshot | EvolinkError:
    """What follows from a look: another one, the end of the task, or an error that ends the watching.

    Reading is free, so nothing but a lasting refusal ends it: see the table in `verdict`.
    """
    if isinstance(seen, Snapshot):
        entry.faults = entry.denials = 0
        return _after_snapshot(entry, seen, now, cadence=cadence, schedule=schedule)
    delay = _after_fault(entry, seen, now, cadence)
    if delay is None:
        return seen
    asked = seen.retry_after if isinstance(seen, StatusError) else None
    return Again(max(delay, min(asked or 0.0, MAX_RETRY_AFTER)))


def _after_fault(entry: InFlight, seen: EvolinkError, now: float, cadence: Cadence) -> float | None:
    """Seconds until the next look; None when the fault is the last word."""
    if isinstance(seen, AuthenticationError | InsufficientCreditsError | AccessDeniedError):
        entry.denials += 1
        return cadence.max_interval / DENIALS if entry.denials <= DENIALS else None
    if isinstance(seen, TaskNotFoundError):
        left = entry.since + cadence.not_found_grace - now
        return min(_back_off(entry, cadence), left) if left > 0 else None
    return _back_off(entry, cadence)


def _after_snapshot(
    entry: InFlight, seen: Snapshot, now: float, *, cadence: Cadence, schedule: Schedule
) -> Again | Snapshot | EvolinkError:
    if not seen.is_final:
        moved = seen.progress_percent if seen.progress_percent != entry.progress else None
        entry.progress, entry.last_no = seen.progress_percent, now
        entry.estimated = seen.estimated_seconds or entry.estimated
        return Again(schedule.next_look(entry.shape, now - entry.since, entry.estimated, moved))
    if seen.state == TaskState.COMPLETED and not seen.urls:
        entry.blanks += 1
        if entry.blanks <= BLANKS:
            return Again(min(cadence.min_interval * 2**entry.blanks, cadence.max_interval))
        return ReplyError(f"task {entry.task_id} is completed, yet has no result link", task_id=entry.task_id)
    entry.finished = now
    return seen


def _back_off(entry: InFlight, cadence: Cadence) -> float:
    entry.faults += 1
    return min(cadence.min_interval * 2.0 ** min(entry.faults, 30), cadence.max_interval)
