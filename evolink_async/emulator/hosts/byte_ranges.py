"""Range requests by RFC 9110: from the headers to the range of bytes.

The response is made in `result_host`.
"""

from __future__ import annotations

import re

from attrs import frozen

_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*")


@frozen
class ByteRange:
    """Bytes `start` to `stop`, `stop` excluded, of a file of `size` bytes."""

    start: int
    stop: int
    size: int

    @property
    def content_range(self) -> str:
        """The value of the Content-Range header."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


class UnsatisfiableError(Exception):
    """The range contains no byte of the file."""


def range_of(size: int, range_header: str | None, *, if_range: str | None, etag: str) -> ByteRange | None:
    """Return the requested range, or None for the whole file.

    Args:
        size: Bytes in the file.
        range_header: The Range header. A malformed one, another unit than bytes, and several ranges are ignored,
            as the RFC allows.
        if_range: The If-Range header; another value than `etag` makes the range ignored.
        etag: The strong ETag of the file, in quotes.

    Raises:
        UnsatisfiableError: The range contains no byte of the file.
    """
    found = _RANGE.fullmatch(range_header or "")
    if found is None or (if_range is not None and if_range != etag):
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    # A suffix range: the last bytes of the file.
    if not first:
        wanted = min(int(last), size)
        # RFC 9110, 14.1.2: a suffix of 0 bytes cannot be satisfied.
        if wanted == 0:
            raise UnsatisfiableError
        return ByteRange(size - wanted, size, size)
    # In the header the last byte is included.
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableError
    return ByteRange(start, stop, size)
