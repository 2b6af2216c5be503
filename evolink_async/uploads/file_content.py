"""Content that is streamed from the disk: read in a thread, piece by piece, and hashed on the way.

The bytes around the file in a request are made in `wire`. What is sent again, and when, is decided in `sender`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Self

import attrs

from ..client import Transport
from ..concurrency import on_disk
from ..errors import TransportError
from ..media import printable
from ..regular_file import IrregularFileError, open_regular
from ..wire import MAX_FILE_BYTES, MultipartFrame, Response, encode_stream
from .content import LocalFileError, OnSent, check_size

PIECE_BYTES = 1 << 19
"""Bytes read in one hop to a thread; each upload holds two or three such pieces in memory."""


@attrs.frozen(kw_only=True)
class FileContent:
    """A file that is read from the disk each time it is sent.

    Attributes:
        path: Where it is.
        name: Its name at the service.
        sha256: The digest that its bytes must have, in hex.
        size_bytes: Its size.
    """

    path: Path
    name: str
    sha256: str
    size_bytes: int

    @property
    def source(self) -> str:
        """Its path."""
        return printable(self.path)

    @classmethod
    async def of(cls, path: Path, *, sha256: str | None = None, name: str | None = None) -> FileContent:
        """Measure a file.

        Args:
            path: The file.
            sha256: Its digest, if that is known; else the whole file is read.
            name: Its name at the service; by default that of the path.

        Raises:
            LocalFileError: The file cannot be read, is not a regular file, is empty, or is too long.
        """

        def measure() -> FileContent:
            with open_regular(path) as file:
                size_bytes = os.fstat(file.fileno()).st_size
                check_size(printable(path), size_bytes, MAX_FILE_BYTES, "shorten or compress it")
                digest = sha256 or hashlib.file_digest(file, "sha256").hexdigest()
            return cls(path=path, name=name or path.name, sha256=digest, size_bytes=size_bytes)

        return await on_disk(measure, _read_error(path))

    async def send(self, transport: Transport, on_sent: OnSent) -> Response:
        """Send it once; see `Content.send`.

        The end of the request is not sent for a file that has changed, so the service stores nothing of it.

        Raises:
            LocalFileError: The file cannot be read any more, or has changed.
            TransportError: No complete answer arrived, or one before the whole file was sent.
        """
        frame = encode_stream(self.name, self.size_bytes, self.sha256)
        body = FileBody(self, frame, on_sent)
        try:
            response = await transport.send(attrs.evolve(frame.request, pieces=body))
        except TransportError:
            # To the transport, a body that fails looks like a broken connection. The file's error says more.
            if body.error is not None:
                raise body.error from None
            raise
        finally:
            body.close()
        # A success before the end of the file cannot be about the whole file. A refusal can.
        if 200 <= response.status < 300 and not body.is_whole:
            raise TransportError("the file service answered before it had the whole file", kind="upload")
        return response


class FileBody:
    """The body of one request: the frame's beginning, the file, the frame's end.

    Args:
        content: The file.
        frame: What stands around it.
        on_sent: Receives how many of the file's bytes were handed to the HTTP client.

    Attributes:
        error: Why the body ended early; None if it did not.
        is_whole: Whether the whole file was handed over.
    """

    def __init__(self, content: FileContent, frame: MultipartFrame, on_sent: OnSent) -> None:
        self.error: LocalFileError | None = None
        self.is_whole: bool = False
        self._content = content
        self._frame = frame
        self._on_sent = on_sent
        self._read_bytes = 0
        self._is_closed = False
        # A plain generator, advanced in a thread. The HTTP client does not close an asynchronous generator that it
        # stops reading, and the file would stay open.
        self._pieces = self._read()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await on_disk(self._next_piece, _read_error(self._content.path))
        except LocalFileError as error:
            self.error = error
            raise
        if piece is None:
            raise StopAsyncIteration
        self._on_sent(self._read_bytes)
        return piece

    def close(self) -> None:
        """Stop reading and close the file."""
        self._is_closed = True
        # A generator that runs in a thread cannot be closed from here (ValueError); that thread closes it.
        with suppress(ValueError):
            self._pieces.close()

    def _next_piece(self) -> bytes | None:
        piece = next(self._pieces, None)
        if self._is_closed:
            self._pieces.close()
        return piece

    def _read(self) -> Generator[bytes]:
        content, digest = self._content, hashlib.sha256()
        with open_regular(content.path) as file:
            yield self._frame.before
            while piece := file.read(min(PIECE_BYTES, content.size_bytes - self._read_bytes)):
                digest.update(piece)
                self._read_bytes += len(piece)
                yield piece
            # The frame's end is held back until the digest is right: without it the service rejects the request.
            if digest.hexdigest() != content.sha256 or file.read(1):
                raise LocalFileError(f"{content.source!r} changed since it was measured", source=content.source)
        # Set before the last piece: the answer may arrive before the HTTP client asks for the piece after that.
        self.is_whole = True
        yield self._frame.after


def _read_error(path: Path) -> Callable[[OSError], LocalFileError]:
    """Return a function that makes the error for a file from an error of the file system."""

    def read_error(error: OSError) -> LocalFileError:
        reason = error.strerror or str(error)
        verb = "" if isinstance(error, IrregularFileError) else "cannot be read: "
        return LocalFileError(f"{printable(path)!r} {verb}{reason}", source=printable(path))

    return read_error
