"""Tells other processes over a shared journal what was learned of the service, hears them, and asks for slots.

What is told, and what is made of it, is decided in `told_facts`, `rate_limit` and `client.outage_brake`. With a journal
of its own a pool has none of this.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import suppress

import attrs

from ..client import Move, OutageBrake, Session
from ..errors import JournalError
from ..events import Emit, SubmitsHalted, SubmitsResumed
from ..journal import Fact, SharedFacts
from .rate_limit import KeyRates, LentSlots
from .submit_queue import SubmitQueue
from .told_facts import Told, ToldKey, ToldOutage, scope_of

LOOK_SECONDS = 1.0
"""Between two looks while anything is wrong, when nothing is told meanwhile. Places are kept as often."""
IDLE_SECONDS = 2.0
"""For which a process keeps the place to try the service without using it."""
TRIES = 5
"""How often something is told again because others have told something meanwhile, before the next look."""

_log = logging.getLogger("evolink_async")


class FactExchange:
    """What a pool tells other processes, and hears from them.

    Args:
        facts: Where it is told.
        queue: Where jobs wait for what may change.
        sessions: One per API key.
        brake: Of all keys.
        rates: The slots that are lent.
        origin: The address of the service.
        emit: Told what changes for all jobs.
    """

    def __init__(
        self,
        facts: SharedFacts,
        queue: SubmitQueue,
        sessions: tuple[Session, ...],
        brake: OutageBrake,
        rates: KeyRates,
        *,
        origin: str,
        emit: Emit | None,
    ) -> None:
        self._facts = facts
        self._queue = queue
        self._brake = brake
        self._rates = rates
        self._emit = emit
        self._outages = {scope_of(origin, sessions): ToldOutage(brake)}
        if len(sessions) > 1:  # with one key the brake of all keys is the only one
            self._outages |= {scope_of(origin, [one]): ToldOutage(one.brake) for one in sessions}
        self._keys = {one: scope_of(origin, [one], of_key=True) for one in sessions}
        keys: dict[str, Told] = {scope: ToldKey(session) for session, scope in self._keys.items()}
        self._scopes: dict[str, Told] = {**self._outages, **keys}
        self._told = {scope: thing.changes for scope, thing in self._scopes.items()}
        self._known: dict[str, Fact] = {}
        self._heard_at = 0.0
        self._places: dict[str, float] = {}
        self._waits_until = 0.0
        self._per_minute: float | None = None
        self._errands = set[asyncio.Task[None]]()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = self._is_blind = False

    async def start(self) -> None:
        """Hear what is known, and begin.

        Raises:
            JournalError: The journal cannot be used.
        """
        for outage in self._outages.values():
            outage.brake.may_try = False
        await self._limit_rate()
        await self._hear()
        self._queue.on_reconsidered = self._look
        self._task = asyncio.create_task(self._exchange_for_ever(), name="evolink_async facts")

    async def aclose(self) -> None:
        """Leave the service to the others."""
        self._is_closing = True
        tasks = {*self._errands, *([] if self._task is None else [self._task])}
        while pending := [task for task in tasks if not task.done()]:
            for task in pending:  # again and again: a library of the journal may swallow a cancellation
                task.cancel()
            await asyncio.wait(pending, timeout=0.1)
        self._facts.patience = LOOK_SECONDS  # the first try may meet a connection that was lost meanwhile
        with suppress(JournalError):
            await self._tell()
            await self._leave(list(self._places))

    # --- in every step of the queue

    def _look(self) -> None:
        """See if there is anything to tell or to ask for; it waits for nothing."""
        if self._is_closing or self._is_blind:
            return
        for session, slots in self._rates.lent.items():
            if count := slots.wanted(self._queue.wants_slots(session), time.monotonic()):
                self._ask(session, slots, count)
        may_ask = time.monotonic() >= self._waits_until
        if self._rates.per_minute != self._per_minute or self._news() or (may_ask and self._asks()):
            self._facts.changed.fire()

    def _news(self) -> list[str]:
        return [scope for scope, thing in self._scopes.items() if thing.changes != self._told[scope]]

    def _asks(self) -> list[str]:
        if self._are_open():
            return []
        asked = self._queue.asks()
        return [scope for scope, outage in self._outages.items() if outage.brake in asked]

    def _are_open(self) -> bool:
        return all(outage.brake.is_open for outage in self._outages.values())

    # --- slots

    def _ask(self, session: Session, slots: LentSlots, count: int) -> None:
        slots.is_asking = True
        task = asyncio.create_task(self._lend(session, slots, count), name="evolink_async slots")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _lend(self, session: Session, slots: LentSlots, count: int) -> None:
        try:
            await self._limit_rate()
            chunk = await self._facts.lend(self._keys[session], count)
        except Exception as error:  # noqa: BLE001  # whatever it is, who waits must not wait for ever
            self._lose_sight(error)
        else:
            if chunk is None:  # a lease that was lost has taken the limit along
                await asyncio.sleep(LOOK_SECONDS)
            else:
                # By our own clock: the server has counted from earlier on.
                first = time.monotonic() + max(chunk.delay, 0.0)
                slots.lend([first + number * chunk.gap for number in range(count)], chunk.gap, chunk.pools)
        finally:
            slots.is_asking = False
        self._queue.reconsider()

    async def _limit_rate(self) -> None:
        if (per_minute := self._rates.per_minute) != self._per_minute:
            await self._facts.limit_rate(per_minute)
            self._per_minute = per_minute

    # --- facts

    async def _exchange_for_ever(self) -> None:
        while not self._is_closing:
            seen = self._facts.changed.count
            try:
                await self._exchange()
                self._see()
            except Exception as error:  # noqa: BLE001  # whatever it is, who waits must not wait for ever
                self._lose_sight(error)
                await asyncio.sleep(LOOK_SECONDS)
            self._queue.reconsider()
            is_well = not self._places and not self._is_blind and self._are_open()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if is_well else LOOK_SECONDS):
                    await self._facts.changed.wait_past(seen)

    async def _exchange(self) -> None:
        await self._limit_rate()
        await self._tell()
        await self._hear()
        await self._keep_places()
        if asked := self._asks():
            await self._take(asked)

    async def _tell(self) -> None:
        for scope in self._news():
            for _ in range(TRIES):
                before = self._known.get(scope)
                if await self._tell_of(scope, self._scopes[scope]):
                    break
                await self._hear()
                known = self._known.get(scope)
                if known is not None and before is not None and known.version == before.version:
                    self._agree(scope, known)
                    break

    async def _tell_of(self, scope: str, thing: Told) -> bool:
        """Tell what is new; return False if others have told something meanwhile."""
        known, changes, now = self._known.get(scope), thing.changes, time.monotonic()
        if known is None or not thing.is_said_by(known.state, now):
            state = thing.state(now)
            version = await self._facts.tell(scope, state, 0 if known is None else known.version)
            if version is None:
                return False
            self._known[scope] = Fact(scope=scope, version=version, state=state, age=0.0)
        self._told[scope] = changes
        return True

    def _agree(self, scope: str, known: Fact) -> None:
        """Forget what is new: another process has the place to try the service, and knows better."""
        now, thing = time.monotonic(), self._scopes[scope]
        thing.heard(known.state, known.age + now - self._heard_at, now, has_news=False, is_first=False)
        self._told[scope] = thing.changes

    async def _hear(self) -> None:
        was_open = self._brake.is_open
        facts = await self._facts.read(list(self._scopes))
        self._heard_at = time.monotonic()
        for fact in facts:
            known, thing = self._known.get(fact.scope), self._scopes[fact.scope]
            if known is not None and fact.version == known.version:
                self._known[fact.scope] = attrs.evolve(known, age=fact.age)
            else:
                self._known[fact.scope] = fact
                has_news = thing.changes != self._told[fact.scope]
                is_first = known is None and self._task is None
                thing.heard(fact.state, fact.age, time.monotonic(), has_news=has_news, is_first=is_first)
        self._report(was_open=was_open)

    # --- the place of the one that tries

    async def _take(self, scopes: Collection[str]) -> None:
        if await self._facts.take_place(list(scopes)):
            # Nobody else tells anything of it from now on, but one may have done so just before.
            await self._hear()
            self._places |= dict.fromkeys(scopes, time.monotonic())
            self._set_places()
        else:
            self._waits_until = time.monotonic() + LOOK_SECONDS

    async def _keep_places(self) -> None:
        now, wanted = time.monotonic(), self._queue.wanted_brakes()
        given_up = [
            scope for scope in self._places if not self._is_used(self._outages[scope].brake, scope, wanted, now)
        ]
        await self._leave(given_up)
        if self._places:
            kept = await self._facts.keep_place(list(self._places))
            self._places = {scope: since for scope, since in self._places.items() if scope in kept}
            self._set_places()

    def _is_used(self, brake: OutageBrake, scope: str, wanted: Collection[OutageBrake], now: float) -> bool:
        """Whether a place is in use, or will be as soon as there is a slot."""
        if brake.is_busy:
            self._places[scope] = now
            return True
        may_go = not brake.is_open and brake.move(now) in (Move.PROBE, Move.TRIAL)
        is_waiting = any(slots.is_asking or slots.has_any for slots in self._rates.lent.values())
        return may_go and brake in wanted and (is_waiting or now - self._places[scope] < IDLE_SECONDS)

    async def _leave(self, scopes: Collection[str]) -> None:
        for scope in scopes:
            self._places.pop(scope, None)
        self._set_places()
        if scopes:
            await self._facts.leave_place(list(scopes))

    def _set_places(self) -> None:
        for scope, outage in self._outages.items():
            outage.brake.may_try = self._is_blind or scope in self._places

    # --- without the journal

    def _lose_sight(self, error: Exception) -> None:
        """Let jobs go on to the journal, which refuses them: nothing is sent without it."""
        if not self._is_blind and not self._is_closing:
            _log.warning("what other processes know of the service cannot be read: %s", error)
        self._set_blind(is_blind=True)

    def _see(self) -> None:
        if self._is_blind:
            self._set_blind(is_blind=False)

    def _set_blind(self, *, is_blind: bool) -> None:
        self._is_blind = is_blind
        for slots in self._rates.lent.values():
            slots.is_free = is_blind
        self._set_places()

    def _report(self, *, was_open: bool) -> None:
        is_open, at = self._brake.is_open, time.time()
        if was_open and not is_open:
            error = self._brake.error(time.monotonic())
            if self._emit is None:
                _log.warning("no paid requests for now, as another process has found: %s", error.trouble)
            elif error.trouble is not None:
                self._emit(SubmitsHalted(at=at, error=error.trouble))
        elif is_open and not was_open and self._emit is not None:
            self._emit(SubmitsResumed(at=at))
