"""What is outside of several processes on one shared journal: the server of the journal, clocks, and who takes a turn.

What a process does is in `shared_process`, what happens to it from outside in `shared_play`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from evolink_async import SessionPool
from evolink_async.callbacks import CallbackReceiver
from evolink_async.events import Event
from evolink_async.journal import postgres_claims as claims
from evolink_async.journal import postgres_owner
from evolink_async.journal import postgres_statements as writes
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.postgres_connections import Connections
from tests.simulation import seams
from tests.simulation.callbacks import CALLING, SECRET, URL, Calls, _Call
from tests.simulation.conductor import Conductor, Life, ProcessClock, SteppedLoop
from tests.simulation.script import Script
from tests.simulation.server import Server
from tests.simulation.shared_facts import FactWitness
from tests.simulation.trace import Changed, Lapsed, Leased
from tests.simulation.world import World

ADDRESS = "postgresql://simulation/films"
BY_OWNER = (
    *(writes.PLAN, writes.SUBMIT, writes.REFUSE, writes.DOUBT, writes.END),
    *(writes.BUY_ANEW, writes.MISSING, writes.SAVE, writes.REFRESH),
)
"""Writes of jobs that an owner may make only as long as it is one."""


class SharedWorld(World):
    """A history of several processes under way.

    Args:
        script: What happens.
    """

    calls: SharedCalls

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self._numbers = 0
        self.outside = Life(0, 0, SteppedLoop(self.clock), self.clock)
        self.conductor = Conductor(self.clock, self._switch)
        self.conductor.lives.append(self.outside)
        self.current = self.outside
        self.calls.begin(self.outside.loop, lambda: self.conductor.lives[1:])
        self.machines = {place: self._machine(place) for place in range(1, script.processes + 1)}
        self.server = Server(self.clock, self.dice, self.outside.loop)
        self.server.process = lambda: (self.current.place, self.current.number)
        self.network.outside = self.outside.loop
        self.network.on_post = self._posted
        self.server.is_deaf = script.is_deaf
        self._facts = FactWitness(self)
        self.network.on_begin = self._facts.began
        self.pools: dict[int, SessionPool] = {}
        self._journals: dict[int, Any] = {}
        self._owners: dict[int, int] = {}
        self._run, self.server.tables.run = self.server.tables.run, self._ran  # type: ignore[method-assign]

    def _machine(self, place: int) -> ProcessClock:
        rates, offsets = self.script.rates, self.script.offsets
        rate = rates[place - 1] if place <= len(rates) else 1.0
        return ProcessClock(self.clock, rate, offsets[place - 1] if place <= len(offsets) else 0.0)

    def _new_calls(self) -> SharedCalls:
        return SharedCalls(self.script, self.clock, self.dice, self.trace)

    def _switch(self, life: Life) -> None:
        self.current, self.trace.process = life, life.number

    def next_number(self) -> int:
        """Number the next process of the trace."""
        self._numbers += 1
        return self._numbers

    def new_pool(self, observer: Callable[[Event], None], *, has_calls: bool = True) -> SessionPool:
        """Make a pool of the process that runs now."""
        pool = self.pools[self.current.number] = super().new_pool(observer, has_calls=has_calls)
        return pool

    def journal_of(self, number: int) -> Any:
        """Return the journal of a process."""
        return self._journals.get(number)

    def _journal(self) -> Any:
        journal = PostgresJournal(ADDRESS, lease=self.script.lease, listen=self.script.listens)
        self._journals[self.current.number] = journal
        return journal

    # --- what the laws are told of the journal

    def _posted(self, number: int, job: str) -> None:
        tables, lease = self.server.tables, self._journals[self.current.number]._lease
        epoch = lease.epoch if lease is not None else 0
        has_job = tables.claims.get(job, (0, ""))[0] == epoch
        life = self.current.number
        self.note(Leased(self.elapsed(), life, number, job, has_lease=tables.is_alive(epoch), has_job=has_job))

    def _ran(self, query: str, values: Any) -> list[dict[str, Any]]:
        tables, life = self.server.tables, self.server.sender
        if query not in BY_OWNER:
            rows = self._run(query, values)
            self._facts.ran(query, values, rows)
            if query == claims.BEGIN:
                self._owners[rows[0]["epoch"]] = life
            elif query == claims.END:
                self._owners.pop(values[0], None)  # it ends by itself
            elif query == claims.DOUBT:
                for number in [self._owners.pop(epoch) for epoch in values["epochs"] if epoch in self._owners]:
                    self.note(Lapsed(self.elapsed(), number))
            return rows
        key, epoch = values["key"], values["epoch"]
        before = tables.jobs.get(key)
        may = tables.is_alive(epoch) and tables.claims.get(key, (epoch, ""))[0] == epoch
        rows = self._run(query, values)
        after = tables.jobs.get(key)
        if after is not None and after is not before:
            was = before["state"] if before is not None else ""
            is_others = was == after["state"] == "submitting" and (before or {})["epoch"] != after["epoch"]
            self.note(Changed(self.elapsed(), life, key, was, after["state"], is_stale=not may, is_others=is_others))
        return rows

    # --- time

    def monotonic(self) -> float:
        """Return the monotonic seconds of the process that runs now."""
        return self.current.clock.monotonic()

    def wall(self) -> float:
        """Return the Unix seconds of the process that runs now."""
        return self.current.clock.wall()

    def boot(self) -> float:
        """Return the seconds of the clock that counts sleep, in the process that runs now."""
        clock = self.current.clock
        return clock.boot() if isinstance(clock, ProcessClock) else clock.monotonic()

    @contextmanager
    def simulated(self) -> Iterator[None]:
        """Let the library work in this world."""
        world = self

        async def connect(_: Connections) -> Any:
            return await world.server.connect()

        async def prepare(connection: Any) -> str:
            await connection.execute(writes.NOTIFY.encode())
            return "films"

        replaced: list[tuple[Any, str, Any]] = [
            (Connections, "_connect", connect),
            (Connections, "read_now", lambda one, query, values=(): _read_now(world, one, query, values)),
            (postgres_owner, "prepare", prepare),
            *(self._facts.seams() if self.script.facts else [(PostgresJournal, "shared_facts", lambda _: None)]),
            (socket, "gethostname", lambda: "host"),
            (time, "clock_gettime", lambda _: world.boot()),
        ]
        saved = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
        with seams.simulated(self, self.script.salt, self.network.transport, lambda: self.disk):  # type: ignore[arg-type]
            for owner, name, value in replaced:
                setattr(owner, name, value)
            try:
                yield
            finally:
                for owner, name, value in saved:
                    setattr(owner, name, value)


def _read_now(world: SharedWorld, connections: Connections, query: str, values: Any) -> Any:
    try:
        return world.server.read_now(query, values)
    except psycopg.Error as error:
        raise connections.error(error) from None


class SharedCalls(Calls):
    """The vendor's calls, each of which reaches one of the processes: a balancer stands before them."""

    def begin(self, outside: asyncio.AbstractEventLoop, lives: Callable[[], list[Life]]) -> None:
        """Learn which processes there are."""
        self._outside = outside
        self._lives = lives
        self._receivers: dict[int, CallbackReceiver] = {}
        self._count = 0

    def new_receiver(self) -> CallbackReceiver | None:
        """Make the receiver of a process."""
        if not self._script.calls:
            return None
        receiver = self._receivers[self._trace.process] = CallbackReceiver(URL, SECRET)
        return receiver

    def _receiver_now(self) -> CallbackReceiver | None:
        return self._receivers.get(self._trace.process)

    def live(self) -> None:
        """Calls go on outside of the processes."""

    def _plan(self, call: _Call, seconds: float) -> None:
        self._planned[call] = self._clock.elapsed() + seconds
        self._outside.call_later(seconds, self._begin, call)

    def _begin(self, call: _Call) -> None:
        if self._planned.pop(call, None) is not None and (lives := self._lives()):
            self._count += 1
            loop = lives[int(self._dice.fraction("balancer", self._count) * len(lives)) % len(lives)].loop
            loop.call_soon(self._make_in, loop, call)

    def _make_in(self, loop: asyncio.AbstractEventLoop, call: _Call) -> None:
        loop.create_task(self._make(call), name=CALLING)
