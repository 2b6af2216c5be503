"""What follows for a queued job from its outcome: it is done, put off, given up, or waits for a person.

Nothing is written here; the queue is in `journal.postgres_queue`.
"""

from __future__ import annotations

from enum import Enum

from ..errors import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    JournalConflictError,
    LinkExpiredError,
    PreflightError,
    RateLimitError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
    UnsendableError,
)
from ..jobs import Completed, Failed, Outcome, Unknown
from ..journal import end_of

_OF_THE_KEY_OR_THE_LOAD = (
    *(AccessDeniedError, AuthenticationError, InsufficientCreditsError, RateLimitError, ServerError),
)
_OF_THE_JOB = (JournalConflictError, PreflightError, StatusError, UnsendableError)


class Consequence(Enum):
    """What becomes of a queued job.

    Attributes:
        DONE: It has ended, and leaves the queue.
        PUT_OFF: It was not sent, or its task is not watched any more, for a reason that may pass.
        GIVE_UP: It was refused for itself, or the link of its film is over; the same would happen again.
        WAIT: A person must settle it.
    """

    DONE = "done"
    PUT_OFF = "put off"
    GIVE_UP = "give up"
    WAIT = "wait"


def consequence_of(outcome: Outcome, now: float) -> Consequence:
    """Return what follows from the outcome of a job, at a time in Unix seconds."""
    if isinstance(outcome, Completed):
        return _consequence_of_film(outcome, now)
    if isinstance(outcome, Unknown):
        return Consequence.WAIT
    if end_of(outcome) is not None or isinstance(outcome.error, SubmissionUnknownError):
        return Consequence.DONE  # a doubt that failed was given up by a person
    return Consequence.GIVE_UP if _is_refused_for_itself(outcome) else Consequence.PUT_OFF


def _consequence_of_film(completed: Completed, now: float) -> Consequence:
    """A film that could not be saved is fetched again while its link lasts; the service was asked for a newer one."""
    if completed.download_error is None:
        return Consequence.DONE
    is_gone = isinstance(completed.download_error, LinkExpiredError) and completed.has_expired(now)
    return Consequence.GIVE_UP if is_gone else Consequence.PUT_OFF


def _is_refused_for_itself(failed: Failed) -> bool:
    """Whether a job that was not sent would be refused again; a task that exists is paid for, and looked for again."""
    is_about_job = isinstance(failed.error, _OF_THE_JOB) and not isinstance(failed.error, _OF_THE_KEY_OR_THE_LOAD)
    return failed.task_id is None and is_about_job
