"""What people read of a request that failed: sentences, without the class names and numbers of aiohttp or Python."""

from __future__ import annotations

import re

import pytest
from yarl import URL

from evolink_async.client import AiohttpTransport, ApiKey, HttpOptions, Proxies
from evolink_async.errors import NotDeliveredError, SubmissionUnknownError, TransportError, UnsendableError
from evolink_async.wire import Request, Response, on_submit
from tests.servers import Act, free_port, reply, reset, serving

pytestmark = pytest.mark.anyio

KINDS = {
    "poll": Request(kind="poll", method="GET", path="/v1/tasks/t"),
    "submit": Request(kind="submit", method="POST", path="/v1/x", body=b"{}"),
}
ENDS: dict[str, bytes | Act] = {
    "nothing": b"",
    "a reset": reset,
    "no HTTP": b"garbage\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "a cut body": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
    "no body": reply(b""),
    "no JSON": reply(b"{'id': 5}"),
}
FOREIGN_WORDS = re.compile(r"\w+(?:Error|Disconnected)\b|Expecting|Errno|message=|line 1|<\w+ ")


async def send(origin: str, kind: str, options: HttpOptions | None = None) -> Response:
    """Send once."""
    transport = AiohttpTransport(URL(origin), ApiKey("sk-a"), options=options or HttpOptions())
    try:
        return await transport.send(KINDS[kind])
    finally:
        await transport.aclose()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ENDS)
async def test_an_answer_that_cannot_be_used_is_told_in_words(name, kind):
    """Of a poll and of a paid request."""
    async with serving(ENDS[name]) as server:
        try:
            verdict = on_submit(await send(server.url, kind), now=0.0)
            assert isinstance(verdict, SubmissionUnknownError)
            text = str(verdict)
        except TransportError as error:
            text = str(error)
    assert not FOREIGN_WORDS.search(text), text
    assert len(text.split()) > 5


@pytest.mark.parametrize(("status", "advice"), [(407, "password"), (403, "who runs it"), (502, "HTTP 502")])
async def test_a_proxy_that_refuses_is_named_with_its_status(status, advice):
    """No byte of the request was sent, and the way to mend it is told."""
    async with serving(reply(b"", status)) as proxy:
        with pytest.raises(NotDeliveredError, match=rf"the proxy refused with HTTP {status}") as caught:
            await send("https://api.example.invalid", "submit", HttpOptions(proxy=proxy.url))
    assert advice in str(caught.value)


async def test_a_proxy_that_is_not_there_is_named():
    """Else one would look for the fault at the service."""
    with pytest.raises(NotDeliveredError, match="the proxy: refused"):
        await send("https://api.example.invalid", "submit", HttpOptions(proxy=f"http://127.0.0.1:{free_port()}"))


async def test_no_address_of_a_proxy_is_shown(monkeypatch):
    """The text of aiohttp quotes one that is no URL, with its password."""
    monkeypatch.setattr(Proxies, "for_url", lambda *_: "http://me:secret@127.0.0.1:abc")
    with pytest.raises(UnsendableError, match="no URL") as caught:
        await send("https://api.example.invalid", "submit")
    assert "secret" not in str(caught.value)
