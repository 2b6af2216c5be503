"""Reads all that a journal in PostgreSQL keeps of its jobs, for people who look at them; see `histories.Histories`.

Nothing is changed: pools may be using the journal. What a row means is in `histories` and `rows`.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import Any, TypeAlias

from .histories import JobHistory, history_of
from .listing import PAGE
from .postgres_reads import IS_LOST, OPEN
from .rows import COLUMNS

MOST = 10_000
"""Ends that are read, the latest, and jobs in each state that is none: a page of more would be of no use."""
_OPEN_STATES = ("planned", "submitting", "accepted", "in_doubt")

# While it is the same, every transaction that is over now was over then.
SNAPSHOT = "SELECT pg_current_snapshot()::text AS snapshot"
# Without bodies: these rows are read at each look. `xmin` is the transaction that wrote the row as it is, so it changes
# with each change of the row.
VERSIONS = f"""
    SELECT job.* FROM unnest(ARRAY['planned', 'submitting', 'accepted', 'in_doubt']) AS one (state), LATERAL (
        SELECT key, xmin::text AS version, {IS_LOST} AS is_lost FROM evolink_jobs AS job
        WHERE job.state = one.state AND {OPEN} ORDER BY key LIMIT %(limit)s
    ) AS job
    UNION ALL (
        SELECT key, xmin::text, false FROM evolink_jobs
        WHERE end_number IS NOT NULL AND NOT {OPEN} ORDER BY end_number DESC LIMIT %(limit)s
    )
"""
HISTORIES = f"""
    SELECT xmin::text AS version, {IS_LOST} AS is_lost, body, {COLUMNS} FROM evolink_jobs AS job
    WHERE key = ANY(%(keys)s)
"""

Read: TypeAlias = "Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]"


class HistoriesOnServer:
    """Reads the tables of a journal; see `Histories`.

    Args:
        read: Reads the rows of a statement, in the calling thread.
    """

    most_ends: int | None = MOST

    def __init__(self, read: Read) -> None:
        self._read = read
        self._seen: dict[str, tuple[str, bool]] = {}
        self._places: dict[str, int] = {}
        self._open: set[str] = set()

    @property
    def mark(self) -> object:
        """A value that changes when anything on the server does; not when the lease of an owner ends."""
        return self._read(SNAPSHOT, {})[0]["snapshot"]

    def changes(self) -> list[JobHistory]:
        """Return the jobs that are new or changed since the last call; at first, in the order in which they were sent.

        Blocks the calling thread. A job that this reader has seen before its end is told also when more than `MOST`
        others have ended since.
        """
        now = {row["key"]: _version_of(row) for row in self._read(VERSIONS, {"limit": MOST})}
        asked = {key for key, version in now.items() if self._seen.get(key) != version} | (self._open - now.keys())
        found = self._rows(asked)
        # All is read here, so that a read that fails is told again as a whole.
        self._open = (self._open - asked) | {key for key, row in found.items() if row["state"] in _OPEN_STATES}
        changed = [row for key, row in found.items() if self._seen.get(key) != _version_of(row)]
        for row in sorted(changed, key=lambda row: (row["sent_at"] is None, row["sent_at"] or 0.0, row["key"])):
            self._seen[row["key"]] = _version_of(row)
            self._places.setdefault(row["key"], len(self._places) + 1)
        histories = [history_of(row, self._places[row["key"]], is_held=not row["is_lost"]) for row in changed]
        return sorted(histories, key=lambda history: history.place)

    def _rows(self, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        rest, rows = iter(sorted(keys)), dict[str, dict[str, Any]]()
        while page := list(islice(rest, PAGE)):
            rows |= {row["key"]: row for row in self._read(HISTORIES, {"keys": page})}
        return rows


def _version_of(row: Mapping[str, Any]) -> tuple[str, bool]:
    # A submit turns into a doubt when the lease of its owner ends, without a change of its row.
    return row["version"], row["is_lost"]
