"""Who wants a job submitted: one submission for each key, however many owners it has.

How a submission is sent is in `send_loop`. From the first journal entry of a send to the decision that follows, our own
cancellation never cuts it short; closing gives it a grace period to learn its task id, and then records a doubt.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from ..budget import BudgetQueue
from ..client import Session
from ..concurrency import TimeLimit
from ..errors import JournalConflictError, JournalError, PreflightError
from ..events import Emit
from ..jobs import Accepted, Completed, Failed, Job, Unknown, has_unread_files
from ..journal import Journal, Known
from ..purchases import Book, ExpectedCalls, withdrawn
from ..settings import RetryPolicy
from ..uploads import LocalFiles
from .following import Following
from .job_claims import JobClaims
from .look_ups import LookUps
from .send_loop import SendLoop
from .submission_state import Submission, Submitted
from .submission_steps import go_on_as, has_no_claim, started
from .unread_files import check_same

_log = logging.getLogger("evolink_async")


class Submitter:
    """The submissions of a pool, by the keys of their jobs.

    Args:
        sessions: One per API key.
        policy: When a submit may be sent again.
        journal: Knows what became of a job so far.
        budget_queue: Where jobs get their credits.
        local_files: Gives local files their URLs.
        loop: Carries submissions out.
        book: The submissions under way, by the keys of their jobs.
        calls: Makes callback URLs, and notes the tasks that have one.
        claims: The claims of the pool, if the journal is shared with other processes.
        emit: Told what happens.

    Attributes:
        look_ups: While one is under way, no purchase of its job begins.
        on_accepted: Called with each job that the service has accepted, once that is written down.
    """

    def __init__(
        self,
        sessions: tuple[Session, ...],
        policy: RetryPolicy,
        journal: Journal,
        budget_queue: BudgetQueue,
        local_files: LocalFiles,
        loop: SendLoop,
        book: Book[Submission],
        calls: ExpectedCalls,
        claims: JobClaims | None = None,
        emit: Emit | None = None,
    ) -> None:
        self._sessions = sessions
        self._policy = policy
        self._journal = journal
        self._budget_queue = budget_queue
        self._local_files = local_files
        self._loop = loop
        self._book = book
        self._calls = calls
        self._claims = claims
        self._following = None if claims is None else Following(journal, claims, policy.resubmit)
        self._emit = emit
        self._submissions: dict[asyncio.Task[Submitted], Submission] = {}
        self.look_ups: LookUps = LookUps()
        self.on_accepted: Callable[[Accepted], None] = lambda _: None

    async def start(self, job: Job, owner: object) -> Submission | Submitted:
        """Begin to submit `job` for `owner`, unless the journal knows what became of it; join it if it is under way.

        Cancelled while the journal is read, it has begun nothing and `owner` owns nothing.

        Returns:
            What became of the job; or its submission, whose task always ends. Give it up with `release`.

        Raises:
            PreflightError: Nothing was sent, and local files are missing, or break the rules of the model.
            JournalConflictError: The key belongs to a job with other parameters.
            JournalError: The journal cannot be read.
        """
        # One look-up of a key at a time: no purchase can begin and end while the journal is read, and an answer that is
        # older than a purchase never starts a second one. From the answer to the registration there is no await.
        await self.look_ups.free(job.key)
        running = self._book.find(job.key)
        if running is not None and not running.has_ended_unsent:
            return self._join(running, job, owner)
        known, is_elsewhere = await self._take_up(job)
        if known is None and not is_elsewhere and has_unread_files(job.params):
            return await self.start(await self._local_files.with_digests(job), owner)
        if self._emit is not None:
            self._emit(started(job, known))
        if self._loop.is_closing:  # it may have begun to while the journal was read
            return withdrawn(job.key, is_taken=is_elsewhere) if known is None else known.standing
        submission = self._submission(job, None if is_elsewhere else known)
        if not isinstance(submission, Submission):
            self._note_task(submission)
            return submission
        submission.is_elsewhere = submission.was_elsewhere = is_elsewhere
        submission.owners.add(owner)
        submission.task = asyncio.create_task(self._submit(submission), name=f"submit {job.key}")
        self._submissions[submission.task] = submission
        self._book.enter(submission)
        submission.task.add_done_callback(self._ended)
        return submission

    async def _take_up(self, job: Job) -> tuple[Known | None, bool]:
        """Claim a job, in a shared journal, and look it up; return whether another process works on it."""
        with self.look_ups.under_way(job.key):
            if self._claims is None:
                return await self._known(job), False
            async with self._claims.holding((job.key,)) as mine:
                known = await self._known(job)
        return known, not mine and not (known is not None and isinstance(known.standing, Completed | Failed))

    async def _known(self, job: Job) -> Known | None:
        if isinstance(found := (await self._journal.known((job,))).get(job.key), JournalConflictError):
            raise found
        return found

    def find(self, key: str) -> Submission | None:
        """Return the submission of a job that is being submitted."""
        return self._book.find(key)

    def is_under_way(self, key: str) -> bool:
        """Whether a job is being submitted."""
        return self._book.find(key) is not None

    def outcome(self, submission: Submission) -> Submitted:
        """Return what became of a submission that has ended, for one who has let go of it."""
        is_unsent = submission.is_withdrawn and submission.doubt is None and submission.accepted is None
        if is_unsent and self.is_under_way(submission.job.key):
            return withdrawn(submission.job.key, is_taken=True)
        return submission.outcome

    async def is_taken(self, job: Job) -> bool:
        """Whether the job is being submitted, or the journal knows what became of it.

        As in `start`, no purchase of it begins while the journal is read, so the answer holds until the next await.
        """
        await self.look_ups.free(job.key)
        try:
            if self.is_under_way(job.key):
                return True
            with self.look_ups.under_way(job.key):
                return await self._known(job) is not None
        except JournalError:  # other parameters under its key, or a file that cannot be read: not certainly unsent
            return True

    def _submission(self, job: Job, known: Known | None) -> Submission | Submitted:
        """Return a submission of the job, or what became of it already."""
        url_for = self._calls.url_for
        if known is None:
            return Submission.of(job, self._policy, self._local_files, url_for=url_for)
        return Submission.resumed(job, known, self._policy, self._local_files, self._sessions, url_for=url_for)

    def _note_task(self, submitted: Submitted) -> None:
        if self._claims is not None and isinstance(submitted, Accepted):
            self._claims.accepted(submitted)

    def _join(self, running: Submission, job: Job, owner: object) -> Submission:
        check_same(running.job, running.digest, job)
        running.owners.add(owner)
        return running

    def _ended(self, task: asyncio.Task[Submitted]) -> None:
        submission = self._submissions.pop(task)
        self._book.leave(submission, time.monotonic())
        if self._claims is not None:
            self._claims.sent(submission.job.key)
        if submission.accepted is not None:
            self._note_task(submission.accepted)
            if submission.callback_url is not None:
                self._calls.add(submission.idempotency_key, submission.accepted.task_id)
            self.on_accepted(submission.accepted)

    def release(self, submission: Submission, owner: object, reason: BaseException | None = None) -> None:
        """Let go of a submission; releasing twice changes nothing.

        Without an owner it is withdrawn if it waits. A request under way goes on, to learn its task id, and is not sent
        again if it is refused. The reason is what ended the run that lets go, if anything did.
        """
        if submission.release(owner):
            self._withdraw(submission, reason)

    def _withdraw(self, submission: Submission, reason: BaseException | None = None) -> None:
        """Take back a submission that waits: in this same step its key and its credits are free."""
        if (task := submission.task) is None or task.done() or submission.is_withdrawn:
            return
        submission.is_withdrawn, submission.withdrawn_for = True, reason
        self._book.leave(submission, time.monotonic())
        if submission.doubt is None:
            self._loop.release_credits(submission)
        task.cancel()

    async def submit(self, job: Job) -> tuple[Submitted, bool]:
        """Submit and wait; say also if its end is new. Cancelled, it withdraws, or leaves a sent request to `aclose`.

        Raises:
            Exception: One that no rule expects, with a note if the job is in doubt. Logged if a task was accepted.
        """
        owner = object()
        submission = await self.start(job, owner)
        if not isinstance(submission, Submission):
            return submission, isinstance(submission, Failed | Unknown)
        assert submission.task is not None  # noqa: S101  # `start` made it
        try:
            following = self._following if submission.is_elsewhere else None
            if following and (accepted := await following.accepted(job.key, submission.task)) is not None:
                return accepted, False
            await asyncio.wait([submission.task])
        finally:
            self.release(submission, owner)
        if (failure := submission.failure) is not None:
            if submission.accepted is None:
                raise failure
            _log.error("accepted as task %s; then: %r", submission.accepted.task_id, failure, exc_info=failure)
        return (outcome := submission.outcome), isinstance(outcome, Failed | Unknown) and submission.tell()

    async def aclose(self) -> None:
        """Withdraw what waits, give what is under way the grace period, then record the rest as in doubt."""
        self._loop.is_closing = True
        await self.look_ups.all_done()  # their callers are told that nothing was sent
        for submission in list(self._submissions.values()):
            if not submission.under_way:
                self._withdraw(submission)
        if self._submissions:
            with suppress(TimeoutError):
                async with TimeLimit(self._policy.grace):
                    await asyncio.wait(list(self._submissions))
        for task in list(self._submissions):
            task.cancel()
        if self._submissions:
            await asyncio.wait(list(self._submissions))
        await self._loop.queue.aclose()
        if self._following is not None:
            await self._following.aclose()

    async def _submit(self, submission: Submission) -> Submitted:
        """Run one submission to its end. Being cancelled is an end too, and so is an exception that no rule expects."""
        self._budget_queue.enter()
        try:
            while not submission.is_elsewhere or (known := await self._follow(submission)) is None:
                if self._following is not None and self._policy.rebuy:
                    submission.earlier_tasks = await self._following.earlier_tasks(submission.job.key)
                outcome = await self._loop.run(submission)
                if self._claims is None or self._loop.is_closing or not has_no_claim(outcome):
                    return outcome
                submission.is_elsewhere, submission.under_way = True, False
            return known
        except asyncio.CancelledError:
            # The disk of the journal may be slower than our patience; the task id is known all the same.
            return await self._loop.cut_short(submission)
        except BaseException as error:
            submission.failed(error)  # kept, and raised where the run is read
            if isinstance(error, KeyboardInterrupt | SystemExit) or not submission.is_carried_out:
                raise  # the loop ends, or is gone, as after a GeneratorExit: nothing may wait
            return await self._loop.cut_short(submission)
        finally:
            self._budget_queue.leave()

    async def _follow(self, submission: Submission) -> Submitted | None:
        """Wait until a job that another process has is over there; None if it is to be sent from here."""
        assert self._following is not None  # noqa: S101  # else no job is elsewhere
        if not submission.is_wanted:
            return withdrawn(submission.job.key, is_taken=True)
        self._budget_queue.leave()  # what another process buys frees nothing here
        try:
            known = await self._following.until_free(submission.job)
        finally:
            self._budget_queue.enter()
        resumed = await self._resumed(submission.job, known)
        if resumed is not None and not isinstance(resumed, Submission):
            self._note_task(resumed)
            return resumed
        go_on_as(submission, resumed)
        return None

    async def _resumed(self, job: Job, known: Known | Failed | None) -> Submission | Submitted | None:
        if isinstance(known, Failed) or (known is None and not has_unread_files(job.params)):
            return known
        try:
            return self._submission(job if known else await self._local_files.with_digests(job), known)
        except PreflightError as error:
            return Failed(job.key, error)
