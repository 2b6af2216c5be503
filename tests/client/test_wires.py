"""Nothing of the machine changes what is sent or received, unless the user has asked for it."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import attrs
import pytest
import trustme
from yarl import URL

from evolink_async.client import AiohttpTransport, ApiKey, HttpOptions, Proxies, base_url
from evolink_async.errors import ConfigurationError, NotDeliveredError, UnsendableError
from evolink_async.wire import Request, Response, may_send_again
from tests.servers import reply, serving

pytestmark = pytest.mark.anyio

POLL = Request(kind="poll", method="GET", path="/v1/tasks/t")
SUBMIT = Request(kind="submit", method="POST", path="/v1/x", body=b"{}")
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may have proxies of its own."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def send(url: str, options: HttpOptions = HttpOptions(), request: Request = POLL) -> Response:  # noqa: B008
    """Send once over a transport made for it."""
    transport = AiohttpTransport(base_url(url), ApiKey("sk-a"), options=options)
    try:
        return await transport.send(request)
    finally:
        await transport.aclose()


@pytest.mark.parametrize("size", [9_000, 30_000, 65_000])
async def test_long_headers_are_read(size):
    """Gateways send headers that are longer than aiohttp's own limit."""
    async with serving(reply(**{"X-Policy": "p" * size})) as server:
        assert (await send(server.url)).status == 200


async def test_a_long_status_line_is_read():
    """So is a reason of ten thousand characters."""
    async with serving(b"HTTP/1.1 200 " + b"o" * 10_000 + b"\r\nContent-Length: 2\r\n\r\n{}") as server:
        assert (await send(server.url)).body == b"{}"


@pytest.mark.parametrize("trust_env", [False, True])
@pytest.mark.parametrize("entry", ["default login me password secret", "machine 127.0.0.1 login me password secret"])
async def test_a_netrc_file_is_never_read(tmp_path, monkeypatch, trust_env, entry):
    """Its passwords go neither to the API nor in the place of the key."""
    netrc = Path(tmp_path, "netrc")
    netrc.write_text(entry)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(reply()) as server:
        assert (await send(server.url, HttpOptions(trust_env=trust_env))).status == 200
        [request] = server.heads
    assert b"Bearer sk-a" in request
    assert b"Basic" not in request


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("proxy.example:3128", "http://"),
        ("proxy.example", "http://"),
        ("socks5://proxy.example:1080", "socks5"),
        ("socks5h://me:secret@proxy.example", "socks5h"),
        ("http://", "http://"),
        ("http://me:secret@127.0.0.1:abc", "no URL"),
        ("http://me:secret@127.0.0.1:99999", "no URL"),
        ("http://me:secret@[::1", "no URL"),
        ("http://me:secret@", "no URL"),
        ("http://me:secret/word@127.0.0.1:3128", "no URL"),
        ("http://me:1/secret@127.0.0.1:3128", "no URL"),
        ("http://me:#secret@127.0.0.1:3128", "no URL"),
        ("http://me:secret@proxy example:3128", "no URL"),
        ("me:secret://word@proxy.example", "no URL"),
    ],
)
@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_that_cannot_be_used_is_told_at_opening(monkeypatch, name, value, word):
    """The message names the way out, and no password."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=word) as caught:
        Proxies.of(HttpOptions(trust_env=True))
    assert "secret" not in str(caught.value)
    assert not Proxies.of(HttpOptions())


def test_proxies_of_the_environment_by_scheme_and_host(monkeypatch):
    """As other programs read these variables."""
    monkeypatch.setenv("https_proxy", "http://secure.example:1")
    monkeypatch.setenv("all_proxy", "http://rest.example:2")
    monkeypatch.setenv("no_proxy", "films.example,.inside.example")
    proxies = Proxies.of(HttpOptions(trust_env=True))
    assert proxies.for_url(URL("https://api.example/")) == "http://secure.example:1"
    assert proxies.for_url(URL("http://api.example/")) == "http://rest.example:2"
    assert proxies.for_url(URL("https://films.example/a.mp4")) is None
    assert proxies.for_url(URL("https://a.inside.example/")) is None


def test_the_proxy_of_the_options_wins(monkeypatch):
    """It is for everything, and the environment is not looked at."""
    monkeypatch.setenv("https_proxy", "broken")
    proxies = Proxies.of(HttpOptions(proxy="http://mine.example:3", trust_env=True))
    assert proxies.for_url(URL("https://api.example/")) == "http://mine.example:3"
    assert "mine" not in repr(proxies)


@pytest.mark.parametrize("is_given", [False, True])
async def test_requests_go_through_the_proxy(monkeypatch, is_given):
    """A plain proxy is asked with the whole address. Spaces around that of the proxy are cut."""
    async with serving(reply()) as proxy, serving(reply()) as server:
        monkeypatch.setenv("http_proxy", f" {proxy.url} \n")
        monkeypatch.setenv("https_proxy", " ")
        options = HttpOptions(proxy=f" {proxy.url} \n") if is_given else HttpOptions(trust_env=True)
        assert (await send(server.url, options)).status == 200
        assert not server.heads
        assert proxy.heads[0].startswith(f"GET {server.url}/v1/tasks/t ".encode())


@pytest.mark.parametrize("name", ["127.0.0.1", "other.example"])
async def test_a_refused_certificate_is_final(name):
    """Of an unknown authority, or for another host, if the host never answered: the set-up is wrong."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(name).configure_cert(context)
    async with tls_server(context) as port:
        with pytest.raises(UnsendableError, match="certificate") as caught:
            await send(f"https://127.0.0.1:{port}", request=SUBMIT)
    assert isinstance(caught.value, NotDeliveredError)
    assert caught.value.may_resubmit


@pytest.mark.parametrize("kind", ["poll", "batch"])
async def test_a_refused_certificate_does_not_end_polls(kind):
    """What they ask for is paid, so they are repeated, also where the host never answered before."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with tls_server(context) as port:
        with pytest.raises(NotDeliveredError, match="certificate verify failed") as caught:
            await send(f"https://127.0.0.1:{port}", request=attrs.evolve(POLL, kind=kind))
    assert type(caught.value) is NotDeliveredError


async def test_a_certificate_is_wrong_for_a_moment():
    """Where the host has answered any key of the pool: nothing was sent, and the same request may go again."""
    good, bad = (ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) for _ in range(2))
    authority, trusting = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trusting)
    authority.issue_cert("127.0.0.1").configure_cert(good)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(bad)
    answered = set[URL]()
    async with (
        tls_server(good, bad, bad, good, answer=reply(TAKEN, Connection="close")) as port,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting, force_close=True)) as session,
    ):
        origin, options = base_url(f"https://127.0.0.1:{port}"), HttpOptions(session=session)
        one, other = (
            AiohttpTransport(origin, ApiKey(key), options=options, answered=answered) for key in ("sk-a", "sk-b")
        )
        assert (await one.send(SUBMIT)).status == 200
        for transport in (one, other):
            with pytest.raises(NotDeliveredError, match="certificate verify failed") as caught:
                await transport.send(SUBMIT)
            assert may_send_again(caught.value, "if_undelivered")
        assert (await other.send(SUBMIT)).status == 200


@asynccontextmanager
async def tls_server(*contexts: ssl.SSLContext, answer: bytes = b"") -> AsyncIterator[int]:
    """A server with a certificate for each connection, the last one time and again; gives its port."""
    met = 0

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal met
        met += 1
        with suppress(OSError, EOFError):
            await writer.start_tls(contexts[min(met, len(contexts)) - 1])
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    # Not with `ssl=`: in its debug mode asyncio then reports a handshake that fails, and the test would fail of that.
    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


TAKEN = b'{"id":"task-1","status":"pending"}'


def raw_deflate(body: bytes) -> bytes:
    """As some servers send "deflate": without the header of zlib."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    "named", ["gzip", "deflate", "br", "zstd", "identity", "utf-8", "aws-chunked", "gzip, gzip", "?"]
)
async def test_an_answer_that_is_only_said_to_be_packed_is_read(named):
    """A paid task is in it, and the header is wrong."""
    async with serving(reply(TAKEN, Content_Encoding=named)) as server:
        assert (await send(server.url)).body == TAKEN


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate], ids=["gzip", "zlib", "raw"])
async def test_an_answer_that_is_packed_though_plain_bytes_were_asked_for_is_read(pack):
    """Whatever the header calls it."""
    async with serving(reply(pack(TAKEN), Content_Encoding="deflate")) as server:
        assert (await send(server.url)).body == TAKEN
        [head] = server.heads
    assert b"accept-encoding: identity" in head.lower()


PACKED = {
    "two members": (gzip.compress(TAKEN[:9]) + gzip.compress(TAKEN[9:]), "gzip"),
    "a member for each byte": (b"".join(gzip.compress(bytes([byte])) for byte in TAKEN), "gzip"),
    "twice": (gzip.compress(gzip.compress(TAKEN)), "gzip, gzip"),
    "twice, said once": (gzip.compress(zlib.compress(TAKEN)), "deflate"),
    "raw, then gzip": (gzip.compress(raw_deflate(TAKEN)), "Deflate ,GZIP"),
    "not said": (gzip.compress(TAKEN), None),
    "zeros behind": (gzip.compress(TAKEN) + bytes(99), "gzip"),
    "others behind": (gzip.compress(TAKEN) + b"\r\n", "gzip"),
}


@pytest.mark.parametrize(("body", "named"), PACKED.values(), ids=PACKED)
async def test_an_answer_packed_in_several_parts_or_layers_is_read_whole(body, named):
    """A paid task is in it."""
    async with serving(reply(body, Content_Encoding=named)) as server:
        assert (await send(server.url)).body == TAKEN


async def test_an_answer_whose_header_comes_twice_is_read():
    """As a server and a proxy behind it write one each."""
    body = gzip.compress(raw_deflate(TAKEN))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    async with serving(head + body) as server:
        assert (await send(server.url)).body == TAKEN


@pytest.mark.parametrize(
    "body",
    [
        b"\x1f\x8b no gzip",
        gzip.compress(TAKEN[:9]) + gzip.compress(TAKEN[9:])[:-3],
        gzip.compress(TAKEN)[:-9],
        b"\x78\x9c",
        b"",
    ],
    ids=["no gzip", "second member cut off", "cut off", "header alone", "empty"],
)
async def test_an_answer_that_cannot_be_unpacked_is_no_error_of_the_network(body):
    """It came whole: what it means is for `wire` to say."""
    async with serving(reply(body, Content_Encoding="gzip")) as server:
        assert (await send(server.url)).body == body
