"""Rows of a journal file to the outcomes they record, and back.

No SQL is run here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import attrs

from ..errors import SubmissionUnknownError
from ..jobs import Accepted, Completed, Failed, SavedFile, Timing, Unknown
from ..media import Upload
from ..task import Snapshot, TaskFailure, TaskState
from ..wire import task_error


class Row(Protocol):
    """A row by column names: an `sqlite3.Row`, or a mapping."""

    def __getitem__(self, name: str, /) -> Any: ...  # noqa: ANN401  # columns have types of their own


COLUMNS = (
    "key, state, digest, session, model, task_id, urls, files, accepted_at, ended_at, expires_at, looks, lag,"
    " credits_reserved, credits_used, estimated_seconds, fault, doubt, idempotency_key, sent_at"
)
"""What an outcome is made of: all but the parameters, which the caller has."""
UPLOAD_COLUMNS = ", ".join(field.name for field in attrs.fields(Upload))
DOUBT_FIELDS = ("idempotency_key", "status", "code", "request_id", "excerpt", "sent_at")


def snapshot_of(row: Row, state: str) -> Snapshot:
    """What the row keeps of the last look."""
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
    """A job whose task goes on."""
    snapshot = snapshot_of(row, TaskState.PENDING)
    return Accepted(key=row["key"], task_id=row["task_id"], snapshot=snapshot, accepted_at=row["accepted_at"])


def unknown_of(row: Row) -> Unknown:
    """A job in doubt, with all that helps to find its task."""
    doubt = {"idempotency_key": row["idempotency_key"], "sent_at": row["sent_at"]} | json.loads(row["doubt"] or "{}")
    message = doubt.pop("message", "the service was not heard to answer; a task may have been accepted and charged")
    return Unknown(row["key"], SubmissionUnknownError(message, key=row["key"], **doubt))


def doubt_of(error: SubmissionUnknownError) -> str:
    """What is kept of a doubt."""
    kept = {name: getattr(error, name) for name in DOUBT_FIELDS if getattr(error, name) is not None}
    return json.dumps({"message": str(error), **kept})


def ended_of(row: Row) -> Completed | Failed:
    """A job that came to its end in an earlier run."""
    if row["state"] in (TaskState.FAILED, TaskState.CANCELLED):
        return Failed(row["key"], task_error(snapshot_of(row, row["state"])), row["task_id"])
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
    )


def files_of(column: str | None) -> tuple[SavedFile, ...]:
    """Where the results are; rows of old hold nothing but paths."""
    kept: list[Any] = json.loads(column) if column else []
    facts: list[dict[str, Any]] = [{"path": file} if isinstance(file, str) else file for file in kept]
    return tuple(
        [SavedFile(Path(fact["path"]), *map(fact.get, ("size_bytes", "sha256", "mtime_ns"))) for fact in facts]
    )


def column_of(files: tuple[SavedFile, ...]) -> str:
    """What is kept of them: a later run may start in another folder, so paths are whole."""
    return json.dumps([attrs.asdict(file) | {"path": str(file.path.absolute())} for file in files])


def fault_of(fault: TaskFailure | None) -> str | None:
    """What is kept of the service's reason."""
    return None if fault is None else json.dumps(attrs.asdict(fault))


def upload_of(row: Row) -> Upload:
    """A file at the service."""
    return Upload(**{field.name: row[field.name] for field in attrs.fields(Upload)})
