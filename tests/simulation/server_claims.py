"""What the statements of `postgres_claims`, `postgres_telling` and of opening do: owners, claims, leases."""

from __future__ import annotations

import json
from typing import Any

from evolink_async.journal import postgres_calls as calls
from evolink_async.journal import postgres_claims as claims
from evolink_async.journal import postgres_connections, postgres_reads, postgres_statements, postgres_telling
from tests.simulation.server_money import release_owners
from tests.simulation.server_tables import Owner, Row, Tables, statement

TIMELINE = 1


@statement(claims.BEGIN)
def begin(tables: Tables, values: Any) -> list[Row]:
    """Make an owner."""
    name, seconds, answer, units, per_minute = values
    tables.epochs += 1
    epoch = (TIMELINE << 40) + tables.epochs
    tables.owners[epoch] = Owner(name, tables.now() + seconds, answer, units, per_minute)
    return [{"epoch": epoch}]


@statement(postgres_connections.WHICH)
def which(_: Tables, __: Any) -> list[Row]:
    """Tell the timeline: this server has no standby."""
    return [{"timeline": TIMELINE}]


@statement(calls.PASS)
def pass_calls(tables: Tables, values: Any) -> list[Row]:
    """Write calls beside the claims of their jobs, and tell who has them."""
    passed: set[int] = set()
    by_task = {row["task_id"]: key for key, row in tables.jobs.items()}
    for purchase, task in zip(values["purchases"], values["tasks"], strict=True):
        epoch, _ = tables.claims.get(by_task.get(task, ""), (None, ""))
        if epoch is not None and (epoch, purchase) not in tables.calls:
            tables.calls[epoch, purchase] = task
            passed.add(epoch)
    for epoch in sorted(passed):
        tables.notify(str(epoch))
    return []


@statement(calls.TAKE)
def take_calls(tables: Tables, values: Any) -> list[Row]:
    """Take the calls for an owner."""
    [epoch] = values
    mine = [place for place in tables.calls if place[0] == epoch]
    return [{"purchase": place[1], "task_id": tables.calls.pop(place)} for place in mine]


@statement(claims.RENEW)
def renew(tables: Tables, values: Any) -> list[Row]:
    """Renew a lease that lasts."""
    seconds, epoch = values
    if not tables.is_alive(epoch):
        return []
    tables.owners[epoch].lease_until = tables.now() + seconds
    return [{"epoch": epoch}]


@statement(claims.END)
def end(tables: Tables, values: Any) -> list[Row]:
    """End a lease now."""
    [epoch] = values
    owner = tables.owners.get(epoch)
    if owner is None:
        return []
    owner.lease_until = min(owner.lease_until, tables.now())
    return [{"epoch": epoch}]


@statement(claims.CLAIM)
def claim(tables: Tables, values: Any) -> list[Row]:
    """Claim what nobody has."""
    epoch, owner = values["epoch"], values["owner"]
    is_alive = tables.is_alive(epoch)
    if is_alive:
        for key in sorted(values["keys"]):
            tables.claims.setdefault(key, (epoch, owner))
    found = [(key, *tables.claims[key]) for key in values["keys"] if key in tables.claims]
    rows: list[Row] = [{"key": key, "epoch": holder, "owner": name} for key, holder, name in found]
    return [*rows, {"key": None, "epoch": epoch, "owner": None}] if is_alive else rows


@statement(claims.LOCK_CLAIMS)
def lock_claims(tables: Tables, values: Any) -> list[Row]:
    """Nobody else is here."""
    return []


@statement(claims.RELEASE)
def release(tables: Tables, values: Any) -> list[Row]:
    """Free claims of an owner."""
    keys, epoch, owner = values
    for key in keys:
        row = tables.jobs.get(key)
        is_sending = row is not None and row["state"] == "submitting" and row["epoch"] == epoch
        if tables.claims.get(key) == (epoch, owner) and not is_sending:
            del tables.claims[key]
    return []


@statement(claims.SET_RIGHT)
def set_right(tables: Tables, _: Any) -> list[Row]:
    """Tell whether a lease is over: the clock of this server goes on and on."""
    return [{"has_ended": any(owner.lease_until <= tables.now() for owner in tables.owners.values())}]


@statement(claims.ENDED)
def ended(tables: Tables, _: Any) -> list[Row]:
    """Find the owners whose leases are over."""
    return [{"epoch": epoch} for epoch, owner in tables.owners.items() if owner.lease_until <= tables.now()]


@statement(claims.DOUBT)
def bury(tables: Tables, values: Any) -> list[Row]:
    """Delete such owners with their claims; what they were submitting is in doubt."""
    over = set(values["epochs"])
    tables.claims = {key: held for key, held in tables.claims.items() if held[0] not in over}
    tables.tellers = {number: epoch for number, epoch in tables.tellers.items() if epoch not in over}
    lost = [row for row in tables.jobs.values() if row["state"] == "submitting" and row["epoch"] in over]
    for row in sorted(lost, key=lambda row: (row["sent_at"], row["key"])):
        owner = tables.owners[row["epoch"]]
        tables.put(
            row["key"],
            state="in_doubt",
            end_number=tables.next_end(),
            told_at=None,
            doubt=json.dumps({"idempotency_key": row["idempotency_key"], "sent_at": row["sent_at"]}),
            not_resubmitted_before=owner.lease_until + owner.seconds_to_answer,
        )
    for epoch in over:
        tables.owners.pop(epoch, None)
    return [{"doubts": len(lost)}]


@statement(claims.RELEASE_CREDITS)
def release_credits(tables: Tables, values: Any) -> list[Row]:
    """Free what such owners had reserved."""
    release_owners(tables, set(values[0]))
    return [{}]


@statement(postgres_statements.NOTIFY)
def notify(tables: Tables, _: Any) -> list[Row]:
    """Wake all."""
    tables.notify("")
    return [{}]


@statement(postgres_reads.ENDS)
def count_ends(tables: Tables, _: Any) -> list[Row]:
    """Tell how many outcomes there were."""
    return [{"ends": tables.ends}]


@statement(postgres_telling.TAKE)
def take(tables: Tables, values: Any) -> list[Row]:
    """Lend the first ends that no stream has."""
    epoch = values["epoch"]
    is_alive = tables.is_alive(epoch)
    free = [row for row in _untold(tables) if row["end_number"] not in tables.tellers][: values["limit"]]
    if is_alive:
        tables.tellers |= {row["end_number"]: epoch for row in free}
    return [{**row, "is_mine": is_alive, "is_alive": is_alive} for row in free]


def _untold(tables: Tables) -> list[Row]:
    rows = [row for row in tables.jobs.values() if row["end_number"] is not None and row["told_at"] is None]
    return sorted(rows, key=lambda row: row["end_number"])


@statement(postgres_telling.LET_GO)
def let_go(tables: Tables, values: Any) -> list[Row]:
    """Take back what an owner was lent."""
    [epoch] = values
    kept = {number: held for number, held in tables.tellers.items() if held != epoch}
    is_gone = len(kept) < len(tables.tellers)
    tables.tellers = kept
    if is_gone:
        tables.notify("")
    return [{"told": "" if is_gone else None}]


@statement(postgres_statements.TELL)
def tell(tables: Tables, values: Any) -> list[Row]:
    """Mark ends as told."""
    epoch, numbers = values["epoch"], set(values["numbers"])
    is_alive, told = tables.is_alive(epoch), False
    if is_alive:
        for row in _untold(tables):
            if row["end_number"] in numbers:
                told = True
                tables.jobs[row["key"]] = row | {"told_at": values["now"]}
        for number in numbers:
            if tables.tellers.get(number) == epoch:
                del tables.tellers[number]
    return [{"is_alive": is_alive, "is_free": is_alive, "is_done": told}]
