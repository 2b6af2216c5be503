"""The dashboard: a page of text with the tasks that were paid for."""

from __future__ import annotations

import time

import aiohttp
import pytest

from evolink_async.emulator import Emulator, HandClock, faults
from evolink_async.emulator.hosts.dashboard import columns, one_line

pytestmark = pytest.mark.anyio


async def page(http: aiohttp.ClientSession, emulator: Emulator) -> list[str]:
    """Its lines, read without a key."""
    async with http.get(emulator.dashboard_url) as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        return (await response.text()).splitlines()


async def test_every_paid_task_has_a_row(client, http, emulator, body, clock):
    """Newest first, with its id, state and idempotency key, even when its reply is lost; a refused request has none."""
    [total] = await page(http, emulator)
    assert total.startswith("0 tasks, 0 unfinished. Credits: 0.00 charged, 0.00 held, 100000.00 left. Times are in UTC")
    emulator.faults.on("submit", 2, faults.DROP_AFTER_ACCEPT)
    emulator.faults.on("submit", 3, faults.error(400))
    first = (await client.submit(body, key="ev-a-key-of-16-signs")).body["id"]
    clock.advance(3600)
    with pytest.raises(aiohttp.ClientError):
        await client.submit(body | {"prompt": "A lost\n\x1b[31mreply"})
    assert (await client.submit(body)).status == 400
    [total, blank, head, newest, oldest] = await page(http, emulator)
    lost = next(reversed(emulator.tasks))
    assert total.startswith("2 tasks, 1 unfinished. Credits: 11.90 charged, 11.90 held, 99976.20 left. Times")
    assert (blank, head.split()[:4]) == ("", ["MADE", "TASK", "STATUS", "CREDITS"])
    assert newest.split()[1:] == [lost, "pending", "11.9", body["model"], *["A", "lost", "[31mreply"]]
    assert oldest.split()[1:] == [
        first, "completed", "11.9", body["model"], "ev-a-key-of-16-signs", *body["prompt"].split()
    ]  # fmt: skip
    assert not any(request.path == "/dashboard" for request in emulator.received)


async def test_the_time_is_real(new_client, http, body):
    """A person compares it with the time at which a job was sent, so it is not the emulator's."""
    async with Emulator(clock=HandClock()) as emulator:
        before = time.time()
        await new_client(http, emulator).submit(body)
        after = time.time()
        made = (await page(http, emulator))[-1].split()[0]
    seconds = range(int(before), int(after) + 1)
    assert made in {time.strftime("%H:%M:%S", time.localtime(second)) for second in seconds}


def test_columns():
    """As wide as the longest text; nothing at the end of a line."""
    assert list(columns([("a", "b"), ("long", ""), ("", "c")])) == ["a     b", "long", "      c"]


def test_a_prompt_is_one_line():
    """No line breaks, nothing that a terminal obeys, and not more than 60 characters."""
    assert one_line(" A\r\nperson\x1b[2J\u202e " + "x" * 100) == "A person [2J " + "x" * 47
