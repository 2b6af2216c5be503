"""One API key, one account: single requests and what their answers mean.

Nothing is repeated here and nothing is scheduled; that is the submitter's and the poller's work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from ..errors import (
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


class Session:
    """An account at the service, seen through one of its keys.

    Attributes:
        fingerprint: Eight hex digits that tell keys apart without showing them.
        benched: Why this key may submit nothing more; None while it may.
        gate: Shut while the service refuses or cannot be reached.
        busy: Jobs of this pool now alive under this key.
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

    def __repr__(self) -> str:
        state = f"benched: {self.suspended}" if self.suspended else "healthy"
        return f"<Session {self.fingerprint} {state}, {self.busy} jobs>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Session is not pickled: it holds open connections; build a pool where it is needed")

    async def submit(self, request: Request) -> Snapshot | StatusError | NotDeliveredError | SubmissionUnknownError:
        """Send one paid request, once, and judge the answer by the submit table."""
        sent_at = self._clock()
        try:
            verdict = on_submit(await self._transport.send(request), now=self._clock())
        except NotDeliveredError as error:
            return error
        except TransportError as error:
            verdict = SubmissionUnknownError(f"{error}; a task may have been accepted and charged")
        if isinstance(verdict, SubmissionUnknownError):
            verdict.sent_at = sent_at
        else:
            self.suspend_on(verdict)
        return verdict

    async def poll(self, task_id: str) -> Snapshot | StatusError | ReplyError | TransportError:
        """Look at one task, once. Free of charge and repeatable."""
        try:
            response = await self._transport.send(encode_poll(task_id))
        except TransportError as error:
            return error
        verdict = on_poll(response, task_id=task_id, now=self._clock())
        self.suspend_on(verdict)
        return verdict

    async def poll_many(self, task_ids: Sequence[str]) -> Mapping[str, Snapshot] | EvolinkError:
        """Look at up to 50 tasks with one request: what it tells of each, by id. Free of charge and repeatable.

        A refusal does not bench the key: it may be the route alone that is refused.
        """
        try:
            response = await self._transport.send(encode_batch(task_ids))
        except TransportError as error:
            return error
        return on_batch(response, asked=frozenset(task_ids), now=self._clock())

    async def credits(self) -> Credits:
        """Read what the account has left. Free of charge.

        Raises:
            StatusError: The service refused.
            TransportError: Nobody answered.
            ReplyError: The answer has no known shape.
        """
        response = await self._transport.send(encode_credits())
        if not 200 <= response.status < 300:
            raise decode_error(response, now=self._clock())
        return decode_credits(response)

    def suspend_on(self, verdict: object) -> None:
        """Submit nothing more under this key if `verdict` says that it, or its account, is refused."""
        if isinstance(verdict, StatusError) and suspends_key(verdict):
            if self._emit is not None and self.suspended is None:
                self._emit(KeySuspended(at=self._clock(), session=self.fingerprint, error=verdict))
            self.suspended = verdict

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def choose(sessions: tuple[Session, ...]) -> Session | None:
    """The healthy session for the next job: an open gate first, then the least busy; None when all are benched."""
    healthy = [session for session in sessions if session.suspended is None]
    return min(healthy, key=lambda session: (not session.gate.is_open, session.busy), default=None)


def suspension_error(sessions: tuple[Session, ...]) -> StatusError:
    """Why no session is left."""
    for session in sessions:
        if session.suspended is not None:
            return session.suspended
    raise ConfigurationError("the pool has no session")


class AnySession:
    """All accounts of a pool, asked in turn about a task that none is remembered to have made."""

    poll_many = None

    def __init__(self, sessions: tuple[Session, ...]) -> None:
        self.busy = 0
        self._sessions = sessions

    async def poll(self, task_id: str) -> Snapshot | StatusError | ReplyError | TransportError:
        """Look once, at the first account that knows the task, and stay with it."""
        verdict = await self._sessions[0].poll(task_id)
        for session in self._sessions[1:]:
            if not (isinstance(verdict, StatusError) and verdict.status in (401, 403, 404)):
                break
            verdict = await session.poll(task_id)
            if isinstance(verdict, Snapshot):
                self._sessions = (session,)
        return verdict
