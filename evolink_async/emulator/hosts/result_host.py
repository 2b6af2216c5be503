"""The result host: signed links that expire after 24 hours, Range, ETag, and no API key.

Files are rendered in `rendering`; uploads are stored in `file_service`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from ..clock import Clock
from ..service.output_spec import VideoSpec
from ..service.task import TaskRecord
from .byte_ranges import UnsatisfiableError, range_of
from .file_service import FileStore
from .interceptor import Interceptor

# Source: all five vendor pages.
_LINK_LIFETIME_SECONDS = 24 * 3600

_ERROR_XML = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"

Render = Callable[[TaskRecord, int], Awaitable[bytes]]


class ObjectStoreError(Exception):
    """Ends a request with `response`, an error in the XML form of object stores."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.response: web.Response = web.Response(
            status=status, text=_ERROR_XML.format(code=code, message=message), content_type="application/xml"
        )


class ResultHost:
    """Serves the result files of tasks, and uploads.

    Args:
        clock: The clock that decides when a link expires.
        tasks: The accepted tasks by id.
        files: The uploads by id.
        render: Returns the bytes of a task's n-th result file, from 0.

    Attributes:
        origin: The origin of every link; set when the server has started.
        leaked_keys: Number of requests with an Authorization header.
    """

    def __init__(self, clock: Clock, tasks: Mapping[str, TaskRecord], files: FileStore, render: Render) -> None:
        self._clock = clock
        self._tasks = tasks
        self._files = files
        self._render = render
        # New for each emulator: a link of an earlier run does not work.
        self._secret = secrets.token_bytes(32)
        self.origin = ""
        self.leaked_keys: int = 0

    def add_routes(self, app: web.Application, interceptor: Interceptor) -> None:
        """Add the host's routes to `app`, each behind `interceptor`."""
        app.router.add_get("/results/{task_id}/{name}", interceptor.wrap("result", self._result))
        app.router.add_get("/files/{file_id}/{name}", interceptor.wrap("file", self._file))

    def link_to(self, task: TaskRecord, index: int) -> str:
        """Return the signed link of a task's n-th result file, from 0."""
        name = f"{index}.{'mp4' if isinstance(task.spec, VideoSpec) else 'png'}"
        return f"{self.origin}/results/{task.task_id}/{name}?token={self._token(task.task_id, name)}"

    def _token(self, task_id: str, name: str) -> str:
        return hmac.new(self._secret, f"{task_id}/{name}".encode(), hashlib.sha256).hexdigest()

    async def _result(self, request: web.Request, _body: bytes) -> web.Response:
        try:
            self._refuse_key(request)
            task, index = self._authorize(request)
        except ObjectStoreError as error:
            return error.response
        content_type = "video/mp4" if isinstance(task.spec, VideoSpec) else "image/png"
        return ranged_response(request, await self._render(task, index), content_type)

    async def _file(self, request: web.Request, _body: bytes) -> web.Response:
        try:
            self._refuse_key(request)
        except ObjectStoreError as error:
            return error.response
        stored = self._files.get(request.match_info["file_id"])
        if stored is None or self._clock.now() >= stored.expires_at:
            return ObjectStoreError(404, "NoSuchKey", "The file does not exist or has expired.").response
        return ranged_response(request, stored.content, stored.mime_type)

    def _refuse_key(self, request: web.Request) -> None:
        if "Authorization" in request.headers:
            self.leaked_keys += 1
            # Object stores refuse a request with two signatures: in the header and in the query.
            raise ObjectStoreError(400, "InvalidArgument", "Only one auth mechanism allowed.")

    def _authorize(self, request: web.Request) -> tuple[TaskRecord, int]:
        task_id, name = request.match_info["task_id"], request.match_info["name"]
        # The token is checked first: a wrong one must not reveal whether the task exists.
        token = request.query.get("token", "")
        if not hmac.compare_digest(token.encode(), self._token(task_id, name).encode()):
            raise ObjectStoreError(403, "SignatureDoesNotMatch", "The signature does not match.")
        task, now = self._tasks.get(task_id), self._clock.now()
        if task is None or task.view(now).status != "completed":
            raise ObjectStoreError(404, "NoSuchKey", "The result does not exist.")
        if now >= task.life.ends_at + _LINK_LIFETIME_SECONDS:
            raise ObjectStoreError(403, "AccessDenied", "Request has expired.")
        return task, int(name.partition(".")[0])


def ranged_response(request: web.Request, content: bytes, content_type: str) -> web.Response:
    """Return `content`, or the part of it that Range, If-Range and If-None-Match select."""
    # A hash of the content: strong, and the same when a result is rendered again.
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": content_type}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    try:
        selected = range_of(
            len(content),
            request.headers.get("Range"),
            if_range=request.headers.get("If-Range"),
            etag=etag,
        )
    except UnsatisfiableError:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{len(content)}"})
    if selected is None:
        return web.Response(body=content, headers=headers)
    headers["Content-Range"] = selected.content_range
    return web.Response(status=206, body=content[selected.start : selected.stop], headers=headers)
