"""Jobs in a PostgreSQL journal that any worker is to do: put there, read, and left when they have ended.

How they come to a worker is the business of an engine, as in `engines`: it may lose them, or bring them twice. A job
stays in the queue until somebody has seen its end, so `orphans` finds what an engine has lost. Import this module by
its own path: it needs the extra `postgres`.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import attrs

from ..errors import JournalConflictError
from ..jobs import Job
from .entries import Intent
from .job_rows import job_of
from .postgres_claims import remove_ended_owners
from .postgres_connections import LONG_IDLE, Connection, Connections, run, run_on, transaction
from .postgres_connections import AnyConnection as AnyConnection  # for engines
from .postgres_schema import prepare
from .postgres_silence import is_passing

T = TypeVar("T")

PAGE = 1000
"""Jobs that are written with one statement."""
FIRST_PAUSE = 60.0
LONGEST_PAUSE = 3600.0
"""Seconds until a job is tried again that was not sent for a passing reason; doubled each time."""

_ENDED = "('completed', 'downloaded', 'failed', 'cancelled', 'abandoned')"
_GIVEN = "unnest(%(keys)s::text[], %(digests)s::text[]) AS given(key, digest)"
ON_INDEXES = """
    SELECT set_config('enable_seqscan', 'off', true), before
    FROM (SELECT current_setting('enable_seqscan') AS before OFFSET 0) AS setting
"""
AS_BEFORE = "SELECT set_config('enable_seqscan', %(before)s, true)"
# Not DO UPDATE: it would lock rows that workers write to, for as long as the caller's transaction lasts.
PUT = """
    INSERT INTO evolink_jobs (key, state, model, path, body, digest, shape)
    SELECT key, 'planned', model, path, body, digest, shape FROM unnest(%(keys)s::text[], %(models)s::text[],
        %(paths)s::text[], %(bodies)s::text[], %(digests)s::text[], %(shapes)s::text[])
        AS given(key, model, path, body, digest, shape) ORDER BY key
    ON CONFLICT (key) DO NOTHING
"""
# A job that nobody has begun may change.
CHANGE = """
    UPDATE evolink_jobs AS job SET model = given.model, path = given.path, body = given.body, digest = given.digest,
        shape = given.shape
    FROM unnest(%(keys)s::text[], %(models)s::text[], %(paths)s::text[], %(bodies)s::text[], %(digests)s::text[],
        %(shapes)s::text[]) AS given(key, model, path, body, digest, shape)
    WHERE job.key = given.key AND job.digest <> given.digest AND job.state = 'planned'
        AND NOT EXISTS (SELECT FROM evolink_claims AS claim WHERE claim.key = job.key)
"""
CONFLICTS = f"SELECT job.key FROM evolink_jobs AS job JOIN {_GIVEN} USING (key) WHERE job.digest <> given.digest"
QUEUE = f"""
    INSERT INTO evolink_queue AS queued (key)
    SELECT job.key FROM evolink_jobs AS job JOIN {_GIVEN} USING (key) WHERE job.state NOT IN {_ENDED} ORDER BY job.key
    ON CONFLICT (key) DO UPDATE SET given_up = NULL, pauses = 0, due_at = clock_timestamp()
        WHERE queued.given_up IS NOT NULL OR queued.due_at > clock_timestamp()
    RETURNING key
"""
READ = """
    SELECT job.key, path, body FROM evolink_queue AS queued JOIN evolink_jobs AS job ON job.key = queued.key
    WHERE queued.key = ANY(%s) AND given_up IS NULL
"""
# A worker that has lost its lease sees ends that it may not write down: such a job comes again.
DONE = f"""
    DELETE FROM evolink_queue AS queued USING evolink_jobs AS job
    WHERE queued.key = ANY(%s) AND job.key = queued.key AND job.state IN {_ENDED}
"""
PUT_OFF = f"""
    UPDATE evolink_queue SET pauses = pauses + 1,
        due_at = clock_timestamp() + make_interval(
            secs => least({FIRST_PAUSE} * 2 ^ least(pauses, 20), {LONGEST_PAUSE}))
    WHERE key = ANY(%s)
"""
GIVE_UP = "UPDATE evolink_queue SET given_up = %s WHERE key = ANY(%s)"
GIVE_UP_UNSENT = """
    UPDATE evolink_queue AS queued SET given_up = %s FROM evolink_jobs AS job
    WHERE queued.key = ANY(%s) AND job.key = queued.key AND job.state = 'planned'
"""
# Not those that a person must settle first. NOT IN, because the server looks them up in a hash, whatever it knows of
# the tables; with NOT EXISTS it may read all that wait for each job in the queue.
# A job is not due before its pause is over, and is not due any later if the clock of the server went back meanwhile.
_PAUSE = f"CASE WHEN pauses = 0 THEN 0 ELSE least({FIRST_PAUSE} * 2 ^ least(pauses - 1, 20), {LONGEST_PAUSE}) END"
ORPHANS = f"""
    WITH waiting AS MATERIALIZED ({{waiting}})
    SELECT queued.key FROM evolink_queue AS queued JOIN evolink_jobs AS job ON job.key = queued.key
    WHERE given_up IS NULL
        AND (due_at <= clock_timestamp() OR due_at > clock_timestamp() + make_interval(secs => {_PAUSE}))
        AND (state NOT IN ('submitting', 'in_doubt', 'accepted') OR (state = 'accepted' AND missing_at IS NULL))
        AND NOT EXISTS (SELECT FROM evolink_claims AS claim WHERE claim.key = queued.key)
        AND queued.key NOT IN (SELECT key FROM waiting)
    ORDER BY due_at, queued.key LIMIT %(limit)s
"""


@attrs.frozen
class QueuedRow:
    """A job as it stands in the queue.

    Attributes:
        key: Its key.
        path: Path of its request.
        body: Body of its request.
    """

    key: str
    path: str
    body: bytes

    def job(self) -> Job:
        """Return the job.

        Raises:
            ConfigurationError: It names a local file, which is not here.
        """
        return job_of(self.key, self.path, self.body)


class JobQueue:
    """The queue of a journal in PostgreSQL. Without `open`, each call makes a connection of its own.

    Args:
        url: The address, as that of a `PostgresJournal`.
        patience: Seconds for which a server that is away is tried again.

    Raises:
        ConfigurationError: The address cannot be read.
    """

    def __init__(self, url: str, *, patience: float = 300.0) -> None:
        # Few statements are run more than once with a connection, and a pooler may be in between.
        self._connections = Connections(url, patience=patience, prepares=False)

    async def prepare(self) -> None:
        """Create the tables of the journal, or bring them to the current version.

        Raises:
            JournalError: The server cannot be reached, or may lose what it has confirmed.
        """
        await self._connections.run(prepare, patience=0)

    async def open(self) -> None:
        """Keep connections from now on."""
        await self._connections.open()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    async def in_transaction(self, act: Callable[[AnyConnection], Awaitable[T]]) -> T:
        """Do something in one transaction; once more, if the connection is lost.

        Raises:
            JournalError: The server cannot be reached, or refuses.
        """

        async def acted(connection: Connection) -> T:
            async with transaction(connection, idle=LONG_IDLE):  # some statements read a table as a whole
                return await act(connection)

        return await self._connections.run(acted)

    def is_passing(self, error: BaseException | None, connection: AnyConnection) -> bool:
        """Whether an error of somebody else who used a connection may be over at the next try."""
        return is_passing(error, connection)

    def translated(self) -> AbstractAsyncContextManager[None]:
        """Raise a JournalError for what goes wrong with a connection of somebody else."""
        return self._connections.translated()

    async def put(self, connection: AnyConnection, intents: Sequence[Intent]) -> list[str]:
        """Write jobs as planned ones and queue them, in the transaction of a connection.

        Returns:
            The keys of the jobs that were not queued before and have not ended, in the order given.

        Raises:
            JournalConflictError: A key belongs to a job with other parameters.
        """
        queued = set[str]()
        # The server has no statistics of rows that were written just now, and would read them all for each page.
        [before] = await run_on(connection, ON_INDEXES)
        for start in range(0, len(intents), PAGE):
            queued.update(await _put_page(connection, _columns(intents[start : start + PAGE])))
        await run_on(connection, AS_BEFORE, before)
        return [intent.key for intent in intents if intent.key in queued]

    async def read(self, keys: Sequence[str]) -> list[QueuedRow]:
        """Return those of the jobs that are in the queue, in the order given."""
        given = list(keys)
        rows = await self._connections.run(lambda one: run(one, READ, (given,)))
        found = {row["key"]: QueuedRow(row["key"], row["path"], row["body"].encode()) for row in rows}
        return [found[key] for key in given if key in found]

    async def done(self, keys: Sequence[str]) -> None:
        """Take jobs out of the queue, as somebody has seen their ends; those stay whose ends are not in the journal."""
        given = list(keys)
        await self._connections.run(lambda one: run(one, DONE, (given,)))

    async def put_off(self, keys: Sequence[str]) -> None:
        """Leave jobs alone for a while: a minute, doubled each time up to an hour."""
        given = list(keys)
        await self._connections.run(lambda one: run(one, PUT_OFF, (given,)))

    async def give_up(self, keys: Sequence[str], why: str, *, unsent_only: bool = False) -> None:
        """Leave jobs alone until they are queued again.

        Args:
            keys: The jobs.
            why: Kept beside them, in the column `given_up`.
            unsent_only: Whether those stay as they are that have been sent.
        """
        given, query = list(keys), GIVE_UP_UNSENT if unsent_only else GIVE_UP
        await self._connections.run(lambda one: run(one, query, (why, given)))

    async def remove_ended_owners(self) -> None:
        """Free the jobs of processes whose leases have ended."""
        await self._connections.run(remove_ended_owners)

    async def orphans(
        self, connection: AnyConnection, waiting: str, values: Mapping[str, object], limit: int
    ) -> list[str]:
        """Return the queued jobs that nobody works on, the longest due first, in the transaction of a connection.

        Args:
            connection: To the database.
            waiting: A statement that gives the keys of jobs that wait in the engine, as `key`.
            values: Of that statement.
            limit: Most jobs to return.
        """
        await connection.execute("SET LOCAL enable_seqscan = on")
        rows = await run_on(connection, ORPHANS.format(waiting=waiting), {**values, "limit": limit})
        return [row["key"] for row in rows]


async def _put_page(connection: AnyConnection, values: Mapping[str, list[str]]) -> list[str]:
    await run_on(connection, PUT, values)
    if await run_on(connection, CONFLICTS, values):
        await run_on(connection, CHANGE, values)
    if rows := await run_on(connection, CONFLICTS, values):
        others = f", and so do {len(rows) - 1} more" if len(rows) > 1 else ""
        raise JournalConflictError(f"the key {rows[0]['key']!r} has a job with other parameters{others}")
    return [row["key"] for row in await run_on(connection, QUEUE, values)]


def _columns(intents: Sequence[Intent]) -> dict[str, list[str]]:
    return {
        "keys": [intent.key for intent in intents],
        "models": [intent.model for intent in intents],
        "paths": [intent.path for intent in intents],
        "bodies": [intent.body.decode() for intent in intents],
        "digests": [intent.digest for intent in intents],
        "shapes": [intent.price_class for intent in intents],
    }
