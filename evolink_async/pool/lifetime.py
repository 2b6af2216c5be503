"""Opening a pool once, and closing it completely.

The methods of an open pool are in `session_pool` and `existing_tasks`, its parts in `engine`.
"""

from __future__ import annotations

import asyncio
import warnings
from types import TracebackType
from typing import NoReturn, Self

from ..concurrency import wait_shielded
from ..errors import ConfigurationError
from ..journal import Journal
from .engine import Engine


class Lifetime:
    """The life of a pool: made, opened by `async with`, closed. A pool is opened once.

    Args:
        journal: Opened before everything else, closed after it.
    """

    # On the class, because `__del__` also runs for a pool whose constructor raised.
    _engine: Engine | None = None
    _closing: asyncio.Task[None] | None = None

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._was_opened = False

    @property
    def _state(self) -> str:
        return "closed" if self._closing else "open" if self._engine else "not opened"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SessionPool is not pickled: it holds open connections; build one where it is needed")

    def __del__(self) -> None:
        if self._engine is not None and self._closing is None:
            warnings.warn(f"{self!r} was never closed; use `async with`", ResourceWarning, source=self, stacklevel=2)

    async def open(self) -> Self:
        """Open the pool without `async with`, as in a notebook. Call `aclose` at the end.

        Raises:
            ConfigurationError: The pool was opened before, or no event loop of asyncio is running.
            JournalError: The journal is used by another process, or cannot be read.
        """
        return await self.__aenter__()

    async def __aenter__(self) -> Self:
        if self._was_opened:
            raise ConfigurationError("this pool was opened before; make a new one")
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigurationError("a pool is opened in an asyncio event loop, and none is running here") from None
        self._was_opened = True
        await self._journal.open()
        try:
            self._engine = await self._make_engine()
        except BaseException:
            await self._journal.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the pool: stop submitting, learn the task ids of submits under way, close every connection.

        A submit under way gets `RetryPolicy.grace` seconds; after that it is recorded as in doubt. Accepted tasks go on
        at the service, and `unfinished` names them, also after closing. Cancelling this call does not cut it short.
        Closing twice is harmless.
        """
        if self._engine is None:
            return
        self._engine.check_loop()
        # A task of its own: whoever closes may be cancelled, and closing must still run to its end.
        if self._closing is None:
            self._engine.stop_buying()
            self._closing = asyncio.create_task(self._engine.aclose(), name="evolink_async close")
        await wait_shielded(self._closing)

    async def _make_engine(self) -> Engine:
        """Make the parts. The journal is open by now."""
        raise NotImplementedError

    def _open_engine(self) -> Engine:
        """Return the parts of the open pool.

        Raises:
            ConfigurationError: The pool is not open in this event loop.
        """
        if self._engine is None:
            raise ConfigurationError("the pool is not open; use `async with SessionPool() as pool:`")
        self._engine.check()
        return self._engine
