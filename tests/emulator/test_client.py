"""`Emulator.client`: the keyword arguments with which a `SessionPool` uses an emulator."""

from __future__ import annotations

import pytest

import evolink_async as ev
from evolink_async.emulator import ClientArguments, Emulator, HandClock, ScaledClock
from evolink_async.emulator.client_arguments import cadence_for
from tests.kit import dance

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("clock", "median_seconds", "interval"),
    [
        (ScaledClock(1), 120, 10),
        (ScaledClock(20), 120, 0.5),
        (ScaledClock(1000), 120, 0.02),
        (ScaledClock(1), 3600, 10),
        (ScaledClock(1), 2, 1 / 6),
        (ScaledClock(20), 2, 0.02),
        (ScaledClock(1), 1e-9, 0.02),
        (HandClock(), 120, 0.02),
    ],
    ids=["real time", "20", "1000", "long tasks", "short tasks", "short and fast", "no time", "by hand"],
)
def test_the_cadence_fits_the_clock(clock, median_seconds, interval):
    """A poll every ten emulated seconds, more often for short tasks, at most every 0.02 real seconds."""
    cadence = cadence_for(clock, median_seconds)
    assert cadence.max_interval == cadence.first_look == pytest.approx(interval, abs=0.002)
    assert cadence.min_interval < cadence.max_interval < cadence.not_found_grace
    assert 20 <= cadence.polls_per_second <= 1000


def test_slow_clocks_do_not_break_the_rate():
    """Slower than life: fewer polls, and still a cadence that a pool takes."""
    cadence = cadence_for(ScaledClock(0.01), 120)
    assert (cadence.max_interval, cadence.polls_per_second) == pytest.approx((1000, 0.2), rel=0.01)


async def test_a_pool_runs_with_it(tmp_path):
    """A short job ends and is saved; other arguments of the pool stay free."""
    async with Emulator(speed=1000, api_keys=["sk-one", "sk-two"]) as emulator:
        assert list(emulator.client()["api_key"]) == ["sk-one", "sk-two"]
        async with ev.SessionPool(**emulator.client(), journal=tmp_path / "films.db") as pool:
            done = await pool.generate(dance(duration=2))
            assert [file.exists() for file in (await pool.download(done, tmp_path)).files] == [True]


async def test_a_clock_that_moves_by_hand():
    """The pool sees the new time at once, whatever `speed` says."""
    clock = HandClock()
    async with Emulator(clock=clock) as emulator, ev.SessionPool(**emulator.client()) as pool:
        accepted = await pool.submit(dance())
        clock.advance(3600)
        assert (await pool.wait(accepted.task_id)).snapshot.state == "completed"


async def test_arguments_can_be_replaced():
    """A copy with another value is one expression."""
    async with Emulator(speed=1000) as emulator:
        hasty = ev.HttpOptions(submit_timeout=1, allow_private_results=True)
        arguments: ClientArguments = {**emulator.client(), "http": hasty}
        async with ev.SessionPool(**arguments) as pool:
            assert [purse.remaining for purse in await pool.credits()] == [100_000]


async def test_files_stay_on_this_machine(monkeypatch):
    """Uploads go to the emulator, whatever the environment says."""
    monkeypatch.setenv("EVOLINK_FILES_BASE_URL", "https://files.example.com")
    async with Emulator(speed=1000) as emulator, ev.SessionPool(**emulator.client()) as pool:
        png = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
        upload = await pool.upload(png, file_name="a.png")
        assert upload.url.startswith(emulator.results_url)


async def test_without_an_address_there_are_no_arguments():
    """Before the start and after the end it raises; else a pool would use the real service."""
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="not running: call start"):
        emulator.client()
    async with emulator:
        assert emulator.client()["base_url"] == emulator.base_url
    with pytest.raises(RuntimeError, match="not running"):
        emulator.client()
