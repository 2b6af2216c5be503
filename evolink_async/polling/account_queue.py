"""The tasks of one account: which to ask for next, alone or together, and how the account has been answering.

It decides and does not wait, and knows nothing of requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ..errors import EvolinkError, StatusError
from ..settings import Cadence
from ..task import Snapshot
from .batch_route import MAX_BATCH, BatchRoute
from .next_poll import MAX_RETRY_AFTER, is_service_error
from .timing_wheel import TimingWheel
from .watched_task import WatchedTask

PollAnswer: TypeAlias = "Mapping[str, Snapshot] | Snapshot | EvolinkError"

OUTAGE = 5
"""Status requests in a row without a usable answer, after which one at a time finds out when it is over."""
QUOTA = 5.0
"""Hasty second looks that may be saved up."""
EARNED = 0.05
"""Hasty second looks that a good answer earns: a service that fails often is not asked more often for it."""


class AccountQueue:
    """Tasks that one account is asked for.

    Args:
        cadence: The user's bounds.
        batches: Whether the account may be asked for many tasks at once.

    Attributes:
        route: How its batch reads have been.
        demand: Requests a second that its tasks would be worth if there were no limit to them.
    """

    def __init__(self, cadence: Cadence, *, batches: bool) -> None:
        self.route = BatchRoute(allowed=batches and cadence.batch == "auto")
        self.demand = 0.0
        self._cadence = cadence
        self._wheel: TimingWheel[WatchedTask] = TimingWheel(min(0.05, cadence.min_interval / 2))
        self._faults = 0
        self._shut_until = 0.0
        self._asked_until = 0.0
        self._quota = QUOTA
        self._under_way = 0

    def __len__(self) -> int:
        return len(self._wheel)

    # --- what stands in it

    def put(self, entry: WatchedTask, due: float, rate: float | None = None) -> None:
        """Look at a task at `due`, on a clock of the caller's.

        Args:
            entry: The task.
            due: When.
            rate: Looks a second that it would be worth if there were no limit; None if that is as it was.
        """
        if rate is not None:
            cost = rate / self.fill(entry)
            self.demand += cost - entry.cost
            entry.cost = cost
        entry.due = due
        self._wheel.put(entry, due)

    def drop(self, entry: WatchedTask) -> None:
        """Look at it no more."""
        self.demand -= entry.cost
        entry.cost = 0.0
        self._wheel.drop(entry)

    def fill(self, entry: WatchedTask) -> float:
        """How many tasks share a request that asks for this one."""
        return 1.0 if self._is_alone(entry) else self.route.fill

    def _is_alone(self, entry: WatchedTask) -> bool:
        """Whether it is to be read by itself: to confirm a first end that a batch told of, or as they miss it."""
        return entry.is_missed or (entry.reported_end is not None and not self.route.is_trusted)

    # --- what to ask for

    @property
    def ready_at(self) -> float | None:
        """When to ask next; None while there is nothing to ask for, or one request is finding out about an outage."""
        due = self._wheel.next_due()
        if due is None or (self.is_in_outage and self._under_way):
            return None
        return max(due, self._shut_until, self._asked_until)

    def take(self, now: float) -> list[WatchedTask]:
        """Take out what one request asks for: what is due, and if it can be shared, what is due next.

        Due times are continuous, so that exactly one task is due at a time; a batch of those alone would be none.
        """
        ready_at = self.ready_at
        first = self._wheel.take(now) if ready_at is not None and ready_at <= now else None
        if first is None:
            return []
        self._under_way += 1
        if self._is_alone(first) or not self.route.is_open(now):
            return [first]
        company = self._company(now)
        if not company:
            self.route.filled(1)
        return [first, *company]

    def _company(self, now: float) -> list[WatchedTask]:
        reach, fresh = now + self._cadence.max_interval / 3, now - self._cadence.min_interval
        company, left = list[WatchedTask](), list[WatchedTask]()
        while len(company) < MAX_BATCH - 1 and len(left) < MAX_BATCH and (entry := self._wheel.take(reach)) is not None:
            (left if self._is_alone(entry) or entry.last_news > fresh else company).append(entry)
        for entry in left:
            self._wheel.put(entry, entry.due)
        return company

    # --- how it answers

    @property
    def is_in_outage(self) -> bool:
        """Whether one request at a time finds out when the service is back."""
        return self._faults >= OUTAGE

    def note_answer(self, seen: PollAnswer, now: float, *, is_batch: bool) -> bool:
        """Take note of an answer; tells whether the batch route is to blame for it: the tasks are read singly then."""
        self._under_way -= 1
        if isinstance(seen, Mapping):
            self.route.answered(len(seen))
        elif isinstance(seen, Snapshot):
            self.route.single(works=True)
        if not isinstance(seen, EvolinkError):
            self._note_success()
            return False
        is_to_blame = is_batch and self.route.failed(seen, now)
        if is_to_blame or not is_service_error(seen):
            self._note_success()
            return is_to_blame
        self._note_fault(seen, now)
        if not is_batch:
            self.route.single(works=False)
        return False

    def given_up(self) -> None:
        """A request ended without an answer, as we are being closed."""
        self._under_way -= 1

    def take_retry_token(self) -> bool:
        """Whether a look that failed may be repeated soon, on account of the answers that came; it counts as done."""
        if self._quota < 1:
            return False
        self._quota -= 1
        return True

    def _note_success(self) -> None:
        self._faults, self._shut_until = 0, 0.0
        self._quota = min(self._quota + EARNED, QUOTA)

    def _note_fault(self, error: EvolinkError, now: float) -> None:
        """After some faults in a row all tasks wait for one at a time to find out more."""
        if isinstance(error, StatusError) and error.retry_after:
            self._asked_until = max(self._asked_until, now + min(error.retry_after, MAX_RETRY_AFTER))
        if self.is_in_outage and now < self._shut_until:
            return  # sent before that was known: a burst of requests that fail together tells one thing
        self._faults += 1
        if self.is_in_outage:
            pause = self._cadence.min_interval * 2.0 ** min(self._faults - OUTAGE + 1, 30)
            self._shut_until = now + min(pause, self._cadence.max_interval)
