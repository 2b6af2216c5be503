"""Callbacks: the query's body, the documented retries, one background task."""

import asyncio
import itertools

import pytest
from aiohttp import web

from evolink_async.emulator import Emulator
from evolink_async.emulator.service.private_hosts import is_private

pytestmark = pytest.mark.anyio


class Receiver:
    """A user's endpoint that answers with scripted statuses and notes what came."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.url = ""
        self.statuses: list[int] = []
        self.came: list[tuple[float, object]] = []
        self.news = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.came.append((self.clock.now(), await request.json()))
        self.news.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    async def next(self) -> object:
        await asyncio.wait_for(self.news.wait(), 5)
        self.news.clear()
        return self.came[-1][1]


@pytest.fixture
async def receiver(clock):
    receiver = Receiver(clock)
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def caller(clock, http, new_client):
    async with Emulator(clock=clock, allow_private_callbacks=True) as emulator:
        yield new_client(http, emulator)


async def test_the_final_state_is_posted_once(caller, receiver, body, clock):
    """Nothing comes before the end; then one POST with the very body a query shows."""
    reply = await caller.submit(body | {"callback_url": receiver.url})
    task = caller.emulator.tasks[reply.body["id"]]
    clock.advance(task.life.total_seconds - 1)
    await caller.query(task.task_id)
    assert receiver.came == []
    clock.advance(1)
    assert await receiver.next() == (await caller.query(task.task_id)).body
    assert receiver.came[0][1]["status"] == "completed"
    clock.advance(100)
    await caller.query(task.task_id)
    assert len(receiver.came) == 1


@pytest.mark.parametrize("taken_at", [2, 3, 4, None])
async def test_refused_callbacks_are_repeated(caller, receiver, body, clock, until, taken_at):
    """After 1, 2 and 4 s on the emulator's clock, until one is taken; a redirect is no success. Then never again."""
    receiver.statuses = [500, 404, 302, 503][: taken_at and taken_at - 1]
    reply = await caller.submit(body | {"callback_url": receiver.url})
    clock.advance(caller.emulator.tasks[reply.body["id"]].life.total_seconds)
    for gap in (1, 2, 4, 60):
        await receiver.next()
        # The postman reads our answer some turns later; only then does the retry's time begin.
        await until(lambda: not caller.emulator._post.under_way)
        clock.advance(gap - 0.5)
        await turn(200)
        assert not receiver.news.is_set()
        if not caller.emulator.callbacks_waiting:
            break
        clock.advance(0.5)
    times = [at for at, _ in receiver.came]
    assert [late - early for early, late in itertools.pairwise(times)] == [1, 2, 4][: (taken_at or 4) - 1]
    assert caller.emulator.callbacks_waiting == 0


async def turn(times: int) -> None:
    """Let the event loop go round, for what would happen to happen."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_callbacks_can_be_led_to_a_test(clock, http, new_client, receiver, body):
    """With `callbacks_to` a public https address reaches a local receiver; private ones are still refused."""
    origin = receiver.url.removesuffix("/hook")
    async with Emulator(clock=clock, callbacks_to=origin) as emulator:
        client = new_client(http, emulator)
        assert (await client.submit(body | {"callback_url": receiver.url})).status == 400
        await client.submit(body | {"callback_url": "https://hooks.example.com/hook"})
        clock.advance(10_000)
        assert (await receiver.next())["status"] == "completed"


async def test_an_unreachable_receiver_harms_nobody(caller, receiver, body, clock):
    """A refused connection is a failed try; other callbacks still arrive."""
    await caller.submit(body | {"callback_url": "http://127.0.0.1:9/hook"})
    await caller.submit(body | {"callback_url": receiver.url})
    clock.advance(10_000)
    assert (await receiver.next())["status"] == "completed"


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://example.com/", False),
        ("https://8.8.8.8/", False),
        ("https://172.15.0.1/", False),
        ("https://172.16.0.1/", True),
        ("https://192.168.0.1/", True),
        ("https://0.0.0.0/", True),
        ("https://127.1/", True),
        ("https://0x7f000001/", True),
        ("https://[fe80::1%25eth0]/", True),
        ("https://[fd00::1]/", True),
        ("https://printer.local/", True),
        ("https://a.localhost/", True),
    ],
)
def test_private_hosts(url, private):
    """Loopback, private and link-local hosts in every spelling a C resolver reads."""
    assert is_private(url) is private
