"""The order in which results are saved: the one whose link expires first goes first.

What is done with a permit is in `downloads`; when links are going to expire, in `backlog`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from ..concurrency import Limiter
from ..events import DownloadsBehind, Emit
from .backlog import Backlog

_log = logging.getLogger("evolink_async")


class DownloadQueue:
    """Gives permits to save a file, and warns once when links are going to expire before their files are saved.

    Args:
        limiter: How many files are saved at once.
        emit: Receives the warning; without it, the warning is logged.
        clock: Unix seconds.
    """

    def __init__(self, limiter: Limiter, *, emit: Emit | None, clock: Callable[[], float]) -> None:
        self._limiter = limiter
        self._emit = emit
        self._clock = clock
        self._backlog = Backlog()

    @asynccontextmanager
    async def permit(self, expires_at: float) -> AsyncGenerator[None, None]:
        """Wait for a permit and hold it.

        Args:
            expires_at: Unix seconds when the link expires; the earliest gets the next permit.
        """
        self._backlog.enter(expires_at)
        # Leaves the backlog also if it is cancelled while it waits.
        try:
            self._warn_if_behind()
            await self._limiter.acquire(before=expires_at)
        finally:
            self._backlog.leave()
        try:
            yield
        finally:
            self._limiter.release()

    def record(self, seconds: float) -> None:
        """Note how long one file took, saved or not."""
        self._backlog.record(seconds)
        self._warn_if_behind()

    def _warn_if_behind(self) -> None:
        warning = self._backlog.take_warning(self._clock(), self._limiter.total)
        if warning is None:
            return
        waiting, needed, left = warning.waiting, warning.needed, warning.left
        if self._emit is not None:
            self._emit(DownloadsBehind(at=self._clock(), waiting=waiting, needed=needed, left=left))
        else:
            # Losing paid results is worth a line in the log even of a program that observes no events.
            text = "%d results wait to be saved; that takes %.0f s, and the last of their links expires in %.0f s."
            _log.warning(text + " Raise Limits.downloads.", waiting, needed, left)
