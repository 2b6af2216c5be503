"""Polls beside the planned ones: a time-out has come, or there may be news of a task.

When they are sent is decided in `watchlist`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from .watched_task import WatchedTask

Then: TypeAlias = "Callable[[], None]"


class ExtraPolls:
    """Who waits for the next poll of a task, whatever it shows."""

    def __init__(self) -> None:
        # With the number of polls sent before: an answer to one of those is older than the request for it.
        self._wanted: dict[WatchedTask, list[tuple[int, Then]]] = {}

    def __contains__(self, entry: WatchedTask) -> bool:
        return entry in self._wanted

    def add(self, entry: WatchedTask, then: Then) -> None:
        """Let `then` know of the next poll that is sent."""
        self._wanted.setdefault(entry, []).append((entry.polls, then))

    def take(self, entry: WatchedTask, *, is_end: bool) -> Sequence[Then]:
        """Remove and return who is to know of the answer that has come; all, if it is the last."""
        if not self._wanted:  # nearly always, at every poll
            return ()
        wanted = self._wanted.pop(entry, [])
        if not is_end and (later := [poll for poll in wanted if poll[0] >= entry.polls]):
            self._wanted[entry] = later
        return [then for polls, then in wanted if is_end or polls < entry.polls]

    def take_unsent(self) -> Sequence[Then]:
        """Remove and return who waits for a poll that is not under way."""
        unsent = [entry for entry in self._wanted if entry.bucket is not None]
        return [then for entry in unsent for _, then in self._wanted.pop(entry)]

    def drop(self, entry: WatchedTask) -> None:
        """Forget a task."""
        self._wanted.pop(entry, None)
