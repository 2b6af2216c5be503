"""The lease of one opening of a journal in PostgreSQL: begun, renewed, begun anew, and taken over at a failover.

What the owners of a journal are to each other is in `postgres_claims`, what a failover means in `postgres_failover`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence

from ..errors import JournalClaimError, JournalError
from .postgres_claims import Lease, begin, boot_seconds, remove_ended_owners, renewed
from .postgres_connections import Connection, Connections
from .postgres_facts import PostgresFacts
from .postgres_failover import Recollection, take_over
from .postgres_reads import PostgresReads
from .postgres_silence import within

_log = logging.getLogger("evolink_async")

RENEWING = 1 / 3
"""The part of a lease that the answer to a renewal may take: another try must fit in."""
LEAST_RENEWING_SECONDS = 1.0
"""How long it may take even if the lease is short."""

ENDING_SECONDS = 3.0
"""For which what is said last is tried again: the first try may meet a connection that was lost in the meantime."""


class PostgresLease(PostgresReads):
    """The calls of `Journal` about the lease.

    Args:
        connections: To the server.
        seconds: How long a lease lasts.
    """

    def __init__(self, connections: Connections, seconds: float) -> None:
        super().__init__(connections)
        connections.on_failover = self._fail_over
        self.lease_seconds: float = seconds
        self.seconds_to_answer: float = 0.0
        self._renewing_seconds = max(seconds * RENEWING, LEAST_RENEWING_SECONDS)
        self._limit_units: int | None = None
        self._facts = PostgresFacts(connections, lambda: self._open_lease().epoch)
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self._claimant = self._name
        self._lease: Lease | None = None
        self._ending: Lease | None = None
        self._renewing = asyncio.Lock()
        self._removing: asyncio.Task[None] | None = None
        self._claimed: dict[str, tuple[int, str]] = {}
        self._asking: list[list[str]] = []
        self._purchases: dict[str, str] = {}
        self._sending: dict[str, int] = {}
        self._sent_at: dict[str, float] = {}
        self._recollection = Recollection()
        self._successors: dict[int, int] = {}
        self._begun: list[int] = []

    def _open_lease(self) -> Lease:
        if self._lease is None:
            raise JournalError(f"the journal {self._connections.place} is not open")
        return self._lease

    async def _begin(self) -> Lease:
        return await self._connections.run(self._begin_on, is_beside=True)

    async def _begin_on(self, connection: Connection) -> Lease:
        limits = self._limit_units, self._facts.per_minute
        with within(connection, self._renewing_seconds):
            return await begin(connection, self._name, self.lease_seconds, self.seconds_to_answer, *limits)

    async def renew(self, keys: Sequence[str], owner: str) -> frozenset[str]:
        """Renew the lease of all claims. If it has ended, a new one begins, and no key is claimed."""
        lease = self._open_lease()
        async with self._renewing:  # of many calls that find the lease over, one begins a new one
            if self._lease is lease:
                await self._renew(lease)
        await self._remove_ended_owners_beside()
        epoch = self._open_lease().epoch
        return frozenset(key for key in keys if self._claimed.get(key) == (epoch, owner))

    async def _renew(self, lease: Lease) -> None:
        # Beside all others: behind a burst of reads, or acts that wait for a silent server, it would come too late.
        if self._connections.is_pooled:  # the server may have changed behind a connection
            await self._connections.run(self._connections.follow, patience=self.lease_seconds, is_beside=True)
            if self._lease is not lease:
                return
        newer = await self._connections.run(self._renewed(lease), patience=self.lease_seconds, is_beside=True)
        if newer is None:  # what was being sent under it is in doubt before anything is claimed anew
            await self._remove_ended_owners_quietly()
        if newer is None and self._lease is lease:  # not taken over at a failover meanwhile
            newer = await self._begin()
        if newer is not None and self._lease is lease:  # nor closed
            self._lease = newer

    def _renewed(self, lease: Lease) -> Callable[[Connection], Awaitable[Lease | None]]:
        async def act(connection: Connection) -> Lease | None:
            with within(connection, self._renewing_seconds):
                return await renewed(connection, lease)

        return act

    async def _remove_ended_owners(self) -> bool:
        return await self._connections.run(remove_ended_owners)

    async def _remove_ended_owners_beside(self) -> None:
        """Free the jobs of those who are gone. It goes on beside the next renewals: a table may be locked for long."""
        if self._removing is None or self._removing.done():
            self._removing = asyncio.create_task(self._remove_ended_owners_quietly(), name="evolink_async ended owners")
        await asyncio.wait([self._removing], timeout=self._renewing_seconds / 4)

    async def _remove_ended_owners_quietly(self) -> None:
        try:
            await self._connections.run(remove_ended_owners, patience=self._renewing_seconds)
        except JournalError as error:  # they stay theirs until the next heartbeat of any process
            _log.warning("the jobs of processes that are gone were not freed: %s", error)

    async def _stop_removing(self) -> None:
        # Again and again: psycopg loses a cancellation that arrives while it opens a connection.
        while self._removing is not None and not self._removing.done():
            self._removing.cancel()
            await asyncio.wait([self._removing], timeout=0.1)

    async def _said_last(self, act: Callable[[Connection], Awaitable[object]]) -> None:
        async def brief(connection: Connection) -> None:
            with within(connection, ENDING_SECONDS):
                await act(connection)

        patience = min(ENDING_SECONDS, self._connections.patience)
        await self._connections.run(brief, patience=patience, is_beside=True)

    def may_send(self, purchase: str = "") -> bool:
        """Whether the lease certainly lasts at this moment. It looks at a clock, and waits for nothing."""
        lease = self._lease
        if lease is None or not lease.is_certain(boot_seconds()):
            return False
        # Not under another lease than the one it was recorded with.
        return self._sending.get(purchase, lease.epoch) == lease.epoch

    def _answered(self, key: str) -> None:
        """Forget the purchase of a job that was being sent."""
        self._sending.pop(self._purchases.pop(key, ""), None)
        self._sent_at.pop(key, None)

    # --- a failover

    async def _fail_over(self, connection: Connection) -> None:
        """Go on at a server that was promoted, before anything else is done there."""
        if (lease := self._lease or self._ending) is None:
            return
        mine = {key: owner for key, (epoch, owner) in self._claimed.items() if epoch == lease.epoch}
        asked = [key for keys in self._asking for key in keys]
        with within(connection, self._renewing_seconds):  # no renewal before it
            newer, kept = await take_over(
                connection, lease, self._begin_on, mine, asked, self._recollection, self._begun
            )
        self._begun.clear()
        _log.warning(
            "the journal %s has failed over; of this pool's %d jobs %d go on at once, others within about %.0f s",
            *(self._connections.place, len(mine), len(kept or ()), self.lease_seconds),
        )
        if self._lease is lease:
            self._lease = newer
        if kept is not None:
            self._successors[lease.epoch] = newer.epoch
            self._sending = {purchase: self._now(epoch) for purchase, epoch in self._sending.items()}
            self._claimed |= {key: (newer.epoch, mine[key]) for key in kept & mine.keys()}

    def _now(self, epoch: int) -> int:
        """Return the number that an owner has now, if it was taken over at a failover."""
        while epoch in self._successors:
            epoch = self._successors[epoch]
        return epoch


def over(place: str) -> JournalClaimError:
    """Return the error for a write of an owner whose lease has ended."""
    return JournalClaimError(f"this process was away too long, and its claims in the journal {place} are over")
