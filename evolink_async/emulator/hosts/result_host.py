"""The result host: signed links that live 24 hours, Range, ETag, and no API key.

Nothing here renders or stores: it asks for bytes and cuts them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from ..clock import Clock
from ..service.outputs import Film
from ..service.task import TaskRecord
from .file_service import FileStore
from .interceptor import Interceptor
from .ranges import UnsatisfiableError, range_of

LINK_SECONDS = 24 * 3600
"""Life of a result link. Source: all five vendor pages."""

_DENIED = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"

Render = Callable[[TaskRecord, int], Awaitable[bytes]]


class Denied(Exception):  # noqa: N818 - a reply, not a fault of the emulator
    """Ends a request with an error as object stores write it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.response = web.Response(
            status=status, text=_DENIED.format(code=code, message=message), content_type="application/xml"
        )


class ResultHost:
    """Serves what tasks made and what users uploaded.

    Args:
        clock: Links expire by it.
        tasks: The tasks that have results.
        files: The uploads.
        render: Makes the bytes of a task's n-th result.
    """

    def __init__(self, clock: Clock, tasks: Mapping[str, TaskRecord], files: FileStore, render: Render) -> None:
        self._clock = clock
        self._tasks = tasks
        self._files = files
        self._render = render
        self._secret = secrets.token_bytes(32)
        self.origin = ""
        self.leaked_keys = 0

    def add_routes(self, app: web.Application, interceptor: Interceptor) -> None:
        """Add the host's routes to `app`, each behind `interceptor`."""
        app.router.add_get("/results/{task_id}/{name}", interceptor.guard("result", self._result))
        app.router.add_get("/files/{file_id}/{name}", interceptor.guard("file", self._file))

    def link_to(self, task: TaskRecord, index: int) -> str:
        """Return the signed link of a task's n-th result, counted from 0."""
        name = f"{index}.{'mp4' if isinstance(task.spec, Film) else 'png'}"
        return f"{self.origin}/results/{task.task_id}/{name}?token={self._token(task.task_id, name)}"

    def _token(self, task_id: str, name: str) -> str:
        return hmac.new(self._secret, f"{task_id}/{name}".encode(), hashlib.sha256).hexdigest()

    async def _result(self, request: web.Request, _body: bytes) -> web.Response:
        try:
            self._refuse_key(request)
            task, index = self._entitled(request)
        except Denied as denied:
            return denied.response
        kind = "video/mp4" if isinstance(task.spec, Film) else "image/png"
        return ranged_response(request, await self._render(task, index), kind)

    async def _file(self, request: web.Request, _body: bytes) -> web.Response:
        try:
            self._refuse_key(request)
        except Denied as denied:
            return denied.response
        stored = self._files.get(request.match_info["file_id"])
        if stored is None or self._clock.now() >= stored.expires_at:
            return Denied(404, "NoSuchKey", "The file does not exist or has expired.").response
        return ranged_response(request, stored.content, stored.mime_type)

    def _refuse_key(self, request: web.Request) -> None:
        if "Authorization" in request.headers:
            self.leaked_keys += 1
            # Object stores refuse two ways of signing at once.
            raise Denied(400, "InvalidArgument", "Only one auth mechanism allowed.")

    def _entitled(self, request: web.Request) -> tuple[TaskRecord, int]:
        task_id, name = request.match_info["task_id"], request.match_info["name"]
        token = request.query.get("token", "")
        if not hmac.compare_digest(token.encode(), self._token(task_id, name).encode()):
            raise Denied(403, "SignatureDoesNotMatch", "The signature does not match.")
        task, now = self._tasks.get(task_id), self._clock.now()
        if task is None or task.view(now).status != "completed":
            raise Denied(404, "NoSuchKey", "The result does not exist.")
        if now >= task.life.ends_at + LINK_SECONDS:
            raise Denied(403, "AccessDenied", "Request has expired.")
        return task, int(name.partition(".")[0])


def ranged_response(request: web.Request, content: bytes, content_type: str) -> web.Response:
    """Return `content`, or the part of it that the request's Range, If-Range and If-None-Match ask for."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": content_type}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    try:
        part = range_of(
            len(content),
            request.headers.get("Range"),
            if_range=request.headers.get("If-Range"),
            etag=etag,
        )
    except UnsatisfiableError:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{len(content)}"})
    if part is None:
        return web.Response(body=content, headers=headers)
    headers["Content-Range"] = part.content_range
    return web.Response(status=206, body=content[part.start : part.stop], headers=headers)
