"""Where submissions wait for their turn to be sent.

Whose turn it is, and with which key, is decided in `key_choice`. Submissions that need the same wait in order of
arrival; when something has changed, only the first of each kind is tried.
"""

from __future__ import annotations

import asyncio
import copy
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import TypeAlias

import attrs

from ..client import OutageBrake, Session
from ..concurrency import Limiter
from ..errors import EvolinkError, OutageError
from .circuit_breaker import CircuitBreakers
from .concurrency_limit import KeyLimits
from .key_choice import KeyChoice, Turn
from .probes import Probes
from .submission_state import Submission

_Kind: TypeAlias = tuple[str, Session | None, bool, bool, frozenset[Session]]
_NO_DENIALS = frozenset[Session]()


@attrs.define(eq=False)
class _Waiter:
    submission: Submission
    wants_turn: bool
    ordinal: int
    answer: asyncio.Future[Turn | Session | EvolinkError]

    @property
    def kind(self) -> _Kind:
        """What it needs; those of one kind wait for the same."""
        submission = self.submission
        denials = frozenset(submission.denials) if submission.lacks_files else _NO_DENIALS
        return submission.model, submission.pinned_session, submission.is_learner, self.wants_turn, denials


class SubmitQueue:
    """Gives turns to submissions: while there are permits, to a key that is open, and not while the brake is closed.

    Args:
        sessions: One per API key.
        brake: Stops all paid requests in an outage of the service.
        limits: How many submits each key, and all together, may have at once, and when a key may have the next.
        circuits: Which models a key is not asked for.
        requests: Permits for HTTP calls.
        now: Returns monotonic seconds.

    Attributes:
        has_interceptions: Whether something on the way has refused jobs while it let others pass.
        on_reconsidered: Called when something may have changed for those who wait.
    """

    def __init__(
        self,
        sessions: tuple[Session, ...],
        brake: OutageBrake,
        limits: KeyLimits,
        circuits: CircuitBreakers,
        requests: Limiter,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.has_interceptions = False
        self.on_reconsidered: Callable[[], None] = lambda: None
        self._sessions = sessions
        self._brake = brake
        self._limits = limits
        self._circuits = circuits
        self._now = now
        self._probes = Probes(requests, self.reconsider, now)
        self._choice = KeyChoice(sessions, brake, limits, circuits, self._probes.is_checking)
        self._queues: dict[_Kind, deque[_Waiter]] = {}
        self._ordinals = count()
        self._learner: Submission | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- a submission on its way

    async def session(self, submission: Submission) -> Session | EvolinkError:
        """Wait for a key with which files of a job may be uploaded now; an error if the job is not to be sent."""
        answer = await self._wait(submission, wants_turn=False)
        return answer.session if isinstance(answer, Turn) else answer

    @asynccontextmanager
    async def turn(self, submission: Submission) -> AsyncGenerator[Turn | EvolinkError, None]:
        """Wait for a turn and hold it inside the context; an error if the job is not to be sent."""
        answer = await self._wait(submission, wants_turn=True)
        if not isinstance(answer, Turn):
            assert isinstance(answer, EvolinkError)  # noqa: S101  # a session is for uploads
            yield answer
            return
        try:
            yield answer
        finally:
            self._give_back(submission, answer)

    def holds(self, turn: Turn, submission: Submission) -> bool:
        """Whether a turn still holds, after a step that took time."""
        return self._is_free_for(submission) and self._choice.holds(turn, submission, self._now())

    def refusal(self, submission: Submission) -> EvolinkError | None:
        """Return why a submission is not to wait for a turn: every key refuses, or the outage is past patience."""
        refusal = self._choice.refusal(submission, self._now())
        if not (isinstance(refusal, OutageError) and self.has_interceptions and submission.is_intercepted_often):
            return refusal
        # If only jobs are left that something on the way refuses, each ends with the refusal that it has met.
        others = (waiter.submission for queue in self._queues.values() for waiter in queue)
        return copy.copy(submission.interception) if all(one.is_intercepted_often for one in others) else refusal

    async def _wait(self, submission: Submission, *, wants_turn: bool) -> Turn | Session | EvolinkError:
        if not self._queues and (answer := self._answer_newcomer(submission, wants_turn=wants_turn)) is not None:
            return answer
        waiter = _Waiter(submission, wants_turn, next(self._ordinals), asyncio.get_running_loop().create_future())
        queue = self._queues.setdefault(waiter.kind, deque())
        queue.append(waiter)
        if len(queue) == 1:  # behind others of its kind there is nothing new to decide
            self.reconsider()
        try:
            return await waiter.answer
        except asyncio.CancelledError:
            self._remove(waiter)
            if not waiter.answer.cancelled() and isinstance(turn := waiter.answer.result(), Turn):
                # The turn came in the same step as the cancellation, so nobody will use it.
                self._give_back(submission, turn)
            raise

    def _answer_newcomer(self, submission: Submission, *, wants_turn: bool) -> Turn | Session | EvolinkError | None:
        """What somebody is told who comes when nobody waits; None if it has to wait."""
        now = self._now()
        self._start_checks(submission, now)
        answer = self._decide(submission, now, wants_turn=wants_turn)
        if isinstance(answer, Turn):
            self._take(submission, answer)
        return answer

    def _start_checks(self, submission: Submission, now: float) -> None:
        for session in self._choice.checks(submission, now):
            self._probes.start_check(session)

    def _take(self, submission: Submission, turn: Turn) -> None:
        turn.session.submitting += 1
        turn.session.health.began(submission.model, submission)
        self._limits.used += 1
        self._limits.rates.take(turn.session, self._now())
        if submission.is_learner:
            self._learner = submission
        for brake in turn.trials:
            brake.began()

    def _give_back(self, submission: Submission, turn: Turn) -> None:
        turn.session.submitting -= 1
        turn.session.health.ended(submission.model, submission)
        self._limits.used -= 1
        if self._learner is submission:
            self._learner = None
        for brake in turn.trials:
            brake.ended()
        self.reconsider()

    # --- who waits

    def reconsider(self) -> None:
        """Answer everybody who can be answered now, and find out what the others wait for."""
        now = self._now()
        if self._queues:
            self._answer_all(now)
        self._plan(now)
        self.on_reconsidered()

    def _answer_all(self, now: float) -> None:
        for waiter in self._heads():
            self._start_checks(waiter.submission, now)
        while self._queues and self._answer_one(now):
            pass
        for waiter in self._heads():
            for session, brakes in self._choice.probes(waiter.submission, now):
                self._probes.start_probe(session, brakes)

    def _heads(self) -> list[_Waiter]:
        """The first of each kind, the most urgent before the others."""
        heads = [queue[0] for queue in self._queues.values()]
        if len(heads) < 2:
            return heads
        if self._brake.is_open:
            return sorted(heads, key=lambda waiter: waiter.ordinal)
        # What is in doubt already risks nothing new, and a price that is not known is better learned in good times.
        return sorted(heads, key=lambda one: (one.submission.doubt is None, one.submission.is_learner, one.ordinal))

    def _answer_one(self, now: float) -> bool:
        for waiter in self._heads():
            if waiter.answer.done():  # cancelled in this turn of the loop
                self._remove(waiter)
                return True
            answer = self._decide(waiter.submission, now, wants_turn=waiter.wants_turn)
            if answer is not None:
                self._remove(waiter)
                waiter.answer.set_result(answer)
                if isinstance(answer, Turn):
                    self._take(waiter.submission, answer)
                return True
        return False

    def _decide(self, submission: Submission, now: float, *, wants_turn: bool) -> Turn | Session | EvolinkError | None:
        """What a submission is told now; None while it has to wait."""
        answer: Turn | Session | None = None
        if not wants_turn:
            answer = self._choice.for_upload(submission, now)
        elif self._is_free_for(submission):
            answer = self._choice.turn(submission, now)
        return answer or self.refusal(submission)

    def _is_free_for(self, submission: Submission) -> bool:
        # While a learner is under way nothing else is bought: its price bounds what that may cost.
        return self._learner is None or self._learner is submission

    def _remove(self, waiter: _Waiter) -> None:
        queue = self._queues.get(waiter.kind)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._queues[waiter.kind]

    def _plan(self, now: float) -> None:
        """Come back when something changes by itself, if anybody waits for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = min(self._changes(now), default=math.inf) if self._queues else math.inf
        if at < math.inf:
            self._timer = asyncio.get_running_loop().call_later(at - now, self.reconsider)

    def _changes(self, now: float) -> Iterator[float]:
        yield self._brake.changes_at(now)
        for session in self._sessions:
            yield session.brake.changes_at(now)
            for opens_at in (session.health.opens_at, self._limits.rates.opens_at(session, now)):
                if opens_at > now:
                    yield opens_at

    # --- what is asked of other processes

    def asks(self) -> list[OutageBrake]:
        """Return the brakes for which others have to leave it to this process to try the service."""
        now = self._now()
        for waiter in self._heads():
            if brakes := self._choice.asks(waiter.submission, now):
                return brakes
        return []

    def wanted_brakes(self) -> set[OutageBrake]:
        """Return the brakes for whose outage to end somebody waits."""
        now = self._now()
        return {brake for waiter in self._heads() for brake in self._choice.closed(waiter.submission, now)}

    def wants_slots(self, session: Session) -> int:
        """Return how many of those who wait could be sent with a key now."""
        if not self._queues:
            return 0
        waiting = sum(len(queue) for queue in self._queues.values() if queue[0].wants_turn)
        return min(waiting, self._choice.may_go(session, self._now()))

    async def check_keys(self) -> None:
        """Find out at once whether suspended keys work again, and let barred models be tried."""
        self._circuits.forget()
        for session in self._sessions:
            session.health.forget_bars()
            await self._probes.check(session)
        self.reconsider()

    async def aclose(self) -> None:
        """Stop what is being found out, as nobody waits any more."""
        self._plan(self._now())
        await self._probes.aclose()
