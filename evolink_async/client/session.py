"""One account, accessed with one API key: single requests, and their answers as snapshots or errors.

Requests are repeated in `submitting` and scheduled in `polling`, not here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from ..errors import (
    AuthenticationError,
    ConfigurationError,
    EvolinkError,
    NotDeliveredError,
    ReplyError,
    StatusError,
    SubmissionUnknownError,
    TransportError,
)
from ..events import Emit, KeySuspended
from ..task import Snapshot
from ..wire import (
    Credits,
    Request,
    decode_credits,
    decode_error,
    encode_batch,
    encode_credits,
    encode_poll,
    on_batch,
    on_poll,
    on_submit,
    suspends_key,
)
from .outage_gate import OutageGate
from .transport import Transport

KEY_CHECK_SECONDS = 60.0
"""Between two checks of a key that polls are refused for."""


class Session:
    """An account at the service, accessed with one API key.

    Args:
        transport: Sends the requests.
        fingerprint: Of the API key; see `ApiKey`.
        gate: The gate that submits of this account must pass.
        emit: Called when the key is suspended.
        clock: Returns Unix seconds.

    Attributes:
        fingerprint: As given.
        suspended: The error that suspended the key, so that it submits nothing more; None while it may submit.
        gate: As given.
        busy: Jobs of this pool that are being submitted or watched under this key.
    """

    def __init__(
        self,
        transport: Transport,
        fingerprint: str,
        *,
        gate: OutageGate,
        emit: Emit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.fingerprint = fingerprint
        self.suspended: StatusError | None = None
        self.gate = gate
        self.busy = 0
        self._transport = transport
        self._emit = emit
        self._clock = clock
        self._checked_at = 0.0
        self._barred: dict[str, StatusError] = {}
        self._too_busy: StatusError | None = None

    def __repr__(self) -> str:
        state = f"suspended: {self.suspended}" if self.suspended else "active"
        return f"<Session {self.fingerprint} {state}, {self.busy} jobs>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Session is not pickled: it holds open connections; build a pool where it is needed")

    async def submit(self, request: Request) -> Snapshot | StatusError | NotDeliveredError | SubmissionUnknownError:
        """Send a paid request once.

        Returns:
            The accepted task; a StatusError or NotDeliveredError if no task was made; a SubmissionUnknownError if a
            task may have been made. The first table of `wire.verdict` decides.
        """
        sent_at = self._clock()
        try:
            verdict = on_submit(await self._transport.send(request), now=self._clock())
        except NotDeliveredError as error:
            return error
        # After the first byte, the service may have accepted the request although no answer came back.
        except TransportError as error:
            verdict = SubmissionUnknownError(f"{error}; a task may have been accepted and charged")
        if isinstance(verdict, SubmissionUnknownError):
            verdict.sent_at = sent_at
        else:
            self.suspend_on(verdict)
        return verdict

    async def poll(self, task_id: str) -> Snapshot | StatusError | ReplyError | TransportError:
        """Poll one task, once. Free of charge, and safe to repeat."""
        try:
            response = await self._transport.send(encode_poll(task_id))
        except TransportError as error:
            return error
        verdict = on_poll(response, task_id=task_id, now=self._clock())
        if isinstance(verdict, AuthenticationError) and not verdict.is_foreign:
            await self._check_key()
        return verdict

    async def _check_key(self) -> None:
        """Suspend the key if reading its credits is refused too: one odd answer about a task is no proof."""
        now = self._clock()
        if self.suspended is not None or now - self._checked_at < KEY_CHECK_SECONDS:
            return
        self._checked_at = now
        try:
            await self.credits()
        except StatusError as error:
            self.suspend_on(error)
        except EvolinkError:
            # No answer about the key, so nothing is known of it.
            return

    async def poll_many(self, task_ids: Sequence[str]) -> Mapping[str, Snapshot] | EvolinkError:
        """Poll up to 50 tasks with one status request. Free of charge, and safe to repeat.

        Returns:
            The snapshots by task id, without the tasks that the answer does not contain.
        """
        try:
            response = await self._transport.send(encode_batch(task_ids))
        except TransportError as error:
            return error
        # A refusal does not suspend the key: the service may refuse this route alone.
        return on_batch(response, asked=frozenset(task_ids), now=self._clock())

    async def credits(self) -> Credits:
        """Return the credits that the account has left. Free of charge.

        Raises:
            StatusError: The service refused.
            TransportError: No complete answer arrived.
            ReplyError: The answer cannot be decoded.
        """
        response = await self._transport.send(encode_credits())
        if not 200 <= response.status < 300:
            raise decode_error(response, now=self._clock())
        return decode_credits(response)

    def suspend_on(self, verdict: object) -> None:
        """Suspend the key if `verdict` is an error of the key or its account, such as 401 or 402; else do nothing."""
        if isinstance(verdict, StatusError) and suspends_key(verdict):
            # The event is for the first error only; jobs under way will meet the same one.
            if self._emit is not None and self.suspended is None:
                self._emit(KeySuspended(at=self._clock(), session=self.fingerprint, error=verdict))
            self.suspended = verdict

    def refusal_for(self, model: str) -> StatusError | None:
        """Return why this key may not submit a job of `model`; None if it may."""
        too_busy = self._too_busy if self.gate.is_beyond_patience else None
        return self.suspended or self._barred.get(model) or too_busy

    def note_too_busy(self, error: StatusError) -> None:
        """Submit nothing while the service asks to wait for longer than the policy's patience."""
        self.gate.shut(error.retry_after or 0.0, asked=True)
        self._too_busy = error

    def bar(self, model: str, error: StatusError) -> None:
        """Submit no more jobs of `model` with this key: the service says that it has no access."""
        self._barred[model] = error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def choose(sessions: tuple[Session, ...], model: str | None = None) -> Session | None:
    """Return the session for the next job; None if no key may submit it.

    Sessions with an open gate come first, then the one with the fewest jobs.

    Args:
        sessions: One per key.
        model: The model of the job; None for a request that any key may send, as an upload.
    """
    active = [session for session in sessions if session.refusal_for(model or "") is None]
    return min(active, key=lambda session: (not session.gate.is_open, session.busy), default=None)


def suspension_error(sessions: tuple[Session, ...], model: str | None = None) -> StatusError:
    """Return why no key may submit a job: the refusal of the first.

    Raises:
        ConfigurationError: No key is refused.
    """
    for session in sessions:
        if (refusal := session.refusal_for(model or "")) is not None:
            return refusal
    raise ConfigurationError("the pool has no session")


class AnySession:
    """All accounts of a pool, for a task of which the journal does not know the account.

    Attributes:
        busy: 1 while the task is watched.
    """

    # A batch asks one account, and the tasks may belong to several.
    poll_many = None

    def __init__(self, sessions: tuple[Session, ...]) -> None:
        self.busy = 0
        self._sessions = sessions

    async def poll(self, task_id: str) -> Snapshot | StatusError | ReplyError | TransportError:
        """Poll once. Accounts are asked in order until one knows the task; later polls ask only that one."""
        verdict = await self._sessions[0].poll(task_id)
        for session in self._sessions[1:]:
            if not (
                isinstance(verdict, StatusError) and verdict.status in (401, 403, 404, 410) and not verdict.is_foreign
            ):
                break
            verdict = await session.poll(task_id)
            if isinstance(verdict, Snapshot):
                self._sessions = (session,)
        return verdict
