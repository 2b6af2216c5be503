"""The queue of one account's tasks: when its next status request may be sent, and for which tasks.

Nothing waits and nothing is sent here; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ..errors import EvolinkError
from ..settings import Cadence
from ..task import Snapshot
from .batch_filling import needs_single_poll, take_batch_mates
from .batch_route import BatchRoute
from .extra_polls import ExtraPolls
from .next_poll import is_service_error
from .outage_backoff import OutageBackoff
from .timing_wheel import TimingWheel
from .watched_task import WatchedTask

PollAnswer: TypeAlias = "Mapping[str, Snapshot] | Snapshot | EvolinkError"

RETRY_TOKENS = 5.0
"""Capacity of the retry budget; each early retry of a failed poll takes one token."""
# One token for 20 answers: a service that fails often gets at most 5 % more requests for it.
TOKENS_PER_ANSWER = 0.05
"""Tokens that a usable answer adds to the retry budget."""


class AccountQueue:
    """The tasks that are polled from one account, by due time.

    Args:
        cadence: The user's limits.
        batches: Whether a status request may ask for many of the tasks.

    Attributes:
        route: The state of the batch route.
        outage: Whether status requests fail, and how long they wait then.
        extra_polls: Who waits for the next poll of a task, whatever it shows.
        demand: Status requests per second that the tasks would cost if the request budget were not limited.
    """

    def __init__(self, cadence: Cadence, *, batches: bool) -> None:
        self.route: BatchRoute = BatchRoute(allowed=batches and cadence.batch == "auto")
        self.outage: OutageBackoff = OutageBackoff(cadence)
        self.extra_polls: ExtraPolls = ExtraPolls()
        self.demand: float = 0.0
        self._cadence = cadence
        self._wheel: TimingWheel[WatchedTask] = TimingWheel(min(0.05, cadence.min_interval / 2))
        self._retry_tokens = RETRY_TOKENS
        self._open_requests = 0

    def __len__(self) -> int:
        return len(self._wheel)

    def put(self, entry: WatchedTask, due: float, rate: float | None = None) -> None:
        """Set the time of a task's next poll.

        Args:
            entry: The task, whether or not it is in the queue.
            due: Monotonic seconds.
            rate: Polls per second that the task would get if the request budget were not limited; None leaves its
                share of the demand unchanged.
        """
        if rate is not None:
            demand = rate / self.fill(entry)
            self.demand += demand - entry.demand
            entry.demand = demand
        entry.due = due
        self._wheel.put(entry, due)

    def drop(self, entry: WatchedTask) -> None:
        """Remove a task, its share of the demand, and whoever wants a last poll of it."""
        self.extra_polls.drop(entry)
        self.demand -= entry.demand
        entry.demand = 0.0
        self._wheel.drop(entry)

    def fill(self, entry: WatchedTask) -> float:
        """Return the number of tasks that share a status request for this one, on average."""
        return 1.0 if needs_single_poll(entry, self.route) else self.route.fill

    @property
    def ready_at(self) -> float | None:
        """Monotonic seconds of the next status request; None if the queue is empty or a probe is under way."""
        due = self._wheel.next_due()
        if due is None or (self.outage.is_outage and self._open_requests):
            return None
        return max(due, self.outage.blocked_until, self.outage.asked_until)

    def take(self, now: float) -> list[WatchedTask]:
        """Remove and return the tasks of one status request; none if it may not be sent yet.

        The first task is due. The others, if the batch route is open, are due soon.
        """
        ready_at = self.ready_at
        first = self._wheel.take(now) if ready_at is not None and ready_at <= now else None
        if first is None:
            return []
        self._open_requests += 1
        if needs_single_poll(first, self.route) or not self.route.is_open(now):
            return [first]
        mates = take_batch_mates(self._wheel, self.route, self._cadence, now)
        if not mates:
            self.route.record_fill(1)
        return [first, *mates]

    def record_answer(self, seen: PollAnswer, now: float, *, is_batch: bool) -> bool:
        """Record how a status request ended; return True if the batch route failed and its tasks are polled singly."""
        self._open_requests -= 1
        if isinstance(seen, Mapping):
            self.route.record_answer(len(seen))
        elif isinstance(seen, Snapshot):
            self.route.record_single_poll(works=True)
        if not isinstance(seen, EvolinkError):
            self._record_success()
            return False
        # A refused key, a missing task and a broken batch route are answers too: the service is up.
        is_route_failure = is_batch and self.route.record_failure(seen, now)
        if is_route_failure or not is_service_error(seen):
            self._record_success()
            return is_route_failure
        self.outage.record_failure(seen, now)
        if not is_batch:
            self.route.record_single_poll(works=False)
        return False

    def record_cancellation(self) -> None:
        """Record that a status request ended without an answer, because the pool is being closed."""
        self._open_requests -= 1

    def take_retry_token(self) -> bool:
        """Take a token from the retry budget; return False if there is none, so the retry waits for its normal turn."""
        if self._retry_tokens < 1:
            return False
        self._retry_tokens -= 1
        return True

    def _record_success(self) -> None:
        self.outage.record_success()
        self._retry_tokens = min(self._retry_tokens + TOKENS_PER_ANSWER, RETRY_TOKENS)
