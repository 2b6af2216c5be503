"""The download whose link expires first goes first, and a warning comes when the queue is too long."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import attrs
import pytest

from evolink_async.concurrency import Limiter
from evolink_async.downloads import Downloads, Folder, ResultReader, has_files
from evolink_async.events import Downloaded, DownloadsBehind, Event
from tests.downloads.test_downloads import FILM, HASTY, MIB, PRIVATE_TOO, completed_with, nobody
from tests.servers import Listener, reply, serving

pytestmark = pytest.mark.anyio

NOON = 1_800_000_000.0


class Clock:
    """Every call takes ten seconds."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        self.now += 10
        return self.now


async def save_all(folder: Path, expiries: list[float], *, emit=None) -> Listener:
    """Save a job for each of these times, one after the other; their links are named by their place in the list."""
    result_reader = ResultReader(PRIVATE_TOO)
    downloads = Downloads(
        Folder(folder), result_reader, Limiter(1), policy=HASTY, poll=nobody, max_bytes=MIB, emit=emit, clock=Clock()
    )
    async with serving(reply(FILM, Content_Type="video/mp4")) as server:
        jobs = [
            attrs.evolve(completed_with(f"{server.url}/{number}.mp4", key=f"shot-{number}"), expires_at=expires_at)
            for number, expires_at in enumerate(expiries)
        ]
        saved = await asyncio.gather(*[downloads.save(job) for job in jobs])
        await result_reader.aclose()
    assert all(has_files(outcome) for outcome in saved)
    return server


async def test_permits_go_to_the_earliest_deadline():
    """First come, first served, among those who want them by the same time."""
    limiter, order = Limiter(1), []
    await limiter.acquire()

    async def work(name: str, before: float) -> None:
        await limiter.acquire(before)
        order.append(name)
        limiter.release()

    wishes = [("c", 3.0), ("a", 1.0), ("d", 3.0), ("b", 2.0)]
    tasks = [asyncio.create_task(work(name, before)) for name, before in wishes]
    await asyncio.sleep(0)
    limiter.release()
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c", "d"]


async def test_the_link_that_expires_first_is_fetched_first(tmp_path):
    """Of those that wait; the one that came first goes on."""
    server = await save_all(tmp_path, [NOON + 1e6, NOON + 3e5, NOON + 1e5, NOON + 2e5])
    order = [int(head.split()[1][1:2]) for head in server.heads]
    assert order[1:] == sorted(order[1:], key=[1e6, 3e5, 1e5, 2e5].__getitem__)


async def test_an_observer_hears_once_that_links_will_expire(tmp_path):
    """As soon as the first file has shown how long one takes."""
    events: list[Event] = []
    await save_all(tmp_path, [NOON + 300] * 20, emit=events.append)
    [behind] = [event for event in events if isinstance(event, DownloadsBehind)]
    assert len([event for event in events if isinstance(event, Downloaded)]) == 20
    assert behind.needed > behind.left > 0
    assert behind.waiting > 1


async def test_without_an_observer_the_log_says_so(tmp_path, caplog):
    """Once; nothing of it when there is time."""
    with caplog.at_level(logging.WARNING, "evolink_async"):
        await save_all(tmp_path / "calm", [NOON + 1e6] * 20)
        assert caplog.messages == []
        await save_all(tmp_path / "late", [NOON + 300] * 20)
    [message] = caplog.messages
    assert "results wait to be saved" in message
    assert message.endswith("Raise Limits.downloads.")
