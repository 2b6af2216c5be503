"""The values that are written to a journal and read from it.

How a journal stores them is in `memory`, and in `rows` for a file.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

from ..errors import JournalConflictError, SubmissionUnknownError
from ..jobs import Accepted, Completed, Failed, Unknown

Standing: TypeAlias = Accepted | Completed | Failed | Unknown

NO_ANSWER = "no answer from the service is recorded; a task may have been accepted and charged"
"""Message of a doubt whose reason is not recorded, because the process or the submit broke off."""


@attrs.frozen(kw_only=True)
class Intent:
    """A paid request that is about to be sent.

    Attributes:
        key: The job's key.
        model: The vendor's name of the model.
        path: Path of the request.
        body: Body of the request, byte for byte.
        digest: Identifies the parameters: the same for equal parameters, whatever URLs their local files get.
        idempotency_key: Identifies the purchase at the service; empty for a job that is only planned.
        session: Fingerprint of the API key; empty for a job that is only planned.
        price_class: The group of jobs with the same price; see `budget.PriceClass`.
    """

    key: str
    model: str
    path: str
    body: bytes
    digest: str
    idempotency_key: str
    session: str
    price_class: str


@attrs.frozen
class Known:
    """What a journal knows of a job.

    Attributes:
        standing: The last recorded state.
        session: Fingerprint of the API key that the job was sent with.
    """

    standing: Standing
    session: str


Found: TypeAlias = Known | JournalConflictError
"""What a look-up of a job gives: what is known of it, or that its key is recorded with other parameters."""


def in_doubt(key: str, *, message: str = NO_ANSWER, **facts: Any) -> Unknown:  # noqa: ANN401
    """Make the outcome of a job whose submit may have been accepted.

    Args:
        key: The job's key.
        message: What is known of the submit.
        facts: Fields of the SubmissionUnknownError that help to find the task.
    """
    return Unknown(key, SubmissionUnknownError(message, key=key, **facts))
