"""The file service: accepts uploads and stores them in memory for 72 hours.

Requests are parsed in `upload_readers`; the result host serves the stored files.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from aiohttp import web
from attrs import field, frozen

from ..clock import Clock
from ..service.error_bodies import file_error_body
from ..service.json_types import JsonObject
from ..service.replies import Refused, Reply
from .interceptor import Interceptor
from .media_types import media_type
from .responses import json_response
from .upload_readers import ReceivedFile, UploadReader, read_base64, read_multipart, read_url, upload_refusal

# Source: the three upload pages.
_FILE_LIFETIME_SECONDS = 72 * 3600

_PREFIX = "/api/v1/files/upload"
_READERS: Mapping[str, UploadReader] = {"stream": read_multipart, "base64": read_base64, "url": read_url}


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
        return self.uploaded_at + _FILE_LIFETIME_SECONDS


FileStore = dict[str, StoredFile]


class FileService:
    """The handlers of the upload routes.

    Args:
        clock: The clock that dates uploads.
        files: Stores the uploads by id.
        authenticate: Raises `Refused` for an Authorization header without a valid key.
        origin: Returns the origin of the host that serves the files.
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
        # A function, because the port of the result host is known only after it has started.
        self._origin = origin

    def add_routes(self, app: web.Application, interceptor: Interceptor) -> None:
        """Add the upload routes to `app`, each behind `interceptor`."""
        for name, read in _READERS.items():
            app.router.add_post(f"{_PREFIX}/{name}", interceptor.wrap("upload", self._handler(read), reads_body=True))

    def _handler(self, read: UploadReader) -> Callable[[web.Request, bytes], Awaitable[web.Response]]:
        async def upload(request: web.Request, _body: bytes) -> web.Response:
            try:
                self._authenticate(request.headers.get("Authorization", ""))
                stored = self._store(await read(request))
            except Refused as refused:
                return json_response(_in_file_service_form(refused.reply))
            return json_response(Reply(200, self._receipt(stored)))

        return upload

    def _store(self, received: ReceivedFile) -> StoredFile:
        mime_type = media_type(received.content, received.declared_type)
        if mime_type is None:
            raise upload_refusal(400, f"Unsupported file type: {received.declared_type or 'unknown'}")
        file_id = f"file_{secrets.token_hex(12)}"
        # The vendor documents both spellings of these fields.
        name = received.first_of("file_name", "fileName") or received.original_name or file_id
        stored = StoredFile(
            file_id=file_id,
            # The name is one segment of the link's path.
            name=name.replace("/", "_"),
            original_name=received.original_name or name,
            folder=received.first_of("upload_path", "uploadPath") or mime_type.partition("/")[0] + "s",
            mime_type=mime_type,
            content=received.content,
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


def _in_file_service_form(reply: Reply) -> Reply:
    """Return an error reply in the form of the file service; authentication and JSON parsing use the API's form."""
    error = reply.body.get("error")
    if not isinstance(error, dict):
        return reply
    return Reply(reply.status, file_error_body(reply.status, str(error.get("message"))), reply.headers)


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
