"""The pytest fixture `evolink_emulator`; switch it on with `pytest_plugins = [this module's name]`.

Synchronous, so it works under pytest-asyncio, anyio, both or none. Nothing of the emulator is imported
before the fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from . import Emulator


@pytest.fixture
def evolink_emulator() -> Iterator[Emulator]:
    """Run an emulator in a thread of its own, 1,000 times faster than life, for one test."""
    from . import Emulator

    with Emulator(speed=1000.0).in_thread() as emulator:
        yield emulator
