"""The three ways to upload a file: multipart, base64 in JSON, and a URL to fetch.

What happens with the file is in `file_service`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from aiohttp import BodyPartReader, web
from attrs import field, frozen

from ..service.error_bodies import file_error_body
from ..service.replies import Refused, Reply
from ..service.request_body import parse_object
from ..service.urls import is_web_address
from .interceptor import read_body

# Bytes of one file. Source: EvoLink MCP, upload-policy.ts; the pages state no limit.
_FILE_LIMIT = 100 * 1024 * 1024

# Base64 needs 4 bytes for 3; the rest is room for the other fields.
_BASE64_BODY_LIMIT = _FILE_LIMIT * 4 // 3 + 4096
_FIELD_LIMIT = 4096
_URL_BODY_LIMIT = 4 * _FIELD_LIMIT
_FETCH_SECONDS = 30.0


@frozen
class ReceivedFile:
    """An uploaded file as the request contains it.

    Attributes:
        content: The bytes.
        declared_type: The media type that the request states; may be empty.
        original_name: The file name that the request states; may be empty.
        fields: The other fields of the request, such as `upload_path`.
    """

    content: bytes = field(repr=False)
    declared_type: str
    original_name: str
    fields: Mapping[str, object]

    def first_of(self, *names: str) -> str:
        """Return the first of the named fields that is present and not empty, else an empty text."""
        return next((str(self.fields[name]) for name in names if self.fields.get(name)), "")


UploadReader = Callable[[web.Request], Awaitable[ReceivedFile]]


def upload_refusal(status: int, message: str) -> Refused:
    """Return the exception that replies with the file service's error body for `status`."""
    return Refused(Reply(status, file_error_body(status, message)))


async def read_multipart(request: web.Request) -> ReceivedFile:
    """Return the file in a multipart/form-data request.

    Raises:
        Refused: 400, 413 or 415: no file, a file above 100 MiB, or another content type.
    """
    if request.content_type != "multipart/form-data":
        raise upload_refusal(415, "Content-Type must be multipart/form-data")
    content, declared_type, name = b"", "", ""
    fields: dict[str, object] = {}
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise upload_refusal(400, "nested multipart is not supported")
        if part.name == "file":
            content = await _read_part(part, _FILE_LIMIT)
            declared_type, name = part.headers.get("Content-Type", ""), part.filename or ""
        elif part.name is not None:
            fields[part.name] = (await _read_part(part, _FIELD_LIMIT)).decode(errors="replace")
    if not content:
        raise upload_refusal(400, "file is required")
    return ReceivedFile(content, declared_type, name, fields)


async def _read_part(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > limit:
            raise upload_refusal(413, "The file is too large")
    return bytes(content)


async def read_base64(request: web.Request) -> ReceivedFile:
    """Return the file in `base64_data`: plain base64 or a data URL.

    Raises:
        Refused: 400, 413 or 415: no valid base64, a body above the limit, or another content type.
    """
    body = await _json_body(request, _BASE64_BODY_LIMIT)
    text = body.get("base64_data")
    if not isinstance(text, str) or not text:
        raise upload_refusal(400, "base64_data is required")
    head, comma, tail = text.partition(",")
    is_data_url = head.startswith("data:") and bool(comma)
    try:
        content = base64.b64decode(tail if is_data_url else text, validate=True)
    # ValueError: characters that are not ASCII.
    except (binascii.Error, ValueError) as error:
        raise upload_refusal(400, "base64_data is not valid base64") from error
    declared_type = head.removeprefix("data:") if is_data_url else ""
    return ReceivedFile(content, declared_type, "", body)


async def read_url(request: web.Request) -> ReceivedFile:
    """Fetch the file at `file_url` and return it.

    Raises:
        Refused: 400, 413 or 415: the URL is not http or https, or cannot be fetched within 30 s; the file is above
            100 MiB; another content type.
    """
    body = await _json_body(request, _URL_BODY_LIMIT)
    link = body.get("file_url")
    if not isinstance(link, str) or not is_web_address(link):
        raise upload_refusal(400, "file_url must be an http or https URL")
    content, declared_type = await _fetch(link)
    return ReceivedFile(content, declared_type, link.partition("?")[0].rpartition("/")[2], body)


async def _fetch(link: str) -> tuple[bytes, str]:
    # Private hosts are allowed: the server of a test is on loopback.
    timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
    content = bytearray()
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(link) as response:
            response.raise_for_status()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > _FILE_LIMIT:
                    raise upload_refusal(413, "The file is too large")
            return bytes(content), response.headers.get("Content-Type", "")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise upload_refusal(400, f"file_url could not be fetched: {type(error).__name__}") from error


async def _json_body(request: web.Request, limit: int) -> dict[str, object]:
    if request.content_type != "application/json":
        raise upload_refusal(415, "Content-Type must be application/json")
    return parse_object(await read_body(request, limit))
