"""The HTTP form of the vendor's replies, and the headers and errors that all routes share.

The replies themselves are made in `service`.
"""

from __future__ import annotations

import uuid

from aiohttp import web
from aiohttp.typedefs import Handler

from ..service.error_bodies import error_body
from ..service.replies import Reply


def json_response(reply: Reply) -> web.Response:
    """Return the HTTP form of a reply."""
    return web.json_response(reply.body, status=reply.status, headers=reply.headers)


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Reply to unknown paths and wrong methods in the vendor's form, not in aiohttp's."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        # The default code of a 404 is task_not_found, which would be wrong for a path.
        code = "not_found" if error.status == 404 else None
        body = error_body(error.status, code=code, message=error.reason)
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return json_response(Reply(error.status, body, allow))


async def add_request_id(_request: web.Request, response: web.StreamResponse) -> None:
    """Add an `x-request-id` to a response that has none."""
    response.headers.setdefault("x-request-id", uuid.uuid4().hex)
