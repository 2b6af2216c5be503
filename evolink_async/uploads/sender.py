"""Uploading one content until the file service has it. Uploads are free, so they may be repeated.

What is sent is in `content` and `file_content`; which content is uploaded at all is decided in `uploads`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import anyio

from ..client import KeyHealth, Move, OutageBrake, Resend, Transport, Trouble
from ..concurrency import Limiter
from ..errors import EvolinkError, RateLimitError, StatusError, TransportError, UploadError
from ..events import Emit, Uploaded, Uploading
from ..media import Upload
from ..settings import RetryPolicy
from ..wire import denies, may_upload_again, on_upload
from .content import Content, OnSent

PROGRESS_SECONDS = 0.1
"""Least time between two progress events of one try."""
SILENT_SECONDS = 60.0
"""Least time between two messages that a first upload had no success."""

_log = logging.getLogger("evolink_async")


class Sender:
    """Uploads content with retries.

    Args:
        limiter: How many uploads run at once. An upload that waits for its next try holds no permit.
        policy: How often, and after which pauses, a failed upload is sent again.
        emit: Receives the progress and the end of every upload.
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
        self._brake = OutageBrake(policy, limiter.total, what="file")
        self._has_news = asyncio.Event()
        self._policy = policy
        self._emit = emit
        self._clock = clock
        self._now = now
        self._silent_until = float("-inf")
        self._healths: dict[Transport, KeyHealth] = {}

    @property
    def trouble(self) -> Trouble | None:
        """Why no file is accepted for now."""
        return self._brake.trouble

    def retune(self, uploads: int) -> None:
        """Change how many uploads run at once."""
        self._limiter.resize(uploads)
        self._brake.retune(uploads)

    async def upload(self, content: Content, transport: Transport) -> Upload:
        """Upload a content and report it.

        Raises:
            UploadError: The content cannot be read or has changed, the service refuses it, or all tries failed.
            StatusError: The key is refused (401, 402, 403).
            OutageError: The file service took no file for longer than the policy's patience.
        """
        at = self._clock()
        try:
            upload = await self._send_until_accepted(content, transport)
        except EvolinkError as error:
            self._report_end(content, at, error)
            raise
        self._report_end(content, at)
        return upload

    async def _send_until_accepted(self, content: Content, transport: Transport) -> Upload:
        resend = Resend(self._policy)
        while True:
            result = await self._send_in_turn(content, transport, resend)
            if isinstance(result, Upload):
                return result
            # `may_upload_again` and not `may_send_again`: the rules for paid submits would be too careful.
            pause = resend.pause(result, self._now()) if may_upload_again(result) else None
            if pause is None:
                raise _final_error(result, content.source, resend.sends)
            await asyncio.sleep(pause)

    async def _send_in_turn(self, content: Content, transport: Transport, resend: Resend) -> Upload | EvolinkError:
        """Send once, when there is a permit and the file service is not out.

        Raises:
            OutageError: The outage is past patience.
            UploadError: The service asks uploads with this key to wait for longer than the policy's patience.
        """
        health, began = self._health(transport), self._now()
        while True:
            async with self._limiter:
                now = self._now()
                move = self._brake.move(now)
                is_closed = health.opens_at > now
                if move is Move.ANY and not is_closed:
                    return await self._send_and_note(content, transport, resend)
                if move in (Move.PROBE, Move.TRIAL) and not is_closed:
                    self._brake.skip_probe()
                    self._brake.began()
                    try:
                        return await self._send_and_note(content, transport, resend, is_trial=True)
                    finally:
                        self._brake.ended()
                        self._has_news.set()
            if move is Move.GIVE_UP:
                raise self._brake.error(now)
            has_waited_long = now - began >= self._policy.patience
            if (refusal := health.refusal("", now, is_idle=has_waited_long)) is not None:
                raise _final_error(refusal, content.source, resend.sends)
            self._has_news.clear()
            with anyio.move_on_after((health.opens_at if is_closed else self._brake.changes_at(now)) - self._now()):
                await self._has_news.wait()

    def _health(self, transport: Transport) -> KeyHealth:
        """What the answers to the uploads with a key say of it; only refusals for load are noted here."""
        return self._healths.setdefault(transport, KeyHealth(self._policy))

    async def _send_and_note(
        self, content: Content, transport: Transport, resend: Resend, *, is_trial: bool = False
    ) -> Upload | EvolinkError:
        sent_at = self._now()
        resend.sent(sent_at)
        result = await self._send_once(content, transport)
        self._note(content, result, is_trial=is_trial)
        if isinstance(result, Upload):
            self._health(transport).accepted()
        elif isinstance(result, RateLimitError):  # the key is asked to wait, not this upload
            self._health(transport).refused_for_load(result, sent_at, self._now())
        self._has_news.set()
        return result

    def _note(self, content: Content, result: Upload | EvolinkError, *, is_trial: bool) -> None:
        """Note for all uploads what this one met."""
        if isinstance(result, Upload):
            self._brake.accepted(self._now())
        elif may_upload_again(result) and not isinstance(result, RateLimitError):
            asked = result.retry_after if isinstance(result, StatusError) else None
            self._brake.troubled(
                content.source, result, self._now(), is_trial=is_trial, is_new_doubt=False, asked=asked
            )
            self._report_first_trouble()
        elif isinstance(result, RateLimitError):
            self._brake.answered()
            self._brake.delayed(result, self._now())
        else:
            self._brake.answered()
            self._brake.judged()

    def _report_first_trouble(self) -> None:
        # With an observer, the application decides what is logged. Without one, silence would look like a hang.
        trouble, now = self._brake.trouble, self._now()
        if self._emit is None and trouble is not None and trouble.tries == 1 and now >= self._silent_until:
            self._silent_until = now + SILENT_SECONDS
            _log.warning("%s, for an upload; files are tried for up to %.0f s", trouble.error, trouble.until - now)

    async def _send_once(self, content: Content, transport: Transport) -> Upload | EvolinkError:
        try:
            response = await content.send(transport, self._progress_reporter(content))
        except TransportError as error:
            return error
        return on_upload(response, now=self._clock(), sha256=content.sha256, size_bytes=content.size_bytes)

    def _progress_reporter(self, content: Content) -> OnSent:
        # One reporter for each try, so that the first piece of every try is reported.
        emit, reported_at = self._emit, -PROGRESS_SECONDS

        def report(sent_bytes: int) -> None:
            nonlocal reported_at
            now = self._now()
            if emit is not None and now - reported_at >= PROGRESS_SECONDS:
                reported_at = now
                total = content.size_bytes or 0
                emit(Uploading(at=self._clock(), source=content.source, sent_bytes=sent_bytes, total_bytes=total))

        return report

    def _report_end(self, content: Content, at: float, error: EvolinkError | None = None) -> None:
        if self._emit is not None:
            seconds, size = self._clock() - at, content.size_bytes
            self._emit(Uploaded(at=at, seconds=seconds, source=content.source, size_bytes=size, error=error))


def _final_error(error: EvolinkError, source: str, tries: int) -> EvolinkError:
    """Return the error to raise when an upload is given up."""
    # A refused key is no fault of the upload: the caller suspends that key and may use another.
    if denies(error):
        return error
    if isinstance(error, StatusError) and not may_upload_again(error):
        code = error.status if error.code is None else error.code
        message = f"the file service refused {source}: {error.message} (code {code})"
    elif not tries:
        message = f"{source} was not uploaded: {error}"
    else:
        message = f"{source} could not be uploaded in {tries} {'try' if tries == 1 else 'tries'}: {error}"
    return UploadError(
        message,
        source=source,
        status=getattr(error, "status", None),
        code=getattr(error, "code", None),
        request_id=getattr(error, "request_id", None),
    )
