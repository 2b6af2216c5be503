"""Errors of the network and of the service's answers.

Which answer leads to which error is decided in `wire.verdict` and `wire.refusals`.
"""

from __future__ import annotations

from ..task import Snapshot
from .base import EvolinkError


class TransportError(EvolinkError):
    """No complete answer arrived: a reset, a timeout, or a body that ended early.

    Attributes:
        kind: What the request was for: "submit", "poll", "batch", "credits", "prices" or "upload"; "request" if that is
            not known.
    """

    advice: str = "Try again: this request is free. Check the network if it fails repeatedly."

    def __init__(self, message: str, *, kind: str = "request") -> None:
        self.kind = kind
        super().__init__(message)


class NotDeliveredError(TransportError):
    """The request did not reach the service: DNS, connection or TLS failed."""

    # No byte of the request was sent.
    may_resubmit = True
    advice: str = "Check the network, then run the job again; the service accepted nothing."


class UnsendableError(NotDeliveredError):
    """The request cannot be made from here, so it is not tried again.

    A certificate is refused, the proxy or a header is invalid, or your own aiohttp session is closed or has `auth`.
    """

    advice: str = "Correct what the message names, then run the job again; nothing was sent."


class SubmissionUnknownError(TransportError):
    """A paid submit has no readable answer: the job may have been accepted and charged.

    Attributes:
        key: The job's key.
        idempotency_key: The `Idempotency-Key` header of the request.
        status: The HTTP status, if one arrived.
        code: The vendor's code, if one arrived.
        request_id: The service's id of the request, if one arrived.
        excerpt: The first 500 bytes of the answer.
        sent_at: Unix seconds just before the request was sent.
        retry_after: Seconds to wait before the next request, if the answer named them.
    """

    # `may_resubmit` stays False: sending the job again could pay for it twice.
    advice = (
        "Do not run the job again yet. Look in the dashboard for a task that was created at this time with these "
        'parameters. Settle the job with the id of that task; if there is none, with "resubmit".'
    )

    def __init__(
        self,
        message: str,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        excerpt: str = "",
        sent_at: float | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.key = key
        self.idempotency_key = idempotency_key
        self.status = status
        self.code = code
        self.request_id = request_id
        self.excerpt = excerpt
        self.sent_at = sent_at
        self.retry_after = retry_after
        super().__init__(message, kind="submit")


class StatusError(EvolinkError):
    """The service answered with an error status.

    Attributes:
        status: The HTTP status.
        code: The vendor's code: a word on newer routes, a number on older ones.
        message: The vendor's text, without API keys.
        request_id: The service's id of the request; support asks for it.
        retry_after: Seconds to wait before the next request, if the service named them.
        param: The invalid parameter, if the service named one.
        task_id: The task that the request was about, if it was about one.
        is_foreign: Whether the answer came from something on the way, as a balancer or a login page, and not from the
            service: then it says nothing of the key, the job or the task.
    """

    advice: str = "Read the service's message; if you contact support, give the request id."

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        param: str | None = None,
        task_id: str | None = None,
        is_foreign: bool = False,
    ) -> None:
        self.is_foreign = is_foreign
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.retry_after = retry_after
        self.param = param
        self.task_id = task_id
        super().__init__(message)

    def __str__(self) -> str:
        # Everything that support asks for is in the text, because logs often hold only that.
        parts = [f"HTTP {self.status}"]
        parts += [str(self.code)] if self.code is not None else []
        text = f"{' '.join(parts)}: {self.message}"
        text += f" (parameter {self.param})" if self.param else ""
        text += f" (task {self.task_id})" if self.task_id else ""
        return text + (f" (request {self.request_id})" if self.request_id else "")


class InvalidRequestError(StatusError):
    """The service refused the request (400, 413, 422 and every 4xx without a class of its own); nothing was charged."""

    # The service refuses before it creates a task. The statuses for which that is not certain make a submit a
    # SubmissionUnknownError, see `wire.verdict`.
    may_resubmit = True
    advice: str = "Correct what the service's message names, then run the job again; nothing was charged."


class AuthenticationError(StatusError):
    """The API key is missing, wrong or expired (401); nothing was charged."""

    may_resubmit = True
    advice = (
        "Check EVOLINK_API_KEY at https://evolink.ai/dashboard/keys, then run the job again; "
        "tasks that were accepted before continue."
    )


class InsufficientCreditsError(StatusError):
    """The account or the key has too few credits (402); nothing was charged."""

    may_resubmit = True
    advice: str = "Top up at https://evolink.ai/dashboard/credits, then run the job again; nothing was charged."


class AccessDeniedError(StatusError):
    """The key has no permission for this request (403); nothing was charged."""

    may_resubmit = True
    advice = (
        "Check the permissions of the key at https://evolink.ai/dashboard/keys, then run the job again; "
        "nothing was charged."
    )


class TaskNotFoundError(StatusError):
    """The service knows no such task for this key (404)."""

    advice = (
        "Check the task id, and use the key that created the task; the service deletes tasks after a time that it "
        "does not state."
    )


class InterceptedError(StatusError):
    """Something on the way, as a firewall, a balancer or a login page, answered in place of the service.

    The service did not see the request, so nothing was accepted and nothing is known of the key, the job or the task.
    """

    may_resubmit = True
    advice: str = (
        "Run the job again later. If other jobs are accepted meanwhile, a firewall may refuse the text or links of "
        "this one; if none is, check the address, the proxy and the network."
    )


class RateLimitError(StatusError):
    """The service received too many requests (429); it refused this one and charged nothing."""

    may_resubmit = True
    advice: str = "Wait as long as the service asks for, or lower the limits of submits and polls."


class ServerError(StatusError):
    """The service failed (5xx). A submit that ends with this error was not accepted."""

    # A submit gets it only for a 503 with a word of `wire.verdict.NOT_ACCEPTED`; every other 5xx leaves it in doubt.
    may_resubmit = True
    advice: str = "Wait a few minutes, then run the job again; nothing was accepted."


class OutageError(EvolinkError):
    """The service has accepted no paid request for longer than `RetryPolicy.patience`; this job was not sent.

    The error of every job that waited, and of the run, which stops reading. Tasks that were accepted go on.

    Attributes:
        trouble: What the last paid request met, of whichever job.
    """

    may_resubmit = True
    advice: str = "Run the same jobs again when the service is back. Those that were accepted are not bought again."

    def __init__(self, message: str, *, trouble: EvolinkError | None = None) -> None:
        self.trouble = trouble
        super().__init__(message)


class ReplyError(EvolinkError):
    """The answer cannot be read: it has none of the documented formats.

    Attributes:
        status: The HTTP status.
        excerpt: The first 500 bytes of the body.
        request_id: The service's id of the request, if it sent one.
        task_id: The task that the request was about, if it was about one.
        snapshot: What the last poll showed of the task, if it could be read.
        results: What stood in `results` where no link could be found, as frozen JSON; None if it was not there.
        is_foreign: Whether an answer about many tasks came from something on the way, as a balancer or a login page.
    """

    advice: str = "Try again later; during an outage a proxy may answer in place of the service."

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        excerpt: str = "",
        request_id: str | None = None,
        task_id: str | None = None,
        snapshot: Snapshot | None = None,
        is_foreign: bool = False,
    ) -> None:
        self.status = status
        self.excerpt = excerpt
        self.request_id = request_id
        self.task_id = task_id
        self.snapshot = snapshot
        self.is_foreign = is_foreign
        self.results: object = snapshot.extra.get("results") if snapshot is not None else None
        super().__init__(message)
