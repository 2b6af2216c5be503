"""The pytest fixtures `evolink_emulator` and `evolink_emulator_factory`: running emulators for one test.

Enable them with `pytest_plugins = ["evolink_async.emulator.pytest_plugin"]`. They are synchronous, so they work with
pytest-asyncio, with anyio, and without either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from typing import Unpack

    from . import Emulator, EmulatorArguments

_SPEED = 1000.0


class EmulatorFactory(Protocol):
    """The type of `evolink_emulator_factory`."""

    def __call__(self, **settings: Unpack[EmulatorArguments]) -> Emulator:
        """Start an emulator with these settings; it stops when the test ends."""
        ...


@pytest.fixture
def evolink_emulator_factory() -> Iterator[EmulatorFactory]:
    """Give a function that starts an emulator, each in a thread of its own; all of them stop when the test ends.

    Its keyword arguments are those of `Emulator`; `speed` is 1,000 unless it is given.
    """
    # Imported here, so that a suite pays for the import only when a test uses a fixture.
    from . import Emulator

    with ExitStack() as stack:

        def start(**settings: Unpack[EmulatorArguments]) -> Emulator:
            arguments: EmulatorArguments = {"speed": _SPEED, **settings}
            return stack.enter_context(Emulator(**arguments).in_thread())

        yield start


@pytest.fixture
def evolink_emulator(evolink_emulator_factory: EmulatorFactory) -> Emulator:
    """Run an emulator at 1,000 times real speed, in a thread of its own, for one test."""
    return evolink_emulator_factory()
