"""Conversion between the rows of a journal file and the values that they record.

SQL is in `statements` and `schema`; rows are read in `reader`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import attrs

from ..budget import Ledger
from ..errors import SubmissionUnknownError
from ..jobs import Accepted, Completed, Failed, JobState, Planned, SavedFile, Standing, Timing, Unknown, last_snapshot
from ..media import Upload
from ..purchases import RecordState
from ..task import Snapshot, TaskFailure, TaskState
from ..wire import task_error
from .entries import Bought, Sent, Untold, abandoned, in_doubt


class Row(Protocol):
    """A row with access by column name: an `sqlite3.Row`, or a mapping."""

    # Any, because each column has its own type.
    def __getitem__(self, name: str, /) -> Any: ...  # noqa: ANN401


# Without `body` and `path`: the caller has the parameters, and they are most of a row's bytes.
COLUMNS = (
    "key, state, digest, session, model, task_id, urls, files, accepted_at, ended_at, expires_at, looks, lag,"
    " credits_reserved, credits_used, estimated_seconds, fault, doubt, idempotency_key, sent_at, missing_at,"
    " earlier_task_ids"
)
"""The columns of `jobs` that outcomes are made from."""
COST = "coalesce(credits_used, CASE WHEN state IN ('completed', 'downloaded') THEN credits_reserved END, 0)"
"""What a job has cost. A task that failed costs what it used, which is nearly always nothing."""
UPLOAD_COLUMNS = ", ".join(field.name for field in attrs.fields(Upload))
"""The columns of `uploads`."""
STATES: Mapping[JobState, tuple[RecordState, ...]] = MappingProxyType(
    {
        "planned": (RecordState.PLANNED, RecordState.SUBMITTING),
        "accepted": (RecordState.ACCEPTED,),
        "completed": (RecordState.COMPLETED, RecordState.DOWNLOADED),
        "failed": (RecordState.FAILED, RecordState.CANCELLED, RecordState.ABANDONED),
        "unknown": (RecordState.IN_DOUBT,),
    }
)
"""The states of a row that users see as one."""
# Durations drift, so older tasks say little; the schedule remembers 150 of each class.
LEARNED = 1000
"""Finished tasks whose durations a new run learns."""
DOUBT_FIELDS = ("idempotency_key", "status", "code", "request_id", "excerpt", "sent_at")
"""The fields of a SubmissionUnknownError that are kept in the column `doubt`."""


def snapshot_of(row: Row, state: str) -> Snapshot:
    """Return what the row keeps of the last snapshot."""
    return Snapshot(
        task_id=row["task_id"],
        state=state,
        model=row["model"],
        urls=_texts(row["urls"]),
        fault=TaskFailure(**json.loads(row["fault"])) if row["fault"] else None,
        estimated_seconds=row["estimated_seconds"],
        credits_reserved=row["credits_reserved"],
        credits_used=row["credits_used"],
    )


def _texts(column: str | None) -> tuple[str, ...]:
    return tuple(json.loads(column)) if column else ()


def accepted_of(row: Row) -> Accepted:
    """Return the accepted job of a row."""
    snapshot = snapshot_of(row, TaskState.PENDING)
    return Accepted(
        key=row["key"],
        task_id=row["task_id"],
        snapshot=snapshot,
        accepted_at=row["accepted_at"],
        session=row["session"] or "",
        earlier_tasks=_texts(row["earlier_task_ids"]),
    )


def unknown_of(row: Row) -> Unknown:
    """Return the job of a row as in doubt."""
    return Unknown(row["key"], doubt_in(row), _texts(row["earlier_task_ids"]))


def doubt_in(row: Row) -> SubmissionUnknownError:
    """Return the doubt of a row, with all that helps to find its task."""
    # A row that was `submitting` when its process ended has no `doubt`, or only these two facts.
    doubt = {"idempotency_key": row["idempotency_key"], "sent_at": row["sent_at"]} | json.loads(row["doubt"] or "{}")
    return in_doubt(row["key"], **doubt).error


def doubt_of(error: SubmissionUnknownError) -> str:
    """Return the column `doubt` for an error."""
    kept = {name: getattr(error, name) for name in DOUBT_FIELDS if getattr(error, name) is not None}
    return json.dumps({"message": str(error), **kept})


def ended_of(row: Row) -> Completed | Failed:
    """Return the outcome of a row whose task has ended, as seen by an earlier run."""
    if row["state"] in (TaskState.FAILED, TaskState.CANCELLED):
        error = task_error(snapshot_of(row, row["state"]))
        earlier = _texts(row["earlier_task_ids"])
        return Failed(row["key"], error, row["task_id"], resumed=True, earlier_tasks=earlier)
    snapshot = snapshot_of(row, TaskState.COMPLETED)
    return Completed(
        key=row["key"],
        task_id=row["task_id"],
        urls=snapshot.urls,
        expires_at=row["expires_at"],
        snapshot=snapshot,
        timing=Timing(
            accepted_at=row["accepted_at"], finished_at=row["ended_at"], looks=row["looks"], lag=row["lag"] or 0.0
        ),
        saved=files_of(row["files"]),
        resumed=True,
        earlier_tasks=_texts(row["earlier_task_ids"]),
    )


def sent_of(row: Row) -> Sent:
    """Return where a job stands that has been sent. Without its process, one that is being submitted is in doubt."""
    if row["state"] == "accepted":
        return accepted_of(row)
    if row["state"] in ("in_doubt", "submitting"):
        return unknown_of(row)
    return final_of(row)


def standing_of(row: Row) -> Standing:
    """Return where a job stands."""
    # A doubt that is sent again, under its old key, is one until the service accepts.
    if row["state"] == "planned" or (row["state"] == "submitting" and row["doubt"] is None):
        return Planned(row["key"], row["state"] == "submitting", _texts(row["earlier_task_ids"]))
    return sent_of(row)


def untold_of(row: Row, ends_before: int) -> Untold:
    """Return an outcome of a row; one that this opening of the file has recorded is not resumed."""
    number, outcome = row["end_number"], sent_of(row)
    assert not isinstance(outcome, Accepted)  # noqa: S101  # such a row has no number
    if number > ends_before and not isinstance(outcome, Unknown):
        outcome = attrs.evolve(outcome, resumed=False)
    return Untold(number, outcome)


def final_of(row: Row) -> Completed | Failed:
    """Return the outcome of a row that has ended: its task did, or a person gave it up."""
    if row["state"] == "abandoned":
        return abandoned(unknown_of(row) if row["missing_at"] is None else accepted_of(row))
    return ended_of(row)


def columns_of(end: Completed | Failed) -> dict[str, object]:
    """Return the columns that change with the end of a task; see `end_of`."""
    snapshot = last_snapshot(end)
    assert snapshot is not None  # noqa: S101  # else only our watching has ended
    amounts = {"credits_reserved": snapshot.credits_reserved, "credits_used": snapshot.credits_used}
    if isinstance(end, Failed):
        # Nearly always a failure is free of charge, which is no price of its class.
        amounts["credits_used"] = amounts["credits_used"] or None
        return {"state": snapshot.state, "fault": fault_of(snapshot.fault), "ended_at": time.time(), **amounts}
    timing = end.timing
    return {
        "state": "completed",
        "accepted_at": timing.accepted_at,
        "urls": json.dumps(end.urls),
        "expires_at": end.expires_at,
        "ended_at": timing.finished_at,
        "looks": timing.looks,
        "lag": timing.lag,
        **amounts,
    }


def files_of(column: str | None) -> tuple[SavedFile, ...]:
    """Return the saved files from the column `files`."""
    # Rows of the first versions hold a list of paths.
    kept: list[Any] = json.loads(column) if column else []
    facts: list[dict[str, Any]] = [{"path": file} if isinstance(file, str) else file for file in kept]
    return tuple(
        [SavedFile(Path(fact["path"]), *map(fact.get, ("size_bytes", "sha256", "mtime_ns"))) for fact in facts]
    )


def column_of(files: tuple[SavedFile, ...]) -> str:
    """Return the column `files` for saved files."""
    # Absolute paths: a later run may start in another folder.
    return json.dumps([attrs.asdict(file) | {"path": str(file.path.absolute())} for file in files])


def fault_of(fault: TaskFailure | None) -> str | None:
    """Return the column `fault` for the service's reason of a failure."""
    return None if fault is None else json.dumps(attrs.asdict(fault))


def bought_of(row: Row) -> Bought:
    """Return the purchase of a row of `purchases` with its job."""
    is_latest = bool(row["is_latest"])
    return Bought(
        key=row["key"],
        model=row["model"],
        sent_at=row["sent_at"],
        is_latest=is_latest,
        is_unanswered=is_latest and row["state"] in ("submitting", "in_doubt"),
        task_id=row["task_id"] if is_latest and row["state"] == "accepted" else None,
    )


def upload_of(row: Row) -> Upload:
    """Return the upload of a row of `uploads`."""
    return Upload(**{field.name: row[field.name] for field in attrs.fields(Upload)})


def ledger_of(
    spent: float, prices: Mapping[str, float], holding: Iterable[tuple[str, str, str, float | None]]
) -> Ledger:
    """Return what the jobs of a journal spent and reserve.

    Args:
        spent: Credits of completed jobs.
        prices: The most that was named for each price class.
        holding: Key, state, price class and reserved credits of the jobs that hold credits.
    """
    held, unpriced, classes, doubts = dict[str, float](), dict[str, str](), dict[str, str](), set[str]()
    # A job in doubt may have been charged, so its credits stay reserved until it is settled. A job that completed
    # without a named amount cost something all the same, so it counts like a doubt.
    for key, state, price_class, reserved in holding:
        held[key] = prices.get(price_class, 0.0) if reserved is None else reserved
        classes[key] = price_class
        if reserved is None:
            unpriced[key] = price_class
        if state != "accepted":
            doubts.add(key)
    return Ledger(spent=spent, held=held, unpriced=unpriced, doubts=frozenset(doubts), prices=prices, classes=classes)
