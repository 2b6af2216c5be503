"""What is uploaded, on its way out: a local file is read in a thread, piece by piece, and hashed as it goes.

Requests are made in `wire` and sent by a `Transport`; what to send again, and when, is decided in `files.upload`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self, TypeAlias
from urllib.parse import urlsplit

import anyio.to_thread
import attrs

from ..client import Transport
from ..concurrency import on_disk
from ..errors import TransportError, UploadError
from ..regular_file import IrregularFileError, open_regular
from ..wire import (
    MAX_FILE_BYTES,
    MAX_INLINE_BYTES,
    MultipartFrame,
    Request,
    Response,
    encode_fetch,
    encode_inline,
    encode_stream,
)

Tell: TypeAlias = Callable[[int], None]

PIECE_BYTES = 1 << 19
"""Bytes read in one hop to a thread; each upload holds two or three such pieces in memory."""


class LocalFileError(UploadError):
    """The file itself is at fault: it is gone, has changed, is empty or too long."""


class Content(Protocol):
    """Something to be uploaded, as often as it takes."""

    @property
    def source(self) -> str:
        """What it goes by in errors and events."""
        ...

    @property
    def sha256(self) -> str | None:
        """The digest of its bytes, in hex; None if nobody here has them."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """Its length; None if nobody here knows."""
        ...

    async def send(self, transport: Transport, tell: Tell) -> Response:
        """Send it once.

        Args:
            transport: Where to.
            tell: Told, time and again, how many of its bytes have gone out.

        Raises:
            TransportError: No complete answer.
            LocalFileError: It cannot be read, or is not what it was.
        """
        ...


@attrs.frozen(kw_only=True)
class InlineContent:
    """A parcel that fits into its request: a short content, or the address of one."""

    source: str
    request: Request
    sha256: str | None = None
    size_bytes: int | None = None

    @classmethod
    async def enclosing(cls, content: bytes, name: str) -> InlineContent:
        """Send a content itself.

        Raises:
            LocalFileError: It is empty, or too long.
        """
        _check_size(name, len(content), MAX_INLINE_BYTES, "write it to a file and upload that")

        def write() -> InlineContent:
            sha256 = hashlib.sha256(content).hexdigest()
            request = encode_inline(content, name, sha256)
            return cls(source=name, request=request, sha256=sha256, size_bytes=len(content))

        return await anyio.to_thread.run_sync(write)

    @classmethod
    def about(cls, url: str, name: str | None) -> InlineContent:
        """Send the address of a content, for the service to fetch."""
        source = name or f"the file at {urlsplit(url).hostname}"  # no more of the URL: it may be signed
        return cls(source=source, request=encode_fetch(url, name))

    async def send(self, transport: Transport, tell: Tell) -> Response:
        """Send it once; see `Content.send`."""
        return await transport.send(self.request)


@attrs.frozen(kw_only=True)
class FileContent:
    """A parcel that is read from the disk each time it is sent."""

    path: Path
    name: str
    sha256: str
    size_bytes: int

    @property
    def source(self) -> str:
        """Its path."""
        return str(self.path)

    @classmethod
    async def of(cls, path: Path, *, sha256: str | None = None, name: str | None = None) -> FileContent:
        """Look at a file; read it through if the digest of its bytes is not known.

        Raises:
            LocalFileError: It cannot be read, is no regular file, is empty, or too long.
        """

        def look() -> FileContent:
            with open_regular(path) as file:
                size_bytes = os.fstat(file.fileno()).st_size
                _check_size(str(path), size_bytes, MAX_FILE_BYTES, "shorten or compress it")
                known = sha256 or hashlib.file_digest(file, "sha256").hexdigest()
            return cls(path=path, name=name or path.name, sha256=known, size_bytes=size_bytes)

        return await on_disk(look, _unreadable(path))

    async def send(self, transport: Transport, tell: Tell) -> Response:
        """Send it once; see `Content.send`. A file that changed is not sent to its end, so nothing of it is kept."""
        frame = encode_stream(self.name, self.size_bytes, self.sha256)
        body = Body(self, frame, tell)
        try:
            response = await transport.send(attrs.evolve(frame.request, pieces=body))
        except TransportError:
            if body.fault is not None:
                raise body.fault from None
            raise
        finally:
            body.close()
        if 200 <= response.status < 300 and not body.is_whole:
            raise TransportError("the file service answered before it had the whole file", kind="upload")
        return response


class Body:
    """A file between the two ends of its envelope, as the body of one request.

    Read by a plain generator, one piece to a hop: an asynchronous one would be left open by the HTTP client.

    Attributes:
        fault: Why it came to an early end; the transport only knows that it did.
        is_whole: Whether all of it was handed over.
    """

    def __init__(self, content: FileContent, frame: MultipartFrame, tell: Tell) -> None:
        self.fault: LocalFileError | None = None
        self.is_whole = False
        self._content = content
        self._frame = frame
        self._tell = tell
        self._taken = 0
        self._is_wanted = True
        self._pieces = self._read()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await on_disk(self._step, _unreadable(self._content.path))
        except LocalFileError as error:
            self.fault = error
            raise
        if piece is None:
            raise StopAsyncIteration
        self._tell(self._taken)
        return piece

    def close(self) -> None:
        """Read no further, and close the file."""
        self._is_wanted = False
        with suppress(ValueError):  # a thread is at it, and will see to it
            self._pieces.close()

    def _step(self) -> bytes | None:
        piece = next(self._pieces, None)
        if not self._is_wanted:
            self._pieces.close()
        return piece

    def _read(self) -> Generator[bytes]:
        """Read in a thread. What follows the file is held back until its bytes are found to be the right ones."""
        content, digest = self._content, hashlib.sha256()
        with open_regular(content.path) as file:
            yield self._frame.before
            while piece := file.read(min(PIECE_BYTES, content.size_bytes - self._taken)):
                digest.update(piece)
                self._taken += len(piece)
                yield piece
            if digest.hexdigest() != content.sha256 or file.read(1):
                raise LocalFileError(f"{content.source!r} changed since it was measured", source=content.source)
        self.is_whole = True  # not at the end of the iteration: the answer may be here before that
        yield self._frame.after


def _check_size(source: str, size_bytes: int, most: int, way_out: str) -> None:
    if not size_bytes:
        raise LocalFileError(f"{source!r} is empty", source=source)
    if size_bytes > most:
        message = f"{source!r} has {size_bytes} bytes, more than the {most} that can be uploaded so; {way_out}"
        raise LocalFileError(message, source=source)


def _unreadable(path: Path) -> Callable[[OSError], LocalFileError]:
    """Make what the system says of a file into an error about it."""

    def failure(error: OSError) -> LocalFileError:
        reason = error.strerror or str(error)
        verb = "" if isinstance(error, IrregularFileError) else "cannot be read: "
        return LocalFileError(f"{str(path)!r} {verb}{reason}", source=str(path))

    return failure
