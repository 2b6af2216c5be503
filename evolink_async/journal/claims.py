"""Claims in a journal that one process owns at a time: whoever has opened it holds every key.

A journal that many processes share keeps its claims beside its rows. What a claim means is in `protocol`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .entries import Untold


class OneOwner:
    """The calls about claims of a journal that has one owner at a time.

    Attributes:
        is_shared, lease_seconds, seconds_to_answer: See `Journal`; nobody else has the jobs here.
    """

    is_shared: bool = False
    lease_seconds: float = math.inf
    seconds_to_answer: float = 0.0

    def hurry(self) -> None:
        """Do nothing: there is no server."""

    def may_send(self, purchase: str = "") -> bool:
        """Always: no claim runs out."""
        return True

    async def shared_account(self, limit: float, most_per_job: float | None) -> None:
        """Return None: the budget of this owner is the only one."""

    def shared_facts(self) -> None:
        """Return None: there is nobody to tell."""

    async def take_untold(self, after: int = 0, limit: int = 100) -> Sequence[Untold]:
        """Read them: no other stream is there."""
        return await self.untold(after, limit)

    async def leave_untold(self) -> None:
        """Do nothing: no other stream is there."""

    async def untold(self, after: int = 0, limit: int = 100) -> Sequence[Untold]:
        """Return outcomes that were not told; see `Journal`."""
        raise NotImplementedError

    async def claim(self, keys: Sequence[str], owner: str) -> dict[str, int | str]:
        """Claim keys; every claim has the epoch of this opening, with which each write is compared."""
        return self._claims_of_opening().claim(keys, owner)

    async def renew(self, keys: Sequence[str], owner: str) -> frozenset[str]:
        """Return the keys that are still claimed; claims do not run out."""
        return self._claims_of_opening().renew(keys, owner)

    async def release(self, keys: Sequence[str], owner: str) -> None:
        """Let go of keys."""
        self._claims_of_opening().release(keys, owner)

    async def pass_calls(self, tasks: Mapping[str, str]) -> None:
        """Do nothing: no other process has the jobs."""

    async def take_calls(self) -> dict[str, str]:
        """Return nothing: no other process is called."""
        return {}

    def _claims_of_opening(self) -> Claims:
        """Return the claims, or raise a JournalError because the journal is not open."""
        raise NotImplementedError


class Claims:
    """Who has claimed which keys since the journal was opened.

    Args:
        epoch: The number of this opening, which is the epoch of every claim.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._owners: dict[str, str] = {}

    def claim(self, keys: Sequence[str], owner: str) -> dict[str, int | str]:
        """Return the epoch for each key that `owner` has now, and for each other one who has it."""
        holders = {key: self._owners.setdefault(key, owner) for key in keys}
        return {key: self._epoch if holder == owner else holder for key, holder in holders.items()}

    def renew(self, keys: Sequence[str], owner: str) -> frozenset[str]:
        """Return the keys that `owner` still has. They are kept until they are released."""
        return frozenset(key for key in keys if self._owners.get(key) == owner)

    def release(self, keys: Sequence[str], owner: str) -> None:
        """Free those of the keys that `owner` has."""
        for key in self.renew(keys, owner):
            del self._owners[key]
