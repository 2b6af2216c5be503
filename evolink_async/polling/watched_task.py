"""A task being watched, and whom to ask about it.

Values only; what a look at it leads to is decided in `looking`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs

from ..errors import EvolinkError
from ..task import Snapshot

Watcher: TypeAlias = "Callable[[WatchedTask, Snapshot | EvolinkError], None]"


PollMany: TypeAlias = "Callable[[Sequence[str]], Awaitable[Mapping[str, Snapshot] | EvolinkError]]"


class Account(Protocol):
    """Whom to ask about a task; a `Session`, seen from down here."""

    busy: int

    async def poll(self, task_id: str) -> Snapshot | EvolinkError:
        """Look once."""
        ...

    @property
    def poll_many(self) -> PollMany | None:
        """Look at many tasks with one request; None when it is not known that they are all its own."""
        ...


@attrs.define(eq=False)
class WatchedTask:
    """One watched task: ids, times and counts, no parameters, so that 100,000 of them are cheap.

    Attributes:
        task_id: The vendor's id.
        session: The account asked.
        duration_class: What durations are learned by.
        since: Monotonic seconds of acceptance, or of the first time we were asked about it.
        estimated: The service's estimate in seconds.
        accepted_at: Unix seconds of acceptance; None for a task made elsewhere.
        credits_reserved: Credits held for it; 0 when the service did not say.
        due: Monotonic seconds of the next look.
        last_no: Monotonic seconds of the last look that said "not yet".
        finished: Monotonic seconds of the look that said "done".
        looks: Status reads sent.
        misses: Batch answers that did not tell of it.
        claim: The end that a batch read told of, before such reads were trusted.
        cost: Requests a second that it would be worth.
        watchers: Who is told; a task without watchers is not looked at.
        bucket: Its place in the agenda.
    """

    task_id: str
    session: Account
    duration_class: Hashable
    since: float
    estimated: float | None = None
    accepted_at: float | None = None
    credits_reserved: float = 0.0
    due: float = 0.0
    last_no: float = 0.0
    finished: float = 0.0
    polls: int = 0
    faults: int = 0
    denials: int = 0
    blanks: int = 0
    progress: int | None = None
    misses: int = 0
    reported_end: str | None = None
    cost: float = 0.0
    watchers: tuple[Watcher, ...] = ()
    bucket: int | None = None

    @property
    def last_news(self) -> float:
        """Monotonic seconds of the last look that said "not yet", or of the beginning."""
        return max(self.last_no, self.since)

    @property
    def lag(self) -> float:
        """Seconds between the last "not yet" and the first "done"."""
        return self.finished - self.last_news

    @property
    def is_missed(self) -> bool:
        """Whether batch reads do not tell of it: one answer without it may have come too soon, two are a habit."""
        return self.misses in (1, 3)
