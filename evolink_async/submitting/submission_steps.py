"""The steps of a submission: how it begins, is accepted, is cut short, and goes on after another process had it."""

from __future__ import annotations

import asyncio
import time

from ..errors import JournalClaimError, SubmissionUnknownError
from ..events import JobStarted
from ..jobs import Accepted, Failed, Job, Unknown
from ..journal import Known
from ..task import Snapshot
from .submission_state import Submission, Submitted


def started(job: Job, known: Known | None) -> JobStarted:
    """Return what an observer is told of a job that is taken up."""
    standing = known.standing if known is not None else None
    task_id = None if standing is None or isinstance(standing, Unknown) else standing.task_id
    return JobStarted(at=time.time(), key=job.key, model=job.params.model, task_id=task_id)


def cut_short(submission: Submission, error: BaseException) -> SubmissionUnknownError:
    """Return the doubt of a send of which a byte may have left, and which was ended before the answer."""
    reason = "closed before the service answered"
    if not isinstance(error, asyncio.CancelledError):
        reason = f"{type(error).__name__} in the middle of the request"
    return SubmissionUnknownError(
        f"{reason}; a task may have been accepted and charged",
        key=submission.job.key,
        idempotency_key=submission.idempotency_key,
        sent_at=submission.sent_at,
    )


def has_no_claim(outcome: Submitted) -> bool:
    """Whether a job was not sent because another process has it, or may have it."""
    return isinstance(outcome, Failed) and isinstance(outcome.error, JournalClaimError)


def go_on_as(submission: Submission, other: Submission | None) -> None:
    """Go on with a job that was elsewhere: as `other`, in doubt or with files that are read now; else as a new one."""
    submission.is_elsewhere = False
    if other is None:
        submission.doubt = None  # of an earlier send, which a person has settled since
        return
    submission.job, submission.digest, submission.price_class = other.job, other.digest, other.price_class
    submission.request, submission.idempotency_key = other.request, other.idempotency_key
    submission.callback_url, submission.lacks_files = other.callback_url, other.lacks_files
    submission.session, submission.doubt = other.session, other.doubt


def accept(submission: Submission, snapshot: Snapshot, now: float) -> Accepted:
    """Note the task that the service made for it, and return what is recorded of it."""
    submission.accepted = Accepted(
        key=submission.job.key,
        task_id=snapshot.task_id,
        snapshot=snapshot,
        accepted_at=now,
        session=submission.session.fingerprint if submission.session is not None else "",
        earlier_tasks=submission.earlier_tasks,
    )
    return submission.accepted
