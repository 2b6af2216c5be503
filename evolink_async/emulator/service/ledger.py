"""The account's credits: what is held, charged, given back, and for which task.

No asyncio, no JSON, no prices. Time comes in as a function.
"""

from __future__ import annotations

import heapq
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

UNITS_PER_CREDIT = 10_000
"""The vendor's internal unit; whole numbers of it cannot drift as floats do (EvoLink CLI, error-handler.js)."""


class PaidTask(NamedTuple):
    """One accepted, hence paid, request for a task."""

    task_id: str
    idempotency_key: str | None
    body_sha256: str


class OverdrawnError(Exception):
    """The balance does not cover a reservation.

    Args:
        needed: Credits asked for.
        balance: Credits that are free.
    """

    def __init__(self, needed: float, balance: float) -> None:
        super().__init__(needed, balance)
        self.needed = needed
        self.balance = balance


class _Hold(NamedTuple):
    ends_at: float
    ordinal: int
    reserved: int
    charge: int


class VendorLedger:
    """Credits of one account; every figure is right at the moment it is read.

    A hold carries its end and its final charge, so reading settles whatever has ended by now; nobody has to
    look at a task for it to be paid. `balance + reserved + charged` is always what the account began with.
    Safe to read from any thread.

    Args:
        credits: What the account begins with.
        now: The clock to settle by, in unix seconds.
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
            f"<Ledger accepted={self.accepted} balance={self.balance} reserved={self.reserved} charged={self.charged}>"
        )

    def book(self, paid: PaidTask, *, reserved: float, charge: float, ends_at: float) -> None:
        """Hold `reserved` credits for a task until `ends_at`, then keep `charge` and release the rest.

        Args:
            paid: The task; a failing one is booked with a `charge` of 0.
            reserved: Credits to hold.
            charge: Credits to keep at the end, at most `reserved`.
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
        """How many tasks were accepted, and so paid for, since the start."""
        return len(self._paid)

    @property
    def paid_tasks(self) -> list[PaidTask]:
        """Every accepted task with its idempotency key and the SHA-256 of its request body, oldest first."""
        with self._lock:
            return list(self._paid)

    @property
    def tasks_by_key(self) -> Mapping[str, tuple[str, ...]]:
        """The task ids paid under each idempotency key; more than one means that somebody paid twice."""
        with self._lock:
            return {key: tuple(tasks) for key, tasks in self._by_key.items()}

    @property
    def tasks_by_body(self) -> Mapping[str, tuple[str, ...]]:
        """The task ids paid for each request body, by the SHA-256 of its bytes."""
        with self._lock:
            return {digest: tuple(tasks) for digest, tasks in self._by_body.items()}

    @property
    def unfinished(self) -> int:
        """How many tasks have not ended yet."""
        with self._lock:
            self._settle()
            return len(self._holds)

    @property
    def unfinished_peak(self) -> int:
        """The highest number of unfinished tasks there has been."""
        return self._peak

    @property
    def balance(self) -> float:
        """Credits neither charged nor held."""
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
        """Credits kept for completed tasks."""
        with self._lock:
            self._settle()
            return self._charged / UNITS_PER_CREDIT


def _units(credits: float) -> int:  # noqa: A002 - the vendor's word
    return round(credits * UNITS_PER_CREDIT)
