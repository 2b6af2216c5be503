"""The arguments with which a `SessionPool` uses an emulator: `ClientArguments`, and the cadence that fits its clock.

`server.Emulator.client` returns them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

from ..client import HttpOptions
from ..settings import Cadence
from .clock import Clock

# Emulated seconds between two polls of a task; less for short tasks, so that a task is polled about twelve times.
_POLL_EVERY = 10.0
_POLLS_PER_TASK = 12

# At most 50 polls of a task per real second, however fast the emulator is.
_SHORTEST_INTERVAL = 0.02
_MOST_POLLS_PER_SECOND = 1000.0


class ClientArguments(TypedDict):
    """Keyword arguments of `SessionPool`, as `SessionPool(**emulator.client())`.

    Attributes:
        api_key: Every key of the emulator.
        base_url: Address of its API.
        files_url: Address of its file service, so that no setting in the environment leads files elsewhere.
        cadence: About twelve polls in the life of a task, at the emulator's speed.
        http: Allows results over plain http from this machine.
    """

    api_key: Sequence[str]
    base_url: str
    files_url: str
    cadence: Cadence
    http: HttpOptions


def client_arguments(
    *, api_keys: Sequence[str], base_url: str, files_url: str, clock: Clock, median_seconds: float
) -> ClientArguments:
    """Return the arguments for an emulator with these settings and addresses.

    Args:
        api_keys: Its valid keys.
        base_url: Address of its API.
        files_url: Address of its file service.
        clock: Its clock.
        median_seconds: Median duration of its tasks, in emulated seconds.
    """
    return ClientArguments(
        api_key=api_keys,
        base_url=base_url,
        files_url=files_url,
        cadence=cadence_for(clock, median_seconds),
        http=HttpOptions(allow_private_results=True),
    )


def cadence_for(clock: Clock, median_seconds: float) -> Cadence:
    """Return the cadence for tasks of a median duration, in emulated seconds.

    Args:
        clock: Its speed scales every interval. For a clock that moves by hand the intervals are the shortest ones, so
            that a pool sees the new time at once.
        median_seconds: Median duration of a task; the intervals suit its length.
    """
    emulated = min(_POLL_EVERY, median_seconds / _POLLS_PER_TASK)
    real = clock.real_seconds(clock.now() + emulated)
    # Rounded, because time passes between the two calls; infinite for a clock that moves by hand.
    interval = max(_SHORTEST_INTERVAL, round(real, 3)) if math.isfinite(real) else _SHORTEST_INTERVAL
    # What a default interval of 10 s would be scaled by.
    scale = interval / _POLL_EVERY
    default = Cadence()
    return Cadence(
        polls_per_second=min(_MOST_POLLS_PER_SECOND, default.polls_per_second / scale),
        first_look=interval,
        min_interval=interval / 5,
        max_interval=interval,
        not_found_grace=default.not_found_grace * scale,
        look_price=default.look_price * scale,
    )
