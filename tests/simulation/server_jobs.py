"""What the statements of `postgres_statements` and `postgres_settling` do: the writes of jobs."""

from __future__ import annotations

from typing import Any

from evolink_async.journal import postgres_settling as settling
from evolink_async.journal import postgres_statements as writes
from evolink_async.purchases import Transition, sources
from tests.simulation.server_tables import Row, Tables, appended, statement

JOB = ("model", "path", "body", "digest", "shape", "idempotency_key", "session", "sent_at")
ENDS = ("state", "accepted_at", "urls", "expires_at", "ended_at", "looks", "lag", "credits_used", "fault")
NOT_TOLD: Row = {"end_number": None, "told_at": None}


def _state(tables: Tables, key: str) -> str | None:
    return tables.jobs[key]["state"] if key in tables.jobs else None


def _report(tables: Tables, values: Any, *, is_done: bool) -> list[Row]:
    key, epoch = values.get("key"), values["epoch"]
    is_alive = tables.is_alive(epoch)
    return [
        {"is_alive": is_alive, "is_free": is_alive if key is None else tables.is_free(key, epoch), "is_done": is_done}
    ]


def _may(tables: Tables, values: Any, event: Transition) -> bool:
    """Whether an owner may write that something happens to a job, and the job is in a state in which it may."""
    return tables.is_free(values["key"], values["epoch"]) and _state(tables, values["key"]) in sources(event)


def _put_off(tables: Tables, values: Any, **changes: Any) -> None:
    row = {name: values[name] for name in JOB}
    tables.put(values["key"], **row, **changes, **NOT_TOLD, not_resubmitted_before=None)


@statement(writes.PLAN)
def plan(tables: Tables, values: Any) -> list[Row]:
    """Write a job that is not sent."""
    is_done = tables.is_free(values["key"], values["epoch"])
    is_done = is_done and _state(tables, values["key"]) in (None, *sources(Transition.PUT_OFF))
    if is_done:
        _put_off(tables, values, state="planned", epoch=None)
    return _report(tables, values, is_done=is_done)


@statement(writes.SUBMIT)
def submit(tables: Tables, values: Any) -> list[Row]:
    """Write a job that is sent next, with its purchase and its claim."""
    key, epoch = values["key"], values["epoch"]
    is_alive = tables.is_alive(epoch)
    is_free = is_alive and tables.claims.get(key, (epoch, ""))[0] == epoch
    if is_free:
        tables.claims.setdefault(key, (epoch, values["owner"]))
    is_covered = is_alive and _is_covered(tables, key, epoch)
    row = tables.jobs.get(key)
    may_go = row is None or (
        row["state"] in sources(Transition.SENT)
        and (row["state"] == "planned" or row["idempotency_key"] == values["idempotency_key"])
    )
    is_done = is_free and is_covered and may_go
    if is_done:
        _put_off(tables, values, state="submitting", epoch=epoch)
        tables.purchases.setdefault(
            values["idempotency_key"],
            {"key": key, "session": values["session"], "sent_at": values["sent_at"], "late_task_ids": None},
        )
    return [{"is_alive": is_alive, "is_free": is_free, "is_done": is_done, "is_covered": is_covered}]


def _is_covered(tables: Tables, key: str, epoch: int) -> bool:
    if tables.owners[epoch].limit_units is None or _state(tables, key) not in (None, "planned"):
        return True
    hold = tables.holds.get(key)
    if hold is None or hold.epoch != epoch or tables.budget is None:
        return False
    most = min(owner.limit_units for owner in tables.owners.values() if owner.limit_units is not None)
    others = tables.budget.spent + sum(one.units for one in tables.holds.values()) - hold.units
    return others < most if hold.is_learner else others + hold.units <= most


@statement(writes.REFUSE)
def refuse(tables: Tables, values: Any) -> list[Row]:
    """Set a job back to planned."""
    row, sent_at = tables.jobs.get(values["key"], {}), values["sent_at"]
    is_this = row.get("epoch") == values["epoch"] and sent_at in (None, row.get("sent_at"))
    is_done = _may(tables, values, Transition.REFUSED) and is_this
    if is_done:
        tables.put(values["key"], state="planned", epoch=None)
    return _report(tables, values, is_done=is_done)


@statement(writes.DOUBT)
def doubt(tables: Tables, values: Any) -> list[Row]:
    """Write a doubt."""
    is_done = _may(tables, values, Transition.LOST)
    if is_done:
        end = {"end_number": tables.next_end(), "told_at": None}
        tables.put(values["key"], state="in_doubt", doubt=values["doubt"], **end)
    return _reported_and_notified(tables, values, is_done=is_done)


@statement(writes.END)
def end(tables: Tables, values: Any) -> list[Row]:
    """Write the end of a task."""
    key = values["key"]
    is_done = _may(tables, values, Transition.COMPLETED) and tables.jobs[key]["task_id"] == values["task_id"]
    if is_done:
        changes = {name: values[name] for name in ENDS if values[name] is not None}
        reserved = {values["credits_reserved"], tables.jobs[key]["credits_reserved"]} - {None}
        changes["credits_reserved"] = max(reserved, default=None)
        tables.put(key, **changes, missing_at=None, end_number=tables.next_end(), told_at=None)
    return _reported_and_notified(tables, values, is_done=is_done)


def _reported_and_notified(tables: Tables, values: Any, *, is_done: bool) -> list[Row]:
    if is_done:
        tables.notify("")
    return [{**_report(tables, values, is_done=is_done)[0], "told": "" if is_done else None}]


@statement(writes.BUY_ANEW)
def buy_anew(tables: Tables, values: Any) -> list[Row]:
    """Set a job whose task has failed back to planned."""
    key, task_id = values["key"], values["task_id"]
    is_done = _may(tables, values, Transition.BUY_ANEW) and tables.jobs[key]["task_id"] == task_id
    if is_done:
        tables.keep_money(key)
        gone = (
            *("epoch", "idempotency_key", "task_id", "accepted_at", "fault", "ended_at", "missing_at"),
            *("credits_reserved", "credits_used"),
        )
        earlier = appended(tables.jobs[key]["earlier_task_ids"], task_id)
        tables.put(key, state="planned", **dict.fromkeys(gone), **NOT_TOLD, earlier_task_ids=earlier)
        tables.failed_tasks.add(task_id)
    return _report(tables, values, is_done=is_done)


@statement(writes.MISSING)
def missing(tables: Tables, values: Any) -> list[Row]:
    """Write that a task is not known."""
    key, row = values["key"], tables.jobs.get(values["key"])
    is_done = row is not None and row["task_id"] == values["task_id"] and row["state"] == "accepted"
    is_done = is_done and tables.is_free(key, values["epoch"])
    if is_done:
        tables.put(key, missing_at=values["now"])
    return _report(tables, values, is_done=is_done)


@statement(writes.SAVE)
def save(tables: Tables, values: Any) -> list[Row]:
    """Write where files are."""
    is_done = _may(tables, values, Transition.SAVED)
    if is_done:
        tables.put(values["key"], state="downloaded", files=values["files"])
    return _report(tables, values, is_done=is_done)


@statement(writes.REFRESH)
def refresh(tables: Tables, values: Any) -> list[Row]:
    """Write newer links."""
    is_done = _may(tables, values, Transition.SAVED)
    if is_done:
        tables.put(values["key"], urls=values["urls"], expires_at=values["expires_at"])
    return _report(tables, values, is_done=is_done)


@statement(writes.UPLOAD)
def upload(tables: Tables, values: Any) -> list[Row]:
    """Write an upload."""
    is_done = tables.is_alive(values["epoch"])
    if is_done:
        tables.uploads[values["sha256"]] = {name: value for name, value in values.items() if name != "epoch"}
    return _report(tables, values, is_done=is_done)


# --- the task of a purchase, whoever knows it


def _beside(tables: Tables, values: Any) -> None:
    purchase = {"key": "", "session": "", "sent_at": values["now"], "late_task_ids": None}
    kept = tables.purchases.setdefault(values["purchase"], purchase)
    kept["late_task_ids"] = appended(kept["late_task_ids"], values["task_id"], once=True)


@statement(settling.ACCEPT)
def accept(tables: Tables, values: Any) -> list[Row]:
    """Write the answer to a send."""
    key, task_id, row = values["key"], values["task_id"], tables.jobs.get(values["key"])
    is_mine = row is not None and row["task_id"] == task_id
    is_taken = row is not None and _is_unanswered(row, values["purchase"])
    if row is not None and is_taken:
        tables.put(
            key,
            state="accepted",
            task_id=task_id,
            accepted_at=values["now"],
            estimated_seconds=values["estimated"],
            credits_reserved=row["credits_reserved"] if values["credits"] is None else values["credits"],
            doubt=None,
            not_resubmitted_before=None,
            **NOT_TOLD,
        )
    elif not is_mine:
        _beside(tables, values)
    return [{"is_taken": is_taken or is_mine}]


def _is_unanswered(row: Row, purchase: str) -> bool:
    return row["idempotency_key"] == purchase and row["state"] in ("submitting", "in_doubt")


@statement(settling.ANSWER_LATE)
def answer_late(tables: Tables, values: Any) -> list[Row]:
    """Write the task of a purchase."""
    task_id, purchase = values["task_id"], tables.purchases.get(values["purchase"])
    others = list(tables.of_task(task_id))
    is_mine = purchase is not None and any(row["key"] == purchase["key"] for row in others)
    row = None if purchase is None else tables.jobs.get(purchase["key"])
    is_new = not others and task_id not in tables.failed_tasks
    is_taken = row is not None and is_new and _is_unanswered(row, values["purchase"])
    if row is not None and is_taken:
        _found(tables, row, task_id, row["sent_at"] or row["accepted_at"] or values["now"])
        tables.notify("")
    elif not is_mine:
        _beside(tables, values)
    return [{"is_taken": is_taken or is_mine, "told": "" if is_taken else None}]


def _found(tables: Tables, row: Row, task_id: str, accepted_at: float) -> None:
    changes = dict.fromkeys(("doubt", "missing_at", "not_resubmitted_before"))
    tables.put(row["key"], state="accepted", task_id=task_id, accepted_at=accepted_at, **changes, **NOT_TOLD)


@statement(settling.OPEN_JOB)
def open_job(tables: Tables, values: Any) -> list[Row]:
    """Read what a person wants to settle."""
    key, epoch, row = values["key"], values["epoch"], tables.jobs.get(values["key"])
    if row is None:
        return []
    before = row["not_resubmitted_before"]
    held, owner = tables.claims.get(key, (epoch, ""))
    return [
        {
            **{name: row[name] for name in ("state", "task_id", "idempotency_key")},
            "is_missing": row["missing_at"] is not None,
            # As `greatest`, which passes over NULL.
            "wait": 0.0 if before is None else max(0.0, before - tables.now()),
            "is_alive": tables.is_alive(epoch),
            "holder": None if held == epoch else owner,
            "is_others": values["how"] in tables.failed_tasks
            or any(other["key"] != key for other in tables.of_task(values["how"])),
        }
    ]


@statement(settling.FOUND)
def found(tables: Tables, values: Any) -> list[Row]:
    """Settle by the id of a task."""
    row = tables.jobs[values["key"]]
    _found(tables, row, values["how"], row["sent_at"] or row["accepted_at"] or values["now"])
    return [{"key": values["key"]}]


@statement(settling.PLAN_AGAIN)
def plan_again(tables: Tables, values: Any) -> list[Row]:
    """Settle by buying again."""
    if values["task_id"] is not None and (purchase := tables.purchases.get(values["purchase"])) is not None:
        purchase["late_task_ids"] = appended(purchase["late_task_ids"], values["task_id"])
    tables.keep_money(values["key"])
    gone = (
        *("idempotency_key", "epoch", "task_id", "accepted_at", "doubt", "missing_at", "not_resubmitted_before"),
        "credits_reserved",
    )
    tables.put(values["key"], state="planned", **dict.fromkeys(gone), **NOT_TOLD)
    return [{"key": values["key"]}]


@statement(settling.ABANDON)
def abandon(tables: Tables, values: Any) -> list[Row]:
    """Settle by giving up."""
    end_number = tables.next_end()
    tables.put(values["key"], state="abandoned", ended_at=values["now"], end_number=end_number, told_at=None)
    return [{"key": values["key"]}]
