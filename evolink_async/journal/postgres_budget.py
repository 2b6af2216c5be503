"""The budget of all pools that share a journal in PostgreSQL, as one of them asks for it.

What fits is decided on the server; see `postgres_money`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..budget import (
    UNITS,
    Admitted,
    Balance,
    BudgetAccount,
    CreditAnswer,
    CreditRequest,
    Ledger,
    PriceClass,
    Wait,
    lacking,
    larger_classes,
    listed_units,
    never_priced,
    too_dear,
    units_of,
)
from ..concurrency import Signal
from ..errors import JournalClaimError
from .postgres_connections import Connection, Connections, run, transaction
from .postgres_reads import read_ledger

ADMIT = """
    SELECT told.* FROM jsonb_array_elements(%(wishes)s::jsonb) WITH ORDINALITY AS asked (wish, number),
        LATERAL evolink_admit(%(epoch)s, asked.wish) AS told ORDER BY number
"""
RELEASE = "SELECT evolink_release(%s, %s::text[], %s::bigint[])"
KNOWN_PRICES = "SELECT shape, units FROM evolink_prices"
BALANCE = """
    SELECT spent, held, (SELECT min(limit_units) FROM evolink_owners) AS most FROM evolink_budget
"""
LIMIT = "UPDATE evolink_owners SET limit_units = %s WHERE epoch = %s"

IS_COUNTED = "SELECT true AS is_counted FROM evolink_budget"
# Writers are waited for, and wait: what they write is either read here, or moves the rows that are made here. And one
# process does it at a time.
STOP_WRITES = "LOCK TABLE evolink_jobs IN SHARE ROW EXCLUSIVE MODE"
READING = "SET LOCAL idle_in_transaction_session_timeout = '60s'"
BEGIN = "INSERT INTO evolink_budget (spent) VALUES (%s)"
KEEP_PRICES = """
    INSERT INTO evolink_prices (shape, model, units)
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS kept (shape text, model text, units bigint)
"""
KEEP_HOLDS = """
    INSERT INTO evolink_holds (key, shape, units, named, is_stuck)
    SELECT * FROM jsonb_to_recordset(%s::jsonb)
        AS kept (key text, shape text, units bigint, named bigint, is_stuck boolean)
"""


class PostgresBudget:
    """A `SharedAccount` of one pool.

    Args:
        connections: To the server.
        epoch: Returns the number of this owner, which changes when its lease was lost.
        changed: Fired when credits may have come free.
        most_per_job: Units to hold for each job until its price is known; None to learn prices.
    """

    def __init__(
        self, connections: Connections, epoch: Callable[[], int], changed: Signal, most_per_job: int | None
    ) -> None:
        self.changed: Signal = changed
        self.balance: Balance = Balance(left=0.0, held=0.0, spent=0.0)
        self._connections = connections
        self._epoch = epoch
        self._most_per_job = most_per_job
        self._prices: dict[PriceClass, int] = {}

    @property
    def prices(self) -> dict[str, float]:
        """The most credits that were named for a price class, by its text."""
        return {str(price_class): units / UNITS for price_class, units in self._prices.items()}

    async def refresh(self) -> None:
        """Read balance and prices."""
        [sums] = await self._connections.run(lambda one: run(one, BALANCE))
        self._note(sums["spent"], sums["held"], sums["most"])
        await self._read_prices()

    async def _read_prices(self) -> None:
        rows = await self._connections.run(lambda one: run(one, KNOWN_PRICES))
        self._prices = {PriceClass.parse(row["shape"]): row["units"] for row in rows}

    async def admit(self, requests: Sequence[CreditRequest]) -> list[CreditAnswer]:
        """Ask the server."""
        answers = await self._asked(requests)
        while any(answer["answer"] == "prices" for answer in answers):
            await self._read_prices()
            answers = await self._asked(requests)  # those that were admitted get the same answer again
        last = answers[-1]
        if last["all_spent"] is not None:
            self._note(last["all_spent"], last["all_held"], last["all_most"])
        return [self._answer(request, answer) for request, answer in zip(requests, answers, strict=True)]

    async def _asked(self, requests: Sequence[CreditRequest]) -> list[dict[str, Any]]:
        wishes = json.dumps([self._wish(request) for request in requests])
        values = {"wishes": wishes, "epoch": self._epoch()}
        return await self._connections.run(lambda one: run(one, ADMIT, values))

    def _wish(self, request: CreditRequest) -> dict[str, object]:
        price_class = request.price_class
        return {
            "key": request.key,
            "shape": str(price_class),
            "model": price_class.model,
            "ticket": request.ticket,
            "since": request.since,
            "most": self._most_per_job,
            "known": len(self._prices),
            "larger": larger_classes(price_class, self._prices),
            "listed": listed_units(price_class),
        }

    def _answer(self, request: CreditRequest, answer: dict[str, Any]) -> CreditAnswer:
        word, units, left = answer["answer"], answer["needed"], self._left(answer)
        if word in ("admitted", "learner"):
            return Admitted(units / UNITS if word == "admitted" else None)
        if word == "taken":
            return JournalClaimError(f"another process has the job {request.key!r}")
        if word == "dear":
            return too_dear(units, self._most_per_job or 0, left)
        if word == "unpriced":
            return never_priced(answer["blocked_by"], left)
        if word == "lacking":
            return lacking(units, left)
        if word == "over":
            # The lease begins anew with the next heartbeat; then it shows whether others have the job.
            return Wait(units=0, left=left, grants=0, is_idle=False)
        return Wait(units=units, left=left, grants=answer["granted"], is_idle=answer["is_vain"])

    def _left(self, answer: dict[str, Any]) -> int:
        return (answer["all_most"] or 0) - (answer["all_spent"] or 0) - (answer["all_held"] or 0)

    def _note(self, spent: int, held: int, most: int | None) -> None:
        left = (most or 0) - spent - held
        self.balance = Balance(left=left / UNITS, held=held / UNITS, spent=spent / UNITS)

    async def release(self, requests: Sequence[CreditRequest]) -> None:
        """Free reservations of this owner."""
        values = (self._epoch(), [one.key for one in requests], [one.ticket for one in requests])
        await self._connections.run(lambda one: run(one, RELEASE, values))


async def count_money(connection: Connection) -> None:
    """Begin to keep what all pools spend and hold, from the jobs that the journal has. Once for a journal."""
    if await run(connection, IS_COUNTED):
        return
    async with transaction(connection):
        await run(connection, STOP_WRITES)
        if await run(connection, IS_COUNTED):
            return
        await run(connection, READING)
        ledger, rows = await read_ledger(connection)
        await run(connection, BEGIN, (units_of(ledger.spent),))
        await run(connection, KEEP_PRICES, (json.dumps(_prices(ledger.prices)),))
        await run(connection, KEEP_HOLDS, (json.dumps(_holds(ledger, rows)),))


def _prices(prices: Mapping[str, float]) -> list[dict[str, object]]:
    return [
        {"shape": shape, "model": PriceClass.parse(shape).model, "units": units_of(price)}
        for shape, price in prices.items()
    ]


def _holds(ledger: Ledger, rows: Sequence[dict[str, Any]]) -> list[dict[str, object]]:
    """Return what the jobs hold, as a budget of one process would hold it that opened the journal now."""
    account = BudgetAccount(0.0, ledger)
    return [
        {
            "key": row["key"],
            "shape": row["shape"],
            "units": hold.units,
            "named": hold.named,
            "is_stuck": hold.is_stuck and row["state"] != "submitting",  # its process may still get an answer
        }
        for row in rows
        if (hold := account.holds.get(row["key"])) is not None
    ]
