"""What is uploaded: the protocol, and content that fits into one request.

Content that is streamed from the disk is in `file_content`. What is sent again, and when, is decided in `sender`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

import anyio.to_thread
import attrs

from ..client import Transport
from ..errors import ConfigurationError, UploadError
from ..wire import MAX_INLINE_BYTES, Request, Response, encode_fetch, encode_inline

OnSent: TypeAlias = Callable[[int], None]
"""Receives, again and again, how many bytes of the content were sent in this try."""


# As long as file systems take, and what none of them should.
_LONGEST_NAME = 255
_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class LocalFileError(UploadError):
    """The content cannot be uploaded as it is: it is missing, unreadable, changed, empty or too long."""


class Content(Protocol):
    """Something to upload, as often as needed."""

    @property
    def source(self) -> str:
        """Its name in errors and events."""
        ...

    @property
    def sha256(self) -> str | None:
        """The digest of its bytes, in hex; None if the service fetches them from a URL."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """Its size; None if the service fetches it from a URL."""
        ...

    async def send(self, transport: Transport, on_sent: OnSent) -> Response:
        """Send it once.

        Args:
            transport: The connection to the file service.
            on_sent: Receives the progress.

        Raises:
            TransportError: There is no complete answer.
            LocalFileError: The content cannot be read, or has changed.
        """
        ...


@attrs.frozen(kw_only=True)
class InlineContent:
    """Content whose request is small: the bytes themselves inside JSON, or a URL that the service fetches."""

    source: str
    request: Request
    sha256: str | None = None
    size_bytes: int | None = None

    @classmethod
    async def of_bytes(cls, content: bytes, name: str) -> InlineContent:
        """Make a request that holds the bytes.

        Raises:
            LocalFileError: There are no bytes, or more than `MAX_INLINE_BYTES`.
        """
        check_size(name, len(content), MAX_INLINE_BYTES, "write it to a file and upload that")

        def encode() -> InlineContent:
            sha256 = hashlib.sha256(content).hexdigest()
            request = encode_inline(content, name, sha256)
            return cls(source=name, request=request, sha256=sha256, size_bytes=len(content))

        # Hashing and encoding 10 MB would hold up the event loop for tens of milliseconds.
        return await anyio.to_thread.run_sync(encode)

    @classmethod
    def of_url(cls, url: str, name: str | None) -> InlineContent:
        """Make a request that asks the service to fetch a URL."""
        # Only the host goes into errors and events: the rest of a signed URL is a secret.
        source = name or f"the file at {urlsplit(url).hostname}"
        return cls(source=source, request=encode_fetch(url, name))

    async def send(self, transport: Transport, on_sent: OnSent) -> Response:
        """Send it once, without progress; see `Content.send`."""
        return await transport.send(self.request)


def check_file_name(name: object) -> None:
    """Refuse what is no name of a file. Of a path, the service gets the last part.

    Raises:
        ConfigurationError: It is not a text of 1 to 255 characters, or has a control character or a lone surrogate.
    """
    if not isinstance(name, str | None):
        raise ConfigurationError(f"file_name must be text, not {str(name)[:200]!r}")
    if name is not None and (not 1 <= len(name) <= _LONGEST_NAME or _NO_NAME.search(name)):
        limits = f"1 to {_LONGEST_NAME} characters, with no control character and no surrogate"
        raise ConfigurationError(f"file_name must be {limits}, not {name[:60]!r}")


def check_size(source: str, size_bytes: int, limit: int, advice: str) -> None:
    """Refuse empty and too long content.

    Args:
        source: The content's name in the error.
        size_bytes: Its size.
        limit: The most bytes that can be uploaded this way.
        advice: What to do about content that is too long.

    Raises:
        LocalFileError: The size is 0 or above the limit.
    """
    if not size_bytes:
        raise LocalFileError(f"{source!r} is empty", source=source)
    if size_bytes > limit:
        message = f"{source!r} has {size_bytes} bytes, more than the {limit} that can be uploaded this way; {advice}"
        raise LocalFileError(message, source=source)
