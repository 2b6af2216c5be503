"""Decides which requests the live page answers: those of the person who was given its address.

Nothing here waits. The server is in `live`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType

import attrs
from aiohttp import web

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        # The address holds the token, so no other host may learn it from a link.
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)
"""Headers of every answer."""


@attrs.frozen(kw_only=True)
class Question:
    """What is known of a request before it is answered.

    Attributes:
        method: Its method.
        token: The first part of its path.
        host: Its header `Host`.
        origin: Its header `Origin`, if it has one.
        fetch_site: Its header `Sec-Fetch-Site`, if it has one.
        content_type: The type of its body.
    """

    method: str
    token: str
    host: str
    origin: str | None = None
    fetch_site: str | None = None
    content_type: str = ""


def question_of(request: web.Request) -> Question:
    """Return what is known of a request."""
    return Question(
        method=request.method,
        # Not by `split`: `OPTIONS *` and `CONNECT` have no slash.
        token=request.path.partition("/")[2].partition("/")[0],
        host=request.host,
        origin=request.headers.get("Origin"),
        fetch_site=request.headers.get("Sec-Fetch-Site"),
        content_type=request.content_type,
    )


@attrs.frozen
class Door:
    """What a request must know.

    Attributes:
        token: The secret part of the address.
        host: The host and port of the address; empty while nothing is served.
    """

    token: str = attrs.field(repr=False)
    host: str = ""

    def refusal(self, question: Question) -> str | None:
        """Return why a request is refused; None if it is answered.

        1) Without the token nothing is answered, whatever is asked.
        2) A name that another site had made lead here is not this host: its page could read the answers.
        3) A change needs the page's own origin, and a body that no form of another site can send.
        """
        if not secrets.compare_digest(question.token.encode("utf-8", "surrogatepass"), self.token.encode()):
            return "The address is not complete: copy all of it from the terminal."
        port = self.host.rpartition(":")[2]
        if question.host not in (self.host, f"localhost:{port}"):
            return "The address is that of another host."
        if question.method in ("GET", "HEAD"):
            return None
        is_own = question.origin == f"http://{question.host}" and question.fetch_site in (None, "same-origin")
        if not is_own or question.content_type != "application/json":
            return "Only the page itself may change something."
        return None
