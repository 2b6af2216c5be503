"""Asks the service for its price catalogue, seldom, and does without it when it does not answer.

How the answer is read is in `wire`; what it says for a job is computed in `budget`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from ..concurrency import Limiter
from ..errors import EvolinkError
from ..wire import PriceRules
from .session import Session, choose

FRESH_SECONDS = 300.0
"""How long an answer is used without asking again. Source: `fresh_until` of an answer is less than 5 minutes ahead."""
PAUSE_SECONDS = 60.0
"""Between two requests that were not answered with a catalogue."""


class PriceCatalogue:
    """The price catalogue, as the service last told it. Never raises: it is optional.

    Args:
        sessions: The accounts; any of them may ask, as the prices are public.
        requests: Permits for HTTP calls.
        now: Returns monotonic seconds.
    """

    def __init__(
        self, sessions: tuple[Session, ...], requests: Limiter, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._sessions = sessions
        self._requests = requests
        self._now = now
        self._rules: PriceRules | None = None
        self._ask_at = -math.inf
        self._asking = asyncio.Lock()

    async def rules(self) -> PriceRules | None:
        """Return the catalogue, after one request at most; None if the service never told it."""
        # Who comes while another one asks takes the same answer.
        async with self._asking:
            if self._now() >= self._ask_at:
                await self._ask()
            return self._rules

    async def _ask(self) -> None:
        session = choose(self._sessions) or self._sessions[0]
        try:
            async with self._requests:
                self._rules = await session.price_rules(self._rules)
        except EvolinkError:
            # A refusal says nothing of the key, as the route is undocumented. The last answer still has its date.
            self._ask_at = self._now() + PAUSE_SECONDS
        else:
            self._ask_at = self._now() + FRESH_SECONDS
