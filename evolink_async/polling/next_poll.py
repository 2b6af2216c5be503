"""What follows a poll: the next one and its delay, the end of the task, or an error that ends the watching.

Plain decisions: the clock is an argument, nothing waits and nothing is sent.

    the poll shows                              what follows
    a final state, with links if completed      the end
    any other state                             a poll when the schedule says
    completed, without a link                   3 more polls, then a ReplyError
    a word that no page names, and links        one more poll that shows the same, then the end, as completed
    such a word, and an error                   3 equal polls over a minute, then a ReplyError
    400 of the service about the form of an id
    that is not known to have come from it      the error
    404, 410 of the service                     more polls for `not_found_grace`, at least 3, then the error
    401, 403 of the service, whichever key of
    the pool asks; an aiohttp session of the
    user's that is closed, and the like         3 more polls over `max_interval`, then the error
    any other error, as a wrong certificate     a poll after a back-off; after 24 hours of nothing else, a ReplyError
"""

from __future__ import annotations

import attrs

from ..errors import (
    AccessDeniedError,
    AuthenticationError,
    EvolinkError,
    ReplyError,
    StatusError,
    TaskNotFoundError,
    UnsendableError,
)
from ..settings import Cadence
from ..task import Snapshot, TaskState
from .call_record import CallRecord
from .outage_backoff import MAX_RETRY_AFTER
from .poll_trouble import OddWord, PollTrouble
from .schedule import Schedule
from .watched_task import WatchedTask

REFUSAL_RETRIES = 3
"""Polls after one that the service refused because of the key, spread over `max_interval`."""
# The links may be written a moment after the state.
MISSING_LINK_RETRIES = 3
"""Polls after one that found the task completed, without a result link."""
SHOWN_RESULTS = 200
"""Characters of unreadable results that an error message shows."""

LEAST_MISSING = 3
"""Polls that the service answers with "no such task" before that is believed."""
SEEN_FACTOR = 5
"""By how much longer the grace of a task is that an earlier poll has shown."""

UNUSABLE_SECONDS = 24 * 3600.0
"""Seconds without a usable answer after which a task is given up; it stays unfinished."""
ODD_POLLS, ODD_SECONDS = 3, 60.0
"""Equal polls, and the seconds between the first and the last, after which an odd word with an error is believed."""

_REFUSALS = (AuthenticationError, AccessDeniedError, TaskNotFoundError)


# Not frozen: `pressure` changes with the load, and all tasks of a pool share one object.
@attrs.define
class Pacing:
    """The inputs that all tasks of a pool share when a poll is timed.

    Attributes:
        cadence: The user's limits.
        schedule: The learned durations.
        pressure: Factor by which polls are moved apart because the request budget is limited; 1 if it is not.
        calls: Whether callbacks arrive.
    """

    cadence: Cadence
    schedule: Schedule
    pressure: float = 1.0
    calls: CallRecord = attrs.field(factory=CallRecord)

    def interval(self, entry: WatchedTask, now: float, *, new_progress: int | None = None, fill: float = 1.0) -> float:
        """Return the seconds until the next poll of a running task.

        Args:
            entry: The task.
            now: Monotonic seconds.
            new_progress: Percent done, if it has changed since the last poll.
            fill: Number of tasks that share the status request.
        """
        elapsed = now - entry.started_at
        if entry.awaits_call and self.calls.is_trusted(now):
            delay = self.schedule.safety_look(entry.duration_class, elapsed, entry.estimated, self.pressure)
            return self.calls.longest(delay, self.cadence.max_interval * self.pressure)
        return self.schedule.next_look(
            entry.duration_class, elapsed, entry.estimated, new_progress, self.pressure, fill
        )

    def learn(self, entry: WatchedTask, last: Snapshot) -> None:
        """Learn from the end of a task."""
        if entry.awaits_call:
            self.calls.missed(entry.end_seen_at)
        # Failures end early, and a task made elsewhere has no known start: neither teaches a duration.
        if last.state == TaskState.COMPLETED and entry.accepted_at is not None:
            self.schedule.observe(entry.duration_class, entry.ended_at - entry.started_at)


@attrs.frozen
class PollAgain:
    """The task is polled again in `delay` seconds.

    `is_planned` tells whether the schedule chose the time, and not a back-off.
    """

    delay: float
    is_planned: bool = False


def next_poll(
    entry: WatchedTask,
    seen: Snapshot | EvolinkError,
    now: float,
    pacing: Pacing,
    *,
    fill: float = 1.0,
    retry_early: bool = True,
) -> PollAgain | Snapshot | EvolinkError:
    """Return what follows a poll: another poll, the final snapshot, or an error that ends the watching.

    Polls are free of charge, so only a lasting refusal ends the watching.

    Args:
        entry: The task; its times and counters are updated.
        seen: The result of the poll.
        now: Monotonic seconds.
        pacing: The inputs of the timing.
        fill: Number of tasks that share the status request.
        retry_early: Whether a failed poll may be repeated before the schedule would poll the task again.
    """
    if isinstance(seen, Snapshot):
        return _after_snapshot(entry, seen, now, pacing, fill)
    if entry.trouble is None:
        entry.trouble = PollTrouble(since=now)
    if is_service_error(seen):
        if now - entry.trouble.since >= UNUSABLE_SECONDS:
            return _unusable(entry, seen)
        delay = _backoff(entry.trouble, pacing.cadence)
        if not retry_early:
            delay = max(delay, pacing.interval(entry, now, fill=fill))
    elif (refusal_delay := _after_refusal(entry, entry.trouble, seen, now, pacing.cadence)) is None:
        return seen
    else:
        delay = refusal_delay
    asked = seen.retry_after if isinstance(seen, StatusError) else None
    return PollAgain(max(delay, min(asked or 0.0, MAX_RETRY_AFTER)))


def _unusable(entry: WatchedTask, last: EvolinkError) -> ReplyError:
    hours = UNUSABLE_SECONDS / 3600
    return ReplyError(
        f"no usable answer about task {entry.task_id} for {hours:g} h; last: {last}", task_id=entry.task_id
    )


def is_service_error(seen: EvolinkError) -> bool:
    """Whether an error is due to the service or the network, and not to the task or the key."""
    if isinstance(seen, UnsendableError):
        return False
    return not isinstance(seen, _REFUSALS) or seen.is_foreign


def is_no_id(entry: WatchedTask, seen: TaskNotFoundError) -> bool:
    """Whether the service says that no task can have such an id, which somebody may have mistyped."""
    # Its only 400 of this class, see `wire.verdict`. Of an id that it gave itself, it is believed no sooner than a 404.
    return seen.status == 400 and not seen.is_foreign and not entry.is_proven


def _after_refusal(
    entry: WatchedTask, trouble: PollTrouble, seen: EvolinkError, now: float, cadence: Cadence
) -> float | None:
    """Return the seconds until the next poll; None when the refusal ends the watching."""
    if isinstance(seen, TaskNotFoundError):
        if is_no_id(entry, seen):
            return None
        # A task that was seen alive is believed longer: a service that restarts may not know it for a while.
        grace = cadence.not_found_grace * (SEEN_FACTOR if entry.was_seen else 1)
        trouble.first_missing_at = trouble.first_missing_at or now
        trouble.times_missing += 1
        left = trouble.first_missing_at + grace - now
        if left <= 0 and trouble.times_missing >= LEAST_MISSING:
            return None
        return min(_backoff(trouble, cadence), max(left, cadence.min_interval))
    # A key may be refused for a moment only, and the task, which is paid for, goes on.
    trouble.refusals += 1
    return cadence.max_interval / REFUSAL_RETRIES if trouble.refusals <= REFUSAL_RETRIES else None


def _after_snapshot(
    entry: WatchedTask, seen: Snapshot, now: float, pacing: Pacing, fill: float
) -> PollAgain | Snapshot | EvolinkError:
    trouble, entry.trouble = entry.trouble, None
    if seen.is_final:
        if seen.state == TaskState.COMPLETED and not seen.urls:
            return _after_missing_link(entry, seen, trouble or PollTrouble(since=now), pacing.cadence)
        entry.end_seen_at = now
        return seen
    if (seen.urls or seen.fault is not None) and not seen.is_documented:
        before = trouble.word if trouble is not None else None
        return _after_odd_word(entry, before, seen, now, pacing.cadence)
    new_progress = seen.progress_percent if seen.progress_percent != entry.progress else None
    # The answer shows what was so when the poll was sent, and nothing newer is certain.
    entry.progress, entry.last_running_at = seen.progress_percent, entry.polled_at
    entry.estimated = seen.estimated_seconds or entry.estimated
    return PollAgain(pacing.interval(entry, now, new_progress=new_progress, fill=fill), is_planned=True)


def _after_missing_link(
    entry: WatchedTask, seen: Snapshot, trouble: PollTrouble, cadence: Cadence
) -> PollAgain | ReplyError:
    entry.trouble = trouble
    trouble.missing_links += 1
    if trouble.missing_links <= MISSING_LINK_RETRIES:
        return PollAgain(min(cadence.min_interval * 2**trouble.missing_links, cadence.max_interval))
    results = seen.extra.get("results")
    text = f"task {entry.task_id} is completed, but has no result link"
    text += f"; its results: {str(results)[:SHOWN_RESULTS]}" if results else ""
    return ReplyError(text, task_id=entry.task_id, request_id=seen.request_id, snapshot=seen)


def _after_odd_word(
    entry: WatchedTask, before: OddWord | None, seen: Snapshot, now: float, cadence: Cadence
) -> PollAgain | Snapshot | ReplyError:
    """A word that no page names, but with links or an error: it is believed when it is said again."""
    is_same = before is not None and before.is_same(seen)
    word = attrs.evolve(before, polls=before.polls + 1) if before is not None and is_same else OddWord(seen, 1, now)
    if seen.urls and word.polls > 1:
        entry.end_seen_at = now
        return attrs.evolve(seen, state=TaskState.COMPLETED)
    if not seen.urls and word.polls >= ODD_POLLS and now - word.since >= ODD_SECONDS:
        reason = seen.fault.message if seen.fault is not None else None
        text = f"task {entry.task_id} is {seen.state!r}, which no page explains, with an error: {reason or 'no text'}"
        return ReplyError(text, task_id=entry.task_id, request_id=seen.request_id, snapshot=seen)
    entry.trouble = PollTrouble(since=now, word=word)
    entry.last_running_at = entry.polled_at
    return PollAgain(cadence.min_interval if seen.urls else max(cadence.min_interval, ODD_SECONDS / ODD_POLLS))


def _backoff(trouble: PollTrouble, cadence: Cadence) -> float:
    """Count a failure; return twice `min_interval`, doubled for each failure before it, up to `max_interval`."""
    trouble.failures += 1
    return min(cadence.min_interval * 2.0 ** min(trouble.failures, 30), cadence.max_interval)
