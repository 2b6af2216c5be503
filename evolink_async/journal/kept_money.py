"""What a journal in memory remembers of money, for the next pool that opens it.

What earlier pools spent and hold is in `budget.Ledger`; a budget being spent is in `budget.account`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..budget import Ledger
from ..jobs import Completed, Failed, last_snapshot
from .records import Record


class KeptMoney:
    """Credits charged, and the prices that were named."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._prices: dict[str, float] = {}
        self._unpriced: dict[str, str] = {}

    def named(self, price_class: str, amount: float | None) -> None:
        """Note a price that the service has named."""
        if amount is not None:
            self._prices[price_class] = max(amount, self._prices.get(price_class, 0.0))

    def ended(self, end: Completed | Failed, record: Record) -> None:
        """Note what a job has cost. One that completed without a named price cost something all the same."""
        snapshot, price_class = last_snapshot(end), record.price_class
        if snapshot is None or not (isinstance(end, Completed) or snapshot.credits_used):
            return
        self.named(price_class, snapshot.credits_used)
        self.named(price_class, snapshot.credits_reserved)
        reserved = [one for one in (record.credits_reserved, snapshot.credits_reserved) if one is not None]
        cost = max(reserved, default=None) if snapshot.credits_used is None else snapshot.credits_used
        if cost is None:
            # Without a file a job may be bought again under its key, so the key is not enough.
            self._unpriced[f"{end.key}\0{end.task_id}"] = price_class
        else:
            self._spent += cost

    def ledger(self, records: Iterable[tuple[str, Record]]) -> Ledger:
        """Add up what was spent, and what the jobs that have not ended may still cost."""
        held, unpriced, doubts = dict[str, float](), dict(self._unpriced), set(self._unpriced)
        classes = dict(self._unpriced)
        for key, record in records:
            if record.has_ended:
                continue
            held[key] = record.credits_reserved or self._prices.get(record.price_class, 0.0)
            classes[key] = record.price_class
            if record.credits_reserved is None:
                unpriced[key] = record.price_class
            if record.task_id is None:
                doubts.add(key)
        held |= {key: self._prices.get(price_class, 0.0) for key, price_class in self._unpriced.items()}
        return Ledger(
            spent=self._spent,
            held=held,
            unpriced=unpriced,
            doubts=frozenset(doubts),
            prices=self._prices,
            classes=classes,
        )
