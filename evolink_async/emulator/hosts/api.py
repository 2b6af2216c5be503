"""The API host's routes: HTTP in, the vendor's rules asked, HTTP out.

Nothing here decides an answer; `vendor.py` does.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ..faults.injection import json_response
from ..service.refusals import error_body
from ..service.task import TaskRecord
from ..service.vendor import Reply, SubmitCall, Vendor, refusal
from .interceptor import Interceptor

GENERATION_PATHS = ("/v1/videos/generations", "/v1/images/generations", "/v1/audios/generations")
_IDEMPOTENCY_KEY = "Idempotency-Key"


class Api:
    """Handlers of one vendor.

    Args:
        vendor: Decides.
        accepted: Told of every new task.
    """

    def __init__(self, vendor: Vendor, accepted: Callable[[TaskRecord], None]) -> None:
        self._vendor = vendor
        self._accepted = accepted

    def add_routes(self, app: web.Application, interceptor: Interceptor) -> None:
        """Add the API's routes to `app`, each behind `interceptor`."""
        router = app.router
        for path in GENERATION_PATHS:
            router.add_post(path, interceptor.guard("submit", self._submit))
        # A model registered in the SDK may be asked through a path of its own.
        router.add_post("/v1/{kind}/generations", interceptor.guard("submit", self._submit))
        router.add_post("/v1/tasks/batch", interceptor.guard("batch", self._batch))
        router.add_get("/v1/tasks/{task_id}", interceptor.guard("poll", self._query), allow_head=False)
        router.add_get("/v1/credits", interceptor.guard("credits", self._credits), allow_head=False)
        router.add_get("/v1/models", interceptor.guard("models", self._models), allow_head=False)

    def open_calls(self) -> Middleware:
        """Return the middleware that knows which idempotency keys have a call under way."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            key = request.headers.get(_IDEMPOTENCY_KEY)
            if key is None:
                return await handler(request)
            with self._vendor.keys.open_call(key, request):
                return await handler(request)

        return count

    async def _submit(self, request: web.Request, body: bytes) -> web.Response:
        api_key = self._authenticate(request)
        _require_json(request)
        key = request.headers.get(_IDEMPOTENCY_KEY)
        is_first = key is None or self._vendor.keys.is_first(key, request)
        answer, task = self._vendor.submit(SubmitCall(request.path, body, api_key, key, is_first))
        if task is not None:
            self._accepted(task)
        return json_response(answer)

    async def _query(self, request: web.Request, _body: bytes) -> web.Response:
        self._authenticate(request)
        return json_response(self._vendor.query(request.match_info["task_id"]))

    async def _batch(self, request: web.Request, body: bytes) -> web.Response:
        self._authenticate(request)
        _require_json(request)
        return json_response(self._vendor.batch(body))

    async def _credits(self, request: web.Request, _body: bytes) -> web.Response:
        self._authenticate(request)
        return json_response(self._vendor.credits())

    async def _models(self, request: web.Request, _body: bytes) -> web.Response:
        return json_response(self._vendor.models(self._authenticate(request)))

    def _authenticate(self, request: web.Request) -> str:
        return self._vendor.authenticate(request.headers.get("Authorization", ""))


def _require_json(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise refusal(415)


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer unknown paths and wrong methods in the vendor's words."""
    try:
        return await handler(request)
    except web.HTTPException as refused:
        code = "not_found" if refused.status == 404 else None
        body = error_body(refused.status, code=code, message=refused.reason)
        allow = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}
        return json_response(Reply(refused.status, body, allow))


async def add_request_id(_request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer an `x-request-id`."""
    response.headers.setdefault("x-request-id", uuid.uuid4().hex)
