"""Every error a user can meet, sorted by whose fault it was and what may be done now.

Nothing here decides when an error is raised; floors above do. All errors are picklable and never hold the API key.

    EvolinkError
    |- ParamsError (ValueError)            before the network; names every field at fault
    |- PreflightError (ValueError)         a local file breaks the model's media rules
    |- ConfigurationError                  no key, bad limits, a foreign event loop, a closed pool
    |- TransportError                      nobody answered
    |  |- NotDeliveredError                certainly not accepted
    |  `- SubmissionUnknownError           perhaps accepted and paid
    |- StatusError                         answered with 3xx, 4xx or 5xx
    |  |- InvalidRequestError              400, 413, 422 and every 4xx without a class of its own
    |  |- AuthenticationError              401
    |  |- InsufficientCreditsError         402
    |  |- AccessDeniedError                403
    |  |- TaskNotFoundError                404
    |  |- RateLimitError                   429
    |  `- ServerError                      5xx
    |- ReplyError                          answered in no shape we know
    |- TaskError                           the task ended without a video
    |  |- TaskFailedError
    |  `- TaskCancelledError
    |- DeadlineError (TimeoutError)        our patience ended, the task goes on
    |- BudgetError                         refused before submitting
    |- DownloadError                       the video is ready, saving it failed
    |  `- LinkExpiredError
    `- JournalError
       `- JournalConflictError
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

if TYPE_CHECKING:
    from .task import Snapshot


def _revive(cls: type[EvolinkError], args: tuple[Any, ...], state: dict[str, Any]) -> EvolinkError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class EvolinkError(Exception):
    """The base of every error this library raises on purpose.

    Attributes:
        may_resubmit: Whether sending the same job again cannot pay for it twice.
        advice: One sentence on what to do now.
    """

    may_resubmit: bool = False
    advice: str = "Read the message; nothing is known that would help further."

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by attributes, so that keyword-only constructors survive a process border."""
        return _revive, (type(self), self.args, dict(self.__dict__))


@attrs.frozen
class Fault:
    """One thing that is wrong with a value: `what` it is, and where (`path`, as in `video_urls[2]`)."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} @ {self.path}" if self.path else self.what


class _FaultsError(EvolinkError, ValueError):
    """An error made of faults, all of them named at once."""

    subject: ClassVar[str] = "parameters"

    def __init__(self, faults: Iterable[Fault], *, model: str | None = None) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        self.model = model
        about = f"{model}: " if model else ""
        super().__init__(about + "; ".join(map(str, self.faults)))


class ParamsError(_FaultsError):
    """Parameters break the rules of their model; nothing was sent. `faults` names every field."""

    may_resubmit = True
    advice = "Correct the fields named and build the parameters again; nothing was sent."


class PreflightError(_FaultsError):
    """A local file breaks the media rules of the model; nothing was sent. `faults` names every file."""

    may_resubmit = True
    advice = "Convert or replace the files named; nothing was sent."


class ConfigurationError(EvolinkError):
    """The library is used in a way that cannot work: no key, a bad number, a closed pool."""

    may_resubmit = True
    advice = "Correct the call or the setting that the message names; nothing was sent."


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
        "Do not simply run it again: look in the dashboard for a task made at this time with these parameters; "
        "take its id with pool.wait(task_id), or submit again if there is none."
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


class TaskError(EvolinkError):
    """The task ended without a video; the service releases its credits.

    Attributes:
        snapshot: The final state of the task.
        task_id: Its id.
        code: The vendor's code, as `content_policy_violation`; None if it gave none.
    """

    may_resubmit = True
    advice = "Nothing is charged for a failed task; a new submit is a new purchase."

    def __init__(self, message: str, *, snapshot: Snapshot, code: str | None = None, advice: str | None = None) -> None:
        self.snapshot = snapshot
        self.task_id = snapshot.task_id
        self.code = code
        if advice is not None:
            self.advice = advice
        super().__init__(message)


class TaskFailedError(TaskError):
    """The task ended in state `failed`; `code` and `advice` say why and what may help."""


class TaskCancelledError(TaskError):
    """The task ended in state `cancelled`."""

    advice = "Somebody cancelled the task at the service; submit again if that was not wanted."


class DeadlineError(EvolinkError, TimeoutError):
    """Our patience ended; the task itself goes on at the service and stays paid for.

    Attributes:
        task_id: Its id, for a later `pool.wait(task_id)`.
        waited: Seconds waited.
    """

    advice = "The task goes on: take it up again with pool.wait(task_id); do not submit it anew."

    def __init__(self, message: str, *, task_id: str, waited: float) -> None:
        self.task_id = task_id
        self.waited = waited
        super().__init__(message)


class BudgetError(EvolinkError):
    """The budget does not cover the job; it was not sent.

    Attributes:
        needed: Credits the job would reserve.
        left: Credits left in the budget.
    """

    may_resubmit = True
    advice = "Raise the budget and run the job again; nothing was sent."

    def __init__(self, message: str, *, needed: float, left: float) -> None:
        self.needed = needed
        self.left = left
        super().__init__(message)


class DownloadError(EvolinkError):
    """The video is ready and paid for, but saving it failed; the link still works until it expires.

    Attributes:
        url: The link.
        path: Where the file should have gone.
    """

    advice = "Do not submit again: fetch the link itself before it expires, 24 hours after completion."

    def __init__(self, message: str, *, url: str, path: str | None = None) -> None:
        self.url = url
        self.path = path
        super().__init__(message)


class LinkExpiredError(DownloadError):
    """The result host no longer serves the link; links live for 24 hours."""

    advice = "Read the task again with pool.poll(task_id): it may hand out a fresh link; otherwise the video is gone."


class JournalError(EvolinkError):
    """The journal cannot be read or written."""

    advice = "Check the disk and the file's permissions; nothing was sent that the journal does not hold."


class JournalConflictError(JournalError):
    """The key stands in the journal with other parameters."""

    advice = "Give the changed job a new key, or restore its parameters."
