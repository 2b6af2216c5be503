"""The sends of one submission: credits, files, permit, journal, POST, journal.

What an answer means is decided in `wire.verdict`, whether there is another send in `client.retry`, what is affordable
in `budget`. Who wants a submission is in `submitter`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable

from ..budget import BudgetQueue
from ..client import Session, choose, suspension_error
from ..concurrency import Limiter
from ..errors import (
    BudgetError,
    ConfigurationError,
    EvolinkError,
    JournalError,
    RateLimitError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
)
from ..events import Emit, SubmitsLimited
from ..jobs import Accepted, Failed, Unknown
from ..journal import Journal
from ..settings import RetryPolicy
from ..task import Snapshot
from ..uploads import LocalFiles
from ..wire import bars_model, may_send_again
from .circuit_breaker import CircuitBreakers
from .concurrency_limit import AdaptiveLimit
from .submission_state import Submission, Submitted, withdrawn

_log = logging.getLogger("evolink_async")


class SendLoop:
    """Carries submissions out, for all sessions of a pool.

    Args:
        sessions: One per API key.
        policy: When a submit may be sent again.
        journal: Told before and after each send.
        budget_queue: Where jobs get their credits.
        submits: Permits for submits; held while a job waits for its next send too, so trouble lowers the pace.
        requests: Permits for HTTP calls; held for one call.
        local_files: Gives local files their URLs.
        emit: Told what happens.

    Attributes:
        is_closing: Whether nothing is sent again.
        sends: Requests sent.
        faults: Those without a task.
        refused: Those answered with 429.
    """

    def __init__(
        self,
        sessions: tuple[Session, ...],
        policy: RetryPolicy,
        journal: Journal,
        budget_queue: BudgetQueue,
        *,
        submits: Limiter,
        requests: Limiter,
        local_files: LocalFiles,
        emit: Emit | None = None,
    ) -> None:
        self._sessions = sessions
        self._policy = policy
        self._journal = journal
        self._budget_queue = budget_queue
        self._submits = submits
        self._requests = requests
        self._local_files = local_files
        self._emit = emit
        self._adaptive_limit = AdaptiveLimit(submits.total)
        self._circuit_breakers = CircuitBreakers(policy.refusals, policy.patience)
        self.is_closing = False
        self.sends: int = 0
        self.faults: int = 0
        self.refused: int = 0

    async def run(self, submission: Submission) -> Submitted:
        """Carry a submission to its end: accepted, failed, or in doubt."""
        if submission.doubt is None:  # a doubt holds its credits since it was first sent
            answer = await self._budget_queue.afford(submission.job.key, submission.price_class)
            if isinstance(answer, BudgetError):
                return await self._leave(submission, answer)
            submission.is_learner = answer is not None and answer.is_learner
        if submission.lacks_files and (refusal := await self._bring_files(submission)) is not None:
            return await self._leave(submission, refusal)
        async with self._submits:
            return await self._send_until_settled(submission)

    async def _bring_files(self, submission: Submission) -> EvolinkError | None:
        """Upload what the job needs, with any key that may; gives what stands in the way."""
        while isinstance(session := self._session_for(submission), Session):
            try:
                submission.complete(await self._local_files.with_urls(submission.job.params, session))
                return None
            except EvolinkError as error:
                session.suspend_on(error)
                if session.suspended is not error or submission.doubt is not None:
                    return error
        return session

    async def _send_until_settled(self, submission: Submission) -> Submitted:
        while True:
            session = self._session_for(submission)
            if not isinstance(session, Session):
                return await self._leave(submission, session)
            submission.session = session
            session.busy += 1
            try:
                turn = self._budget_queue.turn(submission.job.key, is_learner=submission.is_learner)
                async with session.gate.passage(), turn, self._requests:
                    verdict = await self._send(submission, session)
            finally:
                session.busy -= 1
            if verdict is None:
                submission.under_way = False
                continue
            goes_on = not isinstance(verdict, Accepted) and self._goes_on(submission, session, verdict)
            # From here on it waits for its next send. Otherwise it stays under way until its end is recorded: whoever
            # lets go of it now must not cut that short.
            submission.under_way = not goes_on
            if self._emit is not None and not isinstance(verdict, JournalError | ConfigurationError):
                self._emit(submission.answered(verdict, is_repeated=goes_on))
            if isinstance(verdict, Accepted):
                return verdict
            if not goes_on:
                return await self._give_up(submission, verdict)

    def _session_for(self, submission: Submission) -> Session | StatusError:
        """Where to send, or why nowhere. What is in doubt stays with the account that may have taken it."""
        if submission.doubt is not None and submission.session is not None:
            return submission.session
        refusal = self._circuit_breakers.refusal(submission.model, time.monotonic())
        return refusal or choose(self._sessions, submission.model) or suspension_error(self._sessions, submission.model)

    async def _send(self, submission: Submission, session: Session) -> Accepted | EvolinkError | None:
        """Send once, between two journal entries; None if the gate was shut while the journal wrote the first."""
        submission.under_way = True
        try:
            await self._journal.submitting(submission.intent(session))
        except JournalError as error:
            return error  # what the journal does not hold is not sent
        # While the journal wrote, its owners may have let go, or the service may have asked others to wait.
        if not self._is_wanted(submission) or session.gate.is_held:
            if submission.doubt is None:
                await self.record(self._journal.refused(submission.job.key))
            return None if self._is_wanted(submission) else withdrawn(submission.job).error
        verdict = await self._post(submission, session)
        if isinstance(verdict, Snapshot):
            return await self._take(submission, session, verdict)
        self.faults += 1
        if submission.doubt is None and not isinstance(verdict, SubmissionUnknownError):
            await self.record(self._journal.refused(submission.job.key))
        return verdict

    async def _post(self, submission: Submission, session: Session) -> Snapshot | EvolinkError:
        began = time.monotonic()
        submission.resend.sent(began)
        self.sends += 1
        submission.sent_at = time.time()
        try:
            verdict = await session.submit(submission.request)
        except BaseException as error:
            reason = "closed before the service answered"
            if isinstance(error, Exception):
                reason = f"{type(error).__name__} in the middle of the request"
            submission.doubt = SubmissionUnknownError(
                f"{reason}; a task may have been accepted and charged",
                key=submission.job.key,
                idempotency_key=submission.idempotency_key,
                sent_at=submission.sent_at,
            )
            raise
        submission.seconds = time.monotonic() - began
        self._tune(verdict, began)
        return verdict

    def _tune(self, verdict: Snapshot | EvolinkError, began: float) -> None:
        """Find out how many submits at once the service bears."""
        if isinstance(verdict, Snapshot):
            has_changed = self._adaptive_limit.took(all_out=self._submits.used >= self._submits.total)
        elif isinstance(verdict, RateLimitError | ServerError):
            self.refused += isinstance(verdict, RateLimitError)
            has_changed = self._adaptive_limit.refused(began, time.monotonic())
        else:
            return
        if has_changed:
            self._submits.resize(self._adaptive_limit.limit)
            if self._emit is not None:
                self._emit(SubmitsLimited(at=time.time(), limit=self._adaptive_limit.limit))

    def retune(self, submits: int) -> None:
        """Change how many submits there may be at once."""
        self._adaptive_limit.retune(submits)
        self._submits.resize(submits)

    async def _take(self, submission: Submission, session: Session, snapshot: Snapshot) -> Accepted:
        """Write the task id down before anybody is told."""
        key = submission.job.key
        accepted = Accepted(key=key, task_id=snapshot.task_id, snapshot=snapshot, accepted_at=time.time())
        submission.accepted = accepted
        self._budget_queue.accepted(key, snapshot.credits_reserved)
        self._circuit_breakers.took(submission.model)
        session.gate.open()
        await self.record(self._journal.accepted(accepted))
        return accepted

    def _goes_on(self, submission: Submission, session: Session, error: EvolinkError) -> bool:
        """Whether there is another send; the gate says when."""
        if isinstance(error, SubmissionUnknownError):
            submission.doubt = error
            session.gate.shut(0)  # while one outcome is unknown, let one job at a time run the same risk
        elif isinstance(error, StatusError) and not may_send_again(error, "if_undelivered"):
            session.gate.open()
        delay = submission.resend.after(error, time.monotonic(), outage=session.gate.outage)
        if delay is not None:
            asked = isinstance(error, StatusError) and error.retry_after is not None
            session.gate.shut(delay, asked=asked)
            return self._is_wanted(submission)
        if isinstance(error, StatusError) and error.retry_after is not None:
            # Beyond patience for this job, and so for all others: they come back without a request of their own.
            session.note_too_busy(error)
        # The same job may go to another key: this one certainly did not accept it.
        if isinstance(error, StatusError) and bars_model(error):
            session.bar(submission.model, error)
        is_refused = session.refusal_for(submission.model) is error and submission.doubt is None
        return is_refused and choose(self._sessions, submission.model) is not None and self._is_wanted(submission)

    def _is_wanted(self, submission: Submission) -> bool:
        """Whether it may be sent again: somebody wants it, and the pool is not closing."""
        return bool(submission.owners) and not self.is_closing

    async def _give_up(self, submission: Submission, error: EvolinkError) -> Failed | Unknown:
        """End after a send. What was once in doubt stays in doubt, whatever a later send was told."""
        if submission.doubt is not None:
            return await self.doubt(submission, submission.doubt)
        self._budget_queue.released(submission.job.key)
        if isinstance(error, StatusError) and self._circuit_breakers.refused(submission.model, error, time.monotonic()):
            _log.warning(
                "no more jobs for %s for a while: all are refused with HTTP %s", submission.model, error.status
            )
        return Failed(submission.job.key, error)

    async def _leave(self, submission: Submission, error: EvolinkError) -> Failed | Unknown:
        """End unsent: the job stays planned, or in the doubt that an earlier run left it in."""
        if submission.doubt is not None:
            return await self.doubt(submission, submission.doubt)
        self._budget_queue.released(submission.job.key)
        await self.record(self._journal.planned(submission.intent(None)))
        return Failed(submission.job.key, error)

    async def doubt(self, submission: Submission, error: SubmissionUnknownError) -> Unknown:
        """Record that a task may exist, with all that helps to find it."""
        error.key, error.idempotency_key = submission.job.key, submission.idempotency_key
        self._budget_queue.doubted(submission.job.key)
        unknown = Unknown(submission.job.key, error)
        await self.record(self._journal.doubted(unknown))
        return unknown

    async def record(self, entry: Awaitable[None]) -> None:
        """Write down what has happened. If the disk refuses, the caller must learn it all the more: nothing is raised.

        The journal takes no further intent after that, so nothing more is sent.
        """
        try:
            await entry
        except JournalError:
            self.faults += 1
