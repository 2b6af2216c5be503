"""Uploads in progress: callers that need the same content share one upload of it.

What an upload does is given by the callers; finished uploads are remembered by the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from ..client import Session
from ..concurrency import SharedTask
from ..errors import ConfigurationError, EvolinkError
from ..media import Upload
from ..wire import denies
from .content import LocalFileError

StartUpload: TypeAlias = Callable[[], Coroutine[Any, Any, Upload]]
"""Returns the coroutine of a new upload."""


@attrs.frozen
class Caller:
    """What an upload depends on beside its content, which several callers have in common.

    Attributes:
        session: The account whose key the upload uses.
        path: The file that is read; None for bytes and URLs.
    """

    session: Session
    path: Path | None = None

    def may_succeed_after(self, error: EvolinkError, other: Caller) -> bool:
        """Whether an upload that failed for another caller may succeed for this one."""
        # A copy of an unreadable file can be readable, and another key can be accepted. All other failures are about
        # the content or the service, and the same for all.
        if isinstance(error, LocalFileError):
            return self.path != other.path
        return denies(error) and self.session is not other.session


class SharedUploads:
    """The uploads in progress, by the key of their content."""

    def __init__(self) -> None:
        self._uploads: dict[str, tuple[Caller, SharedTask[Upload]]] = {}
        self._closed = False

    def join_or_start(self, key: str, caller: Caller, start: StartUpload) -> tuple[Caller, SharedTask[Upload]]:
        """Return the upload of this content that is in progress, else start one.

        Args:
            key: Identifies the content.
            caller: Who needs it.
            start: Called if there is no such upload.

        Returns:
            The caller that started the upload, and the upload.

        Raises:
            ConfigurationError: The pool is closed.
        """
        found = self._uploads.get(key)
        if found is not None and found[1].is_under_way:
            return found
        if self._closed:
            raise ConfigurationError("the pool is closed; open a new one")
        shared = SharedTask(start(), f"evolink_async upload {key[:16]}")
        self._uploads[key] = caller, shared
        shared.when_over(partial(self._forget, key, shared))
        return caller, shared

    def _forget(self, key: str, shared: SharedTask[Upload]) -> None:
        found = self._uploads.get(key)
        # After a stopped upload another one may have started under the same key.
        if found is not None and found[1] is shared:
            del self._uploads[key]

    async def aclose(self) -> None:
        """Stop every upload and wait until all have ended; no new one starts."""
        self._closed = True
        uploads = [shared for _, shared in self._uploads.values()]
        for shared in uploads:
            shared.stop()
        for shared in uploads:
            await shared.ended()
