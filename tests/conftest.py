"""Fixtures for every test: one backend, and an emulator that lives for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from evolink_async.emulator import Emulator

# Hypothesis fails a test that takes longer than 200 ms; on a busy machine that says nothing about the code.
settings.register_profile("suite", max_examples=100, deadline=None)
settings.register_profile("soak", max_examples=2000, deadline=None)
settings.load_profile("suite")


@pytest.fixture
def anyio_backend() -> str:
    """Asyncio is the only event loop that aiohttp runs on."""
    return "asyncio"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A local EvoLink where two minutes pass in 0.12 s."""
    async with Emulator(speed=1000) as emulator:
        yield emulator
