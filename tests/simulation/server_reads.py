"""What the statements of `postgres_reads` do."""

from __future__ import annotations

import json
from typing import Any

from evolink_async.journal import postgres_reads as reads
from tests.simulation.server_tables import Row, Tables, statement

OPEN = ("planned", "submitting", "accepted", "in_doubt")
ENDED = ("completed", "downloaded", "failed", "cancelled")


def _in_order(rows: list[Row], limit: int) -> list[Row]:
    return sorted(rows, key=lambda row: row["key"])[:limit]


@statement(reads.KNOWN)
def known(tables: Tables, values: Any) -> list[Row]:
    """Find jobs that were sent, with the bodies of those without an answer."""
    found = [tables.jobs[key] for key in dict.fromkeys(values[0]) if key in tables.jobs]
    return [
        {**row, "body": row["body"] if row["state"] in ("submitting", "in_doubt") else None}
        for row in found
        if row["state"] != "planned"
    ]


@statement(reads.BODY)
def body(tables: Tables, values: Any) -> list[Row]:
    """Return the body of a job."""
    row = tables.jobs.get(values[0])
    return [] if row is None else [{"body": row["body"]}]


@statement(reads.FIND)
def find(tables: Tables, values: Any) -> list[Row]:
    """Find jobs."""
    return [tables.jobs[key] for key in dict.fromkeys(values[0]) if key in tables.jobs]


@statement(reads.LIST)
def list_jobs(tables: Tables, values: Any) -> list[Row]:
    """List jobs in some states."""
    after, states, limit = values
    return _in_order([row for key, row in tables.jobs.items() if key > after and row["state"] in states], limit)


@statement(reads.LIST_OPEN)
def list_open(tables: Tables, values: Any) -> list[Row]:
    """List jobs in one state."""
    state, after, limit = values
    return _in_order([row for key, row in tables.jobs.items() if key > after and row["state"] == state], limit)


@statement(reads.OWNERS)
def owners(tables: Tables, values: Any) -> list[Row]:
    """Find the accepted jobs of tasks."""
    return [row for row in tables.jobs.values() if row["task_id"] in values[0] and row["state"] == "accepted"]


@statement(reads.OUTCOMES)
def outcomes(tables: Tables, values: Any) -> list[Row]:
    """Find the ended jobs of tasks."""
    return [row for row in tables.jobs.values() if row["task_id"] in values[0] and row["state"] in ENDED]


@statement(reads.PURCHASES)
def purchases(tables: Tables, values: Any) -> list[Row]:
    """Find purchases with their jobs."""
    found = [(name, tables.purchases[name]) for name in values[0] if name in tables.purchases]
    return [
        {
            "purchase": name,
            "key": job["key"],
            "model": job["model"],
            "state": job["state"],
            "task_id": job["task_id"],
            "sent_at": purchase["sent_at"],
            "is_latest": job["idempotency_key"] == name,
        }
        for name, purchase in found
        if (job := tables.jobs.get(purchase["key"])) is not None
    ]


@statement(reads.UNTOLD)
def untold(tables: Tables, values: Any) -> list[Row]:
    """Find outcomes that were not told."""
    after, limit = values
    rows = [row for row in tables.jobs.values() if (row["end_number"] or 0) > after and row["told_at"] is None]
    return sorted(rows, key=lambda row: row["end_number"])[:limit]


@statement(reads.UNFINISHED)
def unfinished(tables: Tables, _: Any) -> list[Row]:
    """Find jobs that are open and were sent."""
    rows = [row for row in tables.jobs.values() if row["state"] in OPEN and row["state"] != "planned"]
    return sorted(rows, key=lambda row: (row["sent_at"], row["key"]))


@statement(reads.UPLOADS)
def uploads(tables: Tables, values: Any) -> list[Row]:
    """Find uploads."""
    return [tables.uploads[digest] for digest in values[0] if digest in tables.uploads]


@statement(reads.DURATIONS)
def durations(tables: Tables, values: Any) -> list[Row]:
    """Return how long tasks took that ended lately."""
    since = tables.ends - values[0]
    rows = [
        row
        for row in tables.jobs.values()
        if (row["end_number"] or 0) > since
        and row["state"] in ("completed", "downloaded")
        and row["accepted_at"] is not None
        and (row["looks"] or 0) > 0
    ]
    return [
        {
            "model": row["model"],
            "quality": json.loads(row["body"]).get("quality"),
            "duration": json.loads(row["body"]).get("duration"),
            "seconds": row["ended_at"] - (row["lag"] or 0.0) / 2 - row["accepted_at"],
        }
        for row in sorted(rows, key=lambda row: row["end_number"])
    ]
