"""Whether tasks of an account are read together: the route is documented nowhere, so it is trusted as far as it proves.

It decides and sends nothing. The route comes on at once, is checked at its first ended task, and single reads take over
for good when it is not there or tells nonsense, for a while when it fails where they work.
"""

from __future__ import annotations

from ..errors import EvolinkError, ReplyError, StatusError

MAX_BATCH = 50
"""Ids in one request. Source: the service's own command-line client."""
RETRY_AFTER_SECONDS = 600.0
"""Seconds after which a route that failed is tried again."""
FAILURES = 3
"""Batch reads that fail in a row before a single one is tried."""
FAILURE_LIMIT = 8
"""Failures in a row, where single reads work, that make a route rest that has worked before: three of ten that fail by
chance, as in a storm, do so eight times in a row at one read in fifteen thousand."""
SMOOTHING = 0.1

_ABSENT = frozenset({404, 405, 501})
_PASSING = frozenset({408, 425, 429})  # say nothing of the route


class BatchRoute:
    """What the batch reads of one account have been like.

    Attributes:
        is_trusted: Whether an end that it told was confirmed by a single read.
        fill: Tasks a request has told of, lately.
        off: Why it is not used any more; None while it may be.
    """

    __slots__ = ("_failures", "_has_worked", "_rests_until", "_single_works", "fill", "is_trusted", "off")

    def __init__(self, *, allowed: bool) -> None:
        self.is_trusted = False
        self.fill = 1.0
        self.off: str | None = None if allowed else "not wanted, or not known whose tasks these are"
        self._failures = 0
        self._has_worked = False
        self._single_works = False
        self._rests_until = 0.0

    def is_open(self, now: float) -> bool:
        """Whether the next read may be a batch; after some failures a single read finds out whose fault they were."""
        doubtful = self._failures >= FAILURES and not self._single_works
        return self.off is None and now >= self._rests_until and not doubtful

    def answered(self, count: int) -> None:
        """A batch read told of `count` tasks."""
        self._failures, self._single_works, self._has_worked = 0, False, True
        self.filled(count)

    def filled(self, count: int) -> None:
        """A request that might have asked for more told of `count` tasks."""
        self.fill += SMOOTHING * (count - self.fill)

    def failed(self, error: EvolinkError, now: float) -> bool:
        """A batch read did not work; tells whether that is the fault of the route, and single reads take over."""
        status = error.status if isinstance(error, StatusError) else None
        if status in _PASSING:
            return False
        if status in _ABSENT or isinstance(error, ReplyError):
            self.distrust(f"the route answers HTTP {status}" if status in _ABSENT else "it tells of something else")
        elif self._is_broken or (status is not None and status < 500):
            self._rests_until = now + RETRY_AFTER_SECONDS
            self._failures, self._single_works, self._has_worked, self.fill = 0, False, False, 1.0
        else:
            self._failures += 1
            return False
        return True

    @property
    def _is_broken(self) -> bool:
        """Whether one more failure is the route's own."""
        return self._single_works and self._failures >= (FAILURE_LIMIT - 1 if self._has_worked else FAILURES)

    def single(self, *, works: bool) -> None:
        """A single read worked, or did not, which tells a broken route from a broken service."""
        if self._failures >= FAILURES:
            self._single_works = works
            self._failures *= works

    def confirmed(self, reported: str, seen: str) -> None:
        """A single read of a task that a batch had called `reported` has shown the state `seen`."""
        if reported == seen:
            self.is_trusted = True
        else:
            self.distrust(f"a batch read said {reported!r} of a task that is {seen!r}")

    def distrust(self, reason: str) -> None:
        """Never use it again."""
        self.off = self.off or reason
        self.fill = 1.0
