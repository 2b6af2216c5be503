"""The pytest fixture `evolink_emulator`: a running emulator for one test.

Enable it with `pytest_plugins = ["evolink_async.emulator.pytest_plugin"]`. It is synchronous, so it works with
pytest-asyncio, with anyio, and without either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from . import Emulator


@pytest.fixture
def evolink_emulator() -> Iterator[Emulator]:
    """Run an emulator at 1,000 times real speed, in a thread of its own, for one test."""
    # Imported here, so that a suite pays for the import only when a test uses the fixture.
    from . import Emulator

    with Emulator(speed=1000.0).in_thread() as emulator:
        yield emulator
