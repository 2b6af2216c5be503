"""A request and an answer, as values.

No path, header or key of the vendor's stands here but the request id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

Kind: TypeAlias = Literal["submit", "poll", "credits"]

EXCERPT_BYTES = 500


@attrs.frozen(kw_only=True)
class Request:
    """An HTTP request without host and API key; the transport adds both."""

    kind: Kind
    method: str
    path: str
    body: bytes | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Response:
    """A complete HTTP answer; header names are lower case."""

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
