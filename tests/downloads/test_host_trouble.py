"""A host that gives no results is told once, within seconds, and holds no download for longer than the patience."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from evolink_async.client import HttpOptions
from evolink_async.concurrency import Limiter
from evolink_async.downloads import Downloads, Folder, ResultReader, host_trouble, retries
from evolink_async.downloads.host_trouble import AGAIN_SECONDS, FORGOTTEN_SECONDS, HostOutages, Watch
from evolink_async.downloads.remote_file import InterruptedDownloadError
from evolink_async.downloads.retries import LEAST_SECONDS, Retries
from evolink_async.errors import DownloadError
from evolink_async.events import DownloadTrouble, Event
from evolink_async.settings import RetryPolicy
from tests.downloads.test_downloads import FILM, MIB, completed_with, nobody
from tests.kit import turns, until
from tests.servers import Act, hang, reply, serving, then_hang

pytestmark = pytest.mark.anyio

PATIENT_READER = HttpOptions(allow_private_results=True, download_read_timeout=600)
"""Only the patience can end a try before the test does."""
POLICY = RetryPolicy(attempts=10, base=0.001, cap=0.001)
BUSY = reply(b"<html>busy", 503, Content_Type="text/html")


@attrs.define
class Saver:
    """Saves results, each with a `Downloads` of its own, as calls of `pool.download` do; and what is told meanwhile."""

    folder: Path
    reader: ResultReader
    policy: RetryPolicy
    is_observed: bool
    events: list[Event] = attrs.field(factory=list)

    async def save(self, *urls: str, key: str = "shot-1") -> Exception | None:
        """Save the results of one job, which has just ended; return the error."""
        emit = self.events.append if self.is_observed else None
        downloads = Downloads(
            Folder(self.folder), self.reader, Limiter(4), policy=self.policy, poll=nobody, max_bytes=MIB, emit=emit
        )
        return (await downloads.save(completed_with(*urls, key=key, finished_at=time.time()))).download_error

    @property
    def troubles(self) -> list[DownloadTrouble]:
        """What was told of hosts."""
        return [event for event in self.events if isinstance(event, DownloadTrouble)]


@asynccontextmanager
async def saver(folder: Path, *, policy: RetryPolicy = POLICY, is_observed: bool = True) -> AsyncIterator[Saver]:
    """One with a reader of results that is closed in the end."""
    reader = ResultReader(PATIENT_READER)
    try:
        yield Saver(folder, reader, policy, is_observed)
    finally:
        await reader.aclose()


async def told_while_it_waits(folder: Path, act: Act | bytes) -> tuple[DownloadTrouble, int]:
    """What is told of a host while a download from it is under way, and the requests until then."""
    async with saver(folder) as here, serving(act) as server:
        download = asyncio.create_task(here.save(f"{server.url}/film.mp4"))
        await until(lambda: here.troubles)
        assert not download.done()
        download.cancel()
        with pytest.raises(asyncio.CancelledError):
            await download
        [trouble] = here.troubles
        return trouble, server.accepted


@pytest.fixture
def soon(monkeypatch):
    """Silence is told after a moment."""
    monkeypatch.setattr(host_trouble, "SILENT_SECONDS", 0.02)


@pytest.mark.parametrize("status", [404, 425, 429, 503])
async def test_a_host_that_asks_to_wait_is_told_before_the_wait(tmp_path, status):
    """At the first failed try, though the next one is minutes away."""
    trouble, tries = await told_while_it_waits(tmp_path, reply(b"", status, Retry_After=200))
    assert (trouble.host, trouble.patience) == ("127.0.0.1", POLICY.patience)
    assert trouble.reason == f"the result's host answered HTTP {status}"
    assert tries == 1


@pytest.mark.parametrize(
    "act",
    [hang, then_hang(reply(b"", Content_Length=9)), then_hang(reply(FILM, Content_Length=MIB))],
    ids=["no head", "no body", "half a body"],
)
async def test_a_host_that_says_nothing_is_told_during_the_try(tmp_path, soon, act):
    """Nothing at all, no body, or no more of it: long before its time-out."""
    trouble, tries = await told_while_it_waits(tmp_path, act)
    assert trouble.reason == "nothing has come for 0.02 s"
    assert tries == 1


async def test_a_host_is_told_once_for_all_its_results(tmp_path):
    """However many files, tries and calls meet it."""
    async with saver(tmp_path) as here, serving([BUSY] * 12 + [reply(FILM)] * 4) as server:
        saves = [here.save(f"{server.url}/{number}.mp4", key=f"shot-{number}") for number in range(4)]
        assert await asyncio.gather(*saves) == [None] * 4
    assert len(here.troubles) == 1


async def test_without_an_observer_the_log_tells_it(tmp_path, caplog):
    """One warning, with the host, what it said, and for how long it is asked again."""
    with caplog.at_level(logging.WARNING, "evolink_async"):
        async with saver(tmp_path, is_observed=False) as here, serving([BUSY, BUSY, reply(FILM)]) as server:
            assert await here.save(f"{server.url}/film.mp4") is None
    assert caplog.messages == [
        "127.0.0.1 does not give the results: the result's host answered HTTP 503; each is tried for up to 300 s"
    ]


async def test_a_host_that_gives_its_results_is_not_told(tmp_path):
    """Nor one that breaks off after some bytes."""
    cut = reply(FILM[:1000], Content_Length=len(FILM))
    async with saver(tmp_path) as here, serving([cut, reply(FILM)]) as server:
        assert await here.save(f"{server.url}/film.mp4") is None
    assert here.troubles == []


@pytest.mark.parametrize("act", [hang, then_hang(reply(b"", Content_Length=9))], ids=["no head", "no body"])
async def test_a_host_that_says_nothing_is_given_up_with_the_patience(tmp_path, monkeypatch, act):
    """Long before ten time-outs."""
    monkeypatch.setattr(retries, "LEAST_SECONDS", 0.01)
    async with saver(tmp_path, policy=attrs.evolve(POLICY, patience=0.05)) as here, serving(act) as server:
        error = await here.save(f"{server.url}/film.mp4")
    assert type(error) is DownloadError
    assert str(error) == "nothing came from the result's host"
    assert list(tmp_path.iterdir()) == []


async def test_a_try_that_has_its_first_byte_is_not_ended_by_the_patience():
    """A long file takes longer than that."""
    now = asyncio.get_running_loop().time()
    async with Watch("x", print, now) as watch:
        watch.hear()
        await turns()
    with pytest.raises(InterruptedDownloadError):
        async with Watch("x", print, now):
            await turns()


def test_silence_counts_as_waiting_does():
    """The time of the tries and the pauses together are within the patience; bytes make a new beginning."""
    tries = Retries(attrs.evolve(POLICY, patience=100), 1000.0)
    assert tries.ends_at(1000.0) == 1100.0
    assert tries.pause(None, now=1060.0, has_progress=False) is not None
    assert tries.ends_at(1060.0) == 1100.0
    assert tries.pause(50.0, now=1060.0, has_progress=False) is None
    assert tries.pause(None, now=1101.0, has_progress=False) is None
    assert tries.pause(50.0, now=1101.0, has_progress=True) is not None
    assert tries.ends_at(1151.0) == 1201.0


def test_a_try_after_a_long_wait_has_time_for_its_first_byte():
    """The host asked for nearly all of the patience."""
    tries = Retries(POLICY, 0.0)
    assert tries.pause(299.0, now=0.0, has_progress=False) is not None
    assert tries.ends_at(299.5) == 299.5 + LEAST_SECONDS


def test_an_outage_is_told_once_and_another_one_again():
    """A host that works now and then is told once a minute at most, and of each host by itself."""
    hosts = HostOutages()
    assert hosts.take_news("a", 0.0)
    assert [hosts.take_news("a", now) for now in (1.0, 500.0, 1000.0)] == [False] * 3
    assert hosts.take_news("b", 1000.0)
    hosts.end("a")
    assert hosts.take_news("a", 1001.0)
    hosts.end("a")
    assert not hosts.take_news("a", 1001.0 + AGAIN_SECONDS - 1)
    # What was held back is told, if it lasts.
    assert hosts.take_news("a", 1001.0 + AGAIN_SECONDS)
    # Nothing was asked of it for so long: whoever asks now has heard of nothing.
    assert hosts.take_news("a", 1002.0 + AGAIN_SECONDS + FORGOTTEN_SECONDS)
