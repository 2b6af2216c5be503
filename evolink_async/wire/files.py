"""The file service's messages: three ways to upload, and the one answer to all of them.

No file is opened here: the bytes come as an argument, or go between the two ends of an `MultipartFrame`.

Source: https://docs.evolink.ai/en/api-manual/file-series/upload-stream, upload-base64 and upload-url (read 2026-11-20).
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from pathlib import PurePosixPath

import attrs

from ..errors import StatusError
from ..json_text import Json, dump, parse
from ..media import MB, Upload
from ..urls import web_host
from .messages import Request, Response, unreadable
from .refusals import decode_error, vendor_error

MAX_FILE_BYTES = 100 * MB
"""Longest file. Source: the service's own client, upload-policy.ts; the pages state none."""
MAX_INLINE_BYTES = 10 * MB
"""Longest content sent inside JSON, where it is a third longer and stands in memory three times over."""
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
"""What a file is declared to be; the service looks at its bytes."""

_PREFIX = "/api/v1/files/upload"


@attrs.frozen(kw_only=True)
class MultipartFrame:
    """A request that streams a file, and what stands around the file in its body.

    Attributes:
        request: The request, still without its body.
        before: The bytes before those of the file.
        after: The bytes after them.
    """

    request: Request
    before: bytes = attrs.field(repr=False)
    after: bytes = attrs.field(repr=False)


def stored_name(name: str, digest: str) -> str:
    """The name a file gets at the service: plain ASCII, and no other content's, whose link it would take over.

    Args:
        name: What it is called here.
        digest: What tells it from others, in hex.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    stem, suffix = (re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") for text in (path.stem, path.suffix[1:]))
    whole = f"{digest[:16]}-{stem[:60]}".rstrip("-")
    return f"{whole}.{suffix[:10]}" if suffix else whole


def encode_stream(name: str, size_bytes: int, sha256: str) -> MultipartFrame:
    """Make the request that streams a file.

    Args:
        name: What the file is called here.
        size_bytes: Its length.
        sha256: The digest of its bytes, in hex; no file holds its own, so it parts the file from the rest.
    """
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
    """Make the request that carries a short content in itself."""
    file_name = stored_name(name, sha256)
    mime_type = MIME_TYPES.get(PurePosixPath(file_name).suffix.lower())
    prefix = f"data:{mime_type};base64," if mime_type else ""
    text = prefix + base64.b64encode(content).decode()
    return _json_request("base64", {"base64_data": text, "file_name": file_name})


def encode_fetch(url: str, name: str | None) -> Request:
    """Make the request that has the service fetch a file itself; without a name it makes one up."""
    body = {"file_url": url}
    if name is not None:
        body["file_name"] = stored_name(name, hashlib.sha256(url.encode()).hexdigest())
    return _json_request("url", body)


def _json_request(way: str, body: dict[str, str]) -> Request:
    headers = {"Content-Type": "application/json"}
    return Request(kind="upload", method="POST", path=f"{_PREFIX}/{way}", body=dump(body), headers=headers)


def decode_upload(
    response: Response, *, now: float, sha256: str | None = None, size_bytes: int | None = None
) -> Upload:
    """Read the answer to an upload; one that failed may come as HTTP 200.

    Args:
        response: The answer.
        now: Unix seconds. The life of the link counts from here, whatever the service's clock and time zone are.
        sha256: The digest of what was sent, if that is known.
        size_bytes: Its length, if that is known.

    Raises:
        StatusError: The service refused.
        ReplyError: The answer has another shape, or no http(s) link.
    """
    if not 200 <= response.status < 300:
        raise decode_error(response, now=now)
    if (error := vendor_error(response)) is not None:
        raise _refused(response, error, now)
    try:
        receipt = _receipt(parse(response.body))
        url = _link(receipt)
    except ValueError as error:
        raise unreadable(
            response, f"the file service answered HTTP {response.status} with something that is no upload: {error}"
        ) from None
    file_id, mime_type, size = receipt.get("file_id"), receipt.get("mime_type"), receipt.get("file_size")
    return Upload(
        file_id=file_id if isinstance(file_id, str) else None,
        url=url,
        sha256=sha256,
        size_bytes=size if size_bytes is None and type(size) is int and size >= 0 else size_bytes,
        mime_type=mime_type if isinstance(mime_type, str) else None,
        expires_at=now + _life(receipt),
        uploaded_at=now,
    )


def _refused(response: Response, error: dict[str, Json], now: float) -> StatusError:
    """A refusal under the status that its code stands for."""
    code = error.get("code")
    status = code if type(code) is int and code >= 400 else 400
    if status > 599:
        status = 500
    return decode_error(attrs.evolve(response, status=status), now=now)


def _receipt(reply: Json) -> dict[str, Json]:
    if not isinstance(reply, dict):
        raise ValueError("no JSON object")
    if reply.get("success", True) is not True:
        raise ValueError("no word on its success")
    receipt = reply.get("data")
    if not isinstance(receipt, dict):
        raise ValueError("no object `data`")
    return receipt


def _link(receipt: dict[str, Json]) -> str:
    url = receipt.get("file_url")
    if not isinstance(url, str) or web_host(url) is None:
        raise ValueError("no http(s) link in `file_url`")
    return url


def _life(receipt: dict[str, Json]) -> float:
    """Seconds from the upload to its end, as the service says, but no more than its pages promise."""
    begin, end = _moment(receipt.get("upload_time")), _moment(receipt.get("expires_at"))
    if begin is None or end is None or (begin.tzinfo is None) != (end.tzinfo is None):
        return LIFE_SECONDS
    return min(max(0.0, (end - begin).total_seconds()), LIFE_SECONDS)


def _moment(text: Json) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
