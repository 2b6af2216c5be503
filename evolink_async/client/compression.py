"""Undoing compression that nobody asked for.

Every request asks for plain bytes. Some proxies and hosts compress all the same, and some only say so. Bytes are
believed, headers are not: what does not look compressed is taken as it is, so that no header costs an answer.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from contextlib import contextmanager
from gzip import BadGzipFile

PLAIN = {"Accept-Encoding": "identity"}
"""The header that asks for plain bytes."""

CHUNK_BYTES = 1 << 20
"""Most bytes that are inflated at once, so that a small file which grows without end is noticed."""

# So many bytes of anything else make an error when they are inflated without the header of zlib.
_PROBE_BYTES = 512
_GZIP = b"\x1f\x8b"
_ONLY_GZIP = zlib.MAX_WBITS | 16
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW = -zlib.MAX_WBITS
# Source: RFC 9110 (section 8.4.1), 7932, 8878 and 9842.
_UNREADABLE = ("br", "zstd", "compress", "x-compress", "dcb", "dcz")


def inflated(body: bytes, encodings: Iterable[str], most: int) -> bytes:
    """Return a body of JSON without its compression; one that cannot be inflated is returned as it is.

    Args:
        body: What was received. JSON never begins as gzip and zlib do.
        encodings: The headers `Content-Encoding`. Some call bytes without the header of zlib "deflate".
        most: Bytes after which the caller gives up; at most one more is returned.
    """
    plain = body
    # The last, nameless one is for compression of which the host says nothing.
    for coding in (*_codings(encodings), ""):
        window = _window(plain, coding)
        if window is None:
            continue
        try:
            plain = _joined(_inflate(plain, window), most + 1)
        except BadGzipFile:
            return body
        if len(plain) > most:
            return plain
    return plain


def _joined(pieces: Iterable[bytes], most: int) -> bytes:
    joined = bytearray()
    for piece in pieces:
        joined += piece
        if len(joined) >= most:
            break
    return bytes(joined[:most])


def _codings(encodings: Iterable[str]) -> list[str]:
    """Return the names in the headers `Content-Encoding`, in the order in which they are to be undone."""
    names = [name.strip().lower() for header in encodings for name in header.split(",")]
    return [name for name in reversed(names) if name not in ("", "identity")]


def _window(first: bytes, coding: str) -> int | None:
    """Return the window that zlib needs to inflate what begins with these bytes; None if they look plain."""
    is_zlib = first[:1] == b"\x78" and len(first) > 1 and int.from_bytes(first[:2]) % 31 == 0
    if first.startswith(_GZIP) or is_zlib:
        return _GZIP_OR_ZLIB
    return _RAW if coding == "deflate" and _is_raw(first[:_PROBE_BYTES]) else None


def _is_raw(first: bytes) -> bool:
    """Whether the bytes can be inflated without a header. If they end in a few, other bytes looked so by chance."""
    inflater = zlib.decompressobj(_RAW)
    try:
        return bool(inflater.decompress(first, CHUNK_BYTES)) and not inflater.unused_data
    except zlib.error:
        return False


class _Inflater:
    """The bytes of one compression: compressed pieces in, plain pieces of at most `CHUNK_BYTES` out.

    A gzip file may consist of several members (RFC 1952, section 2.2), whose plain bytes belong together.
    """

    def __init__(self, window: int) -> None:
        self._inflater = zlib.decompressobj(window)
        self._behind = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of the next compressed ones.

        Raises:
            BadGzipFile: They are damaged.
        """
        with _damage():
            while piece := self._next_member(piece) if self._inflater.eof else piece:
                yield self._inflater.decompress(piece, CHUNK_BYTES)
                piece = self._inflater.unused_data or self._inflater.unconsumed_tail

    def finish(self) -> bytes:
        """Return the last plain bytes.

        Raises:
            BadGzipFile: More compressed bytes had to follow.
        """
        with _damage():
            rest = self._inflater.flush()
        if not self._inflater.eof:
            raise BadGzipFile("the compressed bytes end too early")
        return rest

    def _next_member(self, piece: bytes) -> bytes:
        """Return the bytes behind the end of a member that belong to the next one.

        Zeros and other bytes that begin no member are dropped, as most programs do: some servers pad with them.
        """
        self._behind = (self._behind + piece).lstrip(b"\0")
        if not self._behind.startswith(_GZIP):
            # Two bytes tell whether a member follows, and they may come one by one.
            self._behind = self._behind[: len(_GZIP)]
            return b""
        member, self._behind = self._behind, b""
        self._inflater = zlib.decompressobj(_ONLY_GZIP)
        return member


@contextmanager
def _damage() -> Generator[None, None, None]:
    try:
        yield
    except zlib.error as error:
        raise BadGzipFile(f"the compressed bytes are damaged: {error}") from None


def _inflate(body: bytes, window: int) -> Iterator[bytes]:
    inflater = _Inflater(window)
    yield from inflater.feed(body)
    yield inflater.finish()


class PlainPieces:
    """The bytes of a file whose host says that it has compressed them.

    Attributes:
        is_inflated: Whether they are compressed indeed.
    """

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self.is_inflated: bool = False
        self._pieces = pieces

    @classmethod
    async def of(cls, pieces: AsyncIterator[bytes], encodings: Iterable[str]) -> PlainPieces:
        """Read the first bytes.

        Args:
            pieces: What is received.
            encodings: The headers `Content-Encoding`.

        Raises:
            ValueError: They are compressed in a way that cannot be undone.
            BadGzipFile: The compressed bytes are damaged.
        """
        plain = cls(pieces)
        for coding in _codings(encodings):
            if coding in _UNREADABLE:
                raise ValueError(f"it is compressed with {coding!r}, though plain bytes were asked for")
            await plain._undo(coding)
        return plain

    async def _undo(self, coding: str) -> None:
        first = b""
        async for piece in self._pieces:
            first += piece
            if len(first) >= _PROBE_BYTES:
                break
        all_of_it = _all(first, self._pieces)
        window = _window(first, coding)
        self.is_inflated = self.is_inflated or window is not None
        self._pieces = all_of_it if window is None else _inflate_pieces(all_of_it, window)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the plain bytes.

        Raises:
            BadGzipFile: The compressed bytes are damaged, or end too early.
        """
        return self._pieces


async def _all(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


async def _inflate_pieces(pieces: AsyncIterator[bytes], window: int) -> AsyncIterator[bytes]:
    inflater = _Inflater(window)
    async for piece in pieces:
        for plain in inflater.feed(piece):
            yield plain
    yield inflater.finish()
