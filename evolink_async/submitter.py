"""Turning a job into a paid task, at most once: the shell that acts on the submit table.

What an answer means is decided in `verdict`, whether there is another send in `retry`. Here is the order of things:
permit, journal, POST, journal. From the first journal entry to the last, a submit is never cut short by our own
cancellation; it gets a grace period to learn its task id, and is recorded as unknown if it does not.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable
from typing import TypeAlias

import attrs

from .errors import (
    ConfigurationError,
    EvolinkError,
    JournalConflictError,
    JournalError,
    StatusError,
    SubmissionUnknownError,
)
from .journal import Intent, Journal, Known
from .limits import RetryPolicy
from .outcome import Accepted, Completed, Failed, Job, Unknown, body_digest
from .permits import Permits
from .retry import Resend
from .session import Session, benched_error, choose
from .task import Snapshot
from .verdict import may_send_again
from .wire import Request, encode_submit

Submitted: TypeAlias = Accepted | Completed | Failed | Unknown


@attrs.define(eq=False)
class Submission:
    """One job on its way: the state that its sends share."""

    job: Job
    request: Request
    idempotency_key: str
    resend: Resend
    session: Session | None = None
    doubt: SubmissionUnknownError | None = None
    callers: int = 1
    under_way: bool = False
    """Whether a send is between its journal entries, and must not be cut short."""

    def intent(self, session: str) -> Intent:
        """What the journal is told before the first byte is sent."""
        body = self.request.body or b""
        return Intent(
            key=self.job.key,
            model=self.job.params.model,
            path=self.request.path,
            body=body,
            digest=body_digest(body),
            idempotency_key=self.idempotency_key,
            session=session,
        )


class Submitter:
    """Submits jobs for all sessions of a pool.

    Args:
        sessions: One per API key.
        policy: When a submit may be sent again.
        journal: Told before and after each send.
        submits: Permits for submits; held while a job waits for its next send too, so trouble lowers the pace.
        requests: Permits for HTTP calls; held for one call.
    """

    def __init__(
        self,
        sessions: tuple[Session, ...],
        policy: RetryPolicy,
        journal: Journal,
        submits: Permits,
        requests: Permits,
    ) -> None:
        self._sessions = sessions
        self._policy = policy
        self._journal = journal
        self._submits = submits
        self._requests = requests
        self._tasks: dict[asyncio.Future[Submitted], Submission] = {}
        self._by_key: dict[str, asyncio.Future[Submitted]] = {}
        self._closing = False
        self.sends = 0
        self.faults = 0

    def start(self, job: Job) -> asyncio.Future[Submitted]:
        """Begin to submit `job`, unless it is under way or done already; the future returned always gets a result.

        It belongs to the submitter: give it up with `withdraw`, not `cancel`.

        Raises:
            JournalConflictError: The key belongs to an unfinished job with other parameters.
        """
        running = self._by_key.get(job.key)
        if running is not None:
            return self._join(running, job)
        known = self._journal.known(job)
        if known is None:
            submission = self._new(job)
        elif (resumed := self._resumed(job, known)) is not None:
            submission = resumed
        else:
            done: asyncio.Future[Submitted] = asyncio.get_running_loop().create_future()
            done.set_result(known.standing)
            return done
        task = asyncio.create_task(self._submit(submission), name=f"submit {job.key}")
        self._tasks[task], self._by_key[job.key] = submission, task
        task.add_done_callback(self._ended)
        return task

    def _new(self, job: Job) -> Submission:
        key = f"ev-{uuid.uuid4().hex}"
        return Submission(job, encode_submit(job.params, key), key, Resend(self._policy))

    def _resumed(self, job: Job, known: Known) -> Submission | None:
        """A job left in doubt may present its old key to the same account again, if the policy says so."""
        error = known.standing.error if isinstance(known.standing, Unknown) else None
        session = next((s for s in self._sessions if s.fingerprint == known.session), None)
        if error is None or session is None or error.idempotency_key is None:
            return None
        if not may_send_again(error, self._policy.resubmit):
            return None
        key = error.idempotency_key
        request = encode_submit(job.params, key)
        return Submission(job, request, key, Resend(self._policy), session=session, doubt=error)

    def _join(self, running: asyncio.Future[Submitted], job: Job) -> asyncio.Future[Submitted]:
        if self._tasks[running].job != job:
            raise JournalConflictError(f"the key {job.key!r} is being submitted with other parameters")
        self._tasks[running].callers += 1
        return running

    def _ended(self, task: asyncio.Future[Submitted]) -> None:
        del self._by_key[self._tasks.pop(task).job.key]

    def withdraw(self, future: asyncio.Future[Submitted]) -> None:
        """Stop a submission that waits and nobody else wants; a request on its way goes on, to learn its task id."""
        submission = self._tasks.get(future)
        if submission is not None:
            submission.callers -= 1
            if submission.callers <= 0 and not submission.under_way:
                future.cancel()

    async def submit(self, job: Job) -> Submitted:
        """Submit and wait. Cancelled, it withdraws the job, or leaves a request on its way to `close`."""
        future = self.start(job)
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            self.withdraw(future)
            raise
        return result_of(future, job)

    async def aclose(self) -> None:
        """Withdraw what waits, give what is on its way the grace period, then record the rest as unknown."""
        self._closing = True
        for task, submission in list(self._tasks.items()):
            if not submission.under_way:
                task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=self._policy.grace)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _submit(self, submission: Submission) -> Submitted:
        """Run one submission to its end; being cancelled is an end too, so this task always has a result."""
        try:
            async with self._submits:
                return await self._send_until_settled(submission)
        except asyncio.CancelledError:
            if submission.doubt is not None:
                return await self._doubt(submission, submission.doubt)
            return _withdrawn(submission.job)

    async def _send_until_settled(self, submission: Submission) -> Submitted:
        while True:
            session = submission.session if submission.doubt else choose(self._sessions)
            if session is None:
                return Failed(submission.job.key, benched_error(self._sessions))
            submission.session = session
            session.busy += 1
            try:
                async with session.gate.passage(), self._requests:
                    verdict = await self._send(submission, session)
            finally:
                session.busy -= 1
            if isinstance(verdict, Accepted):
                return verdict
            if not self._goes_on(submission, session, verdict):
                return await self._give_up(submission, verdict)

    async def _send(self, submission: Submission, session: Session) -> Accepted | EvolinkError:
        """Send once, between two journal entries."""
        submission.under_way = True
        try:
            try:
                await self._journal.submitting(submission.intent(session.fingerprint))
            except JournalError as error:
                return error  # what the journal does not hold is not sent
            submission.resend.sent(time.monotonic())
            self.sends += 1
            try:
                verdict = await session.submit(submission.request)
            except asyncio.CancelledError:
                submission.doubt = SubmissionUnknownError("closed before the service answered", sent_at=time.time())
                raise
            if not isinstance(verdict, Snapshot):
                self.faults += 1
                if submission.doubt is None and not isinstance(verdict, SubmissionUnknownError):
                    await self._record(self._journal.refused(submission.job.key))
                return verdict
            job = submission.job.key
            accepted = Accepted(key=job, task_id=verdict.task_id, snapshot=verdict, accepted_at=time.time())
            await self._record(self._journal.accepted(accepted))
            session.gate.open()
            return accepted
        finally:
            submission.under_way = False

    def _goes_on(self, submission: Submission, session: Session, error: EvolinkError) -> bool:
        """Whether there is another send; the gate says when."""
        if isinstance(error, SubmissionUnknownError):
            submission.doubt = error
            session.gate.shut(0)  # while one outcome is unknown, let one job at a time run the same risk
        elif isinstance(error, StatusError) and not may_send_again(error, "if_undelivered"):
            session.gate.open()
        delay = submission.resend.after(error, time.monotonic(), outage=session.gate.outage)
        if delay is not None:
            session.gate.shut(delay)
            return not self._closing
        # The same job may go to another key: this one certainly did not accept it.
        return session.benched is error and submission.doubt is None and choose(self._sessions) is not None

    async def _give_up(self, submission: Submission, error: EvolinkError) -> Failed | Unknown:
        """End without a task. What was once in doubt stays in doubt, whatever a later send was told."""
        if submission.doubt is not None:
            return await self._doubt(submission, submission.doubt)
        return Failed(submission.job.key, error)

    async def _doubt(self, submission: Submission, error: SubmissionUnknownError) -> Unknown:
        """Record that a task may exist, with all that helps to find it."""
        error.key, error.idempotency_key = submission.job.key, submission.idempotency_key
        unknown = Unknown(submission.job.key, error)
        await self._record(self._journal.doubted(unknown))
        return unknown

    async def _record(self, entry: Awaitable[None]) -> None:
        """Write down what has happened. If the disk refuses, the caller must learn it all the more: nothing is raised.

        The journal takes no further intent after that, so nothing more is sent.
        """
        try:
            await entry
        except JournalError:
            self.faults += 1


def result_of(future: asyncio.Future[Submitted], job: Job) -> Submitted:
    """How a submission ended; one cancelled before its first step was never sent."""
    return _withdrawn(job) if future.cancelled() else future.result()


def _withdrawn(job: Job) -> Failed:
    return Failed(job.key, ConfigurationError("withdrawn before it was sent; nothing was charged"))
