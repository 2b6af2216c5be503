"""Errors of the network and of the service's answers.

Which answer leads to which error is decided in `wire` and `verdict`.
"""

from __future__ import annotations

from typing import Self

from .base import EvolinkError


class TransportError(EvolinkError):
    """No complete answer arrived: reset, time-out, a body that ended early.

    Attributes:
        kind: What the request was for: "submit", "poll", "credits" ...
    """

    advice = "Reading again is free; check the network if it goes on."

    def __init__(self, message: str, *, kind: str = "request") -> None:
        self.kind = kind
        super().__init__(message)


class NotDeliveredError(TransportError):
    """The request certainly never reached the service: DNS, connection or TLS failed."""

    may_resubmit = True
    advice = "Nothing was accepted; check the network and run the job again."


class SubmissionUnknownError(TransportError):
    """A paid submit has no readable answer: it may have been accepted and charged.

    Attributes:
        key: The job's key.
        idempotency_key: What the request carried in `Idempotency-Key`.
        status: The HTTP status, if one arrived.
        code: The vendor's code, if one arrived.
        request_id: The service's id of the request, if one arrived.
        excerpt: The first bytes of the answer, at most 500.
        sent_at: Unix seconds just before the request was sent.
    """

    advice = (
        "Look in the dashboard for a task made at this time with these parameters; then settle the job by "
        'pool.settle(key, task_id), or by pool.settle(key, "resubmit") if there is none.'
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
    ) -> None:
        self.key = key
        self.idempotency_key = idempotency_key
        self.status = status
        self.code = code
        self.request_id = request_id
        self.excerpt = excerpt
        self.sent_at = sent_at
        super().__init__(message, kind="submit")

    @classmethod
    def unanswered(
        cls, *, key: str | None = None, idempotency_key: str | None = None, sent_at: float | None = None
    ) -> Self:
        """Make the error of a submit for which no answer was recorded, as after a crash."""
        message = "no answer to the submit was recorded; a task may have been accepted and charged"
        return cls(message, key=key, idempotency_key=idempotency_key, sent_at=sent_at)


class StatusError(EvolinkError):
    """The service answered with an error status.

    Attributes:
        status: The HTTP status.
        code: The vendor's code: a word on newer routes, a number on older ones.
        message: The vendor's text, scrubbed of keys.
        request_id: The service's id of the request; name it to support.
        retry_after: Seconds the service asked us to wait, if it did.
        param: The parameter at fault, if the service named one.
        task_id: The task asked about, if the request was about one.
    """

    advice = "Read the service's message; support needs the request id."

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
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.retry_after = retry_after
        self.param = param
        self.task_id = task_id
        super().__init__(message)

    def __str__(self) -> str:
        parts = [f"HTTP {self.status}"]
        parts += [str(self.code)] if self.code is not None else []
        text = f"{' '.join(parts)}: {self.message}"
        text += f" (parameter {self.param})" if self.param else ""
        text += f" (task {self.task_id})" if self.task_id else ""
        return text + (f" (request {self.request_id})" if self.request_id else "")


class InvalidRequestError(StatusError):
    """The service refused the request itself (400, 413, 422, other 4xx); nothing was charged."""

    may_resubmit = True
    advice = "Correct the parameters the service names; it charged nothing."


class AuthenticationError(StatusError):
    """The API key is missing, wrong or expired (401); nothing was charged."""

    may_resubmit = True
    advice = "Check EVOLINK_API_KEY at https://evolink.ai/dashboard/keys; tasks already accepted go on."


class InsufficientCreditsError(StatusError):
    """The account or the key has no credits left (402); nothing was charged."""

    may_resubmit = True
    advice = "Top up at https://evolink.ai/dashboard/credits, then run the job again; nothing was charged."


class AccessDeniedError(StatusError):
    """The key may not do this (403); nothing was charged."""

    may_resubmit = True
    advice = "Check what the key may do at https://evolink.ai/dashboard/keys; nothing was charged."


class TaskNotFoundError(StatusError):
    """The service knows no such task for this key (404)."""

    advice = "Check the id and the key that made it; the service forgets tasks after a time it does not state."


class RateLimitError(StatusError):
    """Too many requests (429); this one was refused and nothing was charged."""

    may_resubmit = True
    advice = "Wait for retry_after seconds, or lower Limits.submits and Cadence.polls_per_second."


class ServerError(StatusError):
    """The service failed (5xx), with a refusal in its own words; nothing was accepted."""

    may_resubmit = True
    advice = "Wait some minutes and try again; nothing was accepted."


class ReplyError(EvolinkError):
    """The service answered in no shape we know.

    Attributes:
        status: The HTTP status.
        excerpt: The first bytes of the body, at most 500.
        request_id: The service's id of the request, if it sent one.
        task_id: The task asked about, if the request was about one.
    """

    advice = "Look again later; a proxy or an outage may have answered in the service's place."

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        excerpt: str = "",
        request_id: str | None = None,
        task_id: str | None = None,
    ) -> None:
        self.status = status
        self.excerpt = excerpt
        self.request_id = request_id
        self.task_id = task_id
        super().__init__(message)
