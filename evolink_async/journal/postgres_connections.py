"""Connections to the PostgreSQL server of a journal: opened, used again, and opened anew after a loss.

Exceptions of psycopg end here: a caller sees a `JournalError`, in which no password stands.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg.rows import DictRow as DictRow  # for other modules of the journal
from psycopg.rows import dict_row

from ..concurrency import Limiter
from ..errors import ConfigurationError, JournalError
from .postgres_address import read_address
from .postgres_silence import (
    ANSWER_SECONDS,
    GREETING_SECONDS,
    LEAST_ANSWER_SECONDS,
    PASSING,
    READING_SECONDS,
    WatchedConnection,
    is_passing,
    reading,
    shorter,
    within,
)

_log = logging.getLogger("evolink_async")

T = TypeVar("T")
Connection: TypeAlias = WatchedConnection
AnyConnection: TypeAlias = "psycopg.AsyncConnection[Any]"
"""A connection of somebody else, whatever rows it makes."""

MOST = 4
"""Connections that are open at once, beside the one that listens and the one that renews the lease."""
# Not psycopg_pool: while a server restarts it waits 1, 2, 4 ... s from try to try, and does not tell why it fails.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Seconds between two tries to reach the server."""
LONGEST_LOCK = "10s"
"""How long a read in a thread waits for a table that a migration or a VACUUM FULL holds."""
SHORT_IDLE: Final = "SET LOCAL idle_in_transaction_session_timeout = '3s'"
LONG_IDLE: Final = "SET LOCAL idle_in_transaction_session_timeout = '60s'"
"""How long a transaction stays open whose process was stopped: where others wait for it, and where they need not."""
ADVICE = "Check that the server runs, its address, and the rights of the user; nothing in the journal is lost."
MISSING = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedObject)

TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint"
"""The timeline that the server writes, in SQL; see `postgres_failover`."""
WHICH = f"SELECT CASE WHEN NOT pg_is_in_recovery() THEN {TIMELINE} END AS timeline"


class Connections:
    """The connections of a journal.

    Args:
        url: The address of the server and the database; its password is shown to nobody.
        patience: Seconds for which a lost server is tried again.
        prepares: Whether statements are prepared on the server. Not behind a pooler that changes servers in between.

    Raises:
        ConfigurationError: The address cannot be read.
    """

    def __init__(self, url: str, *, patience: float, prepares: bool) -> None:
        self.address: str
        self.place: str
        self.address, self.place, self._password = read_address(url)
        self.is_pooled: bool = not prepares
        self.patience: float = patience
        self._answer_seconds = min(ANSWER_SECONDS, max(LEAST_ANSWER_SECONDS, patience))
        self._prepare_threshold = 5 if prepares else None
        self._idle: list[Connection] = []
        self._busy = set[Connection]()
        self._permits = Limiter(MOST)
        self._is_open = self._is_away = False
        self._hurried_at = self._hurry = math.inf
        self._timeline = 0
        self._failing_over = asyncio.Lock()
        self.on_failover: Callable[[Connection], Awaitable[None]] | None = None
        """Called with the first connection to a server that was promoted, before anything else is done there."""

    async def open(self) -> None:
        """Open the first connection, and keep connections from now on.

        Raises:
            JournalError: The server cannot be reached.
        """
        self._timeline = 0
        self._hurried_at = self._hurry = math.inf
        self._idle.append(await self.connect())
        self._is_open = True

    async def aclose(self) -> None:
        """Close all connections. Each act has one of its own from now on."""
        self._is_open = False
        for connection in self._idle:
            await close_quietly(connection)
        self._idle.clear()

    def hurry(self, seconds: float) -> None:
        """Have no more patience than this from now on, also in calls that wait already."""
        self._hurried_at, self._hurry = time.monotonic(), seconds
        for connection in self._busy:
            connection.hurry(seconds)

    async def connect(self) -> Connection:
        """Open a connection of its own.

        Raises:
            JournalError: The server cannot be reached.
        """
        try:
            return await self._connect()
        except psycopg.Error as error:
            raise self.error(error) from None

    async def _connect(self) -> Connection:
        connection = await WatchedConnection.connect(
            self.address, autocommit=True, row_factory=dict_row, prepare_threshold=self._prepare_threshold
        )
        connection.answer_seconds = self._answer_seconds
        try:
            if self._prepare_threshold is not None:
                # A statement that is prepared while the tables are small would go on to read them from end to end.
                with within(connection, GREETING_SECONDS):
                    await connection.execute("SET enable_seqscan = off")
            await self.follow(connection)
        except BaseException:
            await close_quietly(connection)
            raise
        return connection

    async def follow(self, connection: Connection) -> None:
        """Notice a new timeline. Raise an OperationalError for a server whose rows are old: a standby, or one left."""
        with within(connection, GREETING_SECONDS):
            [server] = await run(connection, WHICH)
        timeline = server["timeline"]
        if timeline is None or timeline < self._timeline:
            what = "is a standby" if timeline is None else "was left at a failover: its timeline is an older one"
            raise psycopg.OperationalError(f"the server {what}")
        async with self._failing_over:
            if 0 < self._timeline < timeline and self.on_failover is not None:
                await self.on_failover(connection)
            self._timeline = max(self._timeline, timeline)

    async def run(
        self,
        act: Callable[[Connection], Awaitable[T]],
        *,
        patience: float | None = None,
        is_urgent: bool = False,
        is_beside: bool = False,
    ) -> T:
        """Do something with a connection, again with another one if it is lost: it must be safe to repeat.

        A connection is lost also when it does not answer; see `postgres_silence`.

        Args:
            act: What is done.
            patience: Seconds for which tries begin; default: that of the journal.
            is_urgent: Whether it comes before all others that wait for a connection.
            is_beside: Whether it waits for no others, which may have met a silent server. One act at a time may.

        Raises:
            JournalError: The server cannot be reached, or refuses.
        """
        pause, start = FIRST_PAUSE, time.monotonic()
        until = start + (self.patience if patience is None else patience)
        while True:
            began = time.monotonic()
            try:
                return await self._once(act, -math.inf if is_beside else -1.0 if is_urgent else 0.0)
            except PASSING as error:
                # Not how late it is: a process that stood still has not tried all the time.
                if began >= min(until, max(start, self._hurried_at) + self._hurry):
                    raise self.error(error) from None
                if pause == FIRST_PAUSE and not self._is_away:
                    self._is_away = True
                    _log.warning("the journal %s does not answer; it is tried again: %s", self.place, self._text(error))
            except psycopg.Error as error:
                raise self.error(error) from None
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _once(self, act: Callable[[Connection], Awaitable[T]], before: float) -> T:
        if before == -math.inf:
            self._permits.borrow()
        else:
            await self._permits.acquire(before)
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            self._busy.add(connection)
            try:
                with within(connection, shorter(connection.answer_seconds, self._hurry)):
                    result = await act(connection)
            except BaseException as error:
                # Those that were idle meanwhile have met the same. After anything else, a cancellation too, the state
                # of this one is not known, and a new one costs milliseconds.
                has_passing = is_passing(error, connection)
                lost = [connection, *(self._idle if has_passing else ())]
                self._idle = [one for one in self._idle if one not in lost]
                for one in lost:
                    await close_quietly(one)
                if has_passing and not isinstance(error, PASSING):
                    raise psycopg.OperationalError(str(error)) from error
                raise
            finally:
                self._busy.discard(connection)
            self._is_away = False
            if self._is_open and len(self._idle) < MOST:
                self._idle.append(connection)
            else:
                await close_quietly(connection)
            return result
        finally:
            self._permits.release()

    def read_now(self, query: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> list[DictRow]:
        """Read rows in this thread, which waits for the server.

        Raises:
            ConfigurationError: There are no tables of a journal.
            JournalError: The server cannot be reached.
        """
        try:
            connection = psycopg.Connection[DictRow].connect(self.address, row_factory=dict_row)
            with reading(connection, READING_SECONDS), connection:
                # Of this transaction alone: behind a pooler the connection is another's next. Somebody may hold a table
                # for ever, and nobody can cancel a thread.
                connection.execute("SELECT set_config('lock_timeout', %s, true)", (LONGEST_LOCK,))
                return connection.execute(query.encode(), values or None).fetchall()
        except psycopg.errors.UndefinedTable:
            raise ConfigurationError(f"there is no journal in {self.place}") from None
        except psycopg.Error as error:
            raise self.error(error) from None

    @asynccontextmanager
    async def translated(self) -> AsyncGenerator[None]:
        """Raise a JournalError for what goes wrong in a block with a connection of somebody else."""
        try:
            yield
        except MISSING as error:
            text = f"a table is missing where this connection looks for it: {self._text(error)}"
            raise JournalError(text, advice="Make the tables first, and let its search_path lead to them.") from None
        except psycopg.Error as error:
            raise self.error(error) from None

    def error(self, error: Exception) -> JournalError:
        """Return the JournalError for what went wrong."""
        return JournalError(f"the journal {self.place} cannot be used: {self._text(error)}", advice=ADVICE)

    def _text(self, error: Exception) -> str:
        text = " ".join(str(error).split()) or type(error).__name__
        return text.replace(self._password, "***") if self._password else text


@asynccontextmanager
async def transaction(connection: Connection, *, idle: LiteralString = SHORT_IDLE) -> AsyncGenerator[None]:
    """Run several statements in one transaction, which the server ends if this process is stopped in the middle.

    Args:
        connection: To the server.
        idle: Sets how long it may stand still: longer than a slow line takes to carry a statement.
    """
    async with connection.transaction():
        await connection.execute(idle)
        yield


async def run(connection: Connection, query: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> list[DictRow]:
    """Run a statement and return its rows."""
    # As bytes: psycopg's types ask for literal text, and ours is put together from constants.
    cursor = await connection.execute(query.encode(), values or None)
    return await cursor.fetchall() if cursor.description is not None else []


async def run_on(
    connection: AnyConnection, query: str, values: Mapping[str, Any] | Sequence[Any] = ()
) -> list[DictRow]:
    """Run a statement as `run` does, on a connection of somebody else, whatever rows it makes."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.encode(), values or None)
        return await cursor.fetchall() if cursor.description is not None else []


async def close_quietly(connection: Connection | None) -> None:
    """Close a connection that may be lost already."""
    if connection is not None:
        with suppress(psycopg.Error, OSError):
            await connection.close()
