"""A request and an answer, as values.

No path or JSON key of the vendor's stands here.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from ..errors import ReplyError

RequestKind: TypeAlias = Literal["submit", "poll", "batch", "credits", "upload"]
REQUEST_KINDS: tuple[RequestKind, ...] = get_args(RequestKind)

EXCERPT_BYTES = 500
READ_HEADERS = ("x-request-id", "x-oneapi-request-id", "retry-after", "retry-after-ms", "location")
"""The headers of an answer that anything here reads."""


@attrs.frozen(kw_only=True)
class Request:
    """An HTTP request without host and API key; the transport adds both.

    Attributes:
        body: What is sent.
        pieces: What is sent in place of it, piece by piece; only once.
    """

    kind: RequestKind
    method: str
    path: str
    body: bytes | None = attrs.field(default=None, repr=False)
    pieces: AsyncIterable[bytes] | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Response:
    """A complete HTTP answer, with those of `READ_HEADERS` it came with; names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)

    @property
    def request_id(self) -> str | None:
        """The service's id of the request, for support."""
        return self.headers.get("x-request-id") or self.headers.get("x-oneapi-request-id")

    @property
    def excerpt(self) -> str:
        """The first bytes of the body, readable."""
        return self.body[:EXCERPT_BYTES].decode("utf-8", "replace")


def unreadable(response: Response, message: str, *, task_id: str | None = None) -> ReplyError:
    """The error of an answer that has no shape we know."""
    return ReplyError(
        message,
        status=response.status,
        excerpt=response.excerpt,
        request_id=response.request_id,
        task_id=task_id,
    )
