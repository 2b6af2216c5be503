"""Sending one parcel until the file service has it: uploads are free, so they are repeated at will.

What a parcel is, is `sending`'s business; which are sent at all, that of `upload`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..client import Resend, Transport
from ..concurrency import Limiter
from ..errors import EvolinkError, StatusError, TransportError, UploadError
from ..events import Emit, Uploaded, Uploading
from ..media import Upload
from ..settings import RetryPolicy
from ..wire import denies, may_upload_again, on_upload
from .content import Content, Tell

NEWS_SECONDS = 0.1
"""Between two reports of one upload's progress."""


class Sender:
    """Brings parcels to the service.

    Args:
        limiter: How many are on their way at once; one that waits for its next try is not.
        policy: How often, and when, a parcel that did not get through is sent again.
        emit: Told of every upload and its progress.
        clock: Unix seconds.
        now: Monotonic seconds.
    """

    def __init__(
        self,
        limiter: Limiter,
        policy: RetryPolicy,
        *,
        emit: Emit | None,
        clock: Callable[[], float],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limiter = limiter
        self._policy = policy
        self._emit = emit
        self._clock = clock
        self._now = now

    async def deliver(self, content: Content, transport: Transport) -> Upload:
        """Upload, and tell of it.

        Raises:
            UploadError: The file is at fault, the service refuses it, or it does not get through.
            StatusError: The key is refused (401, 402, 403).
        """
        at = self._clock()
        try:
            upload = await self._persist(content, transport)
        except EvolinkError as error:
            self._say(content, at, error)
            raise
        self._say(content, at)
        return upload

    async def _persist(self, content: Content, transport: Transport) -> Upload:
        resend = Resend(self._policy)
        while True:
            async with self._limiter:
                resend.sent(self._now())
                verdict = await self._send(content, transport)
            if isinstance(verdict, Upload):
                return verdict
            pause = resend.pause(verdict, self._now()) if may_upload_again(verdict) else None
            if pause is None:
                raise final(verdict, content.source, resend.sends)
            await asyncio.sleep(pause)

    async def _send(self, content: Content, transport: Transport) -> Upload | EvolinkError:
        try:
            response = await content.send(transport, self._teller(content))
        except TransportError as error:
            return error
        return on_upload(response, now=self._clock(), sha256=content.sha256, size_bytes=content.size_bytes)

    def _teller(self, content: Content) -> Tell:
        """Report progress, but not at every piece."""
        emit, told_at = self._emit, -NEWS_SECONDS

        def tell(sent_bytes: int) -> None:
            nonlocal told_at
            now = self._now()
            if emit is not None and now - told_at >= NEWS_SECONDS:
                told_at = now
                total = content.size_bytes or 0
                emit(Uploading(at=self._clock(), source=content.source, sent_bytes=sent_bytes, total_bytes=total))

        return tell

    def _say(self, content: Content, at: float, error: EvolinkError | None = None) -> None:
        if self._emit is not None:
            seconds, size = self._clock() - at, content.size_bytes
            self._emit(Uploaded(at=at, seconds=seconds, source=content.source, size_bytes=size, error=error))


def final(error: EvolinkError, source: str, tries: int) -> EvolinkError:
    """What the caller is told when an upload is given up: of a refused key as it is, for another key may do."""
    if denies(error):
        return error
    if isinstance(error, StatusError) and not may_upload_again(error):
        code = error.status if error.code is None else error.code
        message = f"the file service refused {source}: {error.message} (code {code})"
    else:
        message = f"{source} could not be uploaded in {tries} {'try' if tries == 1 else 'tries'}: {error}"
    return UploadError(
        message,
        source=source,
        status=getattr(error, "status", None),
        code=getattr(error, "code", None),
        request_id=getattr(error, "request_id", None),
    )
