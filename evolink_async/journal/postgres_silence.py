"""How long an answer of a PostgreSQL server may take, and which errors may be over at the next try.

TCP notices a machine that is gone. It does not notice a server process that was stopped, a pooler that was paused, or a
proxy that swallows what it is sent. So when an answer takes too long, the server is asked to stop what it does, the
connection is cut as a network would cut it, and the same is asked again with another one.

The server may still do later what was asked with the one that was cut. So each act must be safe to repeat, and also to
be done once more after those that came next:

- What carries an epoch is refused after the lease. Purchases and tasks are named in what is written of them, and a
  state that was left behind is not the one that the statement looks for.
- A late SUBMIT is the same purchase again. At worst it leaves a doubt of a job that was not sent; nobody sends that.
- A late REFUSE names the send that was refused, so it does not undo a later one of the same purchase.
- A late ACCEPT writes an id that was paid for, which is right at any time.
- A late request for credits holds too much, until the job asks anew or the owner ends; never too little.
- A late release of a claim may free a job that was claimed again. Each write looks at the claims, so a second process
  may poll its task, and none sends it beside another.
- A transaction whose COMMIT was not sent is rolled back.
"""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.rows import DictRow

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn

T = TypeVar("T")

ANSWER_SECONDS = 60.0
"""How long an answer may take: rows and tables may be locked by others for a while."""
LEAST_ANSWER_SECONDS = 10.0
"""The same for a journal whose patience is shorter."""
GREETING_SECONDS = 10.0
"""The same for what is asked first with a new connection: nothing is locked for that."""
CANCEL_SECONDS = 2.0
"""For which the server is asked to stop what it does, before the connection is cut."""
READING_SECONDS = 30.0
"""The same for a read in a thread, which nobody can cancel."""

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


def is_passing(error: BaseException | None, connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether an error may be over at the next try: by its class, or because it has ended the connection."""
    if isinstance(error, PASSING):
        return True
    # Poolers end a session with errors of any class.
    is_fatal = isinstance(error, psycopg.Error) and error.diag.severity_nonlocalized in ("FATAL", "PANIC")
    return is_fatal or (isinstance(error, psycopg.Error) and connection.closed)


class WatchedConnection(psycopg.AsyncConnection[DictRow]):
    """A connection that is cut when an answer takes too long. The statement fails then, as after any loss.

    Attributes:
        answer_seconds: How long each answer may take; None for as long as it likes.
    """

    answer_seconds: float | None = ANSWER_SECONDS
    _watch: _Watch | None = None

    def hurry(self, seconds: float) -> None:
        """Let the answer that is waited for take so long from now on."""
        if self._watch is not None and self.answer_seconds is not None and seconds < self.answer_seconds:
            self._watch.hurry(seconds)

    async def wait(self, gen: PQGen[T], *args: Any, **settings: Any) -> T:  # noqa: ANN401  # they differ by version
        """Wait for an answer, as psycopg does for each.

        Raises:
            psycopg.OperationalError: No answer came within `answer_seconds`, or the connection was lost.
        """
        if (seconds := self.answer_seconds) is None:
            return await super().wait(gen, *args, **settings)
        watch = self._watch = _Watch(self, seconds)
        try:
            return await super().wait(gen, *args, **settings)
        except psycopg.OperationalError:
            if watch.has_given_up:
                raise no_answer(watch.seconds) from None
            raise
        finally:
            watch.stop()
            self._watch = None


class _Watch:
    """Gives an answer up after some seconds, unless it is there and this process has not read it yet."""

    def __init__(self, connection: WatchedConnection, seconds: float) -> None:
        self.has_given_up = False
        self._connection = connection
        self.seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.seconds, self._look)

    def hurry(self, seconds: float) -> None:
        """Begin anew, with fewer seconds."""
        if not self.has_given_up:
            self._timer.cancel()
            self.seconds = seconds
            self._begin()

    def _look(self) -> None:
        # A process that stood still takes its own stop for a silent server else.
        if _is_answered(self._connection.pgconn):
            self._begin()
        else:
            self.has_given_up = True
            self._task = asyncio.create_task(self._give_up(), name="evolink_async journal")

    async def _give_up(self) -> None:
        # What waits for a lock would go on to wait, and one more would wait with each try. The answer to this cancels
        # the wait; if there is none either, the connection is cut.
        seconds = min(CANCEL_SECONDS, self.seconds / 4)
        with suppress(TimeoutError, psycopg.Error, OSError):
            async with asyncio.timeout(seconds):
                await self._connection.cancel_safe(timeout=seconds)
                await asyncio.sleep(seconds)
        cut(self._connection.pgconn)

    def stop(self) -> None:
        """Do nothing any more."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


@contextmanager
def within(connection: WatchedConnection, seconds: float | None) -> Generator[None]:
    """Let each answer take so long, and no longer, in a block."""
    before, connection.answer_seconds = connection.answer_seconds, seconds
    try:
        yield
    finally:
        connection.answer_seconds = before


def shorter(seconds: float | None, most: float) -> float | None:
    """Return how long an answer may take in a hurry; `most` is infinite without one."""
    return seconds if most == math.inf else most if seconds is None else min(seconds, most)


@contextmanager
def reading(connection: psycopg.Connection[Any], seconds: float) -> Generator[None]:
    """Cut a connection that a thread waits for, if the block takes longer.

    Args:
        connection: The connection.
        seconds: Longest time of the block.

    Raises:
        psycopg.OperationalError: The connection was cut, or lost.
    """
    has_cut = threading.Event()

    def look() -> None:
        has_cut.set()  # before: the thread that waits may be faster than this one
        cut(connection.pgconn)

    timer = threading.Timer(seconds, look)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.OperationalError:
        if has_cut.is_set():
            raise no_answer(seconds) from None
        raise
    finally:
        timer.cancel()


def no_answer(seconds: float) -> psycopg.OperationalError:
    """Return the error for a connection that was cut."""
    return passing(f"no answer came within {seconds:g} s")


def passing(text: str) -> psycopg.OperationalError:
    """Return an error after which the same is tried again, for as long as the patience lasts."""
    return psycopg.OperationalError(text)


@contextmanager
def _socket_of(pgconn: PGconn) -> Generator[socket.socket | None]:
    """Borrow the socket of a connection; None if it is closed."""
    try:
        borrowed = socket.socket(fileno=pgconn.socket)
    except (psycopg.Error, OSError):
        yield None
        return
    try:
        yield borrowed
    finally:
        borrowed.detach()  # it is libpq's to close


def _is_answered(pgconn: PGconn) -> bool:
    with _socket_of(pgconn) as borrowed:
        try:
            return borrowed is not None and bool(borrowed.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing is there
            return False


def cut(pgconn: PGconn) -> bool:
    """Shut a connection down below libpq, which notices that at once; return whether it was open.

    It is not closed: whoever waits for its socket would go on to wait, or would meet another one with the same number.
    """
    with _socket_of(pgconn) as borrowed:
        try:
            if borrowed is not None:
                borrowed.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other side was faster
            return False
        return borrowed is not None
