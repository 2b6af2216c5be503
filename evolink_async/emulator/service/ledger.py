"""The credits of one account: what is held, charged and released, and for which task.

What a task costs is in `pricing`. The time is an argument.
"""

from __future__ import annotations

import heapq
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

# The vendor's internal unit. Sums of whole units are exact, sums of float credits are not.
# Source: EvoLink CLI, error-handler.js.
UNITS_PER_CREDIT = 10_000


class PaidTask(NamedTuple):
    """One accepted task: its id, the idempotency key and the SHA-256 of the request body."""

    task_id: str
    idempotency_key: str | None
    body_sha256: str


class OverdrawnError(Exception):
    """The balance does not cover a reservation.

    Args:
        needed: Credits to reserve.
        balance: Credits available.
    """

    def __init__(self, needed: float, balance: float) -> None:
        super().__init__(needed, balance)
        self.needed = needed
        self.balance = balance


class _Hold(NamedTuple):
    ends_at: float
    # Orders holds that end at the same time.
    ordinal: int
    reserved: int
    charge: int


class VendorLedger:
    """The credits of one account.

    Every figure is up to date when it is read: a hold carries its end and its final charge, so each read first
    settles the holds that have ended. `balance + reserved + charged` always equals the initial credits. Safe to
    read from any thread.

    Args:
        credits: The initial credits.
        now: Returns the emulated unix time, in seconds.
    """

    def __init__(self, credits: float, now: Callable[[], float]) -> None:  # noqa: A002 - the vendor's word
        self._now = now
        self._free = _units(credits)
        self._reserved = 0
        self._charged = 0
        self._holds: list[_Hold] = []
        self._paid: list[PaidTask] = []
        self._by_key: defaultdict[str, list[str]] = defaultdict(list)
        self._by_body: defaultdict[str, list[str]] = defaultdict(list)
        self._peak = 0
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return (
            f"<VendorLedger accepted={self.accepted} balance={self.balance} "
            f"reserved={self.reserved} charged={self.charged}>"
        )

    def book(self, paid: PaidTask, *, reserved: float, charge: float, ends_at: float) -> None:
        """Hold `reserved` credits for a task until `ends_at`, then charge `charge` and release the rest.

        Args:
            paid: The task.
            reserved: Credits to hold.
            charge: Credits to charge at the end, at most `reserved`; 0 for a task that will fail.
            ends_at: Unix time of the task's final state.

        Raises:
            OverdrawnError: The balance is smaller than `reserved`; nothing was booked.
        """
        held, kept = _units(reserved), _units(charge)
        with self._lock:
            self._settle()
            if held > self._free:
                raise OverdrawnError(reserved, self._free / UNITS_PER_CREDIT)
            self._free -= held
            self._reserved += held
            heapq.heappush(self._holds, _Hold(ends_at, len(self._paid), held, min(kept, held)))
            self._peak = max(self._peak, len(self._holds))
            self._paid.append(paid)
            self._by_body[paid.body_sha256].append(paid.task_id)
            if paid.idempotency_key is not None:
                self._by_key[paid.idempotency_key].append(paid.task_id)

    def _settle(self) -> None:
        now = self._now()
        while self._holds and self._holds[0].ends_at <= now:
            hold = heapq.heappop(self._holds)
            self._reserved -= hold.reserved
            self._charged += hold.charge
            self._free += hold.reserved - hold.charge

    @property
    def accepted(self) -> int:
        """Number of tasks that were accepted since the start; each was paid."""
        return len(self._paid)

    @property
    def paid_tasks(self) -> list[PaidTask]:
        """Every accepted task, oldest first."""
        with self._lock:
            return list(self._paid)

    @property
    def tasks_by_key(self) -> Mapping[str, tuple[str, ...]]:
        """The task ids accepted under each idempotency key; more than one id means a job was paid twice."""
        with self._lock:
            return {key: tuple(tasks) for key, tasks in self._by_key.items()}

    @property
    def tasks_by_body(self) -> Mapping[str, tuple[str, ...]]:
        """The task ids accepted for each request body, by the SHA-256 of its bytes."""
        with self._lock:
            return {digest: tuple(tasks) for digest, tasks in self._by_body.items()}

    @property
    def unfinished(self) -> int:
        """Number of tasks that have not ended."""
        with self._lock:
            self._settle()
            return len(self._holds)

    @property
    def unfinished_peak(self) -> int:
        """The highest number of tasks that were unfinished at the same time."""
        return self._peak

    @property
    def balance(self) -> float:
        """Credits that are neither charged nor held."""
        with self._lock:
            self._settle()
            return self._free / UNITS_PER_CREDIT

    @property
    def reserved(self) -> float:
        """Credits held for unfinished tasks."""
        with self._lock:
            self._settle()
            return self._reserved / UNITS_PER_CREDIT

    @property
    def charged(self) -> float:
        """Credits charged for completed tasks."""
        with self._lock:
            self._settle()
            return self._charged / UNITS_PER_CREDIT


def _units(credits: float) -> int:  # noqa: A002 - the vendor's word
    return round(credits * UNITS_PER_CREDIT)
