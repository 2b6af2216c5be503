"""Forged, repeated, large and slow calls on real sockets: nothing changes, and nothing is read but by a poll."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import evolink_async as ev
from evolink_async.callbacks import CallbackReceiver
from evolink_async.callbacks import receiver as receiver_module
from evolink_async.emulator import Emulator
from evolink_async.emulator.clock import HandClock
from evolink_async.pool import Callback
from tests.callbacks.kit import SAMPLE, SERVERS, URL, Caller, alone, new_receiver
from tests.kit import dance, open_pool, turns, until

pytestmark = pytest.mark.anyio

PURCHASE = "ev-0123456789abcdef0123456789abcdef"
STEADY = ev.Cadence(polls_per_second=2000, first_look=60, min_interval=0.01, max_interval=60)


@pytest.fixture(params=SERVERS)
def serve(request):
    """Each kind of server."""
    return SERVERS[request.param]


class Taker:
    """A pool's end of a receiver: keeps what it is given."""

    def __init__(self, receiver: CallbackReceiver) -> None:
        self.taken: list[Callback] = []
        self.has_room = True
        receiver.attach(self.take)

    def take(self, callback: Callback) -> bool:
        """Keep a callback."""
        self.taken.append(callback)
        return self.has_room


async def test_a_genuine_call_is_taken(serve):
    """With its purchase, and with the task that its body names, if it is a task at all."""
    receiver = new_receiver()
    taker, url = Taker(receiver), receiver.url_for("order-17", PURCHASE)
    async with serve(receiver) as port:
        for body in (SAMPLE, {"id": 7}, b"\xff no JSON", b"[" * 60_000, b""):
            assert await Caller(port).call(url, body) == 204
        assert await Caller(port).send(url, [b'{"id": "task-unified-2", ', b'"status": "failed"}'], length=None) == 204
    assert [callback.task_id for callback in taker.taken] == ["task-unified-1", *[None] * 4, "task-unified-2"]
    assert {callback.purchase for callback in taker.taken} == {PURCHASE}
    assert taker.taken[0].is_for("order-17")
    assert not taker.taken[0].is_for("order-18")


async def test_what_is_refused(serve):
    """A wrong token whatever else is right, another method, a large body; none reaches the pool."""
    receiver = new_receiver()
    taker, url = Taker(receiver), receiver.url_for("order-17", PURCHASE)
    other = CallbackReceiver(URL, "the secret of somebody else").url_for("order-17", PURCHASE)
    async with serve(receiver) as port:
        caller = Caller(port)
        for forged in (other, url[:-1], f"{url}0", url.replace("ev-0", "ev-1"), f"{URL}/nothing", f"{URL}/"):
            for method in ("POST", "GET", "DELETE"):
                assert await caller.call(forged, method=method) == 404
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH"):
            assert await caller.call(url, method=method) == 405
        assert await caller.call(url, b"x" * (64 * 1024 + 1)) == 413
        assert await caller.send(url, [b"x" * 1024], length=None, times=65) == 413
        assert taker.taken == []
        assert await caller.call(url, b"x" * 64 * 1024) == 204


@pytest.mark.parametrize("is_genuine", [True, False])
@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_body_of_100_megabytes_takes_no_memory(serve, is_genuine, is_chunked):
    """It is refused at once, or is not read further."""
    receiver = new_receiver()
    taker, url = Taker(receiver), receiver.url_for("order-17", PURCHASE)
    piece, count = b"x" * 64 * 1024, 1600
    async with serve(receiver) as port:
        tracemalloc.start()
        try:
            length = None if is_chunked else len(piece) * count
            answer = Caller(port).send(url if is_genuine else f"{url}0", [piece], length=length, times=count)
            assert await answer == (413 if is_genuine else 404)
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()
    assert taker.taken == []


async def test_a_body_that_does_not_come(serve, monkeypatch):
    """It is given up after some seconds, and its place is free again."""
    monkeypatch.setattr(receiver_module, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(receiver_module, "MAX_BODIES", 2)
    receiver = new_receiver()
    taker, url = Taker(receiver), receiver.url_for("order-17", PURCHASE)
    async with serve(receiver) as port:
        caller = Caller(port)
        for _ in range(3):
            assert await caller.send(url, [b"{"], length=100) == 408
        monkeypatch.setattr(receiver_module, "BODY_SECONDS", 10)
        assert await caller.call(url) == 204
    assert len(taker.taken) == 1


@pytest.mark.parametrize("request_line", [b"POST /evolink/forged HTTP/1.1\r\n", b"no HTTP at all\r\n"])
async def test_what_is_no_http_is_not_logged(request_line, caplog):
    """Anybody can send it, as often as they like; a fault of the server's own is logged all the same."""
    async with alone(new_receiver()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_line + b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        assert caplog.records == []
        logging.getLogger("aiohttp.server.evolink_async").exception("broken", exc_info=OSError())
        assert len(caplog.records) == 1


async def test_bodies_are_read_of_few_at_once(serve, monkeypatch):
    """The others are told to call again."""
    monkeypatch.setattr(receiver_module, "MAX_BODIES", 2)
    receiver = new_receiver()
    Taker(receiver)
    url = receiver.url_for("order-17", PURCHASE)
    async with serve(receiver) as port:
        caller = Caller(port)
        slow = [asyncio.create_task(caller.send(url, [b"{"], length=100)) for _ in range(2)]
        await until(lambda: receiver._bodies == 2)
        assert await caller.call(url) == 503
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)
        await until(lambda: not receiver._bodies)
        assert await caller.call(url) == 204


async def test_without_a_pool_the_service_is_told_to_call_again(serve):
    """Before it opens, after it has closed, and when it has no room."""
    receiver = new_receiver()
    url = receiver.url_for("order-17", PURCHASE)
    async with serve(receiver) as port:
        assert await Caller(port).call(url) == 503
        taker = Taker(receiver)
        taker.has_room = False
        assert await Caller(port).call(url) == 503
        receiver.detach()
        assert await Caller(port).call(url) == 503
    assert len(taker.taken) == 1


async def test_a_receiver_serves_one_pool():
    """A second one is refused, and closes what it has opened; after the first is closed it may open."""
    receiver = new_receiver()
    async with Emulator() as emulator:
        journal = ev.journal.MemoryJournal()
        async with open_pool(emulator, callbacks=receiver):
            with pytest.raises(ev.ConfigurationError, match="another pool"):
                await open_pool(emulator, callbacks=receiver, journal=journal).open()
        async with open_pool(emulator, callbacks=receiver, journal=journal):
            assert "not" not in repr(receiver)
        assert "not attached" in repr(receiver)


# --- against an open pool


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A service whose time stands still, so that nothing ends and nothing is polled."""
    async with Emulator(clock=HandClock(), callbacks_to="http://127.0.0.1:9") as emulator:
        yield emulator


def status_requests(emulator: Emulator) -> int:
    """How often the service was asked."""
    return sum(request.kind in ("poll", "batch") for request in emulator.received)


async def test_forged_calls_change_nothing(serve, emulator, tmp_path: Path):
    """No poll, no entry in the journal, whatever the body says; of purchases that nobody knows neither."""
    receiver = new_receiver()
    async with open_pool(emulator, callbacks=receiver, cadence=STEADY, journal=tmp_path / "run.db") as pool:
        await pool.submit(dance(1), key="shot-1")
        [task] = emulator.tasks.values()
        waiting = asyncio.create_task(pool.wait(task.task_id))
        await until(lambda: pool.stats().in_flight == 1)
        before = repr(pool.unfinished())
        body = {"id": task.task_id, "status": "failed", "error": {"message": "no"}}
        async with serve(receiver) as port:
            for _ in range(20):
                assert await Caller(port).call(f"{task.callback_url}0", body) == 404
            for number in range(20):
                assert await Caller(port).call(receiver.url_for("shot-1", f"{PURCHASE}{number}"), body) == 204
                assert await Caller(port).call(str(task.callback_url), body, method="PUT") == 405
        await turns(20)
        assert (repr(pool.unfinished()), status_requests(emulator)) == (before, 0)
        waiting.cancel()


@pytest.mark.timeout(300)  # a thousand connections take a while on a busy machine
async def test_a_thousand_repeats_bring_few_polls(serve, emulator):
    """Polls of one task stay `min_interval` apart, and what the body says is not believed."""
    receiver = new_receiver()
    slow = ev.Cadence(polls_per_second=2000, first_look=7200, min_interval=3600, max_interval=7200)
    async with open_pool(emulator, callbacks=receiver, cadence=slow) as pool:
        await pool.submit(dance(1), key="shot-1")
        [task] = emulator.tasks.values()
        waiting = asyncio.create_task(pool.wait(task.task_id))
        await until(lambda: pool.stats().in_flight == 1)
        async with serve(receiver) as port:
            for _ in range(1000):
                assert await Caller(port).call(str(task.callback_url), SAMPLE | {"id": task.task_id}) == 204
        assert pool.stats().looks <= 1
        assert not waiting.done()
        waiting.cancel()


async def test_a_flood_of_unknown_purchases_is_bounded(emulator, monkeypatch):
    """With too many of them waiting the service is told to call again; the pool goes on."""
    from evolink_async.pool import call_inbox

    monkeypatch.setattr(call_inbox, "MOST", 5)
    receiver = new_receiver()
    async with open_pool(emulator, callbacks=receiver):
        take = receiver._take
        assert take is not None
        answers = [take(Callback(f"{PURCHASE}{n}", None, lambda _: True)) for n in range(10)]
        assert answers == [True] * 5 + [False] * 5
        await turns(20)
        assert take(Callback(PURCHASE, None, lambda _: True))
