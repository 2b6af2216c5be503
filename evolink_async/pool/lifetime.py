"""Opening a pool once, and closing it whatever happens.

What an open pool can do is in `pool`, what it consists of in `engine`.
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
    """The life of a pool: made, opened by `async with`, closed; it is never opened again.

    Args:
        journal: Opened before anything else, closed after it.
    """

    _engine: Engine | None = None  # here, so that a pool whose construction failed can still be dropped
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

    async def __aenter__(self) -> Self:
        if self._was_opened:
            raise ConfigurationError("this pool was opened before; make a new one")
        self._was_opened = True
        await self._journal.open()
        try:
            self._engine = await self._open()
        except BaseException:
            await self._journal.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the pool: submit no more, learn the task ids of submits on their way, close every connection.

        A submit on its way gets `RetryPolicy.grace` seconds and is recorded as unknown after that. Tasks already
        accepted go on at the service; `unfinished` names them, also afterwards. Cancelling this call does not cut
        it short. Closing twice is harmless.
        """
        if self._engine is None:
            return
        self._engine.check_loop()
        if self._closing is None:
            self._closing = asyncio.create_task(self._engine.aclose(), name="evolink_async close")
        await wait_shielded(self._closing)

    async def _open(self) -> Engine:
        """Put the parts together; the journal is open."""
        raise NotImplementedError

    def _open_engine(self) -> Engine:
        """The parts of the open pool.

        Raises:
            ConfigurationError: It is not open, or not here.
        """
        if self._engine is None:
            raise ConfigurationError("the pool is not open; use `async with SessionPool() as pool:`")
        self._engine.check()
        return self._engine
