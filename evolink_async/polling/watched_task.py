"""A task that is polled, and the account that it is polled from.

Values only; what a poll leads to is decided in `next_poll`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs

from ..errors import EvolinkError
from ..task import Snapshot
from .poll_trouble import PollTrouble

Watcher: TypeAlias = "Callable[[WatchedTask, Snapshot | EvolinkError], None]"
PollMany: TypeAlias = "Callable[[Sequence[str]], Awaitable[Mapping[str, Snapshot] | EvolinkError]]"


class Account(Protocol):
    """The account that a task is polled from: what the poller needs of a `Session`."""

    @property
    def busy(self) -> int:
        """Tasks that are watched under it."""
        ...

    @busy.setter
    def busy(self, count: int) -> None:
        """Count them."""
        ...

    async def poll(self, task_id: str) -> Snapshot | EvolinkError:
        """Poll one task, once."""
        ...

    @property
    def poll_many(self) -> PollMany | None:
        """Poll many tasks with one status request; None if the tasks may belong to different accounts."""
        ...


# Not frozen, because every poll changes it. No parameters of the job, so that 100,000 tasks fit in memory.
@attrs.define(eq=False)
class WatchedTask:
    """One watched task: ids, times and counters.

    Attributes:
        task_id: The vendor's id.
        account: The account that is asked.
        duration_class: The class of tasks whose durations are learned together.
        started_at: Monotonic seconds of acceptance; for a task made elsewhere, of the first time it was watched.
        estimated: The service's estimate of the whole duration, in seconds.
        accepted_at: Unix seconds of acceptance; None for a task made elsewhere.
        credits_reserved: Credits reserved for it; 0 if the service named none.
        due: Monotonic seconds of the next poll.
        last_running_at: Monotonic seconds at which the last poll was sent that found it running; 0 before that.
        end_seen_at: Monotonic seconds of the poll that found it ended; 0 before that.
        polls: Polls sent.
        polled_at: Monotonic seconds at which the last poll was sent; 0 before that.
        trouble: What did not go as usual since the last usual snapshot; None for nearly all tasks.
        progress: Percent done at the last poll.
        has_callback: Whether the service calls when it has ended.
        called_at: Monotonic seconds of the first callback; 0 before that.
        missing_rows: Batch answers that did not contain it.
        reported_end: The final state in a batch answer that is not confirmed yet.
        demand: Status requests per second that its polls cost if the request budget is not limited.
        watchers: Called with each result; a task without watchers is not polled.
        bucket: Its bucket in the timing wheel.
    """

    task_id: str
    account: Account
    duration_class: Hashable
    started_at: float
    estimated: float | None = None
    accepted_at: float | None = None
    credits_reserved: float = 0.0
    due: float = 0.0
    last_running_at: float = 0.0
    end_seen_at: float = 0.0
    polls: int = 0
    polled_at: float = 0.0
    trouble: PollTrouble | None = None
    progress: int | None = None
    has_callback: bool = False
    called_at: float = 0.0
    missing_rows: int = 0
    reported_end: str | None = None
    demand: float = 0.0
    watchers: tuple[Watcher, ...] = ()
    bucket: int | None = None

    @property
    def was_seen(self) -> bool:
        """Whether a poll has shown the task."""
        return self.last_running_at > 0 or (self.trouble is not None and self.trouble.missing_links > 0)

    @property
    def is_proven(self) -> bool:
        """Whether its id has come from the service: with its acceptance, or in an earlier poll."""
        return self.accepted_at is not None or self.was_seen

    @property
    def known_running_at(self) -> float:
        """Monotonic seconds at which the last poll was sent that found it running, or of its start."""
        return max(self.last_running_at, self.started_at)

    @property
    def awaits_call(self) -> bool:
        """Whether its callback has not arrived."""
        return self.has_callback and not self.called_at

    @property
    def lag(self) -> float:
        """Seconds between the last poll that found it running, as it was sent, and the first that found it ended.

        With a callback that came later than that poll, the seconds since the callback.
        """
        return self.end_seen_at - max(self.known_running_at, self.called_at if self.has_callback else 0.0)

    @property
    def ended_at(self) -> float:
        """Monotonic seconds at which it has probably ended: the middle of the time in which it may have."""
        return self.end_seen_at - self.lag / 2

    @property
    def is_missing_in_batches(self) -> bool:
        """Whether it must be polled alone because batch answers do not contain it."""
        # 1: the first answer without it, which may have come before the batch route knew the task.
        # 2: a single poll has found it since, so the next batch may contain it again.
        # 3: the second answer without it. No batch asks for it from now on, so the count stays.
        return self.missing_rows in (1, 3)
