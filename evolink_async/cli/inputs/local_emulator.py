"""The local emulator that `demo`, `run --emulator` and `emulator` start, and the options of `emulator`.

The emulator itself is the package `evolink_async.emulator`, which is imported when one is started.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
from cyclopts import Parameter

from ...errors import ConfigurationError
from .option_types import Port, Share, Speed
from .service import Service

if TYPE_CHECKING:
    from ...emulator import Emulator

EMULATOR_KEY = "sk-emulator"
EMULATOR_SPEED = 20.0
"""Emulated seconds per real second: a video that takes two minutes is ready after six seconds."""

POLL_EVERY = 10.0
"""Emulated seconds between polls of a task; at the default speed that is half a real second."""


# cyclopts makes an option of each field, and its help text of the line under "Attributes".
@Parameter(name="*")
@attrs.frozen(kw_only=True)
class EmulatorOptions:
    """The options of `emulator`.

    Attributes:
        port: Port of the API and the file service; 0 takes a free one.
        results_port: Port of the videos; 0 takes a free one.
        speed: Speed of the emulator.
        seed: Decides ids, durations and failures.
        failure_share: Share of the tasks that fail, 0 to 1.
    """

    port: Port = 8787
    results_port: Port = 0
    speed: Speed = EMULATOR_SPEED
    seed: int = 0
    failure_share: Share = 0.0


@asynccontextmanager
async def emulated(speed: float, service: Service | None = None) -> AsyncGenerator[Service, None]:
    """Run an emulator in the running event loop, and give the service that it is.

    Args:
        speed: Emulated seconds per real second.
        service: How to use it, as `Service.in_flight`; its addresses, key and interval of polls are replaced.

    Raises:
        ConfigurationError: The extra `emulator` is not installed, or no port is free.
    """
    from ...emulator import Emulator

    # Not in a thread of its own: measured, the demo takes 14.8 s either way, as videos are encoded in a thread anyway.
    async with started(Emulator(speed=speed)) as emulator:
        yield attrs.evolve(
            service or Service(),
            base_url=emulator.base_url,
            files_url=None,
            api_key=EMULATOR_KEY,
            allow_private_results=True,
            # At most 50 polls of a task per second, however fast the emulator is.
            look_every=max(0.02, POLL_EVERY / speed),
        )


@asynccontextmanager
async def started(emulator: Emulator) -> AsyncGenerator[Emulator, None]:
    """Start an emulator, and stop it at the end.

    Raises:
        ConfigurationError: The extra `emulator` is not installed, or a port is taken.
    """
    # Not `async with emulator`: the errors below are those of the start, not those of the block.
    try:
        await emulator.__aenter__()
    except ImportError as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        ports = [str(port) for port in (emulator.port, emulator.results_port) if port]
        reason = error.strerror or str(error)
        where = f" on port {' or '.join(ports)}" if ports else ""
        raise ConfigurationError(f"the emulator cannot listen{where}: {reason}") from None
    try:
        yield emulator
    finally:
        await emulator.aclose()
