"""What the trace is told of the facts that processes share: what is told and heard, slots, and who tries in an outage.

It looks on and changes nothing. What is made of it is decided in `fact_laws`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evolink_async.client import ApiKey, Session
from evolink_async.journal import Fact, LentChunk
from evolink_async.journal import postgres_facts as statements
from evolink_async.journal.postgres_facts import PostgresFacts
from evolink_async.submitting.rate_limit import KeyRates, LentSlots
from tests.simulation import seams
from tests.simulation.server_facts import is_held
from tests.simulation.trace import Heard, Lent, Placed, Published, Tried, Turned

if TYPE_CHECKING:
    from tests.simulation.shared_world import SharedWorld


class FactWitness:
    """Notes what becomes of facts in a history.

    Args:
        world: What is outside of the processes.
    """

    def __init__(self, world: SharedWorld) -> None:
        self._world = world
        keys = range(world.script.sessions)
        self._ordinals = {ApiKey(seams.key(number)).fingerprint: number for number in keys}
        self._lent_at: dict[int, float] = {}
        self._places: dict[int, float] = {}

    def seams(self) -> Iterator[tuple[Any, str, Any]]:
        """Yield the methods of the library to be replaced, and with what."""
        witness, read, lend, take = self, PostgresFacts.read, PostgresFacts.lend, KeyRates.take

        async def read_on(facts: PostgresFacts, scopes: Sequence[str]) -> list[Fact]:
            told = await read(facts, scopes)
            witness.heard(told)
            return told

        async def lend_on(facts: PostgresFacts, scope: str, count: int) -> LentChunk | None:
            chunk = await lend(facts, scope, count)
            if chunk is not None:
                witness.lent(scope, count, chunk)
            return chunk

        def take_on(rates: KeyRates, session: Session, now: float) -> None:
            witness.turned(session, rates.lent.get(session))
            take(rates, session, now)

        yield PostgresFacts, "read", read_on
        yield PostgresFacts, "lend", lend_on
        yield KeyRates, "take", take_on

    # --- at the server

    def ran(self, query: str, values: Any, rows: list[dict[str, Any]]) -> None:
        """A statement has run."""
        world = self._world
        sender = world.server.sender
        if query == statements.LEND:
            self._lent_at[sender] = world.elapsed()
        elif query in (statements.TAKE, statements.KEEP) and rows:
            self._places[sender] = world.elapsed()
            world.note(Placed(world.elapsed(), sender, world.server.tables.is_alive(values["epoch"])))
        elif query == statements.TELL and rows:
            state = json.loads(values["state"])
            is_suspended = state.get("suspended") is not None
            world.note(Published(world.elapsed(), sender, values["scope"], rows[0]["version"], is_suspended))

    # --- in a process

    def heard(self, told: Sequence[Fact]) -> None:
        """A process has read what was told."""
        world, life = self._world, self._world.current
        for fact in told:
            kind, key, _ = fact.scope.split(" ", 2)
            session = self._ordinals.get(key, -1) if kind == "key" else -1
            # Beside that of all keys each has a brake of its own, if there are several.
            is_of_all = kind == "outage" and (key not in self._ordinals or len(self._ordinals) == 1)
            is_closed = is_of_all and not fact.state["is_open"]
            is_suspended = fact.state.get("suspended") is not None
            waits = max(0.0, fact.state.get("opens_for", 0.0) - fact.age) if fact.state.get("refused") else 0.0
            about = fact.scope, fact.version, session, is_suspended, waits, is_closed, round(fact.age, 6)
            world.note(Heard(world.elapsed(), life.number, *about))

    def lent(self, scope: str, count: int, chunk: LentChunk) -> None:
        """A process has got slots."""
        world, life = self._world, self._world.current
        session, now = self._ordinals[scope.split(" ")[1]], world.elapsed()
        lag = now - self._lent_at.get(life.number, now)
        world.note(Lent(now, life.number, session, count, chunk.gap, chunk.delay, round(lag, 6)))

    def turned(self, session: Session, slots: LentSlots | None) -> None:
        """A process has begun to use a slot."""
        world = self._world
        number = self._ordinals[session.fingerprint]
        is_blind = slots is not None and slots.is_free
        world.note(Turned(world.elapsed(), world.current.number, number, is_blind))

    def began(self, number: int) -> None:
        """A POST begins: note whether it is a trial, and whether its process has the place for it."""
        world, life = self._world, self._world.current
        pool, journal = world.pools.get(life.number), world.journal_of(life.number)
        if pool is None or pool._engine is None or journal._lease is None or pool._engine.send_loop.brake.is_open:
            return
        tables, [*rows] = world.server.tables, world.server.tables.facts.items()
        mine = [fact for scope, fact in rows if scope.startswith("outage") and fact.epoch == journal._lease.epoch]
        has_place = any(is_held(tables, fact) for fact in mine)
        ago = world.elapsed() - self._places.get(life.number, float("-inf"))
        world.note(Tried(world.elapsed(), life.number, number, has_place, round(ago, 6)))
