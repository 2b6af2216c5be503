"""What the functions and triggers of `postgres_money` do, and the statements of `postgres_budget`."""

from __future__ import annotations

import json
from typing import Any

from evolink_async.journal import postgres_budget as budget
from evolink_async.journal.postgres_statements import ABOUT_MONEY
from tests.simulation.server_tables import Budget, Hold, Price, Row, Tables, statement

GUESS = 10_000
OVER = ("failed", "cancelled", "abandoned")
DONE = ("completed", "downloaded")


def units_of(amount: float | None) -> int | None:
    """Return an amount in units."""
    return None if amount is None else round(amount * 10_000)


def _held(tables: Tables) -> int:
    return sum(hold.units for hold in tables.holds.values())


def _stuck(tables: Tables) -> int:
    return sum(hold.units for hold in tables.holds.values() if hold.is_stuck)


def _most(tables: Tables) -> int | None:
    limits = [owner.limit_units for owner in tables.owners.values() if owner.limit_units is not None]
    return min(limits, default=None)


def _moved(tables: Tables) -> None:
    if tables.budget is not None and tables.budget.waited_until > tables.now():
        tables.notify(ABOUT_MONEY)


def _drop(tables: Tables, *keys: str) -> None:
    for key in keys:
        tables.holds.pop(key, None)
    _moved(tables)


def follow(tables: Tables, before: Row | None, row: Row) -> None:
    """Move the money of a job with the job."""
    key, state, counted = row["key"], row["state"], tables.budget
    was, first = (before["state"], units_of(before["credits_reserved"])) if before is not None else (None, None)
    is_still = (
        (state == "planned" and was in (None, "planned"))
        or (state == "submitting" and key in tables.holds)
        or (state in DONE and was in DONE)
    )
    if counted is None or is_still:
        return
    used, reserved = row["credits_used"], row["credits_reserved"]
    price = units_of(reserved if used is None else used)
    highest = max((units for units in (units_of(used), units_of(reserved)) if units is not None), default=None)
    if state in OVER and not used:
        _drop(tables, key)
    elif state == "planned":
        if (hold := tables.holds.get(key)) is not None and hold.epoch is None:
            _drop(tables, key)
    elif state in (*DONE, *OVER) and price is not None and highest is not None:
        counted.spent += price
        _drop(tables, key)
        is_kept = None if first is None else price <= first
        _learn(tables, row["shape"], row["model"], highest, is_kept=is_kept)
    else:
        hold = tables.holds.setdefault(key, Hold(row["shape"], _guess(tables, row["shape"], row["model"], None)))
        if state == "accepted" and price is not None and highest is not None:
            _learn(tables, row["shape"], row["model"], highest)
            hold.named, hold.is_stuck, hold.is_learner, hold.epoch = price, False, False, None
            hold.units = _priced(hold, tables.prices[row["shape"]])
        elif state == "accepted":
            hold.is_stuck, hold.epoch = False, None
        elif state != "submitting":
            hold.is_stuck, hold.is_learner, hold.epoch = True, False, None
        _moved(tables)


def _learn(tables: Tables, shape: str, model: str, units: int, *, is_kept: bool | None = None) -> None:
    known = tables.prices.get(shape, Price(model, -1))
    is_believed = known.is_believed
    if is_kept is not None and is_believed is not False:
        is_believed = is_kept
    price = tables.prices[shape] = Price(known.model, max(units, known.units), is_believed)
    if price != known:
        for hold in tables.holds.values():
            hold.units = _priced(hold, price) if hold.shape == shape else hold.units


def _priced(hold: Hold, price: Price) -> int:
    if hold.named is not None and price.is_believed:
        return hold.named
    return max(hold.at_least, hold.named or 0, price.units)


def _guess(tables: Tables, shape: str, model: str, listed: int | None) -> int:
    if shape in tables.prices:
        return tables.prices[shape].units
    if listed is not None:
        return listed
    of_model = [price.units for price in tables.prices.values() if price.model == model]
    return max(of_model or [price.units for price in tables.prices.values()], default=GUESS)


@statement(budget.ADMIT)
def admit(tables: Tables, values: Any) -> list[Row]:
    """Answer each wish, one after the other."""
    none: Row = dict.fromkeys(("blocked_by", "is_vain", "granted", "all_spent", "all_held", "all_most"))
    return [none | _admit(tables, values["epoch"], wish) for wish in json.loads(values["wishes"])]


def _admit(tables: Tables, asker: int, wish: Row) -> Row:
    key, shape, most = wish["key"], wish["shape"], wish["most"]
    if not tables.is_alive(asker):
        return {"answer": "over", "needed": None}
    _forget_leftovers(tables, asker, key, wish["ticket"])
    sums = tables.budget or Budget(0)
    held, all_most = _held(tables), _most(tables) or 0
    told: Row = {"all_spent": sums.spent, "all_held": held, "all_most": all_most, "granted": sums.grants, "needed": 0}
    hold = tables.holds.get(key)
    if hold is not None and hold.ticket == wish["ticket"] and hold.epoch == asker:
        return told | {"answer": "learner" if hold.is_learner else "admitted", "needed": hold.units}
    if hold is not None or tables.claims.get(key, (asker, ""))[0] != asker:
        return told | {"answer": "taken"}
    ceiling, room = _ceiling(tables, wish), all_most - sums.spent - held
    if sums.kept_until > tables.now() and sums.kept_for != key:
        room -= sums.kept_units
    if ceiling is not None and most is not None and ceiling > most:
        return told | {"answer": "dear", "needed": ceiling}
    answer, needed = "full", ceiling or 0
    if ceiling is None:
        refusal = _unlearned(tables, wish, told)
        if refusal is not None:
            return refusal
        if room > 0 and _unsettled(tables, shape) < 3:
            answer, needed = "learner", _guess(tables, shape, wish["model"], wish["listed"])
    elif ceiling <= room:
        answer = "admitted"
    elif ceiling > all_most - sums.spent - _stuck(tables):
        return told | {"answer": "lacking", "needed": ceiling}
    if answer == "full":
        return told | _wait(tables, wish, needed)
    is_learner = answer == "learner"
    tables.holds[key] = Hold(shape, needed, most or 0, is_learner=is_learner, epoch=asker, ticket=wish["ticket"])
    sums.grants += 1
    if sums.kept_for == key:
        sums.kept_until = float("-inf")
    return told | {"answer": answer, "needed": needed, "all_held": held + needed}


def _forget_leftovers(tables: Tables, asker: int, key: str, ticket: int) -> None:
    hold, row = tables.holds.get(key), tables.jobs.get(key)
    if hold is None or (row is not None and row["state"] not in ("planned", *OVER)):
        return
    is_old = hold.epoch == asker and hold.ticket != ticket
    is_others = tables.claims.get(key, (0, ""))[0] == asker and hold.epoch != asker
    if hold.epoch is None or is_old or is_others:
        _drop(tables, key)


def _ceiling(tables: Tables, wish: Row) -> int | None:
    named = tables.prices[wish["shape"]].units if wish["shape"] in tables.prices else None
    if wish["most"] is not None:
        return max(wish["most"], named or 0)
    larger = [tables.prices[shape].units for shape in wish["larger"] if shape in tables.prices]
    return min(larger, default=None) if named is None else named


def _unlearned(tables: Tables, wish: Row, told: Row) -> Row | None:
    """Return why a job of unknown price is refused; None if it is not."""
    if wish["known"] != len(tables.prices):
        return told | {"answer": "prices"}
    of_class = {key: hold for key, hold in tables.holds.items() if hold.shape == wish["shape"] and hold.named is None}
    blocked_by = sorted(key for key, hold in of_class.items() if hold.is_stuck)
    if len(blocked_by) >= 3:
        return told | {"answer": "unpriced", "blocked_by": blocked_by}
    if told["all_spent"] + _stuck(tables) >= told["all_most"]:
        return told | {"answer": "lacking"}
    for key, hold in of_class.items():
        hold.is_learner = hold.is_learner and key in tables.claims
    return None


def _unsettled(tables: Tables, shape: str) -> int:
    open_ones = [hold for hold in tables.holds.values() if hold.shape == shape and hold.named is None]
    return sum(3 if hold.is_learner else 1 for hold in open_ones)


def _wait(tables: Tables, wish: Row, needed: int) -> Row:
    sums, now, key = tables.budget or Budget(0), tables.now(), wish["key"]
    since = wish["since"]
    if since is not None and sums.grants - since >= 100 and (sums.kept_until <= now or sums.kept_for == key):
        sums.kept_units, sums.kept_for, sums.kept_until = needed, key, now + 3
    if sums.waited_until < now + 3:
        sums.waited_until = now + 5
    is_vain = not any(key in tables.claims and not hold.is_stuck for key, hold in tables.holds.items())
    return {"answer": "full", "needed": needed, "is_vain": is_vain}


@statement(budget.RELEASE)
def release(tables: Tables, values: Any) -> list[Row]:
    """Free reservations."""
    epoch, keys, tickets = values
    given = dict(zip(keys, tickets, strict=True))
    _drop(
        tables,
        *[
            key
            for key, hold in tables.holds.items()
            if hold.ticket == given.get(key, 0) and hold.epoch == epoch and not _is_submitting(tables, key)
        ],
    )
    return [{}]


def release_owners(tables: Tables, epochs: set[int]) -> None:
    """Free what owners had reserved whose leases are over."""
    _drop(
        tables,
        *[key for key, hold in tables.holds.items() if hold.epoch in epochs and not _is_submitting(tables, key)],
    )


def _is_submitting(tables: Tables, key: str) -> bool:
    return key in tables.jobs and tables.jobs[key]["state"] == "submitting"


@statement(budget.KNOWN_PRICES)
def known_prices(tables: Tables, _: Any) -> list[Row]:
    """Return the prices."""
    return [{"shape": shape, "units": price.units} for shape, price in tables.prices.items()]


@statement(budget.BALANCE)
def balance(tables: Tables, _: Any) -> list[Row]:
    """Return the sums."""
    sums = tables.budget or Budget(0)
    return [{"spent": sums.spent, "held": _held(tables), "most": _most(tables)}]


@statement(budget.LIMIT)
def limit(tables: Tables, values: Any) -> list[Row]:
    """Set the limit of an owner."""
    units, epoch = values
    if epoch in tables.owners:
        tables.owners[epoch].limit_units = units
    return []
