"""Links to files, one upload for each content: what the service has already is not sent again.

How content is sent is in `sender`; which uploads are in progress, in `shared_uploads`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias, cast

import attrs

from ..client import Session, Transport, Trouble, choose, suspension_error
from ..concurrency import Limiter
from ..errors import ConfigurationError, JournalError, StatusError, UploadError
from ..events import Emit
from ..journal import Journal
from ..media import LocalMedia, Upload
from ..settings import RetryPolicy
from ..urls import web_host
from .content import Content, InlineContent, check_file_name
from .file_content import FileContent
from .sender import Sender
from .shared_uploads import Caller, SharedUploads, StartUpload

Source: TypeAlias = Path | LocalMedia | bytes | str
"""What can be uploaded: a local file, bytes, or a URL that the service fetches."""

# A job may wait for hours until the service starts it and reads the link. Links work for 72 hours.
LINK_MARGIN_SECONDS = 6 * 3600.0
"""Seconds that a recorded link must still work to be used again."""
# The clocks of machines that share a journal may differ a little.
CLOCK_SECONDS = 60.0
"""Most seconds by which the time of an upload may be ahead of the clock."""


class Uploads:
    """Uploads files, and records their links in the journal.

    Args:
        transports: The connections to the file service, by the fingerprint of their API key.
        journal: Knows the earlier uploads.
        limiter: How many files are sent at once.
        policy: How often, and after which pauses, a failed upload is sent again.
        service: The address of the file service; empty for EvoLink's own.
        emit: Receives the progress and the end of every upload.
        clock: Unix seconds. Not monotonic: links expire also while the machine sleeps.

    Attributes:
        limiter: As given.
    """

    def __init__(
        self,
        transports: Mapping[str, Transport],
        journal: Journal,
        limiter: Limiter,
        *,
        policy: RetryPolicy,
        service: str = "",
        emit: Emit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.limiter = limiter
        self._transports = transports
        self._journal = journal
        self._service = service
        self._clock = clock
        self._sender = Sender(limiter, policy, emit=emit, clock=clock)
        self._in_progress = SharedUploads()

    @property
    def trouble(self) -> Trouble | None:
        """Why no file is accepted for now."""
        return self._sender.trouble

    def retune(self, uploads: int) -> None:
        """Change how many files are sent at once."""
        self._sender.retune(uploads)

    async def host(self, local: LocalMedia, session: Session) -> Upload:
        """Return a link to a local file that works for `LINK_MARGIN_SECONDS` or longer: recorded, shared or new.

        Cancelling stops the upload only if no other caller waits for it.

        Args:
            local: The file. If it has a digest, its bytes must still have that digest.
            session: The account whose key is used.

        Raises:
            UploadError: The file cannot be read or has changed, the service refuses it, or all tries failed.
            StatusError: The key is refused (401, 402, 403); another key may be accepted.
            JournalError: The journal cannot be read.
            ConfigurationError: The pool is closed.
        """
        return await self._host(local, session, None)

    async def upload(self, source: Source, session: Session, file_name: str | None = None) -> Upload:
        """Return a link to a local file, to bytes, or to the service's copy of what a URL leads to.

        Args:
            source: A path, at most 10 MB of bytes, or a URL.
            session: The account whose key is used.
            file_name: The name at the service, which adds a part of the digest; by default that of the path.

        Raises:
            UploadError: See `host`, also for the errors that are not listed here.
            ConfigurationError: `source` is none of these, or `file_name` is no name of a file.
        """
        # Callers without a type checker get an error for a wrong argument too.
        given = cast("object", source)
        check_file_name(file_name)
        if isinstance(source, LocalMedia | Path):
            local = source if isinstance(source, LocalMedia) else LocalMedia(source)
            return await self._host(local, session, file_name)
        if isinstance(source, bytes):
            content = await InlineContent.of_bytes(source, file_name or "content")
        elif isinstance(given, str) and web_host(given) is not None:
            content = InlineContent.of_url(given, file_name)
        else:
            raise ConfigurationError(
                f"what is uploaded is Path('clip.mp4'), bytes or an absolute http(s) URL, not {str(given)[:200]!r}"
            )
        # What a URL leads to may change, so such an upload is shared while it is in progress, but has no digest under
        # which the journal could find it later.
        key = content.sha256 or f"{given!r} as {file_name!r}"
        return await self._find_or_upload(key, Caller(session), partial(self._send_and_record, content, session))

    async def upload_with_any_key(
        self, sessions: tuple[Session, ...], source: Source, file_name: str | None = None
    ) -> Upload:
        """Upload with the first key that is not refused; see `upload`. A refused key is suspended.

        Raises:
            StatusError: Every key is refused.
        """
        refusal: StatusError | None = None
        while (session := choose(sessions)) is not None:
            try:
                return await self.upload(source, session, file_name)
            except StatusError as error:
                session.suspend_on(error)
                refusal = error
                sessions = tuple(other for other in sessions if other is not session)
        raise refusal or suspension_error(sessions)

    async def aclose(self) -> None:
        """Stop every upload and close the connections."""
        await self._in_progress.aclose()
        for transport in self._transports.values():
            await transport.aclose()

    async def _host(self, local: LocalMedia, session: Session, name: str | None) -> Upload:
        measured = None if local.sha256 else await FileContent.of(local.path, name=name)
        sha256 = measured.sha256 if measured else local.sha256

        async def start() -> Upload:
            content = measured or await FileContent.of(local.path, sha256=sha256, name=name)
            return await self._send_and_record(content, session)

        return await self._find_or_upload(str(sha256), Caller(session, local.path), start)

    async def _find_or_upload(self, key: str, caller: Caller, start: StartUpload) -> Upload:
        # In this order:
        # 1. A recorded link.
        # 2. The link of an upload in progress. If that fails in a way that depends on its caller, look again.
        # 3. A new upload.
        while True:
            recorded = self._recorded(key)
            known = (await self._journal.hosted((recorded,))).get(recorded)
            if known is not None and self._may_be_used(known):
                return attrs.evolve(known, sha256=key)
            starter, shared = self._in_progress.join_or_start(key, caller, start)
            try:
                upload = await shared.result()
            except (StatusError, UploadError) as error:
                if not caller.may_succeed_after(error, starter):
                    raise
                continue
            if upload is None:
                raise ConfigurationError("the pool was closed while it uploaded a file")
            return upload

    def _may_be_used(self, known: Upload) -> bool:
        # An upload of the future was recorded while the clock was ahead, and its link expires earlier than written.
        now = self._clock()
        return known.uploaded_at <= now + CLOCK_SECONDS and known.expires_at - LINK_MARGIN_SECONDS > now

    async def _send_and_record(self, content: Content, session: Session) -> Upload:
        upload = await self._sender.upload(content, self._transports[session.fingerprint])
        # The link works without a record. If the journal has failed, the next submit raises before it costs anything.
        with suppress(JournalError):
            sha256 = None if upload.sha256 is None else self._recorded(upload.sha256)
            await self._journal.uploaded(attrs.evolve(upload, sha256=sha256))
        return upload

    def _recorded(self, sha256: str) -> str:
        """Return the digest under which a journal knows an upload to this service."""
        # A journal may be used with another service, as an emulator, before or after: its links lead nowhere here. Only
        # EvoLink's own stands for nothing, so that journals of before are read on.
        return f"{sha256}@{self._service}" if self._service else sha256
