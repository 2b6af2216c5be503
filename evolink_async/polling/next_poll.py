"""What a look at a task leads to: another one, and when; or the end.

Plain decisions: the clock is an argument, nothing waits, nothing is sent.
"""

from __future__ import annotations

import attrs

from ..errors import (
    AccessDeniedError,
    AuthenticationError,
    EvolinkError,
    InsufficientCreditsError,
    ReplyError,
    StatusError,
    TaskNotFoundError,
)
from ..settings import Cadence
from ..task import Snapshot, TaskState
from .schedule import Schedule
from .watched_task import WatchedTask

MAX_RETRY_AFTER = 3600.0
"""Seconds; a longer wish is taken for a mistake, lest a task be forgotten."""
DENIALS = 3
"""How often a look that the key is refused for is repeated, over `max_interval`."""
BLANKS = 3
"""How often a completed task without a link is looked at again."""

_REFUSALS = (AuthenticationError, InsufficientCreditsError, AccessDeniedError, TaskNotFoundError)


@attrs.define
class Pacing:
    """What decides when a task is looked at next.

    Attributes:
        cadence: The user's bounds.
        schedule: What was learned.
        pressure: How much further apart looks stand than their worth alone would have them, as requests are limited.
    """

    cadence: Cadence
    schedule: Schedule
    pressure: float = 1.0

    def gap(self, entry: WatchedTask, now: float, *, moved: int | None = None, fill: float = 1.0) -> float:
        """Seconds until the next look at a task of which nothing is known but that it goes on."""
        elapsed = now - entry.since
        return self.schedule.next_look(entry.duration_class, elapsed, entry.estimated, moved, self.pressure, fill)


@attrs.frozen
class PollAgain:
    """Look again in `delay` seconds; `is_planned` if that is the task's turn, not a repetition."""

    delay: float
    is_planned: bool = False


def after_poll(
    entry: WatchedTask,
    seen: Snapshot | EvolinkError,
    now: float,
    pacing: Pacing,
    *,
    fill: float = 1.0,
    in_haste: bool = True,
) -> PollAgain | Snapshot | EvolinkError:
    """What follows from a look: another one, the end of the task, or an error that ends the watching.

    Reading is free, so nothing but a lasting refusal ends it: see the table in `verdict`.

    Args:
        entry: The task; what the look showed is noted in it.
        seen: What the look showed.
        now: Monotonic seconds.
        pacing: When tasks are looked at.
        fill: How many tasks share a request.
        in_haste: Whether a look that failed is repeated before the task's next turn.
    """
    if isinstance(seen, Snapshot):
        entry.faults = entry.denials = 0
        return _after_snapshot(entry, seen, now, pacing, fill)
    if is_service_error(seen):
        delay = _back_off(entry, pacing.cadence)
        if not in_haste:
            delay = max(delay, pacing.gap(entry, now, fill=fill))
    elif (patience := _after_refusal(entry, seen, now, pacing.cadence)) is None:
        return seen
    else:
        delay = patience
    asked = seen.retry_after if isinstance(seen, StatusError) else None
    return PollAgain(max(delay, min(asked or 0.0, MAX_RETRY_AFTER)))


def _after_refusal(entry: WatchedTask, seen: EvolinkError, now: float, cadence: Cadence) -> float | None:
    """Seconds until the next look; None when the refusal is the last word."""
    if isinstance(seen, TaskNotFoundError):
        left = entry.since + cadence.not_found_grace - now
        return min(_back_off(entry, cadence), left) if left > 0 else None
    entry.denials += 1
    return cadence.max_interval / DENIALS if entry.denials <= DENIALS else None


def is_service_error(seen: EvolinkError) -> bool:
    """Whether the service, or the way to it, is at fault: not the task, nor the key."""
    return not isinstance(seen, _REFUSALS)


def _after_snapshot(
    entry: WatchedTask, seen: Snapshot, now: float, pacing: Pacing, fill: float
) -> PollAgain | Snapshot | EvolinkError:
    cadence = pacing.cadence
    if not seen.is_final:
        moved = seen.progress_percent if seen.progress_percent != entry.progress else None
        entry.progress, entry.last_no = seen.progress_percent, now
        entry.estimated = seen.estimated_seconds or entry.estimated
        return PollAgain(pacing.gap(entry, now, moved=moved, fill=fill), is_planned=True)
    if seen.state == TaskState.COMPLETED and not seen.urls:
        entry.blanks += 1
        if entry.blanks <= BLANKS:
            return PollAgain(min(cadence.min_interval * 2**entry.blanks, cadence.max_interval))
        return ReplyError(f"task {entry.task_id} is completed, yet has no result link", task_id=entry.task_id)
    entry.finished = now
    return seen


def _back_off(entry: WatchedTask, cadence: Cadence) -> float:
    entry.faults += 1
    return min(cadence.min_interval * 2.0 ** min(entry.faults, 30), cadence.max_interval)
