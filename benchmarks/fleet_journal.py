"""The journal that a fleet shares, as far as it lends slots and passes facts on; in memory, on virtual time.

A statement does what the SQL in `evolink_async.journal.postgres_facts` does; a test holds both side by side. It costs a
round trip, and a write holds its row until the commit. The jobs of a worker are in its own memory.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import attrs

from evolink_async.concurrency import Signal
from evolink_async.jobs import Accepted, DurationClass
from evolink_async.journal import Fact, Intent, LentChunk, MemoryJournal
from evolink_async.journal.postgres_facts import AHEAD, LATE_SECONDS, PLACE_SECONDS
from evolink_async.polling.quantiles import Quantiles

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class ServerCosts:
    """What the server of the journal takes.

    Attributes:
        trip: Seconds of a round trip.
        commit: Seconds until a transaction is on the disk; it holds its rows for so long.
        lend: The same for the one that lends slots, which does not wait for the disk.
        spread: Seconds within which all have heard a notification.
    """

    trip: float = 0.002
    commit: float = 0.006
    lend: float = 0.0002
    spread: float = 0.01


@attrs.define
class _FactRow:
    version: int
    state: Mapping[str, Any]
    told_at: float
    holder: object = None
    held_until: float = -math.inf


class FleetServer:
    """The rows that all workers share.

    Args:
        costs: What statements take.
        dice: Draws when a notification is heard.

    Attributes:
        statements: How many of each kind there were in each second.
        waited: Seconds for which statements of each kind waited until nobody else held their row.
    """

    def __init__(self, costs: ServerCosts, dice: random.Random) -> None:
        self.statements: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.waited: defaultdict[str, Quantiles] = defaultdict(Quantiles)
        self.costs = costs
        self._dice = dice
        self._facts: dict[str, _FactRow] = {}
        self._per_minute: dict[object, float] = {}
        self._next_at: dict[str, float] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._listeners: dict[object, Signal] = {}

    async def read(self, what: str, act: Callable[[], T]) -> T:
        """Read rows."""
        self.count(what)
        await asyncio.sleep(self.costs.trip / 2)
        result = act()
        await asyncio.sleep(self.costs.trip / 2)
        return result

    async def write(
        self, what: str, row: str | None, act: Callable[[], T], *, commit: float | None = None, needs: bool = False
    ) -> T:
        """Change a row.

        Args:
            what: The kind of statement.
            row: The row, which no other transaction may hold meanwhile; None for one that only this worker writes.
            act: What is done as soon as nobody holds it.
            commit: Seconds until that is on the disk.
            needs: Whether nothing is written, and the row is not held, if `act` returns False.
        """
        self.count(what)
        await asyncio.sleep(self.costs.trip / 2)
        began = time.monotonic()
        async with self._locks[row] if row is not None else nullcontext():
            self.waited[what].add(time.monotonic() - began)
            result = act()
            if result or not needs:
                await asyncio.sleep(self.costs.commit if commit is None else commit)
        await asyncio.sleep(self.costs.trip / 2)
        return result

    def count(self, what: str) -> None:
        """Count a statement."""
        self.statements[what][int(time.monotonic())] += 1

    # --- what statements do

    def join(self, pool: object, changed: Signal) -> None:
        """Listen."""
        self._listeners[pool] = changed

    def leave(self, pool: object) -> None:
        """End the lease of a pool, and its connections."""
        self._listeners.pop(pool, None)
        self._per_minute.pop(pool, None)
        for row in self._facts.values():
            if row.holder is pool:
                row.holder, row.held_until = None, -math.inf

    def limit_rate(self, pool: object, per_minute: float | None) -> None:
        """Note what a pool allows each key."""
        self._per_minute.pop(pool, None)
        if per_minute is not None:
            self._per_minute[pool] = per_minute

    def lend(self, scope: str, count: int) -> LentChunk | None:
        """Take slots off the row of a key."""
        if not self._per_minute:
            return None
        now, gap = time.monotonic(), 60 / min(self._per_minute.values())
        latest = now + AHEAD * (1 + len(self._per_minute) * gap)
        next_at = self._next_at.get(scope, -math.inf)
        self._next_at[scope] = count * gap + (next_at if now - LATE_SECONDS <= next_at <= latest else now)
        return LentChunk(delay=self._next_at[scope] - now - count * gap, gap=gap, pools=len(self._per_minute))

    def facts(self, scopes: Sequence[str]) -> list[Fact]:
        """Return what was told of scopes."""
        now, found = time.monotonic(), [(scope, self._facts[scope]) for scope in scopes if scope in self._facts]
        return [Fact(scope=scope, version=row.version, state=row.state, age=now - row.told_at) for scope, row in found]

    def tell(self, pool: object, scope: str, state: Mapping[str, Any], version: int) -> int | None:
        """Write a fact, in place of the one that the pool knows."""
        now, row = time.monotonic(), self._facts.get(scope)
        if row is None:
            self._facts[scope] = _FactRow(1, state, now)
        else:
            if (row.holder is not pool) if row.held_until > now else (row.version != version):
                return None
            row.version, row.state, row.told_at = row.version + 1, state, now
        self._notify()
        return self._facts[scope].version

    def take_place(self, pool: object, scopes: Sequence[str]) -> bool:
        """Take the places of scopes, all or none."""
        now, rows = time.monotonic(), [self._facts[scope] for scope in scopes if scope in self._facts]
        is_free = len(rows) == len(scopes) and all(row.holder is pool or row.held_until <= now for row in rows)
        for row in rows if is_free else ():
            row.holder, row.held_until = pool, now + PLACE_SECONDS
        return is_free

    def keep_place(self, pool: object, scopes: Sequence[str]) -> list[str]:
        """Keep places."""
        now = time.monotonic()
        kept = [scope for scope in scopes if self._is_of(pool, scope) and self._facts[scope].held_until > now]
        for scope in kept:
            self._facts[scope].held_until = now + PLACE_SECONDS
        return kept

    def leave_place(self, pool: object, scopes: Sequence[str]) -> None:
        """Let others have places."""
        rows = [self._facts[scope] for scope in scopes if self._is_of(pool, scope)]
        for row in rows:
            row.holder, row.held_until = None, -math.inf
        if rows:
            self._notify()

    def _is_of(self, pool: object, scope: str) -> bool:
        row = self._facts.get(scope)
        return row is not None and row.holder is pool

    def _notify(self) -> None:
        loop, costs = asyncio.get_running_loop(), self.costs
        for changed in self._listeners.values():
            loop.call_later(costs.commit + costs.trip / 2 + self._dice.uniform(0, costs.spread), changed.fire)


class FleetFacts:
    """The `SharedFacts` of one worker.

    Args:
        server: The server.

    Attributes:
        changed: Fired when another worker may have told something.
        patience: Not used: this server is never away.
        chunks: How many chunks of each size were lent.
    """

    def __init__(self, server: FleetServer) -> None:
        self.changed: Signal = Signal()
        self.patience: float | None = None
        self.chunks: Counter[int] = Counter()
        self._server = server
        server.join(self, self.changed)

    async def read(self, scopes: Sequence[str]) -> list[Fact]:
        """See `SharedFacts`, also for what follows."""
        return await self._server.read("read facts", lambda: self._server.facts(scopes))

    async def tell(self, scope: str, state: Mapping[str, Any], version: int) -> int | None:
        return await self._server.write("tell", scope, lambda: self._server.tell(self, scope, state, version))

    async def take_place(self, scopes: Sequence[str]) -> bool:
        # Who finds that another has it writes nothing.
        return await self._server.write(
            "take place", scopes[0], lambda: self._server.take_place(self, scopes), needs=True
        )

    async def keep_place(self, scopes: Sequence[str]) -> list[str]:
        return await self._server.write("keep place", scopes[0], lambda: self._server.keep_place(self, scopes))

    async def leave_place(self, scopes: Sequence[str]) -> None:
        await self._server.write("leave place", scopes[0], lambda: self._server.leave_place(self, scopes))

    async def limit_rate(self, per_minute: float | None) -> None:
        await self._server.write("limit rate", None, lambda: self._server.limit_rate(self, per_minute))

    async def lend(self, scope: str, count: int) -> LentChunk | None:
        self.chunks[count] += 1
        server = self._server
        return await server.write("lend", f"rate {scope}", lambda: server.lend(scope, count), commit=server.costs.lend)


class FleetJournal(MemoryJournal):
    """The journal of one worker: its jobs in memory, the facts and the slots of all at the server.

    Args:
        server: The server.
        learned: What earlier runs have learned of durations.
    """

    is_shared = True

    def __init__(self, server: FleetServer, learned: Sequence[tuple[DurationClass, float]]) -> None:
        super().__init__()
        self.facts: FleetFacts = FleetFacts(server)
        self._server = server
        self._learned = tuple(learned)

    def shared_facts(self) -> FleetFacts:  # type: ignore[override]  # a journal in memory has one owner, this has many
        """Return what all workers tell each other."""
        return self.facts

    async def durations(self) -> tuple[tuple[DurationClass, float], ...]:
        """Return what earlier runs have learned."""
        return self._learned

    async def submitting(self, intent: Intent) -> None:
        """Write the intent, and wait for the disk before the request is sent."""
        await self._server.write("intent", None, lambda: None)
        await super().submitting(intent)

    async def accepted(self, accepted: Accepted) -> None:
        """Write the task, and wait for the disk."""
        await self._server.write("task", None, lambda: None)
        await super().accepted(accepted)

    async def aclose(self) -> None:
        """Leave the fleet."""
        self._server.leave(self.facts)
        await super().aclose()
