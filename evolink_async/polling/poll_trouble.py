"""What is remembered of a task whose polls do not go as usual.

Nearly no task needs it, so that it is an object apart: there may be 100,000 tasks. What it leads to is decided in
`next_poll`.
"""

from __future__ import annotations

import attrs

from ..task import Snapshot


@attrs.frozen
class OddWord:
    """A state that no page names, as the last polls showed it.

    Attributes:
        seen: The last snapshot.
        polls: Polls in a row that showed the same.
        since: Monotonic seconds of the first of them.
    """

    seen: Snapshot
    polls: int
    since: float

    def is_same(self, seen: Snapshot) -> bool:
        """Whether a snapshot shows nothing new."""
        before = self.seen
        return (before.state, before.progress_percent, before.urls) == (seen.state, seen.progress_percent, seen.urls)


@attrs.define
class PollTrouble:
    """Counters of one task since its last usual snapshot.

    Attributes:
        since: Monotonic seconds of the first poll without a usable answer.
        failures: Polls in a row that failed because of the service or the network.
        refusals: Polls in a row that the service refused because of the key.
        times_missing: Polls in a row that the service answered with "no such task".
        first_missing_at: Monotonic seconds of the first of them.
        missing_links: Polls that found it completed, without a result link.
        word: The state that no page names, if the last poll showed one.
        is_reported: Whether somebody was told that there is no usable answer.
    """

    since: float
    failures: int = 0
    refusals: int = 0
    times_missing: int = 0
    first_missing_at: float = 0.0
    missing_links: int = 0
    word: OddWord | None = None
    is_reported: bool = False
