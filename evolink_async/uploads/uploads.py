"""Giving links to files, once for each content: what the service has already is not sent again.

How bytes get out is the business of `sender` and `sending`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs

from ..client import Session, Transport, choose, suspension_error
from ..concurrency import Limiter, SharedTask
from ..errors import ConfigurationError, EvolinkError, JournalError, StatusError, UploadError
from ..events import Emit
from ..journal import Journal
from ..media import LocalMedia, Upload
from ..settings import RetryPolicy
from ..urls import web_host
from ..wire import denies
from .content import Content, FileContent, InlineContent, LocalFileError
from .sender import Sender

Source: TypeAlias = Path | LocalMedia | bytes | str
"""A file of this machine, a content, or the URL of one that the service is to fetch."""
_Delivery: TypeAlias = Callable[[], Coroutine[Any, Any, Upload]]

LEASE_MARGIN = 6 * 3600.0
"""Seconds that a link must still work to be given to another job, which may wait for its turn at the service."""


@attrs.frozen
class _Uploader:
    """Whose upload it is: an end that is the fault of his key or his file is nobody else's."""

    session: Session
    path: Path | None = None

    def may_end_better(self, error: EvolinkError, other: _Uploader) -> bool:
        """Whether what ended in `error` for another claim may end otherwise for this one."""
        if isinstance(error, LocalFileError):
            return self.path != other.path
        return denies(error) and self.session is not other.session


class Uploads:
    """Uploads files, and remembers their links in the journal.

    Args:
        transports: The connections to the file service, by the fingerprint of their API key.
        journal: Knows what was uploaded before.
        limiter: How many files are sent at once.
        policy: How often, and when, an upload that failed is tried again.
        emit: Told of every upload and its progress.
        clock: Unix seconds: links live by the wall clock, also while this machine sleeps.
    """

    def __init__(
        self,
        transports: Mapping[str, Transport],
        journal: Journal,
        limiter: Limiter,
        *,
        policy: RetryPolicy,
        emit: Emit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.limiter = limiter
        self._transports = transports
        self._journal = journal
        self._clock = clock
        self._sender = Sender(limiter, policy, emit=emit, clock=clock)
        self._under_way: dict[str, tuple[_Uploader, SharedTask[Upload]]] = {}
        self._closed = False

    async def host(self, local: LocalMedia, session: Session) -> Upload:
        """A link to a local file that works for `LEASE_MARGIN` at least: a known one, one on its way, or a new one.

        Cancelled, it leaves alone an upload that others wait for.

        Args:
            local: The file. Its digest, if it has one, is what its bytes must still have.
            session: Under whose key it is uploaded.

        Raises:
            UploadError: It cannot be read, changed since it was measured, is refused, or does not get through.
            StatusError: The key is refused (401, 402, 403); another may not be.
            JournalError: The journal cannot be read.
            ConfigurationError: The pool was closed.
        """
        return await self._host(local, session, None)

    async def upload(self, source: Source, session: Session, file_name: str | None = None) -> Upload:
        """A link to a file, to a content of at most 10 MB, or to a copy of what the service fetches from a URL.

        Args:
            source: A path, bytes, or a URL.
            session: Under whose key it is uploaded.
            file_name: What it is called; the service is told so behind a part of its digest.

        Raises:
            UploadError: As `host`; so all the rest, too.
            ConfigurationError: `source` is none of these, or `file_name` no text.
        """
        given, name = cast("object", source), cast("object", file_name)  # by callers without a type checker too
        if not isinstance(name, str | None):
            raise ConfigurationError(f"file_name must be text, not {str(name)[:200]!r}")
        if isinstance(source, LocalMedia | Path):
            local = source if isinstance(source, LocalMedia) else LocalMedia(source)
            return await self._host(local, session, file_name)
        if isinstance(source, bytes):
            inline = await InlineContent.enclosing(source, file_name or "content")
        elif isinstance(given, str) and web_host(given) is not None:
            inline = InlineContent.about(given, file_name)
        else:
            raise ConfigurationError(
                f"what is uploaded is Path('clip.mp4'), bytes or an absolute http(s) URL, not {str(given)[:200]!r}"
            )
        key = inline.sha256 or f"{given!r} as {file_name!r}"
        return await self._once(key, _Uploader(session), partial(self._deliver, inline, session))

    async def upload_with_any_key(
        self, sessions: tuple[Session, ...], source: Source, file_name: str | None = None
    ) -> Upload:
        """Upload under the first key that is not refused; see `upload`."""
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
        self._closed = True
        under_way = [shared for _, shared in self._under_way.values()]
        for shared in under_way:
            shared.stop()
        for shared in under_way:
            await shared.ended()
        for transport in self._transports.values():
            await transport.aclose()

    # --- one upload for all who want it

    async def _host(self, local: LocalMedia, session: Session, name: str | None) -> Upload:
        measured = None if local.sha256 else await FileContent.of(local.path, name=name)
        sha256 = measured.sha256 if measured else local.sha256

        async def deliver() -> Upload:
            content = measured or await FileContent.of(local.path, sha256=sha256, name=name)
            return await self._deliver(content, session)

        return await self._once(str(sha256), _Uploader(session, local.path), deliver)

    async def _once(self, key: str, claim: _Uploader, deliver: _Delivery) -> Upload:
        """Take the link from the journal or from an upload under way, else deliver.

        Args:
            key: The digest of the content; or what no journal knows, for a content nobody here has.
            claim: Who wants it.
            deliver: Makes a new link.
        """
        while True:
            known = self._journal.hosted(key)
            if known is not None and known.expires_at - LEASE_MARGIN > self._clock():
                return known
            owner, shared = self._joined(key, claim, deliver)
            try:
                upload = await shared.result()
            except (StatusError, UploadError) as error:
                if not claim.may_end_better(error, owner):
                    raise
                continue
            if upload is None:
                raise ConfigurationError("the pool was closed while it uploaded a file")
            return upload

    def _joined(self, key: str, claim: _Uploader, deliver: _Delivery) -> tuple[_Uploader, SharedTask[Upload]]:
        found = self._under_way.get(key)
        if found is not None and found[1].is_under_way:
            return found
        if self._closed:
            raise ConfigurationError("the pool is closed; open a new one")
        shared = SharedTask(deliver(), f"evolink_async upload {key[:16]}")
        self._under_way[key] = claim, shared
        shared.when_over(partial(self._over, key, shared))
        return claim, shared

    def _over(self, key: str, shared: SharedTask[Upload]) -> None:
        found = self._under_way.get(key)
        if found is not None and found[1] is shared:  # else it was stopped, and another took its place
            del self._under_way[key]

    async def _deliver(self, content: Content, session: Session) -> Upload:
        upload = await self._sender.deliver(content, self._transports[session.fingerprint])
        with suppress(JournalError):  # the link is as good; and the next job learns of the disk before it is submitted
            await self._journal.uploaded(upload)
        return upload
