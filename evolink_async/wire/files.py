"""The messages of the file service: three kinds of upload request, and the answer to all of them.

Files are opened and sent in `uploads`.

Source: https://docs.evolink.ai/en/api-manual/file-series/upload-stream, upload-base64 and upload-url (read 2026-11-20).
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from pathlib import PurePosixPath

import attrs

from ..errors import ReplyError, StatusError
from ..json_text import Json, dump, parse
from ..media import MB, Upload
from ..urls import quoted, web_host
from .messages import Request, Response, unreadable
from .refusals import decode_error, vendor_error

MAX_FILE_BYTES = 100 * MB
"""Largest file. Source: the service's own client, upload-policy.ts; the pages name no limit."""
MAX_INLINE_BYTES = 10 * MB
"""Largest content that is sent inside JSON, where it is a third longer and three times in memory."""
LIFE_SECONDS = 72 * 3600.0
"""How long a link works. Source: all three upload pages."""

MIME_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/markdown",
}
"""The declared media type of a file, by its suffix. The service also checks the bytes."""

_PREFIX = "/api/v1/files/upload"


class LinkError(ReplyError):
    """The file service took a file and gave a link that no model takes; another upload would get the same one."""


@attrs.frozen(kw_only=True)
class MultipartFrame:
    """A request that streams a file as multipart, without the bytes of the file.

    Attributes:
        request: The request, without its body.
        before: The body before the bytes of the file.
        after: The body after them.
    """

    request: Request
    before: bytes = attrs.field(repr=False)
    after: bytes = attrs.field(repr=False)


def stored_name(name: str, digest: str) -> str:
    """Return the name of a file at the service: ASCII only, and different for different content.

    Args:
        name: The local name of the file.
        digest: A digest of the content or of its source, in hex.
    """
    # A file with the name of an earlier one would take over its link.
    path = PurePosixPath(name.replace("\\", "/"))
    stem, suffix = (re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") for text in (path.stem, path.suffix[1:]))
    whole = f"{digest[:16]}-{stem[:60]}".rstrip("-")
    return f"{whole}.{suffix[:10]}" if suffix else whole


def encode_stream(name: str, size_bytes: int, sha256: str) -> MultipartFrame:
    """Make the request that streams a file.

    Args:
        name: The local name of the file.
        size_bytes: The size of the file.
        sha256: The SHA-256 of its bytes, in hex.
    """
    # A boundary must not be in the file. No file holds its own digest, and the same file gives the same request.
    boundary, file_name = f"evolink-async-{sha256[:40]}", stored_name(name, sha256)
    mime_type = MIME_TYPES.get(PurePosixPath(file_name).suffix.lower(), "application/octet-stream")
    before = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file_name"\r\n\r\n{file_name}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
        f"Content-Type: {mime_type}\r\n\r\n"
    ).encode()
    after = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(before) + size_bytes + len(after)),
    }
    request = Request(kind="upload", method="POST", path=f"{_PREFIX}/stream", headers=headers)
    return MultipartFrame(request=request, before=before, after=after)


def encode_inline(content: bytes, name: str, sha256: str) -> Request:
    """Make the request that holds a content of up to `MAX_INLINE_BYTES` in its JSON."""
    file_name = stored_name(name, sha256)
    mime_type = MIME_TYPES.get(PurePosixPath(file_name).suffix.lower())
    prefix = f"data:{mime_type};base64," if mime_type else ""
    text = prefix + base64.b64encode(content).decode()
    return _json_request("base64", {"base64_data": text, "file_name": file_name})


def encode_fetch(url: str, name: str | None) -> Request:
    """Make the request that lets the service fetch a file from a URL; without a name the service chooses one."""
    body = {"file_url": url}
    # The content is not known here, so the URL stands for it.
    if name is not None:
        body["file_name"] = stored_name(name, hashlib.sha256(url.encode()).hexdigest())
    return _json_request("url", body)


def _json_request(way: str, body: dict[str, str]) -> Request:
    headers = {"Content-Type": "application/json"}
    return Request(kind="upload", method="POST", path=f"{_PREFIX}/{way}", body=dump(body), headers=headers)


def decode_upload(
    response: Response, *, now: float, sha256: str | None = None, size_bytes: int | None = None
) -> Upload:
    """Read the answer to an upload.

    Args:
        response: The answer.
        now: Unix seconds. The link expires relative to this time, because the clock and the time zone of the service
            are not known.
        sha256: The SHA-256 of the content, if it is known.
        size_bytes: The size of the content, if it is known.

    Raises:
        StatusError: The service refused the upload.
        ReplyError: The answer has another structure, or no link.
        LinkError: The link is not an http(s) URL.
    """
    if not 200 <= response.status < 300:
        raise decode_error(response, now=now)
    # The service can answer a refused upload with HTTP 200 and `success: false`.
    if (error := vendor_error(response)) is not None:
        raise _refused(response, error, now)
    try:
        receipt = _receipt(parse(response.body))
        link = _link(receipt)
    except ValueError as error:
        raise unreadable(
            response, f"the file service answered HTTP {response.status}, but not with an upload: {error}"
        ) from None
    url = _quoted(link)
    if web_host(url) is None:
        text = f"the file service took the file, but its link is no http(s) URL: {link[:200]!r}"
        raise LinkError(text, status=response.status, excerpt=response.excerpt, request_id=response.request_id)
    file_id, mime_type, size = receipt.get("file_id"), receipt.get("mime_type"), receipt.get("file_size")
    return Upload(
        file_id=file_id if isinstance(file_id, str) else None,
        url=url,
        sha256=sha256,
        # What was sent is known better here than at the service.
        size_bytes=size if size_bytes is None and type(size) is int and size >= 0 else size_bytes,
        mime_type=mime_type if isinstance(mime_type, str) else None,
        expires_at=now + _life(receipt),
        uploaded_at=now,
    )


def _refused(response: Response, error: dict[str, Json], now: float) -> StatusError:
    """Return the error of a refusal that came as HTTP 200."""
    # The code is an HTTP status if it is a number of that range.
    code = error.get("code")
    status = code if type(code) is int and code >= 400 else 400
    if status > 599:
        status = 500
    return decode_error(attrs.evolve(response, status=status), now=now)


def _receipt(reply: Json) -> dict[str, Json]:
    if not isinstance(reply, dict):
        raise ValueError("not a JSON object")
    if reply.get("success", True) is not True:
        raise ValueError("`success` is not true")
    receipt = reply.get("data")
    if not isinstance(receipt, dict):
        raise ValueError("no object `data`")
    return receipt


def _link(receipt: dict[str, Json]) -> str:
    link = receipt.get("file_url")
    if not isinstance(link, str) or not link:
        raise ValueError("no link in `file_url`")
    return link


def _quoted(link: str) -> str:
    """Return a link in which every character is percent-encoded that a URL cannot hold."""
    try:
        return quoted(link)
    except ValueError:
        # The host has no ASCII form.
        return link


def _life(receipt: dict[str, Json]) -> float:
    """Return the seconds for which a link works, by the service's two times, at most those of its pages."""
    # Only the difference is used, so it does not matter which time zone the two are in.
    begin, end = _moment(receipt.get("upload_time")), _moment(receipt.get("expires_at"))
    if begin is None or end is None or (begin.tzinfo is None) != (end.tzinfo is None):
        return LIFE_SECONDS
    return min(max(0.0, (end - begin).total_seconds()), LIFE_SECONDS)


def _moment(text: Json) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
