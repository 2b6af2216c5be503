"""What the statements of `postgres_facts` do: what processes tell each other, places, and slots."""

from __future__ import annotations

from typing import Any

from evolink_async.journal import postgres_facts as facts
from tests.simulation.server_tables import FactRow, Row, Tables, statement


def is_held(tables: Tables, fact: FactRow) -> bool:
    """Whether a living owner has the place."""
    return fact.held_until > tables.now() and tables.is_alive(fact.epoch)


@statement(facts.READ)
def read(tables: Tables, values: Any) -> list[Row]:
    """Return what was told."""
    found = [(scope, tables.facts[scope]) for scope in sorted(set(values["scopes"])) if scope in tables.facts]
    return [
        {"scope": scope, "version": fact.version, "state": fact.state, "age": max(0.0, tables.now() - fact.told_at)}
        for scope, fact in found
    ]


@statement(facts.TELL)
def tell(tables: Tables, values: Any) -> list[Row]:
    """Take the place of what was told, unless another one has told something meanwhile."""
    scope, fact = values["scope"], tables.facts.get(values["scope"])
    if fact is None:
        tables.facts[scope] = fact = FactRow(1, values["state"], tables.now())
    else:
        is_held_by_me = fact.epoch == values["epoch"]
        if not (is_held_by_me if is_held(tables, fact) else fact.version == values["version"]):
            return []
        fact.version, fact.state, fact.told_at = fact.version + 1, values["state"], tables.now()
    tables.notify(facts.ABOUT_FACTS)
    return [{"version": fact.version}]


@statement(facts.TAKE)
def take(tables: Tables, values: Any) -> list[Row]:
    """Take all places, or none."""
    rows = [(scope, tables.facts[scope]) for scope in sorted(set(values["scopes"])) if scope in tables.facts]
    free = [(scope, fact) for scope, fact in rows if fact.epoch == values["epoch"] or not is_held(tables, fact)]
    if len(free) != len(values["scopes"]) or not tables.is_alive(values["epoch"]):
        return []
    for _, fact in free:
        fact.epoch, fact.held_until = values["epoch"], tables.now() + values["seconds"]
    return [{"scope": scope} for scope, _ in free]


@statement(facts.KEEP)
def keep(tables: Tables, values: Any) -> list[Row]:
    """Keep those places that are still had."""
    mine = [scope for scope in values["scopes"] if scope in tables.facts]
    kept = [scope for scope in mine if tables.facts[scope].epoch == values["epoch"]]
    kept = [scope for scope in kept if tables.facts[scope].held_until > tables.now()]
    if not tables.is_alive(values["epoch"]):
        return []
    for scope in kept:
        tables.facts[scope].held_until = tables.now() + values["seconds"]
    return [{"scope": scope} for scope in kept]


@statement(facts.LEAVE)
def leave(tables: Tables, values: Any) -> list[Row]:
    """Let others have the places."""
    mine = [scope for scope in values["scopes"] if scope in tables.facts]
    gone = [tables.facts[scope] for scope in mine if tables.facts[scope].epoch == values["epoch"]]
    for fact in gone:
        fact.epoch, fact.held_until = None, float("-inf")
    if not gone:
        return []
    tables.notify(facts.ABOUT_FACTS)
    return [{}]


@statement(facts.LIMIT_RATE)
def limit_rate(tables: Tables, values: Any) -> list[Row]:
    """Write the rate beside the owner."""
    if (owner := tables.owners.get(values["epoch"])) is not None:
        owner.per_minute = values["per_minute"]
    return []


@statement(facts.LEND)
def lend(tables: Tables, values: Any) -> list[Row]:
    """Take slots off the row."""
    now, count = tables.now(), values["count"]
    open_rates = [owner.per_minute for owner in tables.owners.values() if owner.lease_until > now]
    rates = [rate for rate in open_rates if rate is not None]
    if not rates:
        return []
    gap = 60 / min(rates)
    next_at = tables.rates.get(values["scope"])
    latest = now + facts.AHEAD * (1 + len(rates) * gap)
    begins = now if next_at is None or not now - values["late"] <= next_at <= latest else next_at
    tables.rates[values["scope"]] = begins + count * gap
    return [{"delay": begins - now, "gap": gap, "pools": len(rates)}]
