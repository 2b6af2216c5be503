"""What processes tell each other of one scope, and what each makes of it: of an outage, and of one key.

Plain decisions: times are arguments. When it is told and heard is in `fact_exchange`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import attrs

from ..client import OutageBrake, Session, read_outage
from ..errors import StatusError
from ..wire import error_kind

FORGOTTEN_SECONDS = 600.0
"""A pool that opens forgets an outage of which nobody has told for so long after it was to be tried again."""


def scope_of(origin: str, sessions: Iterable[Session], *, of_key: bool = False) -> str:
    """Return the scope of an outage as some keys see it; or of what is known of a key itself.

    Who shares only some of these keys sees other outages, and is told nothing.
    """
    keys = " ".join(sorted(session.fingerprint for session in sessions))
    digest = hashlib.sha256(keys.encode()).hexdigest()[:16] if " " in keys else keys
    return f"{'key' if of_key else 'outage'} {digest} {origin}"


class Told(Protocol):
    """Something of which processes tell each other."""

    @property
    def changes(self) -> int:
        """How often something was learned that the others should know."""
        ...

    def state(self, now: float) -> dict[str, Any]:
        """Return what they should know."""
        ...

    def heard(self, state: Mapping[str, Any], age: float, now: float, *, has_news: bool, is_first: bool) -> None:
        """Take over what another one has told.

        Args:
            state: What it told.
            age: How many seconds ago.
            now: Monotonic seconds.
            has_news: Whether this process has something to tell itself.
            is_first: Whether this is the first that it hears.
        """
        ...

    def is_said_by(self, state: Mapping[str, Any], now: float) -> bool:
        """Whether what was told last says all there is to tell."""
        ...


class ToldOutage:
    """An outage, by its brake."""

    def __init__(self, brake: OutageBrake) -> None:
        self.brake = brake

    @property
    def changes(self) -> int:
        """See `OutageBrake`."""
        return self.brake.changes

    def state(self, now: float) -> dict[str, Any]:
        """Return its state."""
        return attrs.asdict(self.brake.state(now))

    def heard(self, state: Mapping[str, Any], age: float, now: float, *, has_news: bool, is_first: bool) -> None:
        """Take it over, unless it is an old story."""
        told = read_outage(state).aged(age)
        if not (is_first and -told.closed_for > FORGOTTEN_SECONDS and age > FORGOTTEN_SECONDS):
            self.brake.heard(told, now, has_news=has_news)

    def is_said_by(self, state: Mapping[str, Any], now: float) -> bool:
        """Whether it is the same but for its times."""
        return not self.brake.state(now).says_more_than(read_outage(state))


class ToldKey:
    """What is known of a key: whether it is suspended, and how long it is refused for load."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._health = session.health

    @property
    def changes(self) -> int:
        """See `KeyHealth`."""
        return self._health.changes

    def state(self, now: float) -> dict[str, Any]:
        """Return the refusals, and for how long the last one for load holds.

        A key that seems well is told of when a job was accepted with it. Otherwise two processes, to which it seems
        well but for paid requests, would make each other try it again and again.
        """
        seconds = self._health.opens_at - now
        return {
            "suspended": _words(self._health.unproven),
            "relapses": self._health.relapses,
            "refused": _words(self._health.refused if seconds > 0 else None),
            "opens_for": max(seconds, 0.0),
        }

    def heard(self, state: Mapping[str, Any], age: float, now: float, *, has_news: bool, is_first: bool) -> None:
        """Suspend the key, or have it checked as soon as a job wants it; wait as long as the service has asked."""
        if state.get("suspended") is not None:
            # A pool that opens checks before it believes it: perhaps it was opened because the account is topped up.
            error, relapses = _error(state["suspended"]), int(state.get("relapses", 0))
            self._session.heard_suspended(error, relapses, is_news=not is_first)
        elif not has_news and self._health.suspended is not None:
            self._health.heard_lifted(now)
        if state.get("refused") is not None:
            self._health.heard_refused(_error(state["refused"]), state["opens_for"] - age, now)

    def is_said_by(self, state: Mapping[str, Any], now: float) -> bool:
        """Whether it says the same of suspension; a pause is always told."""
        is_suspended = self._health.unproven is not None
        return self._health.opens_at <= now and is_suspended == (state.get("suspended") is not None)


def _words(error: StatusError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "status": error.status,
        "message": error.message,
        "code": error.code,
        "request_id": error.request_id,
        "retry_after": error.retry_after,
    }


def _error(words: Mapping[str, Any]) -> StatusError:
    return error_kind(words["status"])(
        words["status"],
        words["message"],
        code=words.get("code"),
        request_id=words.get("request_id"),
        retry_after=words.get("retry_after"),
    )
