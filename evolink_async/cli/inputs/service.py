"""Which service a command talks to: EvoLink itself by its environment variables, or an emulator in this process.

Nothing is sent from here.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from ...client import HttpOptions
from ...errors import ConfigurationError
from ...events import Observer
from ...pool import SessionPool
from ...settings import Budget, Cadence, Limits, Resubmit, RetryPolicy

if TYPE_CHECKING:
    from ...emulator import Emulator

EMULATOR_KEY = "sk-emulator"
EMULATOR_SPEED = 20.0
"""Emulated seconds a second: a film of two minutes' work takes six seconds."""

_LOCAL_POLLS_PER_SECOND = 100.0


@attrs.frozen(kw_only=True)
class Service:
    """How to reach a service, and how to treat it.

    Attributes:
        base_url: Its address; EVOLINK_BASE_URL when None.
        files_url: That of its file service; EVOLINK_FILES_BASE_URL when None.
        api_key: The key; EVOLINK_API_KEY when None.
        allow_private_results: Fetch results from plain http and private addresses too.
        cadence: How often tasks are looked at.
        in_flight: Tasks alive at once.
        resubmit: When a submit may be sent again.
    """

    base_url: str | None = None
    files_url: str | None = None
    api_key: str | None = None
    allow_private_results: bool = False
    cadence: Cadence = attrs.field(factory=Cadence)
    in_flight: int = 1000
    resubmit: Resubmit = "if_undelivered"

    def pool(
        self, *, journal: Path | None = None, budget: float | None = None, observer: Observer | None = None
    ) -> SessionPool:
        """Return a pool for it, not yet opened.

        Args:
            journal: The file to write jobs down in; None for memory.
            budget: Credits that may be spent at most; None for no limit.
            observer: Told of all that happens.

        Raises:
            ConfigurationError: There is no key, or the address is none, or the budget is no number.
        """
        if self.api_key is None and not os.environ.get("EVOLINK_API_KEY", "").strip():
            raise ConfigurationError(
                "no API key: set EVOLINK_API_KEY (https://evolink.ai/dashboard/keys), "
                "or try it without one and at no cost with `evolink-async run --emulator`"
            )
        return SessionPool(
            self.api_key,
            base_url=self.base_url,
            files_url=self.files_url,
            limits=Limits(in_flight=self.in_flight),
            cadence=self.cadence,
            retry=RetryPolicy(resubmit=self.resubmit),
            journal=journal,
            budget=None if budget is None else Budget(credits=budget),
            observer=observer,
            http=HttpOptions(allow_private_results=self.allow_private_results),
        )


def cadence_of(look_every: float) -> Cadence:
    """Return a cadence that looks at young tasks every so many seconds, for services faster than EvoLink."""
    return Cadence(
        polls_per_second=_LOCAL_POLLS_PER_SECOND if look_every < 1 else Cadence().polls_per_second,
        first_look=look_every,
        min_interval=min(Cadence().min_interval, look_every / 5),
        max_interval=look_every,
    )


@asynccontextmanager
async def emulated(speed: float) -> AsyncGenerator[Service, None]:
    """Run an emulator beside the caller, in the same event loop.

    A thread of its own was measured too: the demo takes 14.8 s either way, as films are encoded in a thread anyway.

    Args:
        speed: Emulated seconds per real one.

    Raises:
        ConfigurationError: The extra `emulator` is not installed, or no port can be had.
    """
    from ...emulator import Emulator

    async with started(Emulator(speed=speed)) as emulator:
        # A look every 10 emulated seconds: what one every half second is at 20 times the speed of life.
        yield Service(
            base_url=emulator.base_url,
            api_key=EMULATOR_KEY,
            allow_private_results=True,
            cadence=cadence_of(max(0.02, 10 / speed)),
        )


@asynccontextmanager
async def started(emulator: Emulator) -> AsyncGenerator[Emulator, None]:
    """Start an emulator, and stop it in the end.

    Raises:
        ConfigurationError: The extra `emulator` is not installed, or a port cannot be had.
    """
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
