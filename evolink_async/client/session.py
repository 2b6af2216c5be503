"""One account, accessed with one API key: single requests, and their answers as snapshots or errors.

Requests are repeated in `submitting` and scheduled in `polling`, not here.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
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
from ..events import Emit, KeyRestored, KeySuspended
from ..settings import RetryPolicy
from ..task import Snapshot
from ..wire import (
    Credits,
    PriceRules,
    Request,
    decode_credits,
    decode_error,
    decode_price_rules,
    encode_batch,
    encode_credits,
    encode_poll,
    encode_price_rules,
    is_foreign,
    lacks_credits,
    on_batch,
    on_poll,
    on_submit,
    suspends_key,
)
from .first_byte import FirstByte
from .key_health import KeyHealth
from .outage_brake import OutageBrake
from .transport import Transport

KEY_CHECK_SECONDS = 60.0
"""Between two checks of a key that polls are refused for."""


class Session:
    """An account at the service, accessed with one API key.

    Args:
        transport: Sends the requests.
        fingerprint: Of the API key; see `ApiKey`.
        policy: The back-off after refusals.
        emit: Called when the key is suspended, and when it is restored.
        clock: Returns Unix seconds.
        now: Returns monotonic seconds.

    Attributes:
        fingerprint: As given.
        health: Whether the key may submit.
        brake: Whether its submits meet an outage, which may be of this account alone.
        busy: Tasks that are watched under this key.
        submitting: Submits under way with this key.
    """

    def __init__(
        self,
        transport: Transport,
        fingerprint: str,
        *,
        policy: RetryPolicy,
        emit: Emit | None = None,
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fingerprint = fingerprint
        self.health: KeyHealth = KeyHealth(policy)
        # Whether the address is right is for the brake of all keys to say.
        self.brake: OutageBrake = OutageBrake(policy, 1, has_answered=True)
        self.busy = 0
        self.submitting = 0
        self._transport = transport
        self._emit = emit
        self._clock = clock
        self._now = now
        self._checked_at = -math.inf

    def __repr__(self) -> str:
        suspended = self.health.suspended
        state = f"suspended: {suspended}" if suspended else "active"
        return f"<Session {self.fingerprint} {state}, {self.busy + self.submitting} jobs>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Session is not pickled: it holds open connections; build a pool where it is needed")

    async def submit(
        self, request: Request, first_byte: FirstByte
    ) -> Snapshot | StatusError | NotDeliveredError | SubmissionUnknownError:
        """Send a paid request once, if its first byte may leave.

        Returns:
            The accepted task; a StatusError or NotDeliveredError if no task was made; a SubmissionUnknownError if a
            task may have been made. The first table of `wire.verdict` decides.
        """
        sent_at = self._clock()
        try:
            response = await self._transport.send(request, first_byte)
        except NotDeliveredError as error:
            return error
        # After the first byte, the service may have accepted the request although no answer came back.
        except TransportError as error:
            return SubmissionUnknownError(f"{error}; a task may have been accepted and charged", sent_at=sent_at)
        verdict = on_submit(response, now=self._clock())
        if isinstance(verdict, SubmissionUnknownError):
            verdict.sent_at = sent_at
            # What an answer says of the key holds, whatever it leaves open about the job.
            self.suspend_on(decode_error(response, now=self._clock()))
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
        now = self._now()
        if self.health.suspended is not None or now - self._checked_at < KEY_CHECK_SECONDS:
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

    async def price_rules(self, known: PriceRules | None = None) -> PriceRules:
        """Return the price catalogue of the service, which no page documents. Free of charge.

        Args:
            known: An older answer, which is returned if it still holds.

        Raises:
            StatusError: The service refused, or has no catalogue.
            TransportError: No complete answer arrived.
            ReplyError: The answer is not a catalogue.
        """
        response = await self._transport.send(encode_price_rules(known.etag if known is not None else None))
        if known is not None and response.status == HTTPStatus.NOT_MODIFIED:
            return known
        if not 200 <= response.status < 300:
            raise decode_error(response, now=self._clock())
        return decode_price_rules(response)

    async def is_answering(self) -> bool:
        """Whether the service itself, and nothing on the way to it, answers a request that is free."""
        try:
            response = await self._transport.send(encode_credits())
        except TransportError:
            return False
        try:
            decode_credits(response)
        except ReplyError:
            return response.status < 500 and not is_foreign(response)
        return 200 <= response.status < 300

    async def check(self) -> None:
        """Find out whether a suspended key works again; if it seems so, one job may try it. Free of charge."""
        suspended = self.health.suspended
        if suspended is None:
            return
        self.health.put_off_check(self._now())
        try:
            left = await self.credits()
        except EvolinkError:
            return
        has_credits = left.remaining > 0 and (left.key_remaining is None or left.key_remaining > 0)
        if lacks_credits(suspended) and not has_credits:
            return
        self.health.lift()
        if self._emit is not None:
            self._emit(KeyRestored(at=self._clock(), session=self.fingerprint))

    def suspend_on(self, verdict: object) -> None:
        """Suspend the key if `verdict` is an error of the key or its account, such as 401 or 402; else do nothing."""
        if isinstance(verdict, StatusError) and suspends_key(verdict):
            is_new = self.health.suspend(verdict, self._now())
            # The event is for the first error only; jobs under way will meet the same one.
            if is_new and self._emit is not None:
                self._emit(KeySuspended(at=self._clock(), session=self.fingerprint, error=verdict))

    def heard_suspended(self, error: StatusError, relapses: int, *, is_news: bool) -> None:
        """Submit nothing more with the key, because another process was refused with it."""
        is_new = self.health.heard_suspended(error, relapses, self._now(), is_news=is_news)
        if is_new and self._emit is not None:
            self._emit(KeySuspended(at=self._clock(), session=self.fingerprint, error=error))

    def refusal_for(self, model: str) -> StatusError | None:
        """Return why no job of `model` is to wait for this key; None if it may submit one now or soon."""
        return self.health.refusal(model, self._now(), is_idle=not self.busy)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def choose(sessions: tuple[Session, ...]) -> Session | None:
    """Return the session for a request that any key may send, as an upload; None if all keys are refused."""
    active = [session for session in sessions if session.refusal_for("") is None]
    return min(active, key=lambda session: session.busy + session.submitting, default=None)


def suspension_error(sessions: tuple[Session, ...]) -> StatusError:
    """Return why no key may send a request: the refusal of the first.

    Raises:
        ConfigurationError: No key is refused any more.
    """
    for session in sessions:
        if (refusal := session.refusal_for("")) is not None:
            return copy.copy(refusal)
    raise ConfigurationError("no API key of the pool is refused any more; try again")
