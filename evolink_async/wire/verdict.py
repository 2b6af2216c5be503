"""What an answer to a submit, a poll or an upload means. All these decisions are in this module.

The functions decide only: `submitting`, `polling` and `uploads` act on the verdicts. Answers are read in `tasks`,
`files` and `refusals`.

*Foreign* answers come from something on the way, as a balancer, a firewall or a login page, and not from the service:
see `refusals.is_foreign`. They say nothing of a key, a job or a task. The rows are read from the top.

Answer to a submit                                                  Verdict
idempotency_conflict or paid_outcome_unknown under any status;
408, 409, 425, 499 from anywhere                                    in doubt: possibly accepted and charged
2xx with a task id, but for a failure under an id that is not of
the service's form; of an answer whose end did not come only if
the JSON is whole, and so the id                                    accepted: a Snapshot
any other 4xx of the service but 429                                refused
429 from anywhere; 503 of the service with one of its words for
"not accepted" (`NOT_ACCEPTED`)                                     not accepted, can be sent again
foreign 400 411 413 414 415 422 431                                 refused on the way
foreign 401 403 404 405 407 410 421 426 451                         not accepted: trouble on the way, can be sent again
any other answer, and no whole answer                               in doubt

Of these, *refusals for load* are 429 and the 503 above: they close a key for a while. *Trouble* closes the brake: no
connection, trouble on the way, and everything in doubt, but for a 409 about an earlier send of the same purchase. An
answer that does not come from the service says nothing of a key.

Answer to a poll                                                    Verdict
2xx that describes the task; an end has its id, or result links     a Snapshot
404, 410, or 400 `invalid_task_id`, of the service                  the service does not know the task
401, 403 of the service                                             the key has no access; the pool's others are asked
any other answer, and no answer                                     poll again later: polls are free

Answer to an upload                                                 Verdict
2xx with a link; what a URL cannot hold is quoted in it             an Upload
2xx with a link that is no http(s) URL                              refused by us: the next would be the same
401, 402, 403 of the service                                        the key has no access, another may have
408, 425, 429, 5xx; trouble on the way as in the first table;
2xx that cannot be read; no answer                                  send again: uploads are free
any other answer                                                    refused
A refusal of an upload that comes as HTTP 200 counts as the status in its code.
"""

from __future__ import annotations

from collections.abc import Collection

from ..errors import (
    EvolinkError,
    InterceptedError,
    NotDeliveredError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
    TaskCancelledError,
    TaskError,
    TaskFailedError,
    TaskNotFoundError,
    TransportError,
    UnsendableError,
)
from ..media import Upload
from ..settings import Resubmit
from ..task import Snapshot, TaskState
from .files import LinkError, decode_upload
from .messages import Response
from .refusals import INTERCEPTED, decode_error, retry_after, vendor_error
from .tasks import decode_batch, decode_task

KEY_STATE_CODES = frozenset({"key_disabled", "key_expired", "ip_restricted", "invalid_token", "user_disabled"})
"""Codes of a 403 about the key itself. `key_model_not_allowed` is not one: the key works for other models."""

# Statuses of 4xx that do not exclude a paid task, whoever sent them: 408, 425 and 499 can come from a proxy whose own
# request goes on, 409 is about an earlier send with this key.
_AMBIGUOUS = frozenset({408, 409, 425, 499})
_DOUBT_CODES = frozenset({"idempotency_conflict", "paid_outcome_unknown"})

NOT_ACCEPTED = frozenset(
    {
        "service_unavailable",
        "service_unavailable_error",
        "no_available_channel",
        "channel_selection_failed",
        "model_unavailable",
        "rate_limit_exceeded",
        "rate_limit_error",
    }
)
"""Codes and types of a 503 that say that no task was made. The vendor nowhere tells which ones do: this list is our
ruling. A number alone proves nothing, and `upstream_error` comes from behind the point of no return."""

# Statuses with which a proxy does not pass a request on, because of the request itself.
_REFUSED_ON_THE_WAY = frozenset({400, 411, 413, 414, 415, 422, 431})

MODEL_ACCESS_CODES = frozenset({"model_access_denied", "key_model_not_allowed"})
"""Codes of a refusal of one key for one model: another key may submit the job."""

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
    status, code = response.status, (vendor_error(response) or {}).get("code")
    if (isinstance(code, str) and code in _DOUBT_CODES) or status in _AMBIGUOUS:
        return _in_doubt(response, f"the service answered {decode_error(response, now=now)}", now)
    if 200 <= status < 300:
        try:
            return decode_task(response)
        except ReplyError as error:
            # Also for an error object under HTTP 200: nothing in it says that no task was created.
            return _in_doubt(response, response.cut or str(error), now)
    if response.cut is not None:
        return _in_doubt(response, response.cut, now)  # it refuses nothing: what is missing could say more
    refusal = decode_error(response, now=now)
    if status == 429 or _is_not_accepted(response):
        return refusal
    if 400 <= status < 500 and (not refusal.is_foreign or status in _REFUSED_ON_THE_WAY | INTERCEPTED):
        return refusal
    return _in_doubt(response, f"the service answered {refusal}", now)


def _is_not_accepted(response: Response) -> bool:
    """Whether a 503 says in the service's own words that the request was not accepted."""
    if response.status != 503:
        return False
    error = vendor_error(response) or {}
    # The type decides only where the code is not a word.
    word = error.get("code") if isinstance(error.get("code"), str) else error.get("type")
    return isinstance(word, str) and word in NOT_ACCEPTED


def _in_doubt(response: Response, reason: str, now: float) -> SubmissionUnknownError:
    code = (vendor_error(response) or {}).get("code")
    return SubmissionUnknownError(
        f"{reason}; a task may have been accepted and charged",
        status=response.status,
        code=code if isinstance(code, str) else None,
        request_id=response.request_id,
        excerpt=response.excerpt,
        retry_after=retry_after(response.headers, now),
    )


def may_send_again(error: EvolinkError, resubmit: Resubmit) -> bool:
    """Whether the policy `resubmit` allows another send of a submit that ended with `error`."""
    if resubmit == "never" or isinstance(error, UnsendableError):
        return False
    if isinstance(error, SubmissionUnknownError):
        # After `idempotency_conflict` the service has another body under this key, and will not take this one.
        return resubmit == "same_key" and error.code != "idempotency_conflict"
    return isinstance(error, InterceptedError | NotDeliveredError | RateLimitError | ServerError)


def is_refused_for_load(error: EvolinkError) -> bool:
    """Whether a submit was refused because there were too many: the same one may go later."""
    return isinstance(error, RateLimitError | ServerError) and not suspends_key(error)


def is_trouble(error: EvolinkError, *, is_repeated: bool) -> bool:
    """Whether a submit met an outage rather than a judgement of the service.

    Args:
        error: What it met.
        is_repeated: Whether an earlier send of the same purchase is in doubt, which the service may speak about.
    """
    if isinstance(error, SubmissionUnknownError):
        is_about_purchase = error.status == 409 or (error.code in _DOUBT_CODES and (error.status or 500) < 500)
        return not (is_repeated and is_about_purchase)
    return isinstance(error, InterceptedError | NotDeliveredError)


def on_poll(response: Response, *, task_id: str, now: float) -> Snapshot | StatusError | ReplyError:
    """Return the verdict on the answer to a poll of one task, by the second table of this module.

    Args:
        response: The answer.
        task_id: The task that was polled.
        now: Unix seconds, to convert a Retry-After date to seconds.
    """
    if not 200 <= response.status < 300:
        return _poll_error(response, task_id, now)
    try:
        return decode_task(response, asked=task_id)
    except ReplyError as error:
        return error


def _poll_error(response: Response, task_id: str, now: float) -> StatusError:
    error = decode_error(response, now=now, asked=task_id)
    is_miss = error.status == 410 or (error.status == 400 and error.code == "invalid_task_id")
    if not is_miss or error.is_foreign:
        return error
    return TaskNotFoundError(
        error.status,
        error.message,
        code=error.code,
        request_id=error.request_id,
        retry_after=error.retry_after,
        task_id=task_id,
    )


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
        return error.status in (408, 425, 429) or error.status >= 500 or isinstance(error, InterceptedError)
    return isinstance(error, TransportError | ReplyError) and not isinstance(error, UnsendableError | LinkError)


def denies(error: EvolinkError) -> bool:
    """Whether an upload that ended with `error` can succeed with another key."""
    return isinstance(error, StatusError) and error.status in (401, 402, 403) and not error.is_foreign


def suspends_key(error: EvolinkError) -> bool:
    """Whether an error means that the key, or its account, cannot submit any job."""
    if not isinstance(error, StatusError) or error.is_foreign:
        return False
    is_refused = error.status in (401, 402) or (error.status == 403 and error.code in KEY_STATE_CODES)
    return is_refused or lacks_credits(error)


def lacks_credits(error: StatusError) -> bool:
    """Whether an error of the service means that the account, or the key, has no credits left."""
    return error.status == 402 or error.code == "insufficient_quota"


def bars_model(error: EvolinkError) -> bool:
    """Whether an error means that the key cannot submit jobs of one model, while another key may."""
    return isinstance(error, StatusError) and not error.is_foreign and error.code in MODEL_ACCESS_CODES


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
