"""The values that are written to a journal and read from it.

How a journal stores them is in `memory`, and in `rows` for a file.
"""

from __future__ import annotations

import logging
from typing import Any, TypeAlias

import attrs

from ..errors import JournalConflictError, SubmissionUnknownError, TaskNotFoundError
from ..jobs import Accepted, Completed, Failed, Outcome, Unknown, has_failed_task

_log = logging.getLogger("evolink_async")

Sent: TypeAlias = Accepted | Completed | Failed | Unknown
"""Where a job stands for which a paid request was sent."""

NO_ANSWER = "no answer from the service is recorded; a task may have been accepted and charged"
"""Message of a doubt whose reason is not recorded, because the process or the submit broke off."""

SETTLEMENTS = ("resubmit", "abandon")
"""What a job can be settled with, beside the id of its task."""


@attrs.frozen(kw_only=True)
class Intent:
    """A paid request that is about to be sent.

    Attributes:
        key: The job's key.
        model: The vendor's name of the model.
        path: Path of the request.
        body: Body of the request, byte for byte.
        digest: Identifies the parameters: the same for equal parameters, whatever URLs their local files get and
            whatever `callback_url` they have.
        idempotency_key: Identifies the purchase at the service; empty for a job that is only planned.
        session: Fingerprint of the API key; empty for a job that is only planned.
        price_class: The group of jobs with the same price; see `budget.PriceClass`.
        digest_without_files: Identifies the parameters whatever their local files are; empty if they name none.
    """

    key: str
    model: str
    path: str
    body: bytes
    digest: str
    idempotency_key: str
    session: str
    price_class: str
    digest_without_files: str = ""


@attrs.frozen
class Known:
    """What a journal knows of a job.

    Attributes:
        standing: The last recorded state.
        session: Fingerprint of the API key that the job was sent with.
        body: Of a job in doubt, the body as it was sent, so that it can be sent again byte for byte.
    """

    standing: Sent
    session: str
    body: bytes | None = None


@attrs.frozen(kw_only=True)
class Bought:
    """What a journal knows of a purchase.

    Attributes:
        key: The key of its job.
        model: The vendor's name of the model.
        sent_at: Unix seconds of its first send.
        is_latest: Whether its job was not bought again since.
        is_unanswered: Whether it is the latest, and nobody knows its task: it is being submitted, or in doubt.
        task_id: The task of an accepted job; None if it has ended, or was bought again.
    """

    key: str
    model: str
    sent_at: float
    is_latest: bool
    is_unanswered: bool
    task_id: str | None = None


@attrs.frozen
class Untold:
    """An outcome that no stream of all outcomes has handed out.

    Attributes:
        number: Its place among the outcomes of the journal; later ones have higher numbers.
        outcome: How the job ended, or that it is in doubt.
    """

    number: int
    outcome: Outcome


Found: TypeAlias = Known | JournalConflictError
"""What a look-up of a job gives: what is known of it, or that its key is recorded with other parameters."""


def in_doubt(
    key: str,
    earlier_tasks: tuple[str, ...] = (),
    *,
    message: str = NO_ANSWER,
    **facts: Any,  # noqa: ANN401
) -> Unknown:
    """Make the outcome of a job whose submit may have been accepted.

    Args:
        key: The job's key.
        earlier_tasks: Tasks of the job that failed before.
        message: What is known of the submit.
        facts: Fields of the SubmissionUnknownError that help to find the task.
    """
    return Unknown(key, SubmissionUnknownError(message, key=key, **facts), earlier_tasks)


def abandoned(job: Accepted | Unknown) -> Failed:
    """Return the outcome of a job that a person gave up: one in doubt, or one whose task the service had forgotten."""
    if isinstance(job, Unknown):
        return Failed(job.key, job.error)
    message = "the service no longer knew the task, and the job was given up"
    return Failed(job.key, TaskNotFoundError(404, message, task_id=job.task_id), job.task_id)


def settling_advice(how: str, journal: str) -> str:
    """Return what to do after a settling that was refused.

    Args:
        how: What the job was to be settled with.
        journal: What the command is given for the journal, as `FILE`.
    """
    if how in SETTLEMENTS:
        return f"Call pool.unfinished(), or `evolink-async doubts {journal}`, to see which jobs can be settled."
    return "Look in the dashboard for the task made at the time of this job, with its parameters."


def end_of(outcome: Outcome) -> Completed | Failed | None:
    """Return an outcome that is the end of a task; None if only our watching has ended, or the job is in doubt."""
    is_end = isinstance(outcome, Completed) or has_failed_task(outcome)
    return outcome if is_end and not isinstance(outcome, Unknown) else None


def log_late(task_id: str, where: str) -> None:
    """Report a paid task that no job has, because its answer came when nobody waited for it any more."""
    _log.error("the task %s was paid for, and is not that of a job any more; it was an answer to %s", task_id, where)


def log_unwritten(task_id: str, where: str) -> None:
    """Report a paid task that could not be written down."""
    _log.error("the task %s was paid for, and the journal does not have it; it is the answer to %s", task_id, where)
