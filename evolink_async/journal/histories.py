"""Reads all that a journal file keeps of its jobs, for people who look at them: parameters, times, ends.

Nothing is changed, so a run may be using the file. A server is read in `postgres_histories`. Import this module by its
own path: it needs SQLite, which the package's `__init__` does not load.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol, cast

import attrs

from ..jobs import Standing
from .doubts import is_in_use
from .listing import read_rows, standing_in
from .rows import COLUMNS, Row

__all__ = ("Histories", "HistoryReader", "JobHistory", "history_of")


@attrs.frozen(kw_only=True)
class JobHistory:
    """All that a journal keeps of one job.

    Attributes:
        place: Its place in the order in which jobs were first written; on a server, first seen by this reader. It never
            changes.
        standing: Where it stands.
        model: The model that it asked for.
        body: The request body as it was sent; empty if it is no JSON object.
        sent_at: Unix seconds when its submit was last begun; None if it was not sent.
        accepted_at: Unix seconds when the service answered the submit; None before.
        ended_at: Unix seconds when its end was found; None before.
        credits: Credits charged, or held while the charge is not known; None if the service named neither. Also of a
            job that failed, which was not charged.
        estimated_seconds: The service's estimate of the duration of its task.
        is_missing: Whether the service no longer knows its task.
    """

    place: int
    standing: Standing
    model: str
    body: dict[str, Any]
    sent_at: float | None = None
    accepted_at: float | None = None
    ended_at: float | None = None
    credits: float | None = None
    estimated_seconds: float | None = None
    is_missing: bool = False

    @property
    def key(self) -> str:
        """The job's key."""
        return self.standing.key


class Histories(Protocol):
    """Reads the jobs of a journal, and at each further call those that have changed. All calls block."""

    @property
    def most_ends(self) -> int | None:
        """How many ends it reads at most, the latest; None for all."""
        ...

    @property
    def mark(self) -> object:
        """A value that changes when the journal does; what changed all the same is found by a read now and then."""
        ...

    def changes(self) -> list[JobHistory]:
        """Return the jobs that are new or changed since the last call, in the order of their places; at first, all.

        Raises:
            ConfigurationError: There is no such journal.
            JournalError: It is not a journal, or cannot be read.
        """
        ...


class HistoryReader:
    """Reads a journal file; see `Histories`.

    Args:
        path: The journal file.
    """

    most_ends: int | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[int, int] = {}

    @property
    def mark(self) -> object:
        """A value that changes when the file does, but for changes within the same few milliseconds."""
        places = (Path(f"{self._path}{suffix}") for suffix in ("", "-wal"))
        stats = [place.stat() for place in places if place.exists()]
        return (*((stat.st_mtime_ns, stat.st_size) for stat in stats), is_in_use(self._path))

    def changes(self) -> list[JobHistory]:
        """Return the jobs that are new or changed since the last call, in the order of their places; at first, all.

        Blocks the calling thread: 5,000 rows take some 20 ms, and 20 ms more for each 1,000 that have changed.

        Raises:
            ConfigurationError: The file does not exist, or is empty.
            JournalError: The file is not a journal, or cannot be read.
        """
        columns = f"place, body, {COLUMNS}"
        rows, is_held = read_rows(self._path, (), f"SELECT {columns} FROM {{table}} ORDER BY place", {})  # noqa: S608
        names = ("place", "body", *COLUMNS.split(", "))
        changed: list[JobHistory] = []
        for row in rows:
            # A submit turns into a doubt when its process ends, without a change of its row.
            fingerprint = hash((*(row[name] for name in names), is_held and row["state"] == "submitting"))
            if self._seen.get(row["place"]) != fingerprint:
                self._seen[row["place"]] = fingerprint
                changed.append(history_of(row, row["place"], is_held=is_held))
        return changed


def history_of(row: Row, place: int, *, is_held: bool) -> JobHistory:
    """Return what a row keeps of its job. For this room alone.

    Args:
        row: A row of `jobs` with its body.
        place: Its place in the order of the jobs.
        is_held: Whether the process that may be submitting it goes on.
    """
    return JobHistory(
        place=place,
        standing=standing_in(row, is_held=is_held),
        model=row["model"],
        body=_object(row["body"]),
        sent_at=row["sent_at"],
        accepted_at=row["accepted_at"],
        ended_at=row["ended_at"],
        credits=row["credits_reserved"] if row["credits_used"] is None else row["credits_used"],
        estimated_seconds=row["estimated_seconds"],
        is_missing=row["missing_at"] is not None and row["state"] == "accepted",
    )


def _object(text: str) -> dict[str, Any]:
    try:
        body: Any = json.loads(text)
    # A row that another program wrote.
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
