"""A result file as its host describes it: what status and headers mean.

Values only. Requests are sent in `result_reader`, and what is requested again is decided in `transfer`. What the first
bytes mean is in `pages`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

import attrs

from ..errors import DownloadError, LinkExpiredError
from ..wire import retry_after
from .file_version import FileVersion

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
"""A Content-Range with its first byte, its last byte, and the size of the whole file, or a star for an unknown size."""

_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_NO_RANGE = re.compile(r"bytes \*/(\d{1,18})")


class InterruptedDownloadError(DownloadError):
    """The network or the host failed; the missing bytes may be requested again.

    Attributes:
        retry_after: Seconds for which the host asks to wait; None if it does not.
    """

    def __init__(self, message: str, *, url: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, url=url)


class ChangedResultError(InterruptedDownloadError):
    """The host's file is not the one whose bytes are here, or no part of it can be had; all of it must be requested."""


class InterceptedResultError(InterruptedDownloadError):
    """Something on the way answered with a web page that it wants a login, or allows nothing, while the link works."""


class MissingResultError(InterruptedDownloadError, LinkExpiredError):
    """The host does not have the file (404): the link has expired, or the file has not reached this host yet."""


@attrs.frozen
class ResumePoint:
    """Where an interrupted download continues.

    Attributes:
        offset: Bytes that are here already.
        condition: What the host named for them: a strong ETag, or the date of the last change.
        version: All that the host told of the file that they are of.
    """

    offset: int
    condition: str
    version: FileVersion

    @property
    def headers(self) -> dict[str, str]:
        """The request headers that ask for the rest, or for the whole file if it has changed."""
        return {"Range": f"bytes={self.offset}-", "If-Range": self.condition}


@attrs.frozen(kw_only=True)
class RemoteFile:
    """A result file whose bytes are about to be read.

    Attributes:
        offset: Where the bytes begin: at the resume point, or at 0 if the host sends the whole file.
        stop: Where they end, as the host announces it; None if it does not.
        content_type: Its media type.
        version: What the host tells of this version of the file, its size included.
        is_open_ended: Whether nothing but the end of the connection marks the end of the bytes. A connection that is
            cut looks the same.
        pieces: The bytes.
    """

    offset: int
    stop: int | None
    content_type: str
    version: FileVersion
    is_open_ended: bool
    pieces: AsyncIterator[bytes]


@attrs.frozen
class PartialContent:
    """Which part of which file a host sends, as the headers of a partial response (206) tell it.

    Attributes:
        stop: Where the part ends.
        version: What the host tells of the file.
    """

    stop: int
    version: FileVersion


def status_error(
    status: int, headers: Mapping[str, str], url: str, *, is_resumed: bool, now: float, expires_at: float
) -> DownloadError | None:
    """Return the error that an HTTP status stands for; None if the bytes of the file follow.

    Args:
        status: The status.
        headers: The headers, of which `Retry-After`, `Content-Type` and `Content-Range` count.
        url: The link, for the error.
        is_resumed: Whether a part of the file was requested.
        now: Unix seconds.
        expires_at: Unix seconds when the link expires; 0 if that is not known.
    """
    # 203: a proxy on the way has changed something, as the headers (RFC 9110, section 15.3.4).
    if status in (200, 203) or (status == 206 and (is_resumed or whole_size(headers) is not None)):
        return None
    message = f"the result's host answered HTTP {status}"
    # 416: nothing comes after the resume point, so the file is not the one that it was. The others are said by hosts
    # and proxies that do not like the headers of a part; they may send the whole file all the same.
    if is_resumed and status in (400, 412, 416):
        return ChangedResultError(message, url=url)
    if status == 404:
        return MissingResultError(message, url=url, retry_after=retry_after(headers, now))
    # Object stores refuse in XML. A page comes from a login portal or a firewall on the way, which may let the next
    # request pass.
    if status in (401, 403, 407) and now < expires_at and _media_type(headers) in _PAGE_TYPES:
        return InterceptedResultError(f"{message}, with a web page", url=url, retry_after=retry_after(headers, now))
    # Object stores answer 403 to a signed link that has expired.
    if status in (403, 410):
        return LinkExpiredError(message, url=url)
    if status in (408, 425, 429) or status >= 500:
        return InterruptedDownloadError(message, url=url, retry_after=retry_after(headers, now))
    return DownloadError(message, url=url)


def part_after(headers: Mapping[str, str], after: ResumePoint, url: str) -> PartialContent:
    """Return the part that a host sends after a resume point.

    Raises:
        ChangedResultError: It is another part than the one that was requested, of another version, or of a file whose
            size is not known: then nothing would tell whether it is the last part.
    """
    found = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    # Several parts have their places inside of the body, which is none of the file then.
    if found is None or int(found[1]) != after.offset or _media_type(headers).startswith("multipart/"):
        raise ChangedResultError("the result's host sent another part than the one asked for", url=url)
    stop = int(found[2]) + 1
    # Some hosts send the whole file, and name it a part all the same.
    if headers.get("Content-Length", str(stop - after.offset)).strip() != str(stop - after.offset):
        raise ChangedResultError("the result's host sent a part of another length than it says", url=url)
    # Some hosts obey Range and ignore If-Range.
    told = FileVersion.of_headers(headers, None if found[3] == "*" else int(found[3]))
    if not after.version.is_that_of(told):
        raise ChangedResultError("the result's host sent a part of another file", url=url)
    size_bytes = after.version.size_bytes if told.size_bytes is None else told.size_bytes
    if size_bytes is None:
        raise ChangedResultError("the result's host sent a part of a file of unknown size", url=url)
    return PartialContent(stop, attrs.evolve(after.version, size_bytes=size_bytes))


def whole_size(headers: Mapping[str, str]) -> int | None:
    """Return the size of a file that a partial response (206) is all of; None if it is not all of it."""
    found = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if found is None or found[3] == "*" or _media_type(headers).startswith("multipart/"):
        return None
    size_bytes = int(found[3])
    return size_bytes if (int(found[1]), int(found[2]) + 1) == (0, size_bytes) else None


def told_size(status: int, headers: Mapping[str, str]) -> int | None:
    """Return the size of a whole file by the answer to a request for a part of it; None if it does not tell."""
    content_range = headers.get("Content-Range", "")
    found: str | None = None
    if status == 416 and (none := _NO_RANGE.fullmatch(content_range)):
        found = none[1]
    elif status == 206 and (part := CONTENT_RANGE.fullmatch(content_range)):
        found = part[3]
    # A host that sends no parts sends the whole file. Of compressed bytes the length is another one.
    elif status in (200, 203) and "Content-Encoding" not in headers:
        found = headers.get("Content-Length", "").strip()
    return int(found) if found and found.isdecimal() and found.isascii() else None


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()
