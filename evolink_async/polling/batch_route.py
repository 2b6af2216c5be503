"""Whether the batch route of an account is used, and whether its answers are trusted.

The vendor does not document the route, so its answers are checked. Nothing is sent here; which tasks share a request is
decided in `batch_filling`.

    the route                                           polls
    answers                                             in batches, from the first request on
    reports a first end                                 the end is confirmed by a single poll, then trusted
    reports an end that a single poll contradicts       single for good
    answers 404, 405, 501 or cannot be decoded          single for good
    has worked, and a page of another host comes back   as a failure: it says nothing about the route
    refuses with another status below 500               single for 10 minutes
    fails repeatedly while single polls work            single for 10 minutes
    answers 408, 425, 429                               in batches: these say nothing about the route
"""

from __future__ import annotations

from ..errors import EvolinkError, ReplyError, StatusError
from ..task import Snapshot, TaskState

# Source: the service's own command-line client.
MAX_BATCH = 50
"""Task ids in one status request."""
RETRY_AFTER_SECONDS = 600.0
"""Seconds after which a route that failed is tried again."""
FAILURES = 3
"""Batch requests that fail in a row before a single poll checks whether the service itself works."""
# If 30 % of all requests fail by chance, 8 batch requests in a row fail at one in 15,000.
FAILURE_LIMIT = 8
"""Failures in a row that switch off a route which has worked, while single polls work."""
SMOOTHING = 0.1
"""Weight of the latest request in the moving average `fill`."""

_ABSENT = frozenset({404, 405, 501})
_OVERLOADED = frozenset({408, 425, 429})


class BatchRoute:
    """The state of the batch route of one account.

    Attributes:
        is_trusted: Whether a single poll has confirmed an end that the route reported.
        fill: Tasks in an answer, as a moving average over the latest requests.
        off: Why the route is not used any more; None while it may be used.
    """

    __slots__ = ("_failures", "_has_worked", "_is_known", "_paused_until", "_single_works", "fill", "is_trusted", "off")

    def __init__(self, *, allowed: bool) -> None:
        self.is_trusted: bool = False
        self.fill: float = 1.0
        self.off: str | None = None if allowed else "not allowed, or the tasks may belong to different accounts"
        self._failures = 0
        self._is_known = self._has_worked = False
        self._single_works = False
        self._paused_until = 0.0

    def is_open(self, now: float) -> bool:
        """Whether the next request may be a batch."""
        # After some failures a single poll goes first: it tells a broken route from a broken service.
        must_check_service = self._failures >= FAILURES and not self._single_works
        return self.off is None and now >= self._paused_until and not must_check_service

    def believes(self, row: Snapshot) -> bool:
        """Whether a row of a batch answer counts like a single poll.

        A final state does not before the route is trusted; a completed task never does without its links, as a row may
        be shorter than the answer to a single poll.
        """
        if not row.is_final:
            return True
        return self.is_trusted and (row.state != TaskState.COMPLETED or bool(row.urls))

    def record_answer(self, count: int) -> None:
        """Record a batch answer about `count` tasks."""
        self._failures, self._single_works = 0, False
        self._is_known = self._has_worked = True
        self.record_fill(count)

    def record_fill(self, count: int) -> None:
        """Record a request that could have been a batch and was answered for `count` tasks."""
        self.fill += SMOOTHING * (count - self.fill)

    def record_failure(self, error: EvolinkError, now: float) -> bool:
        """Record a failed batch request; return whether the route is the cause, so that its tasks are polled singly."""
        status = error.status if isinstance(error, StatusError) else None
        if status in _OVERLOADED:
            return False
        # Nothing else tells a route that was never there from a balancer that does not know it.
        is_stray = self._is_known and isinstance(error, StatusError | ReplyError) and error.is_foreign
        if status in _ABSENT and not is_stray:
            self.disable(f"the route answers HTTP {status}")
        elif isinstance(error, ReplyError) and not is_stray:
            self.disable("the answer does not describe the tasks asked for")
        elif self._is_broken or (status is not None and status < 500 and not is_stray):
            # A refusal may be due to one of the ids, and a 401 or 403 to the route alone: single polls show which.
            self._paused_until = now + RETRY_AFTER_SECONDS
            self._failures, self._single_works, self._has_worked, self.fill = 0, False, False, 1.0
        else:
            self._failures += 1
            return False
        return True

    @property
    def _is_broken(self) -> bool:
        """Whether one more failure switches the route off, as single polls work."""
        return self._single_works and self._failures >= (FAILURE_LIMIT - 1 if self._has_worked else FAILURES)

    def record_single_poll(self, *, works: bool) -> None:
        """Record whether a single poll was answered."""
        # If single polls fail too, the service is down: the failures say nothing about the route and are dropped.
        if self._failures >= FAILURES:
            self._single_works = works
            self._failures *= works

    def confirm(self, reported: str, seen: str) -> None:
        """Compare the final state that a batch answer reported with the state that a single poll has seen."""
        if reported == seen:
            self.is_trusted = True
        else:
            self.disable(f"a batch answer reported {reported!r} for a task that is {seen!r}")

    def disable(self, reason: str) -> None:
        """Switch the route off for good."""
        self.off = self.off or reason
        self.fill = 1.0
