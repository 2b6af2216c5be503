"""Callbacks: the JSON of a query, the documented retries."""

import asyncio
import itertools

import pytest
from aiohttp import web

from evolink_async.emulator import Emulator
from evolink_async.emulator.service.urls import is_private

pytestmark = pytest.mark.anyio


class Receiver:
    """A receiver that responds with scripted statuses and records the callbacks."""

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
    """No callback before the end; then one POST with the body that a query returns."""
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


@pytest.mark.parametrize("succeeds_at", [2, 3, 4, None])
async def test_refused_callbacks_are_retried(caller, receiver, body, clock, until, succeeds_at):
    """Retried after 1, 2 and 4 emulated seconds until one succeeds; a redirect is a failure. Then no more."""
    receiver.statuses = [500, 404, 302, 503][: succeeds_at and succeeds_at - 1]
    reply = await caller.submit(body | {"callback_url": receiver.url})
    clock.advance(caller.emulator.tasks[reply.body["id"]].life.total_seconds)
    for gap in (1, 2, 4, 60):
        await receiver.next()
        # The sender reads the response some loop turns later; the time of the retry starts then.
        await until(lambda: not caller.emulator._servers.callbacks.sending)
        clock.advance(gap - 0.5)
        await turn(200)
        assert not receiver.news.is_set()
        if not caller.emulator.callbacks_waiting:
            break
        clock.advance(0.5)
    times = [at for at, _ in receiver.came]
    assert [late - early for early, late in itertools.pairwise(times)] == [1, 2, 4][: (succeeds_at or 4) - 1]
    assert caller.emulator.callbacks_waiting == 0


async def turn(times: int) -> None:
    """Run the event loop for some turns, so that a wrong callback would be sent."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_callbacks_can_be_redirected_to_a_test(clock, http, new_client, receiver, body):
    """With `callbacks_to`, a public https URL reaches a local receiver; private ones are still refused."""
    origin = receiver.url.removesuffix("/hook")
    async with Emulator(clock=clock, callbacks_to=origin) as emulator:
        client = new_client(http, emulator)
        assert (await client.submit(body | {"callback_url": receiver.url})).status == 400
        await client.submit(body | {"callback_url": "https://hooks.example.com/hook"})
        clock.advance(10_000)
        assert (await receiver.next())["status"] == "completed"


async def test_an_unreachable_receiver_does_not_stop_others(caller, receiver, body, clock):
    """A refused connection is a failed attempt; other callbacks are still sent."""
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
    """Loopback, private and link-local hosts in every form that a C resolver accepts."""
    assert is_private(url) is private
