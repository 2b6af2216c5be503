"""Which tasks share a status request with a task that is due.

Whether the batch route may be used at all is decided in `batch_route`.
"""

from __future__ import annotations

from ..settings import Cadence
from ..task import Snapshot
from .batch_route import MAX_BATCH, BatchRoute
from .timing_wheel import TimingWheel
from .watched_task import WatchedTask


def needs_single_poll(entry: WatchedTask, route: BatchRoute) -> bool:
    """Whether a task must be polled alone: batches miss it, or the first end that a batch reported is unconfirmed."""
    return entry.is_missing_in_batches or (entry.reported_end is not None and not route.is_trusted)


def take_batch_mates(
    wheel: TimingWheel[WatchedTask], route: BatchRoute, cadence: Cadence, now: float
) -> list[WatchedTask]:
    """Take out of the wheel up to 49 tasks that are due soonest, to share the request of a task that is due.

    Left in the wheel are tasks due in more than a third of `max_interval`, tasks polled less than `min_interval` ago,
    and tasks that need a single poll.
    """
    # Due times are continuous, so one task is due at any moment: a batch of tasks that are due would hold one.
    horizon, too_fresh = now + cadence.max_interval / 3, now - cadence.min_interval
    mates, left = list[WatchedTask](), list[WatchedTask]()
    # The bound on `left` keeps one request from walking through a wheel full of unsuitable tasks.
    while len(mates) < MAX_BATCH - 1 and len(left) < MAX_BATCH and (entry := wheel.take(horizon)) is not None:
        (left if needs_single_poll(entry, route) or entry.known_running_at > too_fresh else mates).append(entry)
    for entry in left:
        wheel.put(entry, entry.due)
    return mates


def check_batch_claims(route: BatchRoute, entry: WatchedTask, seen: Snapshot) -> None:
    """Compare a snapshot with the end that a batch answer reported, or with a batch answer that missed the task."""
    if entry.reported_end is not None:
        route.confirm(entry.reported_end, seen.state)
        entry.reported_end = None
    if entry.missing_rows == 1:
        entry.missing_rows = 2
