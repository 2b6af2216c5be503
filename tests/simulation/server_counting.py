"""How the counting of money begins in a journal that had none: the rest of the statements of `postgres_budget`."""

from __future__ import annotations

import json
from typing import Any

from evolink_async.journal import postgres_budget as budget
from evolink_async.journal import postgres_reads as reads
from tests.simulation.server_money import DONE, units_of
from tests.simulation.server_tables import Budget, Hold, Price, Row, Tables, statement


@statement(budget.IS_COUNTED)
def is_counted(tables: Tables, _: Any) -> list[Row]:
    """Tell whether money is counted."""
    return [{"is_counted": True}] if tables.budget is not None else []


@statement(budget.STOP_WRITES, budget.READING)
def nothing(_: Tables, __: Any) -> list[Row]:
    """Do nothing: a statement runs alone here."""
    return []


@statement(reads.SPENT)
def spent(tables: Tables, _: Any) -> list[Row]:
    """Add up what jobs cost."""
    units = tables.earlier_spent
    for row in tables.jobs.values():
        reserved = row["credits_reserved"] if row["state"] in DONE else None
        units += units_of(reserved if row["credits_used"] is None else row["credits_used"]) or 0
    return [{"units": units}]


@statement(reads.PRICES)
def prices(tables: Tables, _: Any) -> list[Row]:
    """Return the most that was named for each class."""
    found = dict(tables.earlier_prices)
    for row in tables.jobs.values():
        if row["credits_reserved"] is not None or row["credits_used"] is not None:
            named = max(row["credits_reserved"] or 0.0, row["credits_used"] or 0.0)
            found[row["shape"]] = max(named, found.get(row["shape"], 0.0))
    return [{"shape": shape, "price": price} for shape, price in found.items()]


@statement(reads.HOLDING)
def holding(tables: Tables, _: Any) -> list[Row]:
    """Return the jobs that hold credits."""
    return [
        {
            **{name: row[name] for name in ("key", "state", "shape")},
            "credits_reserved": None if row["state"] == "submitting" else row["credits_reserved"],
        }
        for row in tables.jobs.values()
        if row["state"] in ("submitting", "accepted", "in_doubt")
        or (row["state"] in DONE and row["credits_reserved"] is None and row["credits_used"] is None)
    ]


@statement(budget.BEGIN)
def begin(tables: Tables, values: Any) -> list[Row]:
    """Begin to count."""
    tables.budget = Budget(values[0])
    return []


@statement(budget.KEEP_PRICES)
def keep_prices(tables: Tables, values: Any) -> list[Row]:
    """Take over prices."""
    tables.prices |= {row["shape"]: Price(row["model"], row["units"]) for row in json.loads(values[0])}
    return []


@statement(budget.KEEP_HOLDS)
def keep_holds(tables: Tables, values: Any) -> list[Row]:
    """Take over what is held."""
    for row in json.loads(values[0]):
        given = {name: row[name] for name in ("units", "named", "is_stuck")}
        tables.holds[row["key"]] = Hold(row["shape"], **given)
    return []
