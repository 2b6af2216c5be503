"""Which bytes a Range request gets, by RFC 9110.

Pure; nothing here reads files or writes replies.
"""

from __future__ import annotations

import re

from attrs import frozen

_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*")


@frozen
class ByteRange:
    """Bytes `start` to `stop`, the latter not included, of a file of `size`."""

    start: int
    stop: int
    size: int

    @property
    def content_range(self) -> str:
        """The value of the Content-Range header."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


class UnsatisfiableError(Exception):
    """The range begins behind the end of the file."""


def range_of(size: int, range_header: str | None, *, if_range: str | None, etag: str) -> ByteRange | None:
    """Return the part asked for, None for the whole file.

    Args:
        size: Bytes of the file.
        range_header: The Range header. A malformed one, another unit or several ranges count as none, as
            the RFC allows.
        if_range: The If-Range header; the range counts only when it repeats `etag`.
        etag: The file's strong validator, in quotes.

    Raises:
        UnsatisfiableError: Nothing of the file is in the range.
    """
    found = _RANGE.fullmatch(range_header or "")
    if found is None or (if_range is not None and if_range != etag):
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        wanted = min(int(last), size)
        if wanted == 0:
            raise UnsatisfiableError
        return ByteRange(size - wanted, size, size)
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableError
    return ByteRange(start, stop, size)
