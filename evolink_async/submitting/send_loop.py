"""The sends of one submission: credits, files, turn, journal, POST, journal.

What an answer means is decided in `wire.verdict`, when a submission may go in `submit_queue`, what is affordable in
`budget`. Who wants a submission is in `submitter`.
"""

from __future__ import annotations

import asyncio
import time

from ..budget import BudgetQueue
from ..client import FirstByte, OutageBrake, Session
from ..concurrency import Limiter
from ..errors import (
    BudgetError,
    ConfigurationError,
    EvolinkError,
    InterceptedError,
    JournalClaimError,
    JournalError,
    OutageError,
    RateLimitError,
    SubmissionUnknownError,
)
from ..events import Emit
from ..jobs import Accepted, Failed, Unknown
from ..journal import Journal
from ..purchases import withdrawn
from ..settings import RetryPolicy
from ..task import Snapshot
from ..uploads import LocalFiles
from ..wire import bars_model, is_refused_for_load, may_send_again, suspends_key
from .circuit_breaker import CircuitBreakers
from .concurrency_limit import KeyLimits
from .job_files import bring_files
from .key_choice import Turn
from .recorder import Recorder
from .service_facts import SLOW_SECONDS, ServiceFacts
from .submission_state import Submission, Submitted
from .submission_steps import accept, cut_short
from .submit_queue import SubmitQueue


class SendLoop:
    """Carries submissions out, for all sessions of a pool.

    Args:
        sessions: One per API key.
        policy: When a submit may be sent again.
        journal: Told before and after each send.
        budget_queue: Where jobs get their credits.
        limits: How many submits are under way, and may be.
        requests: Permits for HTTP calls; held for one call.
        local_files: Gives local files their URLs.
        emit: Told what happens.

    Attributes:
        queue: Where submissions wait for their turn.
        limits: As given.
        brake: Stops all paid requests in an outage.
        is_closing: Whether nothing is sent again.
        sends: Requests sent.
        faults: Those without a task.
        record: Awaits writes to the journal, and counts those that failed.
        refused: Those answered with 429.
    """

    def __init__(
        self,
        sessions: tuple[Session, ...],
        policy: RetryPolicy,
        journal: Journal,
        budget_queue: BudgetQueue,
        *,
        limits: KeyLimits,
        requests: Limiter,
        local_files: LocalFiles,
        emit: Emit | None = None,
    ) -> None:
        self._policy = policy
        self._journal = journal
        self._budget_queue = budget_queue
        self._requests = requests
        self._local_files = local_files
        self._emit = emit
        self.brake: OutageBrake = OutageBrake(policy, limits.total)
        circuits = CircuitBreakers(policy.refusals, policy.patience)
        self.limits: KeyLimits = limits
        self.queue: SubmitQueue = SubmitQueue(sessions, self.brake, limits, circuits, requests)
        self._facts = ServiceFacts(self.brake, limits, circuits, emit)
        self.is_closing = False
        self.sends: int = 0
        self.faults: int = 0
        self.record: Recorder = Recorder()
        self.refused: int = 0

    def retune(self, submits: int, per_minute: float | None) -> None:
        """Change how many submits there may be at once, and how many of each key in a minute."""
        self.limits.rates.retune(per_minute)
        self.limits.retune(submits)
        self.brake.retune(submits)
        self.queue.reconsider()

    async def run(self, submission: Submission) -> Submitted:
        """Carry a submission to its end: accepted, failed, or in doubt."""
        if (lacking := await self._get_credits(submission)) is not None:
            return await self._leave(submission, lacking)
        if submission.lacks_files:
            refusal = await bring_files(submission, self.queue, self._local_files)
            if refusal is not None:
                return await self._leave(submission, refusal)
        return await self._send_until_settled(submission)

    async def _get_credits(self, submission: Submission) -> EvolinkError | None:
        """Wait for credits. A doubt holds its credits since it was first sent."""
        if submission.doubt is not None:
            return None
        answer = await self._budget_queue.afford(submission.job.key, submission.price_class)
        if isinstance(answer, EvolinkError):
            return answer
        submission.holds_credits, submission.is_learner = True, answer is not None and answer.is_learner
        return None

    def _has_credits(self, submission: Submission) -> bool:
        """Whether the credits it got are still enough: the price of its class may have risen while it waited."""
        return submission.doubt is not None or self._budget_queue.is_affordable(submission.job.key)

    async def _send_until_settled(self, submission: Submission) -> Submitted:
        while True:
            async with self.queue.turn(submission) as turn:
                if not isinstance(turn, Turn):
                    return await self._leave(submission, turn)
                submission.session = turn.session
                async with self._requests:
                    verdict = await self._send(submission, turn)
            if verdict is None:
                submission.under_way = False
                if not self._has_credits(submission):
                    self.release_credits(submission)
                    if (refusal := await self._get_credits(submission)) is not None:
                        return await self._leave(submission, refusal)
                continue
            if isinstance(verdict, Accepted):
                self._report(submission, verdict)
                return verdict
            pause = self._pause_after(submission, turn.session, verdict)
            # From here on it waits for its next send. Otherwise it stays under way until its end is recorded: whoever
            # lets go of it now must not cut that short.
            submission.under_way = pause is None
            self._report(submission, verdict, is_repeated=pause is not None)
            if pause is None:
                return await self._give_up(submission, turn.session, verdict)
            if pause > 0:
                await asyncio.sleep(pause)

    def _report(self, submission: Submission, verdict: Accepted | EvolinkError, *, is_repeated: bool = False) -> None:
        if self._emit is not None and not isinstance(verdict, JournalError | ConfigurationError):
            self._emit(submission.answered(verdict, is_repeated=is_repeated))

    async def _send(self, submission: Submission, turn: Turn) -> Accepted | EvolinkError | None:
        """Send once, between two journal entries; None if it may not go now after all."""
        if not self._has_credits(submission):
            return None
        submission.under_way = True
        try:
            await self._journal.submitting(submission.intent(turn.session))
        except JournalError as error:
            return error  # what the journal does not hold is not sent
        except BudgetError:  # another process has learned a price since
            if submission.doubt is not None:  # which holds its credits until a person has settled it
                return JournalClaimError(f"the job {submission.job.key!r} is not in doubt any more")
            self._budget_queue.overdrawn(submission.job.key)
            return None
        verdict = await self._post(submission, turn) if self._may_go(submission, turn) else self._lost(submission)
        if isinstance(verdict, Snapshot):
            return await self._take(submission, verdict)
        if submission.doubt is None:
            await self.record(self._journal.refused(submission.job.key))
        is_withdrawn = verdict is None and not self._is_wanted(submission)
        return withdrawn(submission.job.key).error if is_withdrawn else verdict

    def _may_go(self, submission: Submission, turn: Turn) -> bool:
        # While the journal wrote, or a connection was made, its owners may have let go, the service may have refused
        # others, or the lease may have ended.
        may_go = self.queue.holds(turn, submission) and self._has_credits(submission)
        return may_go and self._is_wanted(submission) and self._journal.may_send(submission.idempotency_key)

    def _lost(self, submission: Submission) -> JournalClaimError | None:
        """Return that another process may have the job; None if it has not, so that the job may go later."""
        text = "this process was away for so long that another one may have the job; nothing was sent"
        return None if self._journal.may_send(submission.idempotency_key) else JournalClaimError(text)

    async def _post(self, submission: Submission, turn: Turn) -> Snapshot | EvolinkError | None:
        """Send. If it may not go any more when its first byte would leave, nothing is sent; see `_lost`."""
        began, first_byte = time.monotonic(), FirstByte(lambda: self._may_go(submission, turn))
        submission.resend.sent(began)
        self.sends += 1
        submission.sent_at = time.time()
        slow = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._facts.note_slow)
        try:
            verdict = await turn.session.submit(submission.request, first_byte)
            if first_byte.is_held_back:
                self.sends -= 1
                submission.resend.withdrawn()
                return self._lost(submission)
            submission.seconds = time.monotonic() - began
            self.faults += not isinstance(verdict, Snapshot)
            self.refused += isinstance(verdict, RateLimitError)
            self._facts.note(submission, turn, verdict, began)
            if isinstance(verdict, SubmissionUnknownError):
                submission.doubt = verdict
        except BaseException as error:  # also one after the answer: it must not pass for a send that never was
            if first_byte.has_left:
                submission.doubt = cut_short(submission, error)
            raise
        finally:
            slow.cancel()
        return verdict

    async def _take(self, submission: Submission, snapshot: Snapshot) -> Accepted:
        """Write the task id down before anybody is told."""
        accepted = accept(submission, snapshot, time.time())
        self._budget_queue.accepted(accepted)
        await self.record(self._journal.accepted(accepted))
        return accepted

    def _pause_after(self, submission: Submission, session: Session, error: EvolinkError) -> float | None:
        """Return the seconds after which a submission may wait for its next turn; None if it has ended."""
        if isinstance(error, InterceptedError):
            submission.intercepted(error, time.monotonic())
        if not self._is_wanted(submission) or isinstance(error, JournalError | ConfigurationError):
            return None
        is_refused = self.queue.refusal(submission) is not None
        if suspends_key(error) or bars_model(error):
            # The same job may go to another key: this one certainly did not accept it.
            return None if is_refused or submission.doubt is not None else 0.0
        if is_refused or submission.resend.is_exhausted or not may_send_again(error, self._policy.resubmit):
            return None
        if submission.is_intercepted_often and self._facts.accepted_sent_at > submission.intercepted_at:
            self.queue.has_interceptions = True
            return None
        if is_refused_for_load(error) or not self.brake.is_open:
            return 0.0  # the key, or the brake, knows when
        return submission.resend.pause(error, time.monotonic(), patience=self.brake.patience)

    def _is_wanted(self, submission: Submission) -> bool:
        """Whether it may be sent again: somebody wants it, and the pool is not closing."""
        return submission.is_wanted and not self.is_closing

    async def _give_up(self, submission: Submission, session: Session, error: EvolinkError) -> Failed | Unknown:
        """End after a send. What was once in doubt stays in doubt, whatever a later send was told."""
        # What another process has made of it is told by the journal.
        is_lost = isinstance(error, JournalClaimError) and not self.is_closing
        if submission.doubt is not None and not is_lost:
            return await self.doubt(submission, submission.doubt)
        self.release_credits(submission)
        self._facts.note_given_up(session, submission, error)
        outage = self.queue.refusal(submission) if may_send_again(error, "if_undelivered") else None
        # Of an outage all jobs that it kept from being sent are told in the same words.
        return Failed(submission.job.key, outage if isinstance(outage, OutageError) else error)

    async def _leave(self, submission: Submission, error: EvolinkError) -> Failed | Unknown:
        """End unsent: the job stays planned, or in the doubt that an earlier run left it in."""
        if submission.doubt is not None:
            return await self.doubt(submission, submission.doubt)
        self.release_credits(submission)
        await self.record(self._journal.planned(submission.intent(None)))
        return Failed(submission.job.key, error)

    async def cut_short(self, submission: Submission) -> Accepted | Failed | Unknown:
        """End a submission from outside: in doubt if a byte may have left, else unsent, in the journal too."""
        try:
            if submission.accepted is None and submission.doubt is not None:
                return await self.doubt(submission, submission.doubt)
            if submission.accepted is None:
                self.release_credits(submission)
                if submission.under_way:
                    await self.record(self._journal.refused(submission.job.key))
                is_taken = submission.is_elsewhere or not self._journal.may_send()  # without a lease others may have it
                return withdrawn(submission.job.key, submission.withdrawn_for, is_taken=is_taken)
        except Exception as error:  # noqa: BLE001  # what is known of it does not depend on the journal
            submission.failed(error)
        return submission.standing()

    def release_credits(self, submission: Submission) -> None:
        """Give back what is held for a submission that was not accepted. Doing so twice changes nothing."""
        if submission.holds_credits:
            submission.holds_credits = False
            self._budget_queue.released(submission.job.key)

    async def doubt(self, submission: Submission, error: SubmissionUnknownError) -> Unknown:
        """Record that a task may exist, with all that helps to find it."""
        error.key, error.idempotency_key = submission.job.key, submission.idempotency_key
        self._budget_queue.doubted(submission.job.key)
        unknown = Unknown(submission.job.key, error)
        await self.record(self._journal.doubted(unknown))
        return unknown
