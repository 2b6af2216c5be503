"""A result file as its host describes it: what status and headers mean.

Values only. Requests are sent in `result_reader`, and what is requested again is decided in `transfer`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

import attrs

from ..errors import DownloadError, LinkExpiredError

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
"""A Content-Range with its first byte and the size of the whole file."""


class InterruptedDownloadError(DownloadError):
    """The network or the host failed; the missing bytes may be requested again."""


class ChangedResultError(InterruptedDownloadError):
    """The host's file is not the one whose bytes are here; it must be requested from its beginning."""


@attrs.frozen
class ResumePoint:
    """Where an interrupted download continues.

    Attributes:
        offset: Bytes that are here already.
        version: The version that the host named for them: a strong ETag, or the date of the last change.
    """

    offset: int
    version: str

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


def status_error(status: int, url: str, *, is_resumed: bool) -> DownloadError | None:
    """Return the error that an HTTP status stands for; None if the bytes of the file follow.

    Args:
        status: The status.
        url: The link, for the error.
        is_resumed: Whether a part of the file was requested.
    """
    if status == 200 or (status == 206 and is_resumed):
        return None
    kind = DownloadError
    # Object stores answer 403 to a signed link that has expired.
    if status in (403, 404, 410):
        kind = LinkExpiredError
    # Nothing comes after the resume point, so the file is not the one that it was.
    elif status == 416 and is_resumed:
        kind = ChangedResultError
    elif status in (408, 429) or status >= 500:
        kind = InterruptedDownloadError
    return kind(f"the result's host answered HTTP {status}", url=url)


def whole_size(headers: Mapping[str, str], after: ResumePoint, url: str) -> int:
    """Return the size of the whole file from the headers of a partial response (206).

    Raises:
        DownloadError: It is not the part that was requested.
        ChangedResultError: It is a part of another version.
    """
    content_range = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if content_range is None or int(content_range[1]) != after.offset:
        raise DownloadError("the result's host sent another part than the one asked for", url=url)
    # Some hosts obey Range and ignore If-Range. A host that repeats no version is believed.
    kind = "ETag" if after.version.startswith('"') else "Last-Modified"
    if headers.get(kind, after.version) != after.version:
        raise ChangedResultError("the result's host sent a part of another file", url=url)
    return int(content_range[2])


def version_of(headers: Mapping[str, str]) -> str | None:
    """Return the version that a host names for its file: a strong ETag, else the date of its last change."""
    # If-Range takes no weak ETag (W/"..."): files under one weak ETag may differ in bytes.
    # Source: RFC 9110, section 13.1.5.
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified")
