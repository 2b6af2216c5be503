"""Wakes a process when another one has written to the journal.

The server tells it by NOTIFY. Where that does not arrive, as behind a pooler that changes connections after each
transaction, the process looks by itself every second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
from psycopg import sql

from ..errors import JournalError
from .postgres_connections import LONGEST_PAUSE, Connection, Connections, close_quietly, run
from .postgres_silence import GREETING_SECONDS
from .postgres_statements import NOTIFY

LOOK_SECONDS = 1.0
"""Between two looks of a process that does not listen."""
HEARING_SECONDS = 2.0
"""For which a process waits for a notification of its own, to learn whether it gets any."""
# A notification that was lost with its connection is made up for by looking.
LISTENING_LOOK_SECONDS = 10.0
"""Between two looks of a process that listens."""


class Listener:
    """Tells when the journal may have something new.

    Args:
        connections: To the server.
        channel: The channel of the notifications.
        tell: Called in the event loop with the text of each notification; with None when it is time to look.
        listens: Whether to use LISTEN; otherwise it looks every second.

    Attributes:
        is_listening: Whether notifications arrive.
    """

    def __init__(
        self, connections: Connections, channel: str, tell: Callable[[str | None], None], *, listens: bool
    ) -> None:
        self._connections = connections
        self._channel = channel
        self._tell = tell
        self.is_listening: bool = False
        self._is_closing = False
        act = self._listen_for_ever() if listens else self._look_for_ever()
        self._task = asyncio.create_task(act, name="evolink_async journal listener")

    async def aclose(self) -> None:
        """Stop."""
        self._is_closing = True
        # Again and again: psycopg loses a cancellation that arrives while it opens a connection.
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=0.1)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._tell(None)

    async def _listen_for_ever(self) -> None:
        while not self._is_closing:
            connection: Connection | None = None
            try:
                connection = await self._connections.connect()
                await self._listen(connection)
            except (JournalError, psycopg.Error, OSError):
                # Not told: whoever writes meets the same, and tells it.
                await asyncio.sleep(LONGEST_PAUSE)
            finally:
                self.is_listening = False
                await close_quietly(connection)
            self._tell(None)

    async def _listen(self, connection: Connection) -> None:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        # The answer to one of its own: a pooler accepts LISTEN, and tells nothing.
        await self._connections.run(lambda other: run(other, NOTIFY))
        wait = HEARING_SECONDS
        connection.answer_seconds = GREETING_SECONDS
        while not self._is_closing:
            # Equal ones that came together are one.
            texts = {notify.payload: None async for notify in connection.notifies(timeout=wait, stop_after=1)}
            if self.is_listening and not texts:  # a connection that was lost in silence tells nothing either
                await connection.execute("SELECT 1")
            # What was told before the first one arrived may be missed.
            told = texts if texts and self.is_listening else (None,)
            self.is_listening = self.is_listening or bool(texts)
            wait = LISTENING_LOOK_SECONDS if self.is_listening else LOOK_SECONDS
            for text in told:
                self._tell(text)
