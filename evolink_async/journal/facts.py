"""What processes that share a journal tell each other of the service and of their keys, and the slots they are lent.

A fact is about a *scope*: a text that names the service as some keys see it, or one key. What is told of it, and when,
is decided in `submitting.fact_exchange`; how it is kept in `postgres_facts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from ..concurrency import Signal


@attrs.frozen(kw_only=True)
class Fact:
    """What was told last of a scope.

    Attributes:
        scope: What it is about.
        version: How often something was told of it.
        state: What was told; its times are seconds before or after the moment it was told.
        age: Seconds since then, by the clock of the server.
    """

    scope: str
    version: int
    state: Mapping[str, Any]
    age: float


@attrs.frozen(kw_only=True)
class LentChunk:
    """Slots in which paid requests of a key may be sent; see `submitting.rate_limit`.

    Attributes:
        delay: Seconds from now to the first; below 0 if it is a little late.
        gap: Seconds between two slots.
        pools: How many open pools are lent slots.
    """

    delay: float
    gap: float
    pools: int


class SharedFacts(Protocol):
    """The facts in a journal that processes share. Calls may be repeated after a lost connection.

    All calls raise JournalError if the journal cannot be used.

    Attributes:
        patience: Seconds for which a server that is away is tried again; None for as long as the journal does.
    """

    patience: float | None

    @property
    def changed(self) -> Signal:
        """Fired when another process may have told something."""
        ...

    async def read(self, scopes: Sequence[str]) -> Sequence[Fact]:
        """Return what was told of scopes; nothing for those of which nothing was told."""
        ...

    async def tell(self, scope: str, state: Mapping[str, Any], version: int) -> int | None:
        """Tell all processes something.

        Args:
            scope: What it is about.
            state: What is told.
            version: The version that it takes the place of; 0 if nothing was told yet. With the place of the scope any
                will do.

        Returns:
            Its version; None if another process has told something meanwhile, or has the place of the scope.
        """
        ...

    async def take_place(self, scopes: Sequence[str]) -> bool:
        """Take the places of scopes, all or none. Only the process that has one may try the service, for some seconds.

        Returns:
            Whether this process has them. None is to be had where nothing was told.
        """
        ...

    async def keep_place(self, scopes: Sequence[str]) -> Sequence[str]:
        """Keep places for longer; return those that this process still has."""
        ...

    async def leave_place(self, scopes: Sequence[str]) -> None:
        """Let others have the places."""
        ...

    async def limit_rate(self, per_minute: float | None) -> None:
        """Note how many paid requests a minute this pool allows each key. The strictest of the open pools holds."""
        ...

    async def lend(self, scope: str, count: int) -> LentChunk | None:
        """Lend this process the next `count` slots of a key; None if no open pool has a limit."""
        ...
