"""The routes of the API: each reads a request, passes it to the vendor's rules, and returns their reply.

The rules are in `service.vendor`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ..service.rate_limit import RateLimit
from ..service.replies import refusal
from ..service.task import TaskRecord
from ..service.vendor import SubmitCall, Vendor
from .interceptor import Interceptor
from .responses import json_response

_IDEMPOTENCY_KEY = "Idempotency-Key"


class Api:
    """The handlers of the API routes.

    Args:
        vendor: The rules.
        accepted: Called with every new task.
    """

    def __init__(self, vendor: Vendor, accepted: Callable[[TaskRecord], None]) -> None:
        self._vendor = vendor
        self._accepted = accepted
        self._rate_limit = RateLimit(vendor.settings.submits_per_minute)

    def add_routes(self, app: web.Application, interceptor: Interceptor) -> None:
        """Add the API routes to `app`, each behind `interceptor`."""
        router = app.router
        # aiohttp adds a HEAD route to each GET route by default; the API has none.
        # A pattern, because a model that is registered in the SDK may have a path of its own.
        router.add_post("/v1/{kind}/generations", interceptor.wrap("submit", self._submit))
        router.add_post("/v1/tasks/batch", interceptor.wrap("batch", self._batch))
        router.add_get("/v1/tasks/{task_id}", interceptor.wrap("poll", self._query), allow_head=False)
        router.add_get("/v1/credits", interceptor.wrap("credits", self._credits), allow_head=False)
        router.add_get("/v1/catalog/pricing-rules", interceptor.wrap("prices", self._prices), allow_head=False)
        router.add_get("/v1/models", interceptor.wrap("models", self._models), allow_head=False)

    def track_open_calls(self) -> Middleware:
        """Return the middleware that records which idempotency keys have an open call."""

        # A middleware, because a call stays open while a fault delays or holds back its response.
        @web.middleware
        async def track(request: web.Request, handler: Handler) -> web.StreamResponse:
            key = request.headers.get(_IDEMPOTENCY_KEY)
            if key is None:
                return await handler(request)
            with self._vendor.keys.open_call(key, request):
                return await handler(request)

        return track

    async def _submit(self, request: web.Request, body: bytes) -> web.Response:
        api_key = self._authenticate(request)
        if not self._rate_limit.allows(api_key, time.monotonic()):
            raise refusal(429)
        _require_json(request)
        key = request.headers.get(_IDEMPOTENCY_KEY)
        is_first = key is None or self._vendor.keys.is_first(key, request)
        reply, task = self._vendor.submit(SubmitCall(request.path, body, api_key, key, is_first))
        if task is not None:
            self._accepted(task)
        return json_response(reply)

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

    async def _prices(self, request: web.Request, _body: bytes) -> web.Response:
        # The vendor's own client sends no key here: the prices are public.
        return json_response(self._vendor.prices(request.headers.get("If-None-Match")))

    def _authenticate(self, request: web.Request) -> str:
        return self._vendor.authenticate(request.headers.get("Authorization", ""))


def _require_json(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise refusal(415)
