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

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
"""A Content-Range with its first byte and the size of the whole file, or a star for a size that is not known."""


class InterruptedDownloadError(DownloadError):
    """The network or the host failed; the missing bytes may be requested again.

    Attributes:
        retry_after: Seconds for which the host asks to wait; None if it does not.
    """

    def __init__(self, message: str, *, url: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, url=url)


class ChangedResultError(InterruptedDownloadError):
    """The host's file is not the one whose bytes are here; it must be requested from its beginning."""


class MissingResultError(InterruptedDownloadError, LinkExpiredError):
    """The host does not have the file (404): the link has expired, or the file has not reached this host yet."""


@attrs.frozen
class ResumePoint:
    """Where an interrupted download continues.

    Attributes:
        offset: Bytes that are here already.
        version: The version that the host named for them: a strong ETag, or the date of the last change.
        size_bytes: Size of the whole file, if the host has told it.
    """

    offset: int
    version: str
    size_bytes: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The request headers that ask for the rest, or for the whole file if it has changed."""
        return {"Range": f"bytes={self.offset}-", "If-Range": self.version}


@attrs.frozen(kw_only=True)
class RemoteFile:
    """A result file whose bytes are about to be read.

    Attributes:
        offset: Where the bytes begin: at the resume point, or at 0 if the host sends the whole file.
        size_bytes: Size of the whole file; None if the host does not tell.
        content_type: Its media type.
        version: A strong ETag, or else the date of the last change; None if the host names neither.
        pieces: The bytes.
    """

    offset: int
    size_bytes: int | None
    content_type: str
    version: str | None
    pieces: AsyncIterator[bytes]


def status_error(
    status: int, headers: Mapping[str, str], url: str, *, is_resumed: bool, now: float
) -> DownloadError | None:
    """Return the error that an HTTP status stands for; None if the bytes of the file follow.

    Args:
        status: The status.
        headers: The headers, of which `Retry-After` counts.
        url: The link, for the error.
        is_resumed: Whether a part of the file was requested.
        now: Unix seconds.
    """
    if status == 200 or (status == 206 and is_resumed):
        return None
    message = f"the result's host answered HTTP {status}"
    # 416: nothing comes after the resume point, so the file is not the one that it was. The others are said by hosts
    # and proxies that do not like the headers of a part; they may send the whole file all the same.
    if is_resumed and status in (400, 412, 416):
        return ChangedResultError(message, url=url)
    if status == 404:
        return MissingResultError(message, url=url, retry_after=retry_after(headers, now))
    # Object stores answer 403 to a signed link that has expired.
    if status in (403, 410):
        return LinkExpiredError(message, url=url)
    if status in (408, 425, 429) or status >= 500:
        return InterruptedDownloadError(message, url=url, retry_after=retry_after(headers, now))
    return DownloadError(message, url=url)


def whole_size(headers: Mapping[str, str], after: ResumePoint, url: str) -> int:
    """Return the size of the whole file from the headers of a partial response (206), or from the first response.

    Raises:
        DownloadError: It is not the part that was requested.
        ChangedResultError: It is a part of another version, or of a file whose size is not known: then nothing would
            tell whether it is the last part.
    """
    content_range = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if content_range is None or int(content_range[1]) != after.offset:
        raise DownloadError("the result's host sent another part than the one asked for", url=url)
    # Some hosts obey Range and ignore If-Range. A host that repeats no version is believed.
    kind = "ETag" if after.version.startswith('"') else "Last-Modified"
    if headers.get(kind, after.version) != after.version:
        raise ChangedResultError("the result's host sent a part of another file", url=url)
    size_bytes = after.size_bytes if content_range[2] == "*" else int(content_range[2])
    if size_bytes is None:
        raise ChangedResultError("the result's host sent a part of a file of unknown size", url=url)
    return size_bytes


def version_of(headers: Mapping[str, str]) -> str | None:
    """Return the version that a host names for its file: a strong ETag, else the date of its last change."""
    # If-Range takes no weak ETag (W/"..."): files under one weak ETag may differ in bytes.
    # Source: RFC 9110, section 13.1.5.
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified")
