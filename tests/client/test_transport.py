"""The transport against real servers: which failure is which, what is never followed, shown or kept."""

from __future__ import annotations

import asyncio
import gzip
import logging
import pickle
import random
import traceback
import tracemalloc
import warnings
import zlib

import aiohttp
import pytest

from evolink_async.client import AiohttpTransport, ApiKey, HttpOptions, base_url
from evolink_async.client.options import USER_AGENT
from evolink_async.errors import ConfigurationError, EvolinkError, NotDeliveredError, TransportError, UnsendableError
from evolink_async.wire import Request, Response, decode_error
from tests.servers import Act, flood, free_port, full_backlog, hang, reply, reset, serving, then_hang, then_reset

pytestmark = pytest.mark.anyio

CANARY = "sk-canary-0123456789abcdef"
CALM = HttpOptions()
HASTY = HttpOptions(submit_timeout=1, poll_timeout=1)
"""For a server that says nothing."""
HASTY_TO_CONNECT = HttpOptions(connect_timeout=0.2)
"""For a connection that never opens."""
SUBMIT = Request(kind="submit", method="POST", path="/v1/videos/generations", body=b'{"a":1}', headers={"X-A": "1"})
POLL = Request(kind="poll", method="GET", path="/v1/tasks/t")
MIB = 1 << 20


async def send(url: str, request: Request = POLL, options: HttpOptions = CALM) -> Response:
    """Send once over a transport made for it."""
    transport = AiohttpTransport(base_url(url), ApiKey(CANARY), options=options)
    try:
        return await transport.send(request)
    finally:
        await transport.aclose()


async def failure(url: str, request: Request = POLL, options: HttpOptions = CALM) -> TransportError:
    """The error of one send, found to be ours and to hold no secret."""
    with pytest.raises(EvolinkError) as caught:
        await send(url, request, options)
    error = caught.value
    assert isinstance(error, TransportError)
    assert error.kind == request.kind
    assert_clean(error)
    return error


def assert_clean(error: BaseException) -> None:
    """No exception of aiohttp is chained, and nothing that shows the error shows the key."""
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    assert error.__module__.startswith("evolink_async.")
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = [str(error), repr(error), repr(vars(error)), "".join(trace.format()), repr(pickle.dumps(error))]
    assert not [text for text in shown if CANARY in text]


@pytest.fixture(autouse=True)
def quiet_logs(caplog):
    """In every test of this file, no log record holds the key, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    assert CANARY not in caplog.text


# --- certainly not delivered


@pytest.mark.parametrize("request_", [SUBMIT, POLL], ids=["submit", "poll"])
async def test_a_refused_connection_is_not_delivered(request_):
    """No listener on the port."""
    error = await failure(f"http://127.0.0.1:{free_port()}", request_)
    assert type(error) is NotDeliveredError
    assert error.may_resubmit
    assert str(error).endswith(" (refused)")


async def test_an_unknown_name_is_not_delivered():
    """DNS has no address; the message names the host."""
    error = await failure("https://api.evolink.invalid", SUBMIT, HttpOptions())
    assert type(error) is NotDeliveredError
    assert "api.evolink.invalid" in str(error)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x15\x03\x01\x00\x02\x02\x28"])
async def test_failed_tls_is_not_delivered(answer):
    """A server that speaks no TLS, hangs up, or sends an alert."""
    async with serving(answer, at_once=True) as server:
        error = await failure(f"https://127.0.0.1:{server.port}", SUBMIT)
    assert type(error) is NotDeliveredError


async def test_tls_that_never_ends_is_not_delivered():
    """The handshake counts towards `connect_timeout`."""
    async with serving(hang, at_once=True) as server:
        error = await failure(f"https://127.0.0.1:{server.port}", SUBMIT, HASTY_TO_CONNECT)
    assert type(error) is NotDeliveredError


async def test_a_connection_that_never_opens_is_not_delivered():
    """SYN without an answer, as behind a firewall."""
    with full_backlog() as port:
        if port is None:
            pytest.skip("this system takes connections beyond the backlog")
        error = await failure(f"http://127.0.0.1:{port}", SUBMIT, HASTY_TO_CONNECT)
    assert type(error) is NotDeliveredError


async def test_a_proxy_that_refuses_is_not_delivered_and_does_not_see_the_key():
    """Nor does one that answers CONNECT with an error."""
    error = await failure("https://api.example.com", SUBMIT, HttpOptions(proxy=f"http://127.0.0.1:{free_port()}"))
    assert type(error) is NotDeliveredError
    async with serving(reply(b"no", 502)) as proxy:
        error = await failure("https://api.example.com", SUBMIT, HttpOptions(proxy=proxy.url))
    assert type(error) is NotDeliveredError
    [head] = proxy.heads
    assert head.startswith(b"CONNECT api.example.com:443 ")
    assert CANARY.encode() not in head


# --- perhaps delivered

BROKEN: dict[str, bytes | Act] = {
    "reset": reset,
    "closed": b"",
    "silence": hang,
    "half a status line": b"HTTP/1.",
    "half a header": b"HTTP/1.1 200 OK\r\nContent-Le",
    "headers, then a reset": then_reset(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"),
    "headers, then silence": then_hang(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"),
    "half a body": reply(b'{"id":', Content_Length=50),
    "half a body, then a reset": then_reset(reply(b'{"id":', Content_Length=50)),
    "half a body, then silence": then_hang(reply(b'{"id":', Content_Length=50)),
    "half a chunk": reply(b"50\r\nabc", Content_Length=None, Transfer_Encoding="chunked"),
    "chunks without an end": reply(b"3\r\nabc\r\n", Content_Length=None, Transfer_Encoding="chunked"),
    "a chunk of no length": reply(b"zz\r\nabc\r\n0\r\n\r\n", Content_Length=None, Transfer_Encoding="chunked"),
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP of no version": b"HTTP/x.y 200 OK\r\n\r\n",
    "a status that is none": b"HTTP/1.1 abc OK\r\n\r\n",
    "a length that is none": reply(b"{}", Content_Length="two"),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    "continue for ever": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 50),
    "10 MB in one header": reply(b"{}", X_Big="a" * 10_000_000),
    "10 MB of headers": reply(b"{}", **{f"X-{number}": "a" * 1000 for number in range(10_000)}),  # type: ignore[arg-type]
    "10 MB of a status line": b"HTTP/1.1 200 " + b"a" * 10_000_000,
    "a body beyond the cap": flood(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536, 200),
    "a body announced beyond the cap": reply(b"a" * 9 * MIB),
}


KEPT = {
    "half a chunk",
    "chunks without an end",
    "half a body",
    "half a body, then silence",
    "half a body, then a reset",
}
"""Of these a part of the body came."""


@pytest.mark.parametrize("request_", [SUBMIT, POLL], ids=["submit", "poll"])
@pytest.mark.parametrize("name", BROKEN)
async def test_what_may_have_arrived_is_not_called_undelivered(name, request_):
    """No whole answer: ours, unchained, and never `NotDeliveredError`; a submit is sent once, and keeps what came."""
    async with serving(BROKEN[name]) as server:
        options = HASTY if "silence" in name else CALM
        if request_ is SUBMIT and name in KEPT:
            cut = await send(server.url, request_, options)
            assert cut.body
            assert str(cut.cut).startswith("no complete answer from")
        else:
            error = await failure(server.url, request_, options)
            assert type(error) is TransportError
            assert not error.may_resubmit
    if request_ is SUBMIT:
        assert server.accepted == 1


async def test_random_answers_give_a_response_or_our_error():
    """400 answers with bytes changed, cut, doubled or moved; aiohttp's own exceptions stay inside."""
    seen: set[type] = set()
    dice = random.Random(20261121)
    seeds = [
        reply(b'{"id":"a"}', X_Request_Id="r"),
        reply(b"5\r\nabcde\r\n0\r\n\r\n", Content_Length=None, Transfer_Encoding="chunked"),
        reply(gzip.compress(b'{"id":"a"}'), Content_Encoding="gzip"),
        reply(b"", 302, Location="http://127.0.0.1:1/"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + reply(b"{}"),
    ]

    def answers():
        for _ in range(400):
            raw = bytearray(dice.choice(seeds))
            for _ in range(dice.randint(1, 6)):
                place = dice.randrange(len(raw))
                raw[place : place + dice.randint(0, 3)] = dice.choice(
                    [b"", b"\r\n", b"\x00", b"\xff", b":", b" ", b"9", raw[place:], bytes([dice.randrange(256)])]
                )[:2000]
            yield bytes(raw)

    async with serving(answers()) as server:
        transport = AiohttpTransport(base_url(server.url), ApiKey(CANARY), options=CALM)
        for _ in range(400):
            try:
                seen.add(type(await transport.send(SUBMIT)))
            except EvolinkError as error:
                seen.add(type(error))
                assert_clean(error)
        await transport.aclose()
    assert seen == {Response, TransportError}


# --- what is sent, and to whom


async def test_a_request_carries_what_it_should():
    """Key, User-Agent, our own headers and the exact body; no cookies."""
    async with serving(reply(b'{"id":"a"}', Set_Cookie="a=b")) as server:
        transport = AiohttpTransport(base_url(server.url), ApiKey(CANARY), options=CALM)
        for _ in range(2):
            assert (await transport.send(SUBMIT)).body == b'{"id":"a"}'
        await transport.aclose()
    for head in server.heads:
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /v1/videos/generations HTTP/1.1"
        assert b"Authorization: Bearer " + CANARY.encode() in lines
        assert b"User-Agent: " + USER_AGENT.encode() in lines
        assert b"X-A: 1" in lines
        assert b"Accept: application/json" in lines
        assert b"Content-Length: 7" in lines
        assert b"cookie:" not in head.lower()
    assert server.accepted == 2  # each submit on a connection of its own


async def test_the_callers_name_comes_first_in_the_user_agent():
    """And ours behind it."""
    async with serving(reply()) as server:
        await send(server.url, POLL, HttpOptions(user_agent="film-club/2"))
    assert f"User-Agent: film-club/2 {USER_AGENT}".encode() in server.heads[0].split(b"\r\n")


async def test_a_base_path_is_kept():
    """As for a gateway that serves the API under a prefix."""
    async with serving(reply()) as server:
        await send(f"{server.url}/evolink/")
    assert server.heads[0].startswith(b"GET /evolink/v1/tasks/t HTTP/1.1")


@pytest.mark.parametrize("request_", [SUBMIT, POLL], ids=["submit", "poll"])
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
async def test_a_redirect_is_never_followed(status, request_):
    """No second host gets the key or the body; the answer comes back as it is."""
    async with serving(reply()) as elsewhere, serving(reply(b"", status, Location=f"{elsewhere.url}/x")) as server:
        response = await send(server.url, request_)
        assert response.status == status
        assert response.headers["location"] == f"{elsewhere.url}/x"
    assert elsewhere.accepted == 0
    assert server.accepted == 1


@pytest.mark.parametrize("refresh", [{"Refresh": "0; url=http://127.0.0.1:1/"}, {"Alt-Svc": 'h2="127.0.0.1:1"'}])
async def test_other_hints_at_other_hosts_are_not_followed(refresh):
    """Headers are data."""
    async with serving(reply(**refresh)) as server:
        assert (await send(server.url)).status == 200
    assert server.accepted == 1


async def test_an_echoed_key_is_taken_out():
    """In the body, plain or packed, in a header, and so in every error made of them."""
    echo = f'{{"error":{{"code":"x","message":"Bearer {CANARY} is wrong","param":"{CANARY}"}}}}'.encode()
    for answer in (
        reply(echo, 401, X_Request_Id=CANARY, X_Echo=f"Bearer {CANARY}, {CANARY}"),
        reply(gzip.compress(echo), 401, X_Request_Id=CANARY, Content_Encoding="gzip"),
    ):
        async with serving(answer) as server:
            response = await send(server.url)
        assert CANARY not in repr(response.headers)
        assert CANARY.encode() not in response.body
        error = decode_error(response, now=0)
        assert error.message == "Bearer *** is wrong"
        assert error.request_id == "***"
        assert CANARY not in repr(vars(error))


async def test_a_key_echoed_where_the_answer_breaks_is_not_shown():
    """In a status line, a header or a body that cannot be read."""
    echo = CANARY.encode()
    for answer in (
        b"HTTP/1.1 " + echo + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + echo + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + echo + b"\r\n\r\n",
        reply(echo + b"\r\nabc", Content_Length=None, Transfer_Encoding="chunked"),
        echo,
    ):
        async with serving(answer) as server:
            assert type(await failure(server.url, SUBMIT)) is TransportError
    for kept in (echo, echo[:-1], echo[:9]):
        async with serving(reply(kept, Content_Length=99)) as server:
            assert (await send(server.url, SUBMIT)).body == b"***"


# --- what is kept in memory


@pytest.mark.parametrize("packed", [False, True], ids=["endless", "gzip bomb"])
async def test_a_huge_body_costs_little_memory(packed):
    """64 MiB, plain or packed: refused at the cap, at most 32 MiB more in memory."""
    plain, pieces = bytes(MIB), 64
    act: Act | bytes
    if packed:
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(plain) for _ in range(pieces)) + packer.flush()
        act = reply(bomb, Content_Encoding="gzip")
    else:
        act = flood(b"HTTP/1.1 200 OK\r\n\r\n", plain[:65536], pieces * 16)
    async with serving(act) as server:
        tracemalloc.start()
        try:
            with pytest.raises(TransportError, match=f"longer than {8 * MIB} bytes"):
                await send(server.url, POLL, HttpOptions(poll_timeout=20))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak <= 32 * MIB


async def test_the_cap_counts_the_unpacked_body():
    """Exactly at the cap is read, one byte more is not; packed or not."""
    options = HttpOptions(max_body_bytes=1000)
    for size in (1000, 1001):
        for answer in (reply(b"a" * size), reply(gzip.compress(b"a" * size), Content_Encoding="gzip")):
            async with serving(answer) as server:
                if size == 1000:
                    assert len((await send(server.url, POLL, options)).body) == size
                else:
                    assert "longer than 1000 bytes" in str(await failure(server.url, POLL, options))


# --- a session of the caller's own


async def test_a_callers_session_is_used_and_left_as_it_was():
    """Neither closed nor changed, and its own headers do not replace ours."""
    async with (
        serving(reply(b'{"id":"a"}')) as server,
        aiohttp.ClientSession(headers={"Authorization": "Basic x", "X-Mine": "1"}) as session,
    ):
        before = {name: value for name, value in vars(session).items() if name != "_connector"}
        headers = dict(session.headers)
        options = HttpOptions(session=session)
        assert (await send(server.url, SUBMIT, options)).status == 200
        assert type(await failure(f"http://127.0.0.1:{free_port()}", SUBMIT, options)) is NotDeliveredError
        assert not session.closed
        assert {name: value for name, value in vars(session).items() if name != "_connector"} == before
        assert dict(session.headers) == headers
    [head] = server.heads
    assert b"X-Mine: 1" in head
    assert head.count(b"Authorization:") == 1
    assert b"Authorization: Bearer " + CANARY.encode() in head


async def raise_for_all(_: aiohttp.ClientResponse) -> None:
    """What a session may be given in place of `raise_for_status=True`."""
    raise LookupError("not found")


@pytest.mark.parametrize("request_", [SUBMIT, POLL], ids=["submit", "poll"])
@pytest.mark.parametrize("raises", [True, raise_for_all])
@pytest.mark.parametrize("status", [200, 302, 400, 404, 503])
async def test_a_callers_session_that_raises_at_a_status_does_not(request_, raises, status):
    """Else a refusal would pass for an answer that was lost, and a job that was not accepted be in doubt."""
    async with serving(reply(b"{}", status)) as server, aiohttp.ClientSession(raise_for_status=raises) as session:
        assert (await send(server.url, request_, HttpOptions(session=session))).status == status


async def send_twice(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A middleware that sends each request again."""
    (await handler(request)).release()
    return await handler(request)


@pytest.mark.parametrize(("request_", "sends"), [(SUBMIT, 1), (POLL, 2)], ids=["submit", "poll"])
async def test_a_middleware_of_a_callers_session_pays_for_nothing(request_, sends):
    """It sees what is free only."""
    async with serving(reply(b"{}")) as server, aiohttp.ClientSession(middlewares=[send_twice]) as session:
        assert (await send(server.url, request_, HttpOptions(session=session))).status == 200
    assert len(server.heads) == sends


async def closed() -> aiohttp.ClientSession:
    """A session that was closed."""
    session = aiohttp.ClientSession()
    await session.close()
    return session


async def detached() -> aiohttp.ClientSession:
    """A session whose connections were given away."""
    session = aiohttp.ClientSession()
    connector = session.connector
    session.detach()
    assert connector is not None
    await connector.close()
    return session


async def with_auth() -> aiohttp.ClientSession:
    """A session with a password, which aiohttp refuses to send together with a key."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return aiohttp.ClientSession(auth=aiohttp.BasicAuth("user", "password"))


@pytest.mark.parametrize("request_", [SUBMIT, POLL], ids=["submit", "poll"])
@pytest.mark.parametrize(
    ("make", "words"), [(closed, "closed, for good"), (detached, "closed, for good"), (with_auth, "has `auth`")]
)
async def test_a_callers_session_that_can_send_nothing_is_no_trouble_of_the_network(request_, make, words):
    """Certainly unsent, and never to be sent: no connection is opened."""
    async with serving(reply(b"{}")) as server, await make() as session:
        error = await failure(server.url, request_, HttpOptions(session=session))
    assert type(error) is UnsendableError
    assert words in str(error)
    assert server.accepted == 0


async def test_a_refusal_of_aiohttp_that_may_come_after_a_byte_is_a_doubt():
    """A ValueError over a caller's session says nothing of what was sent before."""
    trace = aiohttp.TraceConfig()

    async def late(*_: object) -> None:
        raise ValueError("after the headers")

    trace.on_request_chunk_sent.append(late)
    async with serving(reply(b"{}")) as server, aiohttp.ClientSession(trace_configs=[trace]) as session:
        error = await failure(server.url, SUBMIT, HttpOptions(session=session))
    assert type(error) is TransportError


async def test_closing_leaves_no_connection():
    """Kept-alive ones are closed with the transport."""
    closed = asyncio.Event()

    async def keep_alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"{}", Connection="keep-alive"))
        await writer.drain()
        await reader.read()
        closed.set()

    async with serving(keep_alive) as server:
        transport = AiohttpTransport(base_url(server.url), ApiKey(CANARY), options=CALM)
        await transport.send(POLL)
        assert not closed.is_set()
        await transport.aclose()
        await transport.aclose()
        await closed.wait()
        with pytest.raises(NotDeliveredError) as caught:
            await transport.send(POLL)
        assert type(caught.value) is NotDeliveredError


# --- the address of the API


@pytest.mark.parametrize(
    "text",
    [
        "https://api.evolink.ai",
        " https://api.evolink.ai/ ",
        "https://gateway.example/evolink",
        "https://gateway.example/v1/account/evolink",
        "https://gateway.example/v1/taskforce/v10",
        "http://127.0.0.1:8787",
        "http://localhost:1",
        "http://[::1]:1",
    ],
)
async def test_an_address_is_https_or_loopback(text):
    """With or without a path."""
    assert base_url(text).host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.evolink.ai",
        "/v1",
        "ftp://api.evolink.ai",
        "https://",
        "https:///x",
        "https://a:99999",
        "https://[::1",
        "https://a?x=1",
        "https://a#x",
        "http://api.evolink.ai",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "https://user@a",
        "https://user:secret@a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://x y",
    ],
)
async def test_other_addresses_are_refused(text):
    """Before any key travels; a password in it is not repeated."""
    with pytest.raises(ConfigurationError, match="base URL") as caught:
        base_url(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("https://api.evolink.ai/v1", "/v1"),
        (" https://api.evolink.ai/v1/ ", "/v1"),
        ("https://gateway.example/evolink/v1//", "/v1"),
        ("https://api.evolink.ai/v1/videos/generations", "/v1/videos/generations"),
        ("https://api.evolink.ai/v1/tasks", "/v1/tasks"),
        ("http://localhost:8787/v1/credits", "/v1/credits"),
        ("https://files-api.evolink.ai/api/v1/files/upload/stream", "/api/v1/files/upload/stream"),
    ],
)
async def test_an_address_ends_before_the_path_of_the_api(text, path):
    """Other clients want it there. Here every request would be answered with 404, which can also be a short outage."""
    with pytest.raises(ConfigurationError, match=f"leave out {path}, the library adds it"):
        base_url(text)


async def test_a_request_timeout_before_the_connect_timeout_is_not_delivered():
    """The request timeout ends the attempt to connect: nothing was sent."""
    with full_backlog() as port, pytest.raises(NotDeliveredError):
        await send(f"http://127.0.0.1:{port}", SUBMIT, HttpOptions(submit_timeout=0.3))
