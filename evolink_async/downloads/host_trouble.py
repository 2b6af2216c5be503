"""What a person is told when a host does not give results, so that no download stands still in silence.

Also the end of a try that brings no byte. When a host is asked again is decided in `retries`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import attrs

from ..events import DownloadTrouble, Emit
from .remote_file import InterruptedDownloadError

SILENT_SECONDS = 10.0
"""Seconds without a byte after which a try is reported, and not only when it fails."""
AGAIN_SECONDS = 60.0
"""Least seconds between two reports of one host that works now and then."""
FORGOTTEN_SECONDS = 600.0
"""Seconds without a failed try after which the next one is another outage."""

_log = logging.getLogger("evolink_async")


@attrs.frozen
class _Outage:
    told_at: float
    met_at: float
    is_over: bool = False


class HostOutages:
    """The hosts that did not give results, over all downloads of a pool: each outage is told once."""

    def __init__(self) -> None:
        self._outages: dict[str, _Outage] = {}

    def take_news(self, host: str, now: float) -> bool:
        """Note a failed try, and return whether it is to be told.

        Args:
            host: The host.
            now: Monotonic seconds.
        """
        outage = self._outages.get(host)
        if outage is not None:
            is_another = outage.is_over or now - outage.met_at > FORGOTTEN_SECONDS
            if not is_another or now - outage.told_at < AGAIN_SECONDS:
                self._outages[host] = attrs.evolve(outage, met_at=now)
                return False
        self._outages[host] = _Outage(now, now)
        return True

    def end(self, host: str) -> None:
        """Note that a host gives results."""
        if (outage := self._outages.get(host)) is not None:
            self._outages[host] = attrs.evolve(outage, is_over=True)


@attrs.frozen
class HostTrouble:
    """Tells of one download that its host does not give the result, unless that was told of another one.

    Attributes:
        host: The host of the link.
        patience: Seconds for which a result is tried without a byte.
        outages: What was told of the hosts of this pool.
        emit: Receives the event; without it, it is logged.
    """

    host: str
    patience: float
    outages: HostOutages
    emit: Emit | None

    def failing(self, reason: str) -> None:
        """Note a try without a byte."""
        if not self.outages.take_news(self.host, time.monotonic()):
            return
        if self.emit is not None:
            self.emit(DownloadTrouble(at=time.time(), host=self.host, reason=reason, patience=self.patience))
        else:
            # Without an observer, silence would look like a hang.
            text = "%s does not give the results: %s; each is tried for up to %.0f s"
            _log.warning(text, self.host, reason, self.patience)

    def over(self) -> None:
        """Note a try that brought bytes of the result."""
        self.outages.end(self.host)


class Watch:
    """Watches one try: reports that nothing comes, and ends it when its first byte is too late.

    Args:
        report: Called with a reason, once, when nothing has come for `SILENT_SECONDS`.
        ends_at: Seconds of the event loop's clock when the try ends if not a byte has come. After that byte only the
            time-out between two pieces holds.

    Raises:
        InterruptedDownloadError: The first byte is too late.
    """

    def __init__(self, url: str, report: Callable[[str], None], ends_at: float) -> None:
        self._url = url
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout_at(ends_at)
        self._has_bytes = False
        self._heard_at = self._loop.time()

    def hear(self) -> None:
        """Note that bytes came."""
        if not self._has_bytes:
            self._has_bytes = True
            self._limit.reschedule(None)
        self._heard_at = self._loop.time()

    def _check(self) -> None:
        # A timer for every piece would cost more than one that looks when the last piece came.
        left = self._heard_at + SILENT_SECONDS - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check)
        else:
            self._report(f"nothing has come for {SILENT_SECONDS:g} s")

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        self._timer = self._loop.call_later(SILENT_SECONDS, self._check)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            raise InterruptedDownloadError("nothing came from the result's host", url=self._url) from None
