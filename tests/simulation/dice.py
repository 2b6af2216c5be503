"""Seeded draws of delays, each by name.

A draw depends on the salt and on its own name alone, not on the draws before it. So a script from which a step is
removed keeps the delays of all other steps, and a failing script can be shrunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b

import attrs

STEPS = (
    # Share of draws, shortest and longest delay in seconds. The rest of 1 has no delay at all, or some turns.
    (0.22, 0.0, 0.0),
    (0.24, 0.01, 1.0),
    (0.12, 1.0, 10.0),
    (0.02, 10.0, 90.0),
)
MOST_TURNS = 4


@attrs.frozen
class Delay:
    """Some turns of the event loop, or some seconds."""

    turns: int = 0
    seconds: float = 0.0

    def then(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
        """Call `act` after the delay."""
        if self.seconds:
            loop.call_later(self.seconds, act)
        elif self.turns:
            loop.call_soon(Delay(self.turns - 1).then, loop, act)
        else:
            act()

    async def wait(self) -> None:
        """Wait for as long."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        for _ in range(self.turns):
            await asyncio.sleep(0)


class Dice:
    """Draws by name.

    Args:
        salt: Another salt, other draws. With 0 every delay is none, and every fraction is 1.
    """

    def __init__(self, salt: int) -> None:
        self._salt = salt

    def fraction(self, *name: object) -> float:
        """Draw a number from 0 up to 1."""
        if not self._salt:
            return 1.0
        # Not `hash`, which differs from process to process for strings.
        mark = blake2b(repr((self._salt, *name)).encode(), digest_size=8).digest()
        return int.from_bytes(mark, "big") / 2.0**64

    def chance(self, share: float, *name: object) -> bool:
        """Draw whether something happens that happens in this share of cases."""
        return share > 0 and self.fraction(*name) < share

    def delay(self, *name: object, longest: float = 90.0) -> Delay:
        """Draw a delay, from none over a few turns of the loop to `longest` seconds."""
        draw = self.fraction(*name)
        for share, least, most in STEPS:
            if draw < share:
                within = draw / share
                if not most:
                    return Delay(turns=1 + int(within * MOST_TURNS))
                return Delay(seconds=min(round(least + within * (most - least), 3), longest))
            draw -= share
        return Delay()
