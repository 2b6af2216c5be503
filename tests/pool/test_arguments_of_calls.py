"""What the calls of a pool refuse, in words, where it is given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest

from evolink_async import ConfigurationError, Job, Unknown
from evolink_async.client import HttpOptions, base_url
from evolink_async.emulator import faults
from tests.kit import jobs, open_pool

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("timeout", ["1", b"1", [1], True, -1, float("nan"), "", {}], ids=repr)
async def test_a_time_out_that_is_no_number(emulator, timeout):
    """In every call that takes one."""
    async with open_pool(emulator) as pool:
        with pytest.raises(ConfigurationError, match="timeout must be seconds"):
            await pool.wait("task-1", timeout=timeout)
        with pytest.raises(ConfigurationError, match="timeout must be seconds"):
            pool.run([], timeout=timeout)


async def no_input():
    """A coroutine function."""


@pytest.mark.parametrize(
    "given", [None, 5, list, object(), no_input, lambda: jobs(1)], ids=lambda given: type(given).__name__
)
async def test_what_cannot_be_read_is_no_input(emulator, given):
    """Refused at the call, not when the stream is read; an estimate refuses it too."""
    async with open_pool(emulator) as pool:
        with pytest.raises(ConfigurationError, match="give an iterable of jobs, not"):
            pool.run(given)
        with pytest.raises(ConfigurationError, match="give an iterable of jobs, not"):
            pool.urls(given)
        with pytest.raises(ConfigurationError, match="give an iterable of jobs, not"):
            await pool.estimate(given)


async def test_a_coroutine_is_no_input(emulator):
    """It was called and not awaited."""
    given = no_input()
    async with open_pool(emulator) as pool:
        with pytest.raises(ConfigurationError, match="not coroutine"):
            pool.run(given)  # type: ignore[arg-type]  # what is tested
    given.close()


async def test_what_python_reads_item_by_item_is_an_input(emulator):
    """Also with `__getitem__` alone."""

    class Old:
        def __getitem__(self, index: int) -> object:
            return jobs(2)[index]

    async with open_pool(emulator) as pool:
        assert len([outcome async for outcome in pool.run(cast("Iterable[Job]", Old()))]) == 2


@pytest.mark.parametrize("how", ["RESUBMIT", "Abandon", " resubmit", "abandon\n"])
async def test_a_word_of_settling_in_another_spelling_is_no_task_id(emulator, how):
    """The next run would wait for a task of that name."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    async with open_pool(emulator) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(outcome, Unknown)
        with pytest.raises(ConfigurationError, match=f"settle with '{how.strip().lower()}'"):
            await pool.settle("shot-1", how)
        assert isinstance(await pool.find("shot-1"), Unknown)
        await pool.settle("shot-1", how.strip().lower())


@pytest.mark.parametrize("host", ["xn--zzzz--.invalid", "xn--.invalid", "xn--a--.xn--zzzz--"])
def test_a_host_that_cannot_be_a_name(host):
    """It was a bare UnicodeError."""
    with pytest.raises(ConfigurationError, match="base URL must be absolute"):
        base_url(f"https://{host}")
    with pytest.raises(ConfigurationError, match=r"HttpOptions\.proxy must be"):
        HttpOptions(proxy=f"http://{host}:3128")
