"""Fixtures for every test: the event loop to run on, and an emulator that lives for one test.

The environment chooses variants of a whole run, as the sessions in noxfile.py do:
EVOLINK_TEST_LOOP is `asyncio`, `uvloop` or `eager`; EVOLINK_TEST_INSTALLED=1 refuses to test a source tree.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sysconfig
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import evolink_async
from evolink_async.emulator import Emulator
from tests.postgres import Server, running_server

# Hypothesis fails a test that takes longer than 200 ms; on a busy machine that says nothing about the code.
settings.register_profile("suite", max_examples=100, deadline=None)
settings.register_profile("soak", max_examples=2000, deadline=None)
settings.load_profile("suite")

PACKAGE = Path(evolink_async.__file__).resolve().parent
LOOP = os.environ.get("EVOLINK_TEST_LOOP", "asyncio")


def pytest_configure() -> None:
    """Let signals be as in a terminal; stop a run that should test the installed package and imports another."""
    # A shell that starts a job in the background has it ignore these, and so would every process that a test starts.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    is_installed = PACKAGE.parent == Path(sysconfig.get_path("purelib")).resolve()
    if os.environ.get("EVOLINK_TEST_INSTALLED") == "1" and not is_installed:
        raise pytest.UsageError(f"{PACKAGE} is not the installed package")


def pytest_report_header() -> str:
    """Name what is tested, and on which event loop."""
    return f"evolink_async {evolink_async.__version__} from {PACKAGE}, event loop: {LOOP}"


def eager_loop() -> asyncio.AbstractEventLoop:
    """Make a loop whose tasks run at once, up to their first wait."""
    # Not by attribute: type checkers read it as of the oldest Python, which has no eager tasks.
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        raise pytest.UsageError("eager tasks need Python 3.12")
    loop = asyncio.new_event_loop()
    loop.set_task_factory(factory)
    return loop


LOOPS: dict[str, dict[str, Callable[[], asyncio.AbstractEventLoop] | bool]] = {
    "asyncio": {},
    "uvloop": {"use_uvloop": True},
    "eager": {"loop_factory": eager_loop},
}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Asyncio, the one library that aiohttp runs on, with the loop that the environment names."""
    return "asyncio", LOOPS[LOOP]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A local EvoLink where two minutes pass in 0.12 s."""
    async with Emulator(speed=1000) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server of this session; the test is skipped where there is none."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> str:
    """The address of an empty journal on that server."""
    return postgres_server.journal()
