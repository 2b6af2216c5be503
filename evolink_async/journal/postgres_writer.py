"""Writes to a journal in PostgreSQL, with those that are requested at the same time in one transaction.

What a write does is in `postgres_statements`. A write is done when the server has committed it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import psycopg

from ..errors import JournalError
from .postgres_connections import PASSING, Connection, Connections
from .postgres_statements import NOTIFY, Write

MAX_WRITES = 200
"""Writes in one transaction."""


@attrs.frozen(eq=False)
class _Request:
    write: Write
    epoch: int
    done: asyncio.Future[dict[str, Any]]


class PostgresWriter:
    """Carries writes out, in the order in which they are requested.

    Args:
        connections: To the server.
        channel: Where other processes are woken.
        on_woken: Called after writes that may wake somebody in this process.
    """

    def __init__(self, connections: Connections, channel: str, on_woken: Callable[[], None]) -> None:
        self._connections = connections
        self._channel = channel
        self._on_woken = on_woken
        self._requests: list[_Request] = []
        self._has_requests = asyncio.Event()
        self._is_closing = False
        self._task = asyncio.create_task(self._run(), name="evolink_async journal")

    async def write(self, write: Write, epoch: int) -> dict[str, Any]:
        """Make a write and return what it reports. Cancellation does not undo it.

        Args:
            write: The statement.
            epoch: Of the owner who writes.

        Raises:
            JournalError: The server cannot be reached, or refuses; or the journal was closed.
        """
        if self._is_closing:
            raise JournalError(f"the journal {self._connections.place} is not open")
        request = _Request(write, epoch, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._has_requests.set()
        return await request.done

    async def aclose(self, patience: float) -> None:
        """Make all requested writes, within some seconds; what is left then fails."""
        self._is_closing = True
        self._has_requests.set()
        done, _ = await asyncio.wait([self._task], timeout=patience)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task])
        for request in self._requests:
            _fail(request, JournalError(f"the journal {self._connections.place} was closed before this was written"))

    async def _run(self) -> None:
        while True:
            await self._has_requests.wait()
            group = self._requests[:MAX_WRITES]
            if group:
                await self._commit(group)
                del self._requests[: len(group)]
            if not self._requests:
                if self._is_closing:
                    return
                self._has_requests.clear()

    async def _commit(self, group: list[_Request]) -> None:
        try:
            reports = await self._connections.run(lambda connection: self._transaction(connection, group))
        except _RefusedError as refusal:
            await self._commit_singly(group, self._connections.error(refusal.error))
            return
        except JournalError as error:
            for request in group:
                _fail(request, error)
            return
        if any(request.write.wakes for request in group):
            self._on_woken()
        for request, report in zip(group, reports, strict=True):
            if not request.done.done():  # else its waiter was cancelled
                request.done.set_result(report)

    async def _commit_singly(self, group: list[_Request], error: JournalError) -> None:
        """Find the write that the server refuses; those beside it go on."""
        if len(group) == 1:
            _fail(group[0], error)
            return
        for request in group:
            await self._commit([request])

    async def _transaction(self, connection: Connection, group: list[_Request]) -> list[dict[str, Any]]:
        cursors: list[psycopg.AsyncCursor[dict[str, Any]]] = []
        try:
            # In a pipeline all statements are sent before the first answer is read.
            async with connection.pipeline(), connection.transaction():
                for request in group:
                    values = {**request.write.values, "epoch": request.epoch}
                    cursors.append(await connection.execute(request.write.query.encode(), values))
                if any(request.write.wakes for request in group):
                    await connection.execute(NOTIFY, (self._channel,))
            return [(await cursor.fetchall())[0] for cursor in cursors]
        except PASSING:
            raise
        except psycopg.Error as error:
            raise _RefusedError(error) from None


class _RefusedError(Exception):
    """The server refuses a statement, which is of no use to repeat."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.error = error


def _fail(request: _Request, error: JournalError) -> None:
    if not request.done.done():
        request.done.set_exception(JournalError(str(error), advice=error.advice))
