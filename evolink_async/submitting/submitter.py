"""Turning a job into a paid task, at most once: the shell that acts on the submit table.

What an answer means is decided in `verdict`, whether there is another send in `retry`, what is affordable in `budget`.
Here is the order of things: credits, permit, journal, POST, journal. From the first journal entry to the last, a submit
is never cut short by our own cancellation; it gets a grace period to learn its task id, and is recorded as unknown if
it does not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable

from ..budget import BudgetQueue
from ..client import Session, choose, suspension_error
from ..concurrency import Limiter
from ..errors import (
    BudgetError,
    EvolinkError,
    JournalConflictError,
    JournalError,
    RateLimitError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
)
from ..events import Emit, SubmitsLimited
from ..jobs import Accepted, Failed, Job, Unknown
from ..journal import Journal, Known
from ..settings import RetryPolicy
from ..task import Snapshot
from ..uploads import LocalFiles
from ..wire import may_send_again
from .circuit_breaker import CircuitBreakers
from .concurrency_limit import AdaptiveLimit
from .submission import Submission, Submitted, started, withdrawn

_log = logging.getLogger("evolink_async")


class Submitter:
    """Submits jobs for all sessions of a pool.

    Args:
        sessions: One per API key.
        policy: When a submit may be sent again.
        journal: Told before and after each send.
        budget_queue: Where jobs get their credits.
        submits: Permits for submits; held while a job waits for its next send too, so trouble lowers the pace.
        requests: Permits for HTTP calls; held for one call.
        local_files: Gives local files their URLs.
        emit: Told what happens.
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
        self._submissions: dict[asyncio.Task[Submitted], Submission] = {}
        self._by_key: dict[str, Submission] = {}
        self._closing = False
        self.sends = 0
        self.faults = 0
        self.refused = 0

    # --- owners of a submission

    def start(self, job: Job, owner: object) -> Submission | Submitted:
        """Begin to submit `job` for `owner`, unless the journal knows what became of it; join it if it is under way.

        Returns:
            What became of the job; or its submission, whose task always ends. Give it up with `release`.

        Raises:
            JournalConflictError: The key belongs to a job with other parameters.
            JournalError: The journal cannot be read.
        """
        running = self._by_key.get(job.key)
        if running is not None:
            return self._join(running, job, owner)
        known = self._journal.known(job)
        if self._emit is not None:
            self._emit(started(job, known))
        submission = Submission.of(job, self._policy, self._local_files) if known is None else self._resumed(job, known)
        if not isinstance(submission, Submission):
            return submission
        submission.owners.add(owner)
        submission.task = asyncio.create_task(self._submit(submission), name=f"submit {job.key}")
        self._submissions[submission.task] = self._by_key[job.key] = submission
        submission.task.add_done_callback(self._ended)
        return submission

    def _resumed(self, job: Job, known: Known) -> Submission | Submitted:
        """What became of the job; one in doubt may present its old key to the same account, if the policy says so."""
        standing = known.standing
        session = next((session for session in self._sessions if session.fingerprint == known.session), None)
        if not isinstance(standing, Unknown) or session is None or standing.error.idempotency_key is None:
            return standing
        if not may_send_again(standing.error, self._policy.resubmit):
            return standing
        submission = Submission.of(job, self._policy, self._local_files, idempotency_key=standing.error.idempotency_key)
        submission.session, submission.doubt = session, standing.error
        return submission

    def _join(self, running: Submission, job: Job, owner: object) -> Submission:
        if running.job != job:
            raise JournalConflictError(f"the key {job.key!r} is being submitted with other parameters")
        running.owners.add(owner)
        return running

    def _ended(self, task: asyncio.Task[Submitted]) -> None:
        self._forget(self._submissions.pop(task))

    def _forget(self, submission: Submission) -> None:
        """Free the key. A submission that was withdrawn may have a successor under the same key already."""
        if self._by_key.get(submission.job.key) is submission:
            del self._by_key[submission.job.key]

    def release(self, submission: Submission, owner: object) -> None:
        """Let go of a submission; releasing twice changes nothing.

        Without an owner it is withdrawn if it waits. A request under way goes on, to learn its task id, and is not sent
        again if it is refused.
        """
        submission.owners.discard(owner)
        if not submission.owners and not submission.under_way:
            self._withdraw(submission)

    def _withdraw(self, submission: Submission) -> None:
        """Take back a submission that waits: in this same step its key and its credits are free."""
        task = submission.task
        if task is None or task.done() or submission.is_withdrawn:
            return
        submission.is_withdrawn = True
        self._forget(submission)
        if submission.doubt is None:
            self._budget_queue.released(submission.job.key)
        task.cancel()

    async def submit(self, job: Job) -> Submitted:
        """Submit and wait. Cancelled, it withdraws the job, or leaves a request under way to `aclose`.

        Raises:
            Exception: One that no rule expects; the job is in doubt if a request had begun.
        """
        owner = object()
        submission = self.start(job, owner)
        if not isinstance(submission, Submission):
            return submission
        assert submission.task is not None  # noqa: S101  # `start` made it
        try:
            await asyncio.wait([submission.task])
        finally:
            self.release(submission, owner)
        if submission.failure is not None:
            raise submission.failure
        return submission.outcome

    async def aclose(self) -> None:
        """Withdraw what waits, give what is under way the grace period, then record the rest as in doubt."""
        self._closing = True
        for submission in list(self._submissions.values()):
            if not submission.under_way:
                self._withdraw(submission)
        if self._submissions:
            await asyncio.wait(list(self._submissions), timeout=self._policy.grace)
        for task in list(self._submissions):
            task.cancel()
        if self._submissions:
            await asyncio.wait(list(self._submissions))

    # --- one submission

    async def _submit(self, submission: Submission) -> Submitted:
        """Run one submission to its end. Being cancelled is an end too, and so is an exception that no rule expects."""
        self._budget_queue.enter()
        try:
            return await self._send_when_affordable(submission)
        except asyncio.CancelledError:
            if submission.accepted is not None:
                # The disk of the journal was slower than our patience; the task id is known all the same.
                return submission.accepted
            return await self._conclude_unanswered(submission)
        except Exception as error:  # noqa: BLE001  # kept, and raised where the run is read
            submission.failure = error
            return submission.accepted or await self._conclude_unanswered(submission)
        finally:
            self._budget_queue.leave()

    async def _conclude_unanswered(self, submission: Submission) -> Failed | Unknown:
        """End a submission from outside: in doubt if a request had begun, else unsent."""
        if submission.doubt is not None:
            return await self._doubt(submission, submission.doubt)
        if not submission.is_withdrawn:
            self._budget_queue.released(submission.job.key)
        return withdrawn(submission.job)

    async def _send_when_affordable(self, submission: Submission) -> Submitted:
        if submission.doubt is None:  # a doubt holds its credits since it was first sent
            answer = await self._budget_queue.afford(submission.job.key, submission.price_class)
            if isinstance(answer, BudgetError):
                return await self._leave(submission, answer)
            submission.price = answer
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
                async with session.gate.passage(), self._requests:
                    verdict = await self._send(submission, session)
            finally:
                session.busy -= 1
            goes_on = not isinstance(verdict, Accepted) and self._goes_on(submission, session, verdict)
            # From here on it waits for its next send. Otherwise it stays under way until its end is recorded: whoever
            # lets go of it now must not cut that short.
            submission.under_way = not goes_on
            if self._emit is not None and not isinstance(verdict, JournalError):
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
        return refusal or choose(self._sessions) or suspension_error(self._sessions)

    async def _send(self, submission: Submission, session: Session) -> Accepted | EvolinkError:
        """Send once, between two journal entries."""
        submission.under_way = True
        try:
            await self._journal.submitting(submission.intent(session))
        except JournalError as error:
            return error  # what the journal does not hold is not sent
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
        # The same job may go to another key: this one certainly did not accept it.
        is_open = session.suspended is error and submission.doubt is None and choose(self._sessions) is not None
        return is_open and self._is_wanted(submission)

    def _is_wanted(self, submission: Submission) -> bool:
        """Whether it may be sent again: somebody wants it, and the pool is not closing."""
        return bool(submission.owners) and not self._closing

    # --- ends without a task

    async def _give_up(self, submission: Submission, error: EvolinkError) -> Failed | Unknown:
        """End after a send. What was once in doubt stays in doubt, whatever a later send was told."""
        if submission.doubt is not None:
            return await self._doubt(submission, submission.doubt)
        self._budget_queue.released(submission.job.key)
        if isinstance(error, StatusError) and self._circuit_breakers.refused(submission.model, error, time.monotonic()):
            _log.warning(
                "no more jobs for %s for a while: all are refused with HTTP %s", submission.model, error.status
            )
        return Failed(submission.job.key, error)

    async def _leave(self, submission: Submission, error: EvolinkError) -> Failed | Unknown:
        """End unsent: the job stays planned, or in the doubt that an earlier run left it in."""
        if submission.doubt is not None:
            return await self._doubt(submission, submission.doubt)
        self._budget_queue.released(submission.job.key)
        await self.record(self._journal.planned(submission.intent(None)))
        return Failed(submission.job.key, error)

    async def _doubt(self, submission: Submission, error: SubmissionUnknownError) -> Unknown:
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
