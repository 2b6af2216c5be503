"""Undoing compression that nobody asked for.

Every request asks for plain bytes. Some proxies and hosts compress all the same, and some only say so. Bytes are
believed, headers are not: what does not look compressed is taken as it is, so that no header costs an answer.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from gzip import BadGzipFile

PLAIN = {"Accept-Encoding": "identity"}
"""The header that asks for plain bytes."""

CHUNK_BYTES = 1 << 20
"""Most bytes that are inflated at once, so that a small file which grows without end is noticed."""

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_UNREADABLE = ("br", "zstd", "compress")


def inflated(body: bytes, encoding: str, most: int) -> bytes:
    """Return a body of JSON without its compression; one that cannot be inflated is returned as it is.

    Args:
        body: What was received. JSON never begins as gzip and zlib do.
        encoding: What the host says of it. Some call bytes without the header of zlib "deflate".
        most: Bytes after which the caller gives up; at most one more is returned.
    """
    if not _looks_compressed(body) and encoding != "deflate":
        return body
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB if _looks_compressed(body) else -zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(body, most + 1)
    except zlib.error:
        return body
    return plain if inflater.eof or len(plain) > most else body


def _looks_compressed(first: bytes) -> bool:
    is_zlib = first[:1] == b"\x78" and len(first) > 1 and int.from_bytes(first[:2]) % 31 == 0
    return first[:2] == b"\x1f\x8b" or is_zlib


class PlainPieces:
    """The bytes of a file whose host says that it has compressed them.

    Args:
        pieces: What is received.
        first: The first bytes of it, at least two, if there are so many.

    Attributes:
        is_inflated: Whether they are compressed indeed.
    """

    def __init__(self, pieces: AsyncIterator[bytes], first: bytes) -> None:
        self.is_inflated: bool = _looks_compressed(first)
        self._pieces = pieces
        self._first = first

    @classmethod
    async def of(cls, pieces: AsyncIterator[bytes], encoding: str) -> PlainPieces:
        """Read the first bytes.

        Raises:
            ValueError: They are compressed in a way that cannot be undone.
        """
        if encoding in _UNREADABLE:
            raise ValueError(f"it is compressed with {encoding!r}, though plain bytes were asked for")
        first = b""
        async for piece in pieces:
            first += piece
            if len(first) > 1:
                break
        return cls(pieces, first)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the plain bytes.

        Raises:
            BadGzipFile: The compressed bytes are damaged, or end too early.
        """
        return self._inflate() if self.is_inflated else self._all()

    async def _all(self) -> AsyncIterator[bytes]:
        yield self._first
        async for piece in self._pieces:
            yield piece

    async def _inflate(self) -> AsyncIterator[bytes]:
        inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            async for piece in self._all():
                rest = piece
                while rest:
                    yield inflater.decompress(rest, CHUNK_BYTES)
                    rest = inflater.unconsumed_tail
            yield inflater.flush()
        except zlib.error as error:
            raise BadGzipFile(f"the compressed bytes are damaged: {error}") from None
        if not inflater.eof:
            raise BadGzipFile("the compressed bytes end too early")
