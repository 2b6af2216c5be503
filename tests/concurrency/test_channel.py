"""The channel: each item is taken once, in order, also when a waiting consumer is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from evolink_async.concurrency import Channel

pytestmark = pytest.mark.anyio


async def test_items_come_in_order_then_the_end():
    """A further call gets the end again."""
    channel: Channel[int] = Channel()
    for item in range(3):
        channel.put(item)
    channel.finish()
    assert len(channel) == 3
    assert [await channel.get() for _ in range(3)] == [0, 1, 2]
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await channel.get()


async def test_an_error_comes_after_the_items_and_once():
    """Like an iterator that failed: then it has ended."""
    channel: Channel[int] = Channel()
    channel.put(1)
    channel.finish(LookupError("x"))
    assert await channel.get() == 1
    with pytest.raises(LookupError):
        await channel.get()
    with pytest.raises(StopAsyncIteration):
        await channel.get()


async def test_an_item_that_is_put_back_is_the_next_one():
    """Before all others, and also after the end; who waits for one gets it."""
    channel: Channel[int] = Channel()
    for item in range(2):
        channel.put(item)
    channel.put_back(await channel.get())
    assert [await channel.get() for _ in range(2)] == [0, 1]
    waiting = asyncio.ensure_future(channel.get())
    await asyncio.sleep(0)
    channel.put_back(2)
    assert await waiting == 2
    channel.finish()
    channel.put_back(3)
    assert await channel.get() == 3
    with pytest.raises(StopAsyncIteration):
        await channel.get()


async def test_an_error_that_counts_as_false_is_raised():
    """As one that is a container, and empty."""

    class EmptyError(Exception):
        def __len__(self) -> int:
            return 0

    channel: Channel[int] = Channel()
    channel.finish(EmptyError())
    with pytest.raises(EmptyError):
        await channel.get()


async def test_nothing_is_put_after_the_end():
    """The first end counts."""
    channel: Channel[int] = Channel()
    channel.finish()
    channel.put(1)
    channel.finish(LookupError("x"))
    with pytest.raises(StopAsyncIteration):
        await channel.get()


async def test_a_waiting_consumer_is_woken():
    """By an item, and by the end."""
    channel: Channel[int] = Channel()
    waiting = asyncio.create_task(channel.get())
    await asyncio.sleep(0)
    channel.put(1)
    assert await waiting == 1
    ending = asyncio.create_task(anext_of(channel))
    await asyncio.sleep(0)
    channel.finish()
    assert await ending is None


async def anext_of(channel: Channel[int]) -> int | None:
    """The next item, None at the end: a task cannot raise StopAsyncIteration."""
    try:
        return await channel.get()
    except StopAsyncIteration:
        return None


@pytest.mark.parametrize("turns_before_put", range(4))
@pytest.mark.parametrize("turns_before_cancel", range(4))
async def test_a_cancelled_consumer_loses_nothing(turns_before_put, turns_before_cancel):
    """Cancelled before, with and after the arrival of an item: it was handed over, or it is still there."""
    channel: Channel[int] = Channel()
    consumer = asyncio.create_task(channel.get())
    for _ in range(turns_before_put):
        await asyncio.sleep(0)
    channel.put(1)
    for _ in range(turns_before_cancel):
        await asyncio.sleep(0)
    consumer.cancel()
    await asyncio.wait([consumer])
    taken = [] if consumer.cancelled() else [consumer.result()]
    assert [*taken, *([await channel.get()] if len(channel) else [])] == [1]


async def test_consumers_cancelled_at_random_lose_nothing():
    """500 items through time limits that keep striking: each arrives once, in order."""
    channel: Channel[int] = Channel()

    async def produce() -> None:
        for item in range(500):
            channel.put(item)
            await asyncio.sleep(0)
        channel.finish()

    producing = asyncio.create_task(produce())
    taken: list[int] = []
    for turns in iter(lambda: len(taken) % 5, None):
        consumer = asyncio.create_task(anext_of(channel))
        for _ in range(turns):
            await asyncio.sleep(0)
        consumer.cancel()
        await asyncio.wait([consumer])
        if not consumer.cancelled():
            if (item := consumer.result()) is None:
                break
            taken.append(item)
        elif producing.done() and not len(channel):
            break
        else:
            taken.append(await channel.get())
    assert taken == list(range(500))


async def test_clearing_forgets_what_was_not_taken():
    """And what comes later is taken as ever."""
    channel: Channel[int] = Channel()
    channel.put(1)
    channel.clear()
    channel.put(2)
    assert await channel.get() == 2
