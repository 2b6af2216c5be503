"""When the next paid request may be sent with a key whose account bears so many a minute.

It decides and does not wait: times are arguments, in monotonic seconds. How many may be under way at once is in
`concurrency_limit`.

A *slot* is a moment from which on one request may be sent. Slots lie evenly apart. A pool makes them itself
(`EvenSlots`), or is lent them by the journal that it shares with others (`LentSlots`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from ..client import Session

LATE_SECONDS = 0.25
"""A slot that was missed by less than this is still used, so that a busy process does not lose its share. Thus in any
`seconds` at most 1 + (`seconds` + this) * `rate` requests are sent."""
LEAD_SECONDS = 0.25
"""Before the last of the lent slots, more are asked for."""
CHUNK_SECONDS = 0.5
"""A process is lent slots for about this time at once."""


class EvenSlots:
    """Slots of a pool that has its keys for itself. After a pause there is one at once, and no more.

    Args:
        per_minute: How many there are.
    """

    def __init__(self, per_minute: float) -> None:
        self._gap = 60.0 / per_minute
        self._next = -math.inf

    def opens_at(self, now: float) -> float:
        """Return when the next request may be sent; a time that has passed if it may be sent now."""
        return self._next

    def take(self, now: float) -> None:
        """Use the next slot."""
        self._next = (self._next if self._next >= now - LATE_SECONDS else now) + self._gap

    def retune(self, per_minute: float) -> None:
        """Change how many there are, after the next one."""
        self._gap = 60.0 / per_minute


class LentSlots:
    """Slots that processes over one journal get out of one row. Each has few at a time, so that all take turns.

    Attributes:
        is_asking: Whether more are being asked for.
        is_free: Whether no slots are needed, because the journal cannot be used: without it nothing is sent anyway.
    """

    def __init__(self) -> None:
        self.is_asking = False
        self.is_free = False
        self._slots = deque[float]()
        self._chunk = 1

    @property
    def has_any(self) -> bool:
        """Whether there is a slot to come."""
        return bool(self._slots)

    def opens_at(self, now: float) -> float:
        """Return when the next request may be sent; infinity if there is no slot."""
        self._drop_late(now)
        return -math.inf if self.is_free else self._slots[0] if self._slots else math.inf

    def take(self, now: float) -> None:
        """Use the next slot."""
        self._drop_late(now)
        if self._slots:
            self._slots.popleft()

    def wanted(self, waiting: int, now: float) -> int:
        """Return how many slots to ask for now.

        Args:
            waiting: Jobs that wait to be sent.
            now: The time.
        """
        lacking = waiting - len(self._slots)
        if self.is_asking or lacking <= 0 or self.asks_at(now) > now:
            return 0
        return min(lacking, self._chunk)

    def asks_at(self, now: float) -> float:
        """Return from when on more slots are asked for."""
        self._drop_late(now)
        return self._slots[-1] - LEAD_SECONDS if self._slots else -math.inf

    def lend(self, slots: Sequence[float], gap: float, pools: int) -> None:
        """Add slots.

        Args:
            slots: When they are.
            gap: Seconds between two slots of all processes.
            pools: How many pools may ask for slots.
        """
        self._slots.extend(slots)
        self._chunk = max(1, round(CHUNK_SECONDS / (gap * max(pools, 1)))) if gap > 0 else 1

    def _drop_late(self, now: float) -> None:
        while self._slots and self._slots[0] < now - LATE_SECONDS:
            self._slots.popleft()


_Slots: TypeAlias = "EvenSlots | LentSlots"


class KeyRates:
    """The slots of each key.

    Args:
        sessions: The keys.
        per_minute: Paid requests that each key may send in a minute; None without a limit.
        are_lent: Whether a journal lends the slots.

    Attributes:
        per_minute: As given, or as set by `retune`.
        lent: The slots that a journal lends, by their keys; empty without a limit.
    """

    def __init__(self, sessions: Iterable[Session], per_minute: float | None, *, are_lent: bool = False) -> None:
        self.per_minute: float | None = None
        self.lent: dict[Session, LentSlots] = {}
        self._sessions = tuple(sessions)
        self._are_lent = are_lent
        self._slots: dict[Session, _Slots] = {}
        self.retune(per_minute)

    def opens_at(self, session: Session, now: float) -> float:
        """Return when the next paid request may be sent with a key."""
        slots = self._slots.get(session)
        return -math.inf if slots is None else slots.opens_at(now)

    def take(self, session: Session, now: float) -> None:
        """Use the next slot of a key."""
        if (slots := self._slots.get(session)) is not None:
            slots.take(now)

    def retune(self, per_minute: float | None) -> None:
        """Change how many requests a key may send in a minute."""
        self.per_minute = per_minute
        if per_minute is None:
            self._slots, self.lent = {}, {}
        elif self._are_lent:
            self.lent = self.lent or {session: LentSlots() for session in self._sessions}
            self._slots = {**self.lent}
        else:
            for session in self._sessions:
                slots = self._slots.setdefault(session, EvenSlots(per_minute))
                if isinstance(slots, EvenSlots):
                    slots.retune(per_minute)
