"""Regression tests for faults that reviews found."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time

import pytest

from evolink_async import ConfigurationError, DownloadError, EvolinkError, HttpOptions, Job, Limits, NotDeliveredError
from evolink_async.client import ApiKey
from evolink_async.downloads import result_reader as fetching
from evolink_async.downloads.names import file_stem
from evolink_async.emulator import faults
from evolink_async.wire import decode_error, decode_task, retry_after
from tests.client.test_transport import SUBMIT, send
from tests.downloads.test_downloads import FILM, save, text_of
from tests.kit import arrivals, dance, open_pool
from tests.servers import full_backlog, reply, serving
from tests.vendor_samples import answer

pytestmark = pytest.mark.anyio

NOON = 1_795_262_400.0  # 2026-11-21 12:00:00 UTC


async def test_a_retry_after_outlives_the_success_of_another_job(emulator):
    """One job is asked to wait a second; another gets through meanwhile; nobody submits before that second is over."""
    emulator.faults.on("submit", 1, faults.error(429, headers={"Retry-After": "0.5"}))
    emulator.faults.on("submit", 2, faults.delay(0.1))
    async with open_pool(emulator) as pool:
        first, second = (asyncio.create_task(pool.submit(dance(number))) for number in (1, 2))
        await second
        await pool.submit(dance(3))
        await first
    assert arrivals(emulator, "submit")[2] >= 0.5


async def test_a_connection_that_never_opens_was_not_delivered():
    """Also when the whole time is shorter than the time to connect."""
    with full_backlog() as port, pytest.raises(NotDeliveredError):
        await send(f"http://127.0.0.1:{port}", SUBMIT, HttpOptions(submit_timeout=0.3))


@pytest.mark.parametrize("options", [{"user_agent": "a\nb"}, {"proxy": "no url"}, {"proxy": "http://127.0.0.1:99999"}])
def test_options_that_no_request_can_carry_are_refused(options):
    """Found where they are given, not after a submit that nobody can judge."""
    with pytest.raises(ConfigurationError):
        HttpOptions(**options)


@pytest.mark.parametrize("date", ["Sat Nov 21 12:01:30 2026", "Sat, 21 Nov 2026 12:01:30 -0000"])
def test_a_date_without_a_zone_is_utc(monkeypatch, date):
    """Wherever the machine stands."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert retry_after({"retry-after": date}, NOON) == 90.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_wish_of_many_digits_is_still_a_wish():
    """However long."""
    assert retry_after({"retry-after": "9" * 400}, 0) >= 1e12


def test_a_number_beyond_all_bounds_is_refused():
    """With a sentence, not with an OverflowError."""
    with pytest.raises(ConfigurationError, match="requests"):
        Limits(requests=10**400)


def test_an_error_we_cannot_read_whole_is_kept_whole():
    """A code that is a number and a field we do not know stay in `extra`."""
    error = {"code": 500, "message": "x", "param": "p"}
    snapshot = decode_task(answer({"id": "a", "status": "failed", "error": error}))
    assert snapshot.fault.message == "x"
    assert snapshot.extra["error"] == error


def test_a_key_echoed_with_escaped_slashes_is_blanked():
    """As some writers of JSON do."""
    body = ApiKey("sk-abc/def+0123456789").scrub(b'{"error":{"code":"x","message":"sk-abc\\/def+0123456789"}}')
    assert "abc" not in decode_error(answer(body, 401), now=0).message


async def test_a_packed_result_is_unpacked_and_whole(tmp_path):
    """Its length is that of the packed bytes, so it is not compared."""
    async with serving(reply(gzip.compress(FILM), Content_Encoding="gzip")) as server:
        saved = await save(tmp_path, server.url)
    assert saved.download_error is None
    assert saved.files[0].read_bytes() == FILM


@pytest.mark.parametrize("answered", [reply(b"<html>", Content_Type="text/html"), reply(b"", Content_Type="video/mp4")])
async def test_a_page_or_nothing_is_no_film(tmp_path, answered):
    """Status 200 alone does not make a result."""
    async with serving(answered) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert saved.download_error is not None
    assert list(tmp_path.iterdir()) == []


async def test_a_proxy_may_stand_on_a_private_address():
    """The guard looks at where results come from, not at the proxy."""
    async with serving(reply(b"", 502)) as proxy:
        with pytest.raises(DownloadError) as caught:
            await text_of("https://example.com/film.mp4", HttpOptions(proxy=proxy.url))
    assert "public" not in str(caught.value)


@pytest.mark.parametrize("host", ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::127.0.0.1", "::ffff:0:127.0.0.1"])
def test_an_address_inside_an_address_is_seen(host):
    """What a gateway would turn into a private IPv4 address is refused."""
    with pytest.raises(OSError, match="public"):
        fetching.guarded_socket((socket.AF_INET6, socket.SOCK_STREAM, 0, "", (host, 443)))


def test_superscripts_make_windows_devices_too():
    """COM¹ is COM1."""
    assert file_stem("com¹") == "_com¹"


async def test_what_is_no_job_and_no_id_is_refused_in_our_words(emulator):
    """An int in place of parameters or of a task id."""
    with pytest.raises(ConfigurationError, match="parameters"):
        Job("a", 5)
    async with open_pool(emulator) as pool:
        for use in (pool.wait, pool.submit, pool.poll):
            with pytest.raises(EvolinkError):
                await use(5)
