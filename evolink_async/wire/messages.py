"""HTTP requests and responses as values.

Paths and JSON keys are in the modules that encode and decode.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import attrs

from ..errors import ReplyError
from ..json_text import Json, parse_reply

RequestKind: TypeAlias = Literal["submit", "poll", "batch", "credits", "prices", "upload"]
REQUEST_KINDS: tuple[RequestKind, ...] = get_args(RequestKind)

EXCERPT_BYTES = 500
READ_HEADERS = ("x-request-id", "x-oneapi-request-id", "retry-after", "retry-after-ms", "location", "date", "etag")
"""The response headers that this room reads; the transport keeps no others."""
REPEATED_HEADERS = ("retry-after", "retry-after-ms")
"""Those of which each counts if there are several, joined by line feeds. Of the others the first counts."""


@attrs.frozen(kw_only=True)
class Request:
    """An HTTP request without host and API key; the transport adds both.

    Attributes:
        kind: What the request is for; errors and timeouts depend on it.
        method: The HTTP method.
        path: The path, from the first slash.
        body: The body, if there is one.
        pieces: A body that is streamed, in place of `body`; it can be sent only once.
        headers: Headers that belong to this request.
    """

    kind: RequestKind
    method: str
    path: str
    body: bytes | None = attrs.field(default=None, repr=False)
    pieces: AsyncIterable[bytes] | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Response:
    """An HTTP response: a complete one, unless `cut` says why its end did not come.

    Attributes:
        status: The HTTP status.
        headers: Those of `READ_HEADERS` that the response had, with names in lower case.
        body: The body, or what came of it.
        cut: Why the end of the message did not come; None for a complete one. Only paid requests are answered so.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)
    cut: str | None = None

    @cached_property
    def json(self) -> Json:
        """The body read as JSON, once for all who read it.

        Raises:
            ValueError: It is not JSON.
        """
        return parse_reply(self.body)

    @property
    def request_id(self) -> str | None:
        """The service's id of the request; support asks for it."""
        # Source: the service's own clients, which read these two in this order.
        return self.headers.get("x-request-id") or self.headers.get("x-oneapi-request-id")

    @property
    def excerpt(self) -> str:
        """The first 500 bytes of the body, as text."""
        return self.body[:EXCERPT_BYTES].decode("utf-8", "replace")


def unreadable(response: Response, message: str, *, task_id: str | None = None, is_foreign: bool = False) -> ReplyError:
    """Return the error of a response that cannot be read."""
    return ReplyError(
        message,
        status=response.status,
        excerpt=response.excerpt,
        request_id=response.request_id,
        task_id=task_id,
        is_foreign=is_foreign,
    )
