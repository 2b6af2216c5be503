"""A journal in PostgreSQL for the commands that read and settle jobs without a pool; see `places.JournalPlace`.

Reads block the calling thread, and change nothing: pools may be using the journal.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..jobs import JobState
from .doubts import Doubt, doubt_of_row
from .file_errors import of_later_version
from .histories import Histories
from .listing import PAGE, RecordedJob
from .postgres import PostgresJournal
from .postgres_connections import Connections
from .postgres_histories import HistoriesOnServer
from .postgres_pruning import prune_server
from .postgres_reads import IS_LOST, OPEN
from .postgres_schema import MIGRATIONS, VERSION
from .pruning import Pruned, Pruning
from .rows import COLUMNS, STATES, Row, standing_of, unknown_of

_JOB = f"SELECT end_number, {COLUMNS}, {IS_LOST} AS is_lost FROM evolink_jobs AS job"
_STATE = f"CASE WHEN {IS_LOST} THEN 'in_doubt' ELSE state END"
JOBS = f"{_JOB} WHERE key > %(after)s AND {_STATE} = ANY(%(states)s) ORDER BY key LIMIT %(limit)s"
LOST = f"{_JOB} WHERE {OPEN} AND {IS_LOST} ORDER BY sent_at, key"
ENDS = f"{_JOB} WHERE end_number > %(after)s AND end_number IS NOT NULL ORDER BY end_number LIMIT %(limit)s"
COUNT = "SELECT ends FROM evolink_journal"
DOUBTS = f"""
    SELECT * FROM evolink_jobs AS job
    WHERE {OPEN} AND (state = 'in_doubt' OR {IS_LOST} OR (state = 'accepted' AND missing_at IS NOT NULL))
    ORDER BY sent_at, key
"""


class JournalOnServer:
    """A journal in PostgreSQL. See `JournalPlace`.

    Args:
        url: Its address.

    Raises:
        ConfigurationError: The address cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connections = Connections(url, patience=10.0, prepares=False)
        self._was_checked = False

    @property
    def name(self) -> str:
        """Its address, without user and password."""
        return self._connections.place

    @property
    def word(self) -> str:
        """Not the address: a password may stand in it."""
        return "ADDRESS"

    def jobs(self, states: Collection[JobState], after: str = "") -> list[RecordedJob]:
        """Read a page of jobs."""
        of_rows = [str(state) for name in states for state in STATES[name]]
        rows = self._read(JOBS, {"after": after, "states": of_rows, "limit": PAGE})
        return [_job_of(row) for row in rows]

    def ends(self, after: int | None = None) -> Iterator[RecordedJob]:
        """Read ends, page by page; first what is in doubt and has no number yet."""
        if after is None:
            yield from map(_job_of, self._read(LOST, {}))
        last = after or 0
        while page := self._read(ENDS, {"after": last, "limit": PAGE}):
            yield from map(_job_of, page)
            last = page[-1]["end_number"]

    def count_ends(self) -> int:
        """Read the counter."""
        return int(self._read(COUNT, {})[0]["ends"])

    def doubts(self) -> list[Doubt]:
        """Read the doubts."""
        return [doubt_of_row(row) for row in self._read(DOUBTS, {})]

    def histories(self) -> Histories:
        """Return a reader of the tables."""
        return HistoriesOnServer(self._read)

    def holder(self) -> str | None:
        """Return None: pools may use the journal while a job is settled."""
        return None

    async def settle(self, key: str, how: str) -> None:
        """Settle a job, as an owner for this moment."""
        journal = PostgresJournal(self._url)
        await journal.open()
        try:
            await journal.settled(key, how)
        finally:
            await journal.aclose()

    async def prune(self, pruning: Pruning) -> Pruned:
        """Remove jobs, also while pools use the journal."""
        return await prune_server(self._connections, pruning)

    def _read(self, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not self._was_checked:
            [row] = self._connections.read_now(VERSION)
            if row["version"] > len(MIGRATIONS):
                raise of_later_version("the tables of the journal were")
            self._was_checked = True
        return self._connections.read_now(query, values)


def _job_of(row: Row) -> RecordedJob:
    standing = unknown_of(row) if row["is_lost"] else standing_of(row)
    return RecordedJob(standing=standing, model=row["model"], end_number=row["end_number"])
