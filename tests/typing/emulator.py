"""What type checkers must see of the emulator; never run. A line with an ignore is one that has to be refused."""

from __future__ import annotations

from typing import assert_type

import evolink_async as ev
from evolink_async.emulator import ClientArguments, Emulator, EmulatorArguments, HandClock
from evolink_async.emulator.pytest_plugin import EmulatorFactory


def in_a_notebook() -> None:
    """Started in one cell, stopped in another."""
    emulator = Emulator(speed=20).start()
    assert_type(emulator, Emulator)
    assert_type(emulator.client(), ClientArguments)
    assert_type(emulator.stop(), None)


async def pools(emulator: Emulator) -> None:
    """The arguments fit a pool as they are, beside others, and with one replaced."""
    hasty = ev.HttpOptions(submit_timeout=1, allow_private_results=True)
    async with ev.SessionPool(**emulator.client()) as pool:
        assert_type(pool, ev.SessionPool)
    ev.SessionPool(**emulator.client(), journal="films.db", retry=ev.RetryPolicy(resubmit="never"))
    arguments: ClientArguments = {**emulator.client(), "http": hasty, "api_key": ["sk-one"]}
    ev.SessionPool(**arguments)
    ev.SessionPool(**emulator.client(), journal=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_of_a_user(evolink_emulator_factory: EmulatorFactory) -> None:
    """The factory takes the settings of an emulator, and no others."""
    assert_type(evolink_emulator_factory(), Emulator)
    evolink_emulator_factory(speed=20, seed=3, clock=HandClock(), denied_models={"sk-one": ["wan2.6-text-to-video"]})
    evolink_emulator_factory(sped=20)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    evolink_emulator_factory(speed="20")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    settings: EmulatorArguments = {"speed": 20}
    evolink_emulator_factory(**settings)
    Emulator(**settings)
