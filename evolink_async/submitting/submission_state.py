"""One job on its way to the service: the state that its sends share.

Nothing is sent here: `send_loop` does that.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeAlias

import attrs

from ..budget import PriceClass, price_class_of
from ..client import Resend, Session
from ..errors import EvolinkError, InterceptedError, OutageError, StatusError
from ..events import SubmitAnswered
from ..jobs import (
    CALLBACK_URL,
    Accepted,
    Completed,
    Failed,
    Job,
    Unknown,
    digest_of,
    digest_without_files,
    has_unread_files,
)
from ..journal import Intent, Known
from ..params import AnyParams, Params, dump_params, local_media
from ..purchases import Purchase, UrlFor, withdrawn
from ..settings import RetryPolicy
from ..uploads import LocalFiles
from ..wire import Request, encode_submit, may_send_again
from .unread_files import kept_back

Submitted: TypeAlias = Accepted | Completed | Failed | Unknown

MAX_INTERCEPTIONS = 3
"""Interceptions after which the content of a job may be the reason, if other jobs are accepted meanwhile."""


@attrs.define(eq=False, kw_only=True)
class Submission(Purchase):
    """A purchase with its request, and what has become of its sends.

    Attributes:
        request: The paid request, the same bytes at every send.
        price_class: What its price goes by.
        resend: The sends so far.
        digest: What the job is told apart by, whatever links its files get.
        digest_without_files: The same whatever its files are; empty if it has none.
        callback_url: The URL of ours that the service calls when its task has ended; None without one.
        lacks_files: Whether the request names files that have no URL yet, and must not be sent.
        denials: Why accounts that work may not upload its files.
        session: The account it was sent to last.
        interceptions: How often something on the way refused it; see `InterceptedError`.
        interception: The last of these refusals.
        intercepted_at: Monotonic seconds of the first of them.
        is_elsewhere: Whether another process has the job, so that it is followed in the journal.
        was_elsewhere: Whether that was so when it began.
        earlier_tasks: Tasks of the job that failed before, in a shared journal; see `Accepted`.
        sent_at: Unix seconds of the last send.
        seconds: How long that took.
        task: What carries it out.
    """

    request: Request
    price_class: PriceClass
    resend: Resend
    digest: str
    digest_without_files: str = ""
    callback_url: str | None = None
    lacks_files: bool = False
    denials: dict[Session, StatusError] = attrs.field(factory=dict[Session, StatusError])
    session: Session | None = None
    interceptions: int = 0
    interception: InterceptedError | None = None
    intercepted_at: float = 0.0
    is_elsewhere: bool = False
    was_elsewhere: bool = False
    earlier_tasks: tuple[str, ...] = ()
    sent_at: float = 0.0
    seconds: float = 0.0
    task: asyncio.Task[Submitted] | None = None

    @classmethod
    def of(
        cls,
        job: Job,
        policy: RetryPolicy,
        local_files: LocalFiles,
        *,
        idempotency_key: str | None = None,
        body: bytes | None = None,
        url_for: UrlFor | None = None,
    ) -> Submission:
        """Make a purchase of `job`: a new one, or, with the key and the body of an earlier send, the same one again.

        `url_for` makes its callback URL, unless its parameters have one.
        """
        key = idempotency_key or f"ev-{secrets.token_hex(16)}"
        plain = dump_params(job.params)
        request = encode_submit(job.params, key, plain)
        digest = digest_of(plain, request.body or b"")
        callback_url = url_for(job.key, key) if url_for is not None and takes_callback(job.params, plain) else None
        if callback_url is not None:
            request = encode_submit(job.params, key, plain | {CALLBACK_URL: callback_url})
        lacks_files = bool(local_media(job.params))
        without_files = digest_without_files(job.params) if lacks_files else ""
        priced = price_class_of(plain, local_files.billed_seconds(job.params) if lacks_files else None)
        if body is not None:
            # Whatever the links of its files, or its `callback_url`, would be today.
            request, lacks_files = attrs.evolve(request, body=body), False
            callback_url = callback_url if callback_url is not None and callback_url.encode() in body else None
        return cls(
            job=job,
            idempotency_key=key,
            request=request,
            price_class=priced,
            resend=Resend(policy),
            digest=digest,
            digest_without_files=without_files,
            callback_url=callback_url,
            lacks_files=lacks_files,
        )

    @classmethod
    def resumed(
        cls,
        job: Job,
        known: Known,
        policy: RetryPolicy,
        local_files: LocalFiles,
        sessions: tuple[Session, ...],
        *,
        url_for: UrlFor | None = None,
    ) -> Submission | Submitted:
        """Return what became of a job, or the submission of one in doubt that the policy sends again with its key."""
        standing = known.standing
        session = next((session for session in sessions if session.fingerprint == known.session), None)
        if not isinstance(standing, Unknown) or session is None or standing.error.idempotency_key is None:
            return standing
        if not may_send_again(standing.error, policy.resubmit):
            return standing
        if has_unread_files(job.params):  # it would be written down as another job
            return kept_back(standing)
        key = standing.error.idempotency_key
        submission = cls.of(job, policy, local_files, idempotency_key=key, body=known.body, url_for=url_for)
        submission.session, submission.doubt = session, standing.error
        return submission

    def complete(self, params: AnyParams) -> None:
        """Make the request anew, with a URL for every file."""
        body = dump_params(params)
        if self.callback_url is not None:
            body[CALLBACK_URL] = self.callback_url
        self.request, self.lacks_files = encode_submit(params, self.idempotency_key, body), False

    def intercepted(self, error: InterceptedError, now: float) -> None:
        """Note that something on the way refused it."""
        self.intercepted_at = self.intercepted_at if self.interceptions else now
        self.interceptions, self.interception = self.interceptions + 1, error

    def standing(self) -> Accepted | Unknown | Failed:
        """Return what is known of it; nothing was sent from here while another process had the job."""
        standing = super().standing()
        is_unknown_here = self.is_elsewhere and isinstance(standing, Failed)
        return withdrawn(self.job.key, is_taken=True) if is_unknown_here else standing

    @property
    def has_ended_unsent(self) -> bool:
        """Whether nobody should join it, in the one turn of the loop in which it still stands in the book."""
        return self.task is not None and self.task.done() and self.accepted is None and self.doubt is None

    @property
    def outcome(self) -> Submitted:
        """What became of it, read from its own state: a task that was cut short says nothing of what was sent."""
        task = self.task
        is_whole = task is not None and task.done() and not task.cancelled() and task.exception() is None
        return self.standing() if task is None or not is_whole or self.accepted is not None else task.result()

    @property
    def is_carried_out(self) -> bool:
        """Whether the event loop carries it out in this step; when the loop is gone, nothing of it may wait."""
        with suppress(RuntimeError):
            return self.task in (None, asyncio.current_task())  # an eager task takes its first step before it is known
        return False

    @property
    def stops_runs(self) -> BaseException | None:
        """Why no run should read on: an exception that no rule expects, or an outage past patience."""
        if self.failure is not None:
            return self.failure
        outcome = self.outcome
        if isinstance(outcome, Failed) and isinstance(outcome.error, OutageError):
            return copy.copy(outcome.error)
        return None

    @property
    def pinned_session(self) -> Session | None:
        """The account that may have taken it; None while it certainly was not accepted."""
        return self.session if self.doubt is not None else None

    @property
    def is_intercepted_often(self) -> bool:
        """Whether something on the way has refused it so often that its content may be the reason."""
        return self.interceptions >= MAX_INTERCEPTIONS

    @property
    def model(self) -> str:
        """What is asked for."""
        return self.job.params.model

    def answered(self, verdict: Accepted | EvolinkError, *, is_repeated: bool) -> SubmitAnswered:
        """Return what an observer is told of the last send."""
        accepted = verdict if isinstance(verdict, Accepted) else None
        return SubmitAnswered(
            at=self.sent_at,
            seconds=self.seconds,
            key=self.job.key,
            model=self.model,
            send=self.resend.sends,
            session=self.session.fingerprint if self.session else "",
            task_id=accepted.task_id if accepted else None,
            credits_reserved=accepted.credits_reserved if accepted else None,
            error=verdict if isinstance(verdict, EvolinkError) else None,
            is_repeated=is_repeated,
        )

    def intent(self, session: Session | None) -> Intent:
        """Return what the journal is told: before the first byte is sent to `session`, or when it is sent to none."""
        return Intent(
            key=self.job.key,
            model=self.model,
            path=self.request.path,
            body=self.request.body or b"",
            digest=self.digest,
            idempotency_key=self.idempotency_key if session else "",
            session=session.fingerprint if session else "",
            price_class=str(self.price_class),
            digest_without_files=self.digest_without_files,
        )


def takes_callback(params: AnyParams, body: Mapping[str, object]) -> bool:
    """Whether a callback URL may be added to a request: a request without a class is sent unchanged."""
    return isinstance(params, Params) and CALLBACK_URL not in body
