"""A PostgreSQL server in memory: its tables, the connections to it, and what becomes of both when something is cut.

It takes the place of psycopg below the library's own `Connections`. A statement that has begun arrives, also when its
sender is cancelled, stopped or killed; its answer may be lost. What statements do is in `server_tables` and the modules
named there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import attrs
import psycopg

from tests.simulation import server_claims, server_counting, server_facts, server_jobs, server_money, server_reads
from tests.simulation.dice import Dice
from tests.simulation.loop import Clock
from tests.simulation.server_tables import Row, Tables, Values

T = TypeVar("T")

SLOWEST = 5.0
"""Seconds that a statement is on its way at most, each way."""
USUAL = 0.01
"""Longest delay of most statements."""
SLOW_SHARE = 0.1
"""Share of statements that may take up to `SLOWEST`."""
STATEMENTS_ARE_IN = (server_claims, server_counting, server_facts, server_jobs, server_money, server_reads)
"""Imported, so that they have registered what statements do."""


@attrs.frozen
class Notice:
    """What LISTEN hears."""

    payload: str


class Server:
    """The server of a history, which outlives every process.

    Args:
        clock: The time that it takes to be right.
        dice: Draws how long statements take.
        outside: The event loop of all that is not one of the processes.
    """

    def __init__(self, clock: Clock, dice: Dice, outside: asyncio.AbstractEventLoop) -> None:
        self.outside = outside
        self.dice = dice
        self.tables = Tables(clock.wall, self._notify)
        self.tables.trigger = lambda was, row: server_money.follow(self.tables, was, row)
        self._clock = clock
        self._down_until = float("-inf")
        self._cut_until: dict[int, float] = {}
        self._connections: list[Connection] = []
        self._count = 0
        self.process: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """Returns the place and the number of the process that runs now."""
        self.is_deaf = False
        """Whether nobody hears what is notified."""
        self.sender = 0
        """The number of the process that has sent the statement that runs now."""

    def restart(self, seconds: float) -> None:
        """Cut all connections, and take no new ones for a while. What was committed stays."""
        self._down_until = self._clock.now + seconds
        self._lose(list(self._connections))

    def cut(self, place: int, seconds: float) -> None:
        """Cut the connections of one process."""
        self._cut_until[place] = self._clock.now + seconds
        self._lose([one for one in self._connections if one.place == place])

    def gone(self, place: int) -> None:
        """Forget the connections of a process that was killed: nobody reads their answers."""
        self._connections = [one for one in self._connections if one.place != place]

    def _lose(self, connections: list[Connection]) -> None:
        for one in connections:
            one.lose()
        self._connections = [one for one in self._connections if not one.is_lost]

    def is_away(self, place: int) -> bool:
        """Whether a process cannot reach it."""
        return self._clock.now < max(self._down_until, self._cut_until.get(place, float("-inf")))

    async def connect(self) -> Connection:
        """Open a connection for the process that runs now."""
        connection = Connection(self, *self.process())
        await connection.travel(lambda: None, "connect")
        self._connections.append(connection)
        return connection

    def read_now(self, query: str, values: Values) -> list[Row]:
        """Run a statement while the process waits."""
        if self.is_away(self.process()[0]):
            raise lost()
        return self.tables.run(query, values)

    def forget(self, connection: Connection) -> None:
        """Take a connection off the list."""
        self._connections = [one for one in self._connections if one is not connection]

    def pause(self, what: str, act: Callable[[], None]) -> None:
        """Do something after some time."""
        self._count += 1
        name = (what, self._count)
        longest = SLOWEST if self.dice.chance(SLOW_SHARE, "slow", *name) else USUAL
        self.dice.delay("journal", *name, longest=longest).then(self.outside, act)

    def _notify(self, about: str) -> None:
        for one in self._connections:
            if one.is_listening and not self.is_deaf:
                self.pause("notice", lambda one=one: one.hear(about))  # type: ignore[misc]


class Cursor:
    """The rows of a statement that has run."""

    def __init__(self, rows: list[Row]) -> None:
        self.description = ()
        self._rows = rows

    async def fetchall(self) -> list[Row]:
        """Return them."""
        return self._rows


class Connection:
    """Has the methods of psycopg's connection that the library calls.

    Args:
        server: At its other end.
        place: Of the process at this end.
        number: Of that process, in the trace.
    """

    answer_seconds: float | None = None
    closed: bool = False

    def hurry(self, _: float) -> None:
        """It answers, or is lost."""

    def __init__(self, server: Server, place: int, number: int) -> None:
        self.place = place
        self._number = number
        self.is_lost = self.is_listening = self._is_alone = False
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[asyncio.Future[Any], Callable[[], None] | None] = {}
        self._heard: list[Notice] = []
        self._hearing: asyncio.Future[None] | None = None

    async def execute(self, query: Any, values: Any = None) -> Cursor:
        """Run a statement."""
        if not isinstance(query, bytes):
            # SET changes nothing here, and all else that is put together by psycopg is LISTEN.
            self.is_listening = self.is_listening or not isinstance(query, str)
            return Cursor([])
        text = query.decode()
        if self._is_alone:
            return Cursor(self._run(text, values))
        return Cursor(await self.travel(lambda: self._run(text, values), "statement"))

    def _run(self, text: str, values: Any) -> list[Row]:
        self._server.sender = self._number
        return self._server.tables.run(text, values or ())

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        """Run several statements in one step, some time from now."""
        await self.travel(lambda: None, "begin")
        self._is_alone = True
        try:
            yield
        finally:
            self._is_alone = False
        await self.travel(lambda: None, "commit")

    async def travel(self, act: Callable[[], T], what: str) -> T:
        """Do something at the server, and wait for the answer."""
        done: asyncio.Future[T] = self._loop.create_future()

        def arrive() -> None:
            if done not in self._waiting or self._waiting[done] is None:
                return
            self._waiting[done] = None
            if self._server.is_away(self.place):
                self._fail(done)
                return
            result = act()
            self._server.pause("answer", lambda: self._answer(done, result))

        self._waiting[done] = arrive
        if self.is_lost:
            self._fail(done)
        self._server.pause(what, arrive)
        return await done

    def _answer(self, done: asyncio.Future[T], result: T) -> None:
        self._loop.call_soon(self._deliver, done, result)

    def _deliver(self, done: asyncio.Future[T], result: T) -> None:
        if self._waiting.pop(done, self) is not self and not done.done():
            done.set_result(result)

    def _fail(self, done: asyncio.Future[Any]) -> None:
        self._waiting.pop(done, None)
        self._loop.call_soon(_set_lost, done)

    def lose(self) -> None:
        """Be cut. What is on its way to the server may arrive, and its answer is lost."""
        for number, (done, arrive) in enumerate(list(self._waiting.items())):
            if arrive is not None and self._server.dice.chance(0.5, "cut", self._server._count, number):
                arrive()
            self._fail(done)
        self.is_lost = True
        self._loop.call_soon(self._wake)

    async def close(self) -> None:
        """Close."""
        self.is_lost = True
        self._server.forget(self)

    # --- LISTEN

    def hear(self, about: str) -> None:
        """Have something to tell to who listens."""
        self._heard.append(Notice(about))
        self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        if self._hearing is not None and not self._hearing.done():
            self._hearing.set_result(None)

    async def notifies(self, *, timeout: float, stop_after: int) -> AsyncIterator[Notice]:
        """Yield what was told, at the latest after a while."""
        assert stop_after == 1
        if not self._heard and not self.is_lost:
            self._hearing = self._loop.create_future()
            await asyncio.wait([self._hearing], timeout=timeout)
        if self.is_lost:
            raise lost()
        heard, self._heard = self._heard, []
        for notice in heard:
            yield notice


def _set_lost(done: asyncio.Future[Any]) -> None:
    if not done.done():
        done.set_exception(lost())


def lost() -> psycopg.OperationalError:
    """Return what psycopg raises when the server does not answer."""
    return psycopg.OperationalError("the connection was cut")
