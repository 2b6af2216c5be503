"""Which key a submission may go with now, or why with none.

Plain decisions: times are arguments, and nothing waits. What is known of each key is in `client.key_health`, of an
outage in `client.outage_brake`; who waits is in `submit_queue`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import attrs

from ..client import Move, OutageBrake, Session
from ..errors import EvolinkError, OutageError
from ..settings import LARGEST
from ..wire import is_refused_for_load
from .circuit_breaker import CircuitBreakers
from .concurrency_limit import KeyLimits
from .submission_state import Submission

_MAY_SEND = (Move.ANY, Move.TRIAL)


@attrs.frozen(eq=False)
class Turn:
    """The right to send one paid request now.

    Attributes:
        session: With which key.
        trials: The brakes for which the request finds out whether an outage is over.
    """

    session: Session
    trials: tuple[OutageBrake, ...] = ()


class KeyChoice:
    """Chooses keys for submissions.

    Args:
        sessions: One per API key.
        brake: Stops all paid requests in an outage of the service. Those of one key are stopped by its own.
        limits: How many submits each key, and all together, may have at once, and when a key may have the next.
        circuits: Which models a key is not asked for.
        is_checking: Whether a suspended key is being checked.
    """

    def __init__(
        self,
        sessions: tuple[Session, ...],
        brake: OutageBrake,
        limits: KeyLimits,
        circuits: CircuitBreakers,
        is_checking: Callable[[Session], bool],
    ) -> None:
        self._sessions = sessions
        self._brake = brake
        self._limits = limits
        self._circuits = circuits
        self._is_checking = is_checking
        self._has_several_keys = len(sessions) > 1

    # --- now

    def turn(self, submission: Submission, now: float) -> Turn | None:
        """Return the turn that a submission may have now; None if it has to wait."""
        if not self._may_send(now) or not self._limits.has_room:
            return None
        able = [session for session in self._able(submission, now) if self._is_open(session, submission, now)]
        # An outage may be of one key alone, so a key that was in trouble lately comes last.
        session = min(able, key=lambda one: (not one.brake.is_open, one.brake.troubled_at, _load(one)), default=None)
        if session is None:
            return None
        return Turn(session, tuple([brake for brake in self._brakes(session) if not brake.is_open]))

    def for_upload(self, submission: Submission, now: float) -> Session | None:
        """Return the key with which files of a job may be uploaded now; None if they have to wait."""
        return min(self._able(submission, now), key=_load, default=None) if self._may_send(now) else None

    def holds(self, turn: Turn, submission: Submission, now: float) -> bool:
        """Whether a turn still holds, after a step that took time."""
        is_stopped = any(
            not brake.is_open and (brake not in turn.trials or not brake.may_try)
            for brake in self._brakes(turn.session)
        )
        is_shut = turn.session.health.opens_at > now or self._refusal_of(turn.session, submission, now) is not None
        return not is_stopped and not is_shut

    def _may_send(self, now: float) -> bool:
        return self._brake.move(now) in _MAY_SEND

    def _able(self, submission: Submission, now: float) -> list[Session]:
        return [one for one in self._candidates(submission) if self._refusal_of(one, submission, now) is None]

    def _is_open(self, session: Session, submission: Submission, now: float) -> bool:
        """Whether a key may send one more request now."""
        if session.health.is_tried(submission.model):
            return False
        most = 1 if session.health.is_on_trial else self._limits.of(session)
        may_send = all(brake.move(now) in _MAY_SEND for brake in self._brakes(session))
        opens_at = max(session.health.opens_at, self._limits.rates.opens_at(session, now))
        return may_send and opens_at <= now and session.submitting < most

    # --- or not at all

    def refusal(self, submission: Submission, now: float) -> EvolinkError | None:
        """Return why a submission is not to wait for a key; None if one may take it now or soon."""
        sessions = self._candidates(submission)
        refusals = [self._refusal_of(session, submission, now) for session in sessions]
        if None not in refusals:
            is_hopeful = any(self._is_checking(session) or session.health.is_check_due(now) for session in sessions)
            if not is_hopeful:
                return copy.copy(min(filter(None, refusals), key=_urgency))
        return self._brake.error(now) if self._brake.move(now) is Move.GIVE_UP else None

    def _refusal_of(self, session: Session, submission: Submission, now: float) -> EvolinkError | None:
        if submission.lacks_files and session in submission.denials:
            return submission.denials[session]
        model = submission.model
        refusal = session.health.refusal(model, now, is_idle=not session.busy) or self._circuits.refusal(
            session, model, now
        )
        if refusal is None and self._has_several_keys and session.brake.move(now) is Move.GIVE_UP:
            return session.brake.error(now)
        return refusal

    # --- what is to be found out

    def checks(self, submission: Submission, now: float) -> list[Session]:
        """Return the suspended keys that may work again, for a job that wants one, also if it can go with others."""
        due = [session for session in self._candidates(submission) if session.health.is_check_due(now)]
        return [session for session in due if not self._is_checking(session)]

    def probes(self, submission: Submission, now: float) -> Iterator[tuple[Session, list[OutageBrake]]]:
        """Yield with which keys to find out if an outage is over, and for which brakes; start each before the next."""
        for session in self._able(submission, now):
            # Not for all keys at once: the brake of all keys needs one probe.
            if brakes := [brake for brake in self._brakes(session) if brake.move(now) is Move.PROBE]:
                yield session, brakes

    def asks(self, submission: Submission, now: float) -> list[OutageBrake]:
        """Return the brakes for which this process has to ask the others before it tries, for one key."""
        for session in self._able(submission, now):
            if brakes := [brake for brake in self._brakes(session) if brake.move(now) is Move.ASK]:
                return brakes
        return []

    def closed(self, submission: Submission, now: float) -> list[OutageBrake]:
        """Return the brakes that are not open, of keys that may have the submission."""
        return [brake for one in self._able(submission, now) for brake in self._brakes(one) if not brake.is_open]

    def may_go(self, session: Session, now: float) -> int:
        """Return how many paid requests a key could be given slots for now: any number, one as a trial, or none."""
        moves = {brake.move(now) for brake in self._brakes(session)}
        is_shut = session.health.suspended is not None or session.health.opens_at > now
        if is_shut or not moves <= set(_MAY_SEND):
            return 0
        return 1 if Move.TRIAL in moves or session.health.is_on_trial else LARGEST

    def _candidates(self, submission: Submission) -> tuple[Session, ...]:
        """The keys that it may go with. What is in doubt stays with the account that may have taken it."""
        return (submission.pinned_session,) if submission.pinned_session is not None else self._sessions

    def _brakes(self, session: Session) -> tuple[OutageBrake, ...]:
        # With one key both would see the same.
        return (self._brake, session.brake) if self._has_several_keys else (self._brake,)


# An outage comes before a refusal that passes by itself, and that before one that a person has to correct.
def _urgency(refusal: EvolinkError) -> int:
    if isinstance(refusal, OutageError):
        return 0
    return 1 if is_refused_for_load(refusal) else 2


def _load(session: Session) -> int:
    """Jobs of a key, of which the least busy one is taken."""
    return session.busy + session.submitting
