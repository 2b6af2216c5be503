"""What an answer to a submit, a poll or an upload means. All these decisions are in this module.

The functions decide only: `submitting`, `polling` and `uploads` act on the verdicts. Answers are read in `tasks`,
`files` and `refusals`.

Answer to a submit                                                  Verdict
2xx with a task id                                                  accepted: a Snapshot
429; 503 in the service's own error format                          refused, can be sent again
408, 409, 425; any other 5xx; any 3xx; 2xx without a readable id    in doubt: possibly accepted and charged
any other 4xx                                                       refused

Answer to a poll                                                    Verdict
2xx that describes the task                                         a Snapshot
401, 402, 403                                                       the key has no access
404                                                                 the task does not exist
any other answer, and no answer                                     poll again later: polls are free

Answer to an upload                                                 Verdict
2xx with a link                                                     an Upload
401, 402, 403                                                       the key has no access, another may have
408, 425, 429, 5xx; 2xx that cannot be read; no answer              send again: uploads are free
any other answer                                                    refused
A refusal of an upload that comes as HTTP 200 counts as the status in its code.
"""

from __future__ import annotations

from collections.abc import Collection

from ..errors import (
    EvolinkError,
    NotDeliveredError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
    TaskCancelledError,
    TaskError,
    TaskFailedError,
    TransportError,
)
from ..media import Upload
from ..settings import Resubmit
from ..task import Snapshot, TaskState
from .files import decode_upload
from .messages import Response
from .refusals import decode_error, vendor_error
from .tasks import decode_batch, decode_task

KEY_STATE_CODES = frozenset({"key_disabled", "key_expired", "ip_restricted", "invalid_token", "user_disabled"})
"""Codes of a 403 about the key itself. `key_model_not_allowed` is not one: the key works for other models."""

# Statuses of 4xx that do not exclude a paid task. 409 can be `idempotency_conflict` or `paid_outcome_unknown`, both
# about an earlier send with this key; 408 and 425 can come from a proxy whose own request goes on.
_AMBIGUOUS = frozenset({408, 409, 425})

# Source: https://docs.evolink.ai/en/api-manual/task-management/error-codes (read 2026-11-20).
_ADVICE_BY_CODE = {
    "content_policy_violation": "Change the prompt or the media: no real faces, brands, nudity, violence or minors.",
    "invalid_parameters": "Change the parameter that the message names.",
    "image_processing_error": "Use another image: a public link, JPEG, PNG or WebP, not corrupt.",
    "image_dimension_mismatch": "Resize the image to the limits of the model.",
    "request_cancelled": "Submit again if the cancellation was not intended.",
    "generation_failed_no_content": "Submit again with a clearer prompt.",
    "service_error": "Submit again in 30 to 60 seconds.",
    "generation_timeout": "Submit again later, or with a shorter duration or a lower quality.",
    "resource_exhausted": "Submit again in 1 to 5 minutes.",
    "quota_exceeded": "Submit more slowly, or top up.",
    "service_unavailable": "Submit again in a few minutes.",
    "resource_not_found": "Check the id; the service deletes tasks and files after a time.",
    "unknown_error": "Contact EvoLink's support with the task id.",
}


def on_submit(response: Response, *, now: float) -> Snapshot | StatusError | SubmissionUnknownError:
    """Return the verdict on the answer to a paid request, by the first table of this module.

    Args:
        response: The answer.
        now: Unix seconds, to convert a Retry-After date to seconds.
    """
    status = response.status
    if 200 <= status < 300:
        try:
            return decode_task(response)
        except ReplyError as error:
            # Also for an error object under HTTP 200: nothing in it says that no task was created.
            return _in_doubt(response, str(error))
    if status < 400 or status in _AMBIGUOUS or (status >= 500 and not _is_refused_in_own_format(response)):
        return _in_doubt(response, f"the service answered {decode_error(response, now=now)}")
    return decode_error(response, now=now)


def _is_refused_in_own_format(response: Response) -> bool:
    # A gateway in front of the service can send 503 after it has passed the request on, but not in this format.
    return response.status == 503 and vendor_error(response) is not None


def _in_doubt(response: Response, reason: str) -> SubmissionUnknownError:
    code = (vendor_error(response) or {}).get("code")
    return SubmissionUnknownError(
        f"{reason}; a task may have been accepted and charged",
        status=response.status,
        code=code if isinstance(code, str) else None,
        request_id=response.request_id,
        excerpt=response.excerpt,
    )


def may_send_again(error: EvolinkError, resubmit: Resubmit) -> bool:
    """Whether the policy `resubmit` allows another send of a submit that ended with `error`."""
    if resubmit == "never":
        return False
    if isinstance(error, SubmissionUnknownError):
        # After `idempotency_conflict` the service has another body under this key, and will not take this one.
        return resubmit == "same_key" and error.code != "idempotency_conflict"
    return isinstance(error, NotDeliveredError | RateLimitError | ServerError)


def on_poll(response: Response, *, task_id: str, now: float) -> Snapshot | StatusError | ReplyError:
    """Return the verdict on the answer to a poll of one task, by the second table of this module.

    Args:
        response: The answer.
        task_id: The task that was polled.
        now: Unix seconds, to convert a Retry-After date to seconds.
    """
    if not 200 <= response.status < 300:
        return decode_error(response, now=now, asked=task_id)
    try:
        return decode_task(response, asked=task_id)
    except ReplyError as error:
        return error


def on_batch(
    response: Response, *, asked: Collection[str], now: float
) -> dict[str, Snapshot] | StatusError | ReplyError:
    """Return the snapshots in the answer to a poll of many tasks, or the error of an answer without any.

    Args:
        response: The answer.
        asked: The tasks that were polled.
        now: Unix seconds, to convert a Retry-After date to seconds.
    """
    if not 200 <= response.status < 300:
        return decode_error(response, now=now)
    try:
        return decode_batch(response, asked=asked)
    except ReplyError as error:
        return error


def on_upload(
    response: Response, *, now: float, sha256: str | None, size_bytes: int | None
) -> Upload | StatusError | ReplyError:
    """Return the verdict on the answer to an upload, by the third table of this module.

    Args:
        response: The answer.
        now: Unix seconds; the life of the link counts from here.
        sha256: The SHA-256 of the content, if it is known.
        size_bytes: The size of the content, if it is known.
    """
    try:
        return decode_upload(response, now=now, sha256=sha256, size_bytes=size_bytes)
    except (StatusError, ReplyError) as error:
        return error


def may_upload_again(error: EvolinkError) -> bool:
    """Whether an upload that ended with `error` can succeed if it is sent again."""
    if isinstance(error, StatusError):
        return error.status in (408, 425, 429) or error.status >= 500
    return isinstance(error, TransportError | ReplyError)


def denies(error: EvolinkError) -> bool:
    """Whether an upload that ended with `error` can succeed with another key."""
    return isinstance(error, StatusError) and error.status in (401, 402, 403)


def suspends_key(error: EvolinkError) -> bool:
    """Whether an error means that the key, or its account, cannot submit any job."""
    if not isinstance(error, StatusError):
        return False
    return error.status in (401, 402) or (error.status == 403 and error.code in KEY_STATE_CODES)


def task_error(snapshot: Snapshot) -> TaskError:
    """Return the error of a task that ended without a video."""
    if snapshot.state == TaskState.CANCELLED:
        return TaskCancelledError(f"task {snapshot.task_id} was cancelled", snapshot=snapshot)
    failure = snapshot.fault
    code, message = (failure.code, failure.message) if failure else (None, None)
    text = f"task {snapshot.task_id} failed: {code or 'no code given'}" + (f": {message}" if message else "")
    # The service's suggestion is about this task, the table is about all tasks with the code.
    advice = (failure.suggestion if failure else None) or _ADVICE_BY_CODE.get(code or "")
    return TaskFailedError(text, snapshot=snapshot, code=code, advice=advice)
