"""Where submissions wait for their turn to be sent.

What may be sent is decided in `client.key_health`, `client.outage_brake` and `concurrency_limit`. Submissions that
need the same wait in order of arrival; when something has changed, only the first of each kind is tried.
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

from ..client import Move, OutageBrake, Session
from ..concurrency import Limiter
from ..errors import EvolinkError, OutageError
from ..wire import is_refused_for_load
from .circuit_breaker import CircuitBreakers
from .concurrency_limit import KeyLimits
from .probes import Probes
from .submission_state import Submission

_Kind: TypeAlias = tuple[str, Session | None, bool, bool]


@attrs.frozen(eq=False)
class Turn:
    """The right to send one paid request now.

    Attributes:
        session: With which key.
        trials: The brakes for which the request finds out whether an outage is over.
    """

    session: Session
    trials: tuple[OutageBrake, ...] = ()


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
        return submission.model, submission.pinned_session, submission.is_learner, self.wants_turn


class SubmitQueue:
    """Gives turns to submissions: while there are permits, to a key that is open, and not while the brake is closed.

    Args:
        sessions: One per API key.
        brake: Stops all paid requests in an outage of the service. Those of one key are stopped by its own.
        limits: How many submits at once each key, and all together, may have.
        circuits: Which models a key is not asked for.
        requests: Permits for HTTP calls.
        now: Returns monotonic seconds.
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
        self._sessions = sessions
        self._brake = brake
        self._limits = limits
        self._circuits = circuits
        self._now = now
        self._queues: dict[_Kind, deque[_Waiter]] = {}
        self._ordinals = count()
        self._learner: Submission | None = None
        self._probes = Probes(requests, self.reconsider, now)
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

    def is_still_given(self, turn: Turn, submission: Submission) -> bool:
        """Whether a turn still holds, after a step that took time."""
        now = self._now()
        is_stopped = any(not brake.is_open and brake not in turn.trials for brake in self._brakes(turn.session))
        is_shut = turn.session.health.opens_at > now or self._refusal_of(turn.session, submission, now) is not None
        return not is_stopped and not is_shut

    async def _wait(self, submission: Submission, *, wants_turn: bool) -> Turn | Session | EvolinkError:
        waiter = _Waiter(submission, wants_turn, next(self._ordinals), asyncio.get_running_loop().create_future())
        self._queues.setdefault(waiter.kind, deque()).append(waiter)
        self.reconsider()
        try:
            return await waiter.answer
        except asyncio.CancelledError:
            self._remove(waiter)
            if not waiter.answer.cancelled() and isinstance(turn := waiter.answer.result(), Turn):
                # The turn came in the same step as the cancellation, so nobody will use it.
                self._give_back(submission, turn)
            raise

    def _take(self, submission: Submission, turn: Turn) -> None:
        turn.session.submitting += 1
        self._limits.used += 1
        if submission.is_learner:
            self._learner = submission
        for brake in turn.trials:
            brake.began()

    def _give_back(self, submission: Submission, turn: Turn) -> None:
        turn.session.submitting -= 1
        self._limits.used -= 1
        if self._learner is submission:
            self._learner = None
        for brake in turn.trials:
            brake.ended()
        self.reconsider()

    # --- who waits

    def reconsider(self) -> None:
        """Answer everybody who can be answered now."""
        now = self._now()
        while self._answer_one(now):
            pass
        self._find_out(now)
        self._plan(now)

    def _heads(self) -> list[_Waiter]:
        """The first of each kind, the most urgent before the others."""
        heads = [queue[0] for queue in self._queues.values()]
        if self._brake.is_open:
            return sorted(heads, key=lambda waiter: waiter.ordinal)
        # What is in doubt already risks nothing new, and a price that is not known is better learned in good times.
        return sorted(heads, key=lambda one: (one.submission.doubt is None, one.submission.is_learner, one.ordinal))

    def _answer_one(self, now: float) -> bool:
        for waiter in self._heads():
            if waiter.answer.done():  # cancelled in this turn of the loop
                self._remove(waiter)
                return True
            answer = self._decide(waiter, now)
            if answer is not None:
                self._remove(waiter)
                waiter.answer.set_result(answer)
                if isinstance(answer, Turn):
                    self._take(waiter.submission, answer)
                return True
        return False

    def _remove(self, waiter: _Waiter) -> None:
        queue = self._queues.get(waiter.kind)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._queues[waiter.kind]

    def _decide(self, waiter: _Waiter, now: float) -> Turn | Session | EvolinkError | None:
        """What a submission is told now; None while it has to wait."""
        submission = waiter.submission
        if (refusal := self.refusal(submission)) is not None:
            return refusal
        able = [s for s in self._candidates(submission) if self._refusal_of(s, submission, now) is None]
        if self._brake.move(now) not in (Move.ANY, Move.TRIAL):
            return None
        if not waiter.wants_turn:
            return min(able, key=_load, default=None)
        if self._learner is not None or not self._limits.has_room:
            return None
        able = [session for session in able if self._is_open(session, now)]
        session = min(able, key=_load, default=None)
        if session is None:
            return None
        return Turn(session, tuple([brake for brake in self._brakes(session) if not brake.is_open]))

    def _is_open(self, session: Session, now: float) -> bool:
        """Whether a key may send one more request now."""
        most = 1 if session.health.is_on_trial else self._limits.of(session)
        moves = [brake.move(now) for brake in self._brakes(session)]
        return (
            session.health.opens_at <= now
            and session.submitting < most
            and all(move in (Move.ANY, Move.TRIAL) for move in moves)
        )

    # --- who is not to wait

    def refusal(self, submission: Submission) -> EvolinkError | None:
        """Return why a submission is not to wait for a turn: every key refuses, or the outage is past patience."""
        now = self._now()
        sessions = self._candidates(submission)
        refusals = [self._refusal_of(session, submission, now) for session in sessions]
        is_hopeful = any(self._probes.is_checking(session) or session.health.is_check_due(now) for session in sessions)
        if None not in refusals and not is_hopeful:
            return copy.copy(min(filter(None, refusals), key=_urgency))
        if self._brake.move(now) is not Move.GIVE_UP:
            return None
        return self._own_error(submission) or self._brake.error(now)

    def _own_error(self, submission: Submission) -> EvolinkError | None:
        """What a job has met, if only jobs are left that something on the way dislikes, and others were accepted."""
        left = [submission, *(waiter.submission for queue in self._queues.values() for waiter in queue)]
        is_of_jobs = self._brake.has_accepted and all(one.is_disliked for one in left)
        return copy.copy(submission.dislike) if is_of_jobs else None

    def _refusal_of(self, session: Session, submission: Submission, now: float) -> EvolinkError | None:
        refusal = session.refusal_for(submission.model) or self._circuits.refusal(session, submission.model, now)
        if refusal is None and self._has_several_keys and session.brake.move(now) is Move.GIVE_UP:
            return session.brake.error(now)
        return refusal

    def _candidates(self, submission: Submission) -> tuple[Session, ...]:
        """The keys that it may go with. What is in doubt stays with the account that may have taken it."""
        return (submission.pinned_session,) if submission.pinned_session is not None else self._sessions

    @property
    def _has_several_keys(self) -> bool:
        return len(self._sessions) > 1

    def _brakes(self, session: Session) -> tuple[OutageBrake, ...]:
        # With one key both would see the same.
        return (self._brake, session.brake) if self._has_several_keys else (self._brake,)

    # --- what is to be found out

    def _find_out(self, now: float) -> None:
        """Start what has to be known before the first of each kind can go."""
        for waiter in self._heads():
            for session in self._candidates(waiter.submission):
                if session.health.is_check_due(now) and not self._probes.is_checking(session):
                    self._probes.start_check(session)
                elif self._refusal_of(session, waiter.submission, now) is None:
                    brakes = [brake for brake in self._brakes(session) if brake.move(now) is Move.PROBE]
                    if brakes:
                        self._probes.start_probe(session, brakes)

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
            if session.health.opens_at > now:
                yield session.health.opens_at

    async def check_keys(self) -> None:
        """Find out at once whether suspended keys are well again, and let barred models be tried."""
        for session in self._sessions:
            session.health.forget_bars()
            await self._probes.check(session)
        self.reconsider()

    async def aclose(self) -> None:
        """Stop what is being found out, as nobody waits any more."""
        self._plan(self._now())
        await self._probes.aclose()


# An outage is told before a refusal that passes by itself, and that before what a person has to mend.
def _urgency(refusal: EvolinkError) -> int:
    return 0 if isinstance(refusal, OutageError) else 1 if is_refused_for_load(refusal) else 2


def _load(session: Session) -> int:
    """Jobs of a key, of which the least busy one is taken."""
    return session.busy + session.submitting
