"""The server in memory without a network, in a real event loop: to compare it with a real one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.postgres_connections import Connections
from evolink_async.journal.postgres_schema import prepare
from tests.simulation import server_money
from tests.simulation.server import Cursor, Notice
from tests.simulation.server_tables import Tables

ADDRESS = "postgresql://memory/films"


class LocalServer:
    """Tables, and who listens.

    Attributes:
        tables: The rows.
    """

    def __init__(self) -> None:
        self.tables = Tables(time.time, self._notify)
        self.tables.trigger = lambda was, row: server_money.follow(self.tables, was, row)
        self.listeners: list[asyncio.Queue[Notice]] = []

    def journal(self, **settings: Any) -> PostgresJournal:
        """Make a journal on it."""
        journal = PostgresJournal(ADDRESS, **settings)
        journal._connections = journal._facts._connections = _LocalConnections(self)
        return journal

    def _notify(self, about: str) -> None:
        for heard in self.listeners:
            heard.put_nowait(Notice(about))


class _LocalConnections(Connections):
    def __init__(self, server: LocalServer) -> None:
        super().__init__(ADDRESS, patience=1.0, prepares=False)
        self._server = server

    async def _connect(self) -> Any:
        return _LocalConnection(self._server)

    async def run(self, act: Callable[[Any], Awaitable[Any]], **settings: Any) -> Any:
        return "films" if act is prepare else await super().run(act, **settings)

    def read_now(self, query: str, values: Any = ()) -> Any:
        return self._server.tables.run(query, values)


class _LocalConnection:
    answer_seconds: float | None = None
    closed = False

    def hurry(self, _: float) -> None:
        """It answers at once."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._heard: asyncio.Queue[Notice] | None = None

    async def execute(self, query: Any, values: Any = None) -> Cursor:
        if isinstance(query, bytes):
            return Cursor(self._server.tables.run(query.decode(), values or ()))
        if not isinstance(query, str) and self._heard is None:
            self._heard = asyncio.Queue()
            self._server.listeners.append(self._heard)
        return Cursor([])

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        yield

    async def close(self) -> None:
        if self._heard is not None:
            self._server.listeners.remove(self._heard)

    async def notifies(self, *, timeout: float, stop_after: int) -> AsyncIterator[Notice]:
        assert stop_after == 1
        assert self._heard is not None
        try:
            async with asyncio.timeout(timeout):
                notice = await self._heard.get()
        except TimeoutError:
            return
        yield notice
