"""The tables that guard money and patience, as plain functions: what an answer to a submit, a look or an upload means.

They decide and do not wait; `submitter`, `poller` and `files.upload` act on them.

Submit                                                              verdict
2xx with a task id                                                  accepted: a Snapshot
429; 503 in the service's own error JSON                            refused, may be sent again
408, 409, 425; any other 5xx; any 3xx; 2xx without a readable id    unknown: perhaps accepted and paid
any other 4xx                                                       refused for good

Look                                                                verdict
2xx that describes the task                                         a Snapshot
401, 402, 403                                                       denied: the key is at fault
404                                                                 missing
anything else                                                       look again later: reading is free

Upload                                                              verdict
2xx with a link                                                     an Upload
401, 402, 403                                                       denied: the key is at fault
408, 425, 429, 5xx; 2xx that cannot be read; no answer              send again: uploading is free
anything else                                                       refused for good
A refusal that comes as HTTP 200 counts as the status that its code stands for.
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
"""403 codes about the key itself. `key_model_not_allowed` is not one: the key works for other models."""

_AMBIGUOUS = frozenset({408, 409, 425})

_ADVICE_BY_CODE = {
    "content_policy_violation": "Change the prompt or the material: no real faces, brands, nudity, violence, minors.",
    "invalid_parameters": "Change the parameter the message names.",
    "image_processing_error": "Use another image: a public link, JPEG, PNG or WebP, not corrupt.",
    "image_dimension_mismatch": "Resize the image to the model's limits.",
    "request_cancelled": "Submit again if the cancellation was not wanted.",
    "generation_failed_no_content": "Submit again with a clearer prompt.",
    "service_error": "Submit again in 30 to 60 seconds.",
    "generation_timeout": "Submit again later, or ask for less.",
    "resource_exhausted": "Submit again in 1 to 5 minutes.",
    "quota_exceeded": "Submit more slowly, or top up.",
    "service_unavailable": "Submit again in some minutes.",
    "resource_not_found": "Check the id; the service forgets tasks and files after a time.",
    "unknown_error": "Ask EvoLink's support, with the task id.",
}
# Source: https://docs.evolink.ai/en/api-manual/task-management/error-codes (read 2026-11-20)


def on_submit(response: Response, *, now: float) -> Snapshot | StatusError | SubmissionUnknownError:
    """Judge the answer to a paid request by the first table above."""
    status = response.status
    if 200 <= status < 300:
        try:
            return decode_task(response)
        except ReplyError as error:
            return _unknown(response, str(error))
    if status < 400 or status in _AMBIGUOUS or (status >= 500 and not _refusal(response)):
        return _unknown(response, f"the service answered {decode_error(response, now=now)}")
    return decode_error(response, now=now)


def _refusal(response: Response) -> bool:
    return response.status == 503 and vendor_error(response) is not None


def _unknown(response: Response, reason: str) -> SubmissionUnknownError:
    code = (vendor_error(response) or {}).get("code")
    return SubmissionUnknownError(
        f"{reason}; a task may have been accepted and charged",
        status=response.status,
        code=code if isinstance(code, str) else None,
        request_id=response.request_id,
        excerpt=response.excerpt,
    )


def may_send_again(error: EvolinkError, resubmit: Resubmit) -> bool:
    """Whether a submit that ended in `error` may be sent again under the policy `resubmit`."""
    if resubmit == "never":
        return False
    if isinstance(error, SubmissionUnknownError):
        return resubmit == "same_key" and error.code != "idempotency_conflict"
    return isinstance(error, NotDeliveredError | RateLimitError | ServerError)


def on_poll(response: Response, *, task_id: str, now: float) -> Snapshot | StatusError | ReplyError:
    """Judge the answer to a look by the second table above; what an error leads to is the poller's decision."""
    if not 200 <= response.status < 300:
        return decode_error(response, now=now, asked=task_id)
    try:
        return decode_task(response, asked=task_id)
    except ReplyError as error:
        return error


def on_batch(
    response: Response, *, asked: Collection[str], now: float
) -> dict[str, Snapshot] | StatusError | ReplyError:
    """Judge the answer to a look at many tasks: what it tells of each, or why it tells nothing."""
    if not 200 <= response.status < 300:
        return decode_error(response, now=now)
    try:
        return decode_batch(response, asked=asked)
    except ReplyError as error:
        return error


def on_upload(
    response: Response, *, now: float, sha256: str | None, size_bytes: int | None
) -> Upload | StatusError | ReplyError:
    """Judge the answer to an upload by the third table above."""
    try:
        return decode_upload(response, now=now, sha256=sha256, size_bytes=size_bytes)
    except (StatusError, ReplyError) as error:
        return error


def may_upload_again(error: EvolinkError) -> bool:
    """Whether an upload that ended in `error` may end better the next time."""
    if isinstance(error, StatusError):
        return error.status in (408, 425, 429) or error.status >= 500
    return isinstance(error, TransportError | ReplyError)


def denies(error: EvolinkError) -> bool:
    """Whether an upload that ended in `error` may succeed with another key."""
    return isinstance(error, StatusError) and error.status in (401, 402, 403)


def suspends_key(error: EvolinkError) -> bool:
    """Whether an error says that the key, or its account, can submit nothing more."""
    if not isinstance(error, StatusError):
        return False
    return error.status in (401, 402) or (error.status == 403 and error.code in KEY_STATE_CODES)


def task_error(snapshot: Snapshot) -> TaskError:
    """Name the reason why a task ended without a video."""
    if snapshot.state == TaskState.CANCELLED:
        return TaskCancelledError(f"task {snapshot.task_id} was cancelled", snapshot=snapshot)
    fault = snapshot.fault
    code, message = (fault.code, fault.message) if fault else (None, None)
    text = f"task {snapshot.task_id} failed: {code or 'no code given'}" + (f": {message}" if message else "")
    advice = (fault.suggestion if fault else None) or _ADVICE_BY_CODE.get(code or "")
    return TaskFailedError(text, snapshot=snapshot, code=code, advice=advice)
