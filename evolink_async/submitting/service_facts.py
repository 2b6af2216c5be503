"""What an answer to a submit says of the service and of the key, noted at once and for all jobs.

What becomes of the job itself is decided in `send_loop`.
"""

from __future__ import annotations

import logging
import time

from ..client import OutageBrake, Session
from ..errors import EvolinkError, StatusError, SubmissionUnknownError, TransportError
from ..events import Emit, SubmitsHalted, SubmitsLimited, SubmitsResumed
from ..task import Snapshot
from ..wire import bars_model, is_refused_for_load, is_trouble, may_send_again
from .circuit_breaker import CircuitBreakers
from .concurrency_limit import KeyLimits
from .key_choice import Turn
from .submission_state import Submission

SILENT_SECONDS = 60.0
"""Least time between two messages that a first request had no success: single ones are normal in a long run."""

SLOW_SECONDS = 5.0
"""Seconds without an answer after which a submit is called slow. Answers come within two."""

_log = logging.getLogger("evolink_async")


class ServiceFacts:
    """Notes answers where other jobs look before they are sent.

    Args:
        brake: Of all keys.
        limits: Of each key.
        circuits: Of each key and model.
        emit: Told what changes for all jobs.

    Attributes:
        accepted_sent_at: Monotonic seconds at which the latest of the accepted submits was sent.
    """

    def __init__(self, brake: OutageBrake, limits: KeyLimits, circuits: CircuitBreakers, emit: Emit | None) -> None:
        self.accepted_sent_at: float = float("-inf")
        self._brake = brake
        self._limits = limits
        self._circuits = circuits
        self._emit = emit
        self._silent_until = float("-inf")

    def note(self, submission: Submission, turn: Turn, verdict: Snapshot | EvolinkError, sent_at: float) -> None:
        """Note the answer to a submit.

        Args:
            submission: What was sent; a doubt of an earlier send still stands in it.
            turn: What it was sent with.
            verdict: What the answer means.
            sent_at: Monotonic seconds.
        """
        now, was_open, session = time.monotonic(), self._brake.is_open, turn.session
        has_new_limit = False
        if isinstance(verdict, StatusError) and not verdict.is_foreign:
            self._brake.answered()
        if isinstance(verdict, Snapshot):
            has_new_limit = self._note_accepted(session, submission, now, sent_at)
        elif is_refused_for_load(verdict) and isinstance(verdict, StatusError):
            session.health.refused_for_load(verdict, sent_at, now)
            self._brake.delayed(verdict, now)
            has_new_limit = self._limits.refused(session, sent_at, now)
        elif is_trouble(verdict, is_repeated=submission.doubt is not None):
            self._note_trouble(submission, turn, verdict, now, sent_at)
        elif may_send_again(verdict, "if_undelivered"):
            self._brake.delayed(verdict, now)
        else:
            self._brake.judged()
            if isinstance(verdict, StatusError) and bars_model(verdict):
                session.health.bar(submission.model, verdict, now)
        self._report_first_trouble(now)
        self._report(was_open=was_open, has_new_limit=has_new_limit, error=verdict)

    def _note_accepted(self, session: Session, submission: Submission, now: float, sent_at: float) -> bool:
        self.accepted_sent_at = max(self.accepted_sent_at, sent_at)
        session.health.accepted()
        session.health.unbar(submission.model)
        for brake in (self._brake, session.brake):
            brake.accepted(now, sent_at)
        self._circuits.took(session, submission.model)
        return self._limits.took(session)

    def _note_trouble(
        self, submission: Submission, turn: Turn, error: EvolinkError, now: float, sent_at: float
    ) -> None:
        in_doubt = isinstance(error, SubmissionUnknownError)
        asked = error.retry_after if isinstance(error, StatusError | SubmissionUnknownError) else None
        for brake in (self._brake, turn.session.brake):
            brake.troubled(
                submission.job.key,
                error,
                now,
                is_trial=brake in turn.trials,
                is_new_doubt=in_doubt and submission.doubt is None,
                asked=asked,
                sent_at=sent_at,
            )

    def note_slow(self) -> None:
        """Note that a submit was not answered for `SLOW_SECONDS`; it may still be."""
        now = time.monotonic()
        self._brake.delayed(
            TransportError(f"no answer to a submit for {SLOW_SECONDS:.0f} s", kind="submit"), now, has_ended=False
        )
        self._report_first_trouble(now)

    def note_given_up(self, session: Session, submission: Submission, error: EvolinkError) -> None:
        """Note that a job has ended with a refusal: equal ones in a row stop its model."""
        if isinstance(error, StatusError) and self._circuits.refused(
            session, submission.model, error, time.monotonic()
        ):
            _log.warning(
                "no more jobs for %s for a while: all are refused with HTTP %s", submission.model, error.status
            )

    def _report_first_trouble(self, now: float) -> None:
        # With an observer, the application decides what is logged. Without one, silence would look like a hang.
        trouble = self._brake.trouble
        if self._emit is None and trouble is not None and trouble.tries == 1 and now >= self._silent_until:
            self._silent_until = now + SILENT_SECONDS
            _log.warning("%s; jobs are tried for up to %.0f s", trouble.error, trouble.until - now)

    def _report(self, *, was_open: bool, has_new_limit: bool, error: Snapshot | EvolinkError) -> None:
        is_open = self._brake.is_open
        if self._emit is None:
            if was_open and not is_open:
                _log.warning("no paid requests for now, but one at a time to see if the service is back: %s", error)
            return
        at = time.time()
        if has_new_limit:
            self._emit(SubmitsLimited(at=at, limit=self._limits.limit))
        if was_open and not is_open and isinstance(error, EvolinkError):
            self._emit(SubmitsHalted(at=at, error=error))
        elif is_open and not was_open:
            self._emit(SubmitsResumed(at=at))
