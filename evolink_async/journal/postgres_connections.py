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
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.rows import DictRow as DictRow  # for other modules of the journal
from psycopg.rows import dict_row

from ..concurrency import Limiter
from ..errors import ConfigurationError, JournalError

_log = logging.getLogger("evolink_async")

T = TypeVar("T")
Connection: TypeAlias = "psycopg.AsyncConnection[DictRow]"
AnyConnection: TypeAlias = "psycopg.AsyncConnection[Any]"
"""A connection of somebody else, whatever rows it makes."""

MOST = 4
"""Connections that are open at once, beside the one that listens."""
# Not psycopg_pool: while a server restarts it waits 1, 2, 4 ... s from try to try, and does not tell why it fails.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Seconds between two tries to reach the server."""
LONGEST_LOCK = "10s"
"""How long a read in a thread waits for a table that a migration or a VACUUM FULL holds."""
ADVICE = "Check that the server runs, its address, and the rights of the user; nothing in the journal is lost."
# A silent network is noticed within half a minute. What the address sets itself holds.
DEFAULTS = {
    "application_name": "evolink_async",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
# The server goes down, comes up, or has become a standby; two transactions stand in each other's way; or the server
# has ended the transaction of a process that stood still.
PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
)
"""Errors that may be over at the next try."""
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
        try:
            given = conninfo.conninfo_to_dict(url)
        except psycopg.Error:
            # Its text may quote any part of the address.
            raise ConfigurationError(
                "the address of the journal is not one of PostgreSQL, as postgresql://user@host/database"
            ) from None
        self.address: str = conninfo.make_conninfo("", **(DEFAULTS | given))
        self.place: str = _place(given)
        self.is_pooled: bool = not prepares
        self._password = str(given.get("password") or "")
        self._patience = patience
        self._prepare_threshold = 5 if prepares else None
        self._idle: list[Connection] = []
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
        connection = await psycopg.AsyncConnection[DictRow].connect(
            self.address, autocommit=True, row_factory=dict_row, prepare_threshold=self._prepare_threshold
        )
        try:
            if self._prepare_threshold is not None:
                # A statement that is prepared while the tables are small would go on to read them from end to end.
                await connection.execute("SET enable_seqscan = off")
            await self.follow(connection)
        except BaseException:
            await close_quietly(connection)
            raise
        return connection

    async def follow(self, connection: Connection) -> None:
        """Notice a new timeline. Refuse a standby, and a server that was left for one: their rows are old."""
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
        self, act: Callable[[Connection], Awaitable[T]], *, patience: float | None = None, is_urgent: bool = False
    ) -> T:
        """Do something with a connection, again with another one if it is lost: it must be safe to repeat.

        Args:
            act: What is done.
            patience: Seconds for which tries begin; default: that of the journal.
            is_urgent: Whether it comes before all others that wait for a connection.

        Raises:
            JournalError: The server cannot be reached, or refuses.
        """
        pause, start = FIRST_PAUSE, time.monotonic()
        until = start + (self._patience if patience is None else patience)
        while True:
            began = time.monotonic()
            try:
                return await self._once(act, -1.0 if is_urgent else 0.0)
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
        await self._permits.acquire(before)
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                result = await act(connection)
            except BaseException as error:
                # Those that were idle meanwhile have met the same. After anything else, a cancellation too, the state
                # of this one is not known, and a new one costs milliseconds.
                lost = [connection, *(self._idle if isinstance(error, PASSING) else ())]
                self._idle = [one for one in self._idle if one not in lost]
                for one in lost:
                    await close_quietly(one)
                raise
            self._is_away = False
            if self._is_open:
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
            with psycopg.Connection[DictRow].connect(self.address, row_factory=dict_row) as connection:
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
        """Raise a JournalError for what goes wrong with a connection of somebody else."""
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


def _place(given: dict[str, Any]) -> str:
    # Several hosts share one port, or have one each.
    hosts = str(given.get("host") or given.get("hostaddr") or "localhost").split(",")
    ports = str(given.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    where = ",".join([f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False)])
    return f"postgresql://{where}/{given.get('dbname') or ''}"


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncGenerator[None]:
    """Run several statements in one transaction, which the server ends if this process is stopped in the middle."""
    async with connection.transaction():
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '3s'")
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
