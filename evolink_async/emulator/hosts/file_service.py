"""The file service: three ways to upload, kept in memory for 72 hours.

Nothing here serves files: the result host does.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

import aiohttp
from aiohttp import BodyPartReader, web
from attrs import field, frozen

from ..clock import Clock
from ..faults.injection import json_response
from ..service.catalogue import is_web_address
from ..service.refusals import JsonObject, file_error_body
from ..service.vendor import Refused, Reply, parse_object
from .interceptor import Interceptor, read_body
from .media_types import media_type

FILE_SECONDS = 72 * 3600
"""Life of an upload. Source: the three upload pages."""

FILE_LIMIT = 100 * 1024 * 1024
"""Bytes of one file. Source: EvoLink MCP, upload-policy.ts; the pages state none."""

_BASE64_LIMIT = FILE_LIMIT * 4 // 3 + 4096
_FIELD_LIMIT = 4096
_FETCH_SECONDS = 30.0
_PREFIX = "/api/v1/files/upload"


@frozen
class StoredFile:
    """An uploaded file; times are unix seconds on the emulator's clock."""

    file_id: str
    name: str
    original_name: str
    folder: str
    mime_type: str
    content: bytes = field(repr=False)
    uploaded_at: float

    @property
    def expires_at(self) -> float:
        """When its link stops working."""
        return self.uploaded_at + FILE_SECONDS


@frozen
class ReceivedFile:
    """What a request brought: the bytes, what its sender says they are, and the wishes beside them."""

    content: bytes = field(repr=False)
    declared_type: str
    original_name: str
    wishes: Mapping[str, object]

    def text_of(self, *names: str) -> str:
        """Return the first of the named wishes that was given, else an empty text."""
        return next((str(self.wishes[name]) for name in names if self.wishes.get(name)), "")


FileStore = dict[str, StoredFile]
_Reader = Callable[[web.Request], Awaitable[ReceivedFile]]


class FileService:
    """Handlers of the upload endpoints.

    Args:
        clock: Dates uploads.
        files: Where they go.
        authenticate: Raises `Refused` for a header without a known key.
        origin: Gives the origin of the host that serves them.
    """

    def __init__(
        self,
        clock: Clock,
        files: FileStore,
        authenticate: Callable[[str], str],
        origin: Callable[[], str],
    ) -> None:
        self._clock = clock
        self._files = files
        self._authenticate = authenticate
        self._origin = origin

    def add_routes(self, app: web.Application, interceptor: Interceptor) -> None:
        """Add the upload routes to `app`, each behind `interceptor`."""
        ways: Mapping[str, _Reader] = {"stream": _from_stream, "base64": _from_base64, "url": _from_url}
        for way, read in ways.items():
            app.router.add_post(f"{_PREFIX}/{way}", interceptor.guard("upload", self._receiver(read), reads_body=True))

    def _receiver(self, read: _Reader) -> Callable[[web.Request, bytes], Awaitable[web.Response]]:
        async def receive(request: web.Request, _body: bytes) -> web.Response:
            try:
                self._authenticate(request.headers.get("Authorization", ""))
                stored = self._store(await read(request))
            except Refused as refused:
                return json_response(_in_file_words(refused.answer))
            return json_response(Reply(200, self._receipt(stored)))

        return receive

    def _store(self, upload: ReceivedFile) -> StoredFile:
        mime_type = media_type(upload.content, upload.declared_type)
        if mime_type is None:
            raise _refused(400, f"Unsupported file type: {upload.declared_type or 'unknown'}")
        file_id = f"file_{secrets.token_hex(12)}"
        name = upload.text_of("file_name", "fileName") or upload.original_name or file_id
        stored = StoredFile(
            file_id=file_id,
            name=name.replace("/", "_"),
            original_name=upload.original_name or name,
            folder=upload.text_of("upload_path", "uploadPath") or mime_type.partition("/")[0] + "s",
            mime_type=mime_type,
            content=upload.content,
            uploaded_at=self._clock.now(),
        )
        self._files[file_id] = stored
        return stored

    def _receipt(self, stored: StoredFile) -> JsonObject:
        link = f"{self._origin()}/files/{stored.file_id}/{quote(stored.name, safe='')}"
        return {
            "success": True,
            "code": 200,
            "msg": "File uploaded successfully",
            "data": {
                "file_id": stored.file_id,
                "file_name": stored.name,
                "original_name": stored.original_name,
                "file_size": len(stored.content),
                "mime_type": stored.mime_type,
                "upload_path": stored.folder,
                "file_url": link,
                "download_url": link,
                "upload_time": _iso(stored.uploaded_at),
                "expires_at": _iso(stored.expires_at),
            },
        }


async def _from_stream(request: web.Request) -> ReceivedFile:
    if request.content_type != "multipart/form-data":
        raise _refused(415, "Content-Type must be multipart/form-data")
    content, declared, name = b"", "", ""
    wishes: dict[str, object] = {}
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise _refused(400, "nested multipart is not supported")
        if part.name == "file":
            content = await _read_part(part, FILE_LIMIT)
            declared, name = part.headers.get("Content-Type", ""), part.filename or ""
        elif part.name is not None:
            wishes[part.name] = (await _read_part(part, _FIELD_LIMIT)).decode(errors="replace")
    if not content:
        raise _refused(400, "file is required")
    return ReceivedFile(content, declared, name, wishes)


async def _read_part(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > limit:
            raise _refused(413, "The file is too large")
    return bytes(content)


async def _from_base64(request: web.Request) -> ReceivedFile:
    body = await _json_body(request, _BASE64_LIMIT)
    text = body.get("base64_data")
    if not isinstance(text, str) or not text:
        raise _refused(400, "base64_data is required")
    head, comma, tail = text.partition(",")
    is_data_url = head.startswith("data:") and bool(comma)
    try:
        content = base64.b64decode(tail if is_data_url else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused(400, "base64_data is not valid base64") from error
    return ReceivedFile(content, head[5:] if is_data_url else "", "", body)


async def _from_url(request: web.Request) -> ReceivedFile:
    body = await _json_body(request, _FIELD_LIMIT * 4)
    link = body.get("file_url")
    if not isinstance(link, str) or not is_web_address(link):
        raise _refused(400, "file_url must be an http or https URL")
    content, declared = await _fetch(link)
    return ReceivedFile(content, declared, link.partition("?")[0].rpartition("/")[2], body)


async def _fetch(link: str) -> tuple[bytes, str]:
    """Fetch `link`, wherever it points: a test's own server is on loopback, unlike the vendor's users'."""
    timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
    content = bytearray()
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(link) as response:
            response.raise_for_status()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > FILE_LIMIT:
                    raise _refused(413, "The file is too large")
            return bytes(content), response.headers.get("Content-Type", "")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _refused(400, f"file_url could not be fetched: {type(error).__name__}") from error


async def _json_body(request: web.Request, limit: int) -> dict[str, object]:
    if request.content_type != "application/json":
        raise _refused(415, "Content-Type must be application/json")
    return parse_object(await read_body(request, limit))


def _refused(status: int, message: str) -> Refused:
    return Refused(Reply(status, file_error_body(status, message)))


def _in_file_words(answer: Reply) -> Reply:
    """Return a refusal that may be in the API's words in those of the file service."""
    error = answer.body.get("error")
    if not isinstance(error, dict):
        return answer
    return Reply(answer.status, file_error_body(answer.status, str(error.get("message"))), answer.headers)


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
