"""What there is to say of an outage: what may be sent meanwhile, why, and what processes tell each other of it.

The brake that it is about is in `outage_brake`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import attrs

from ..errors import EvolinkError

MOST_IN_TROUBLE = 8
"""Jobs in trouble that are told of: more than close the brake need not be named."""


class Move(enum.Enum):
    """What may be sent now."""

    ANY = "any paid request"
    TRIAL = "one paid request, as a trial"
    PROBE = "a free request, to see whether the service answers"
    ASK = "nothing, before other processes have left it to this one to try"
    NOTHING = "nothing yet"
    GIVE_UP = "nothing within patience"


@attrs.frozen(kw_only=True)
class Trouble:
    """Why nothing is accepted for now, though it is tried again.

    Attributes:
        error: What the last request met.
        tries: Requests without success since the last one with success; free probes count.
        until: When jobs stop waiting. Of a brake in monotonic seconds, in `Stats` in Unix seconds.
    """

    error: EvolinkError
    tries: int
    until: float


@attrs.frozen(kw_only=True)
class OutageState:
    """An `OutageBrake` as seen at one moment. Times are seconds before or after it, because no two clocks are compared.

    Attributes:
        is_open: Whether no outage is known.
        is_half_open: Whether a paid request may be sent as a trial.
        has_answered: Whether the service itself is known to answer.
        closed_for: For how long nothing is tried.
        began_ago: Since when there is an outage; None while the brake is open, or since the last acceptance.
        tries: How often the brake was closed in this outage.
        doubts: Trials of this outage in doubt.
        accepted_in_a_row: Trials accepted since the last one in trouble.
        unanswered_probes: Probes without an answer since.
        in_trouble: Jobs in trouble, and how long ago each was sent.
        accepted_ago: How long ago the last accepted request was sent; None if none was.
        trouble: What the last request in trouble met, as text.
    """

    is_open: bool = True
    is_half_open: bool = False
    has_answered: bool = False
    closed_for: float = 0.0
    began_ago: float | None = None
    tries: int = 0
    doubts: int = 0
    accepted_in_a_row: int = 0
    unanswered_probes: int = 0
    in_trouble: Mapping[str, float] = attrs.field(factory=dict[str, float])
    accepted_ago: float | None = None
    trouble: str | None = None

    def says_more_than(self, other: OutageState) -> bool:
        """Whether anything but times is different."""
        return _facts(self) != _facts(other)

    def aged(self, seconds: float) -> OutageState:
        """Return the state as it is some seconds later, if nothing has happened since."""
        return attrs.evolve(
            self,
            closed_for=self.closed_for - seconds,
            began_ago=None if self.began_ago is None else self.began_ago + seconds,
            in_trouble={key: ago + seconds for key, ago in self.in_trouble.items()},
            accepted_ago=None if self.accepted_ago is None else self.accepted_ago + seconds,
        )


def _facts(state: OutageState) -> tuple[object, ...]:
    jobs = frozenset(state.in_trouble) if state.is_open else None
    return (
        *(state.is_open, state.is_half_open, state.has_answered, jobs, state.tries, state.doubts),
        *(state.accepted_in_a_row, state.unanswered_probes),
    )


def read_outage(told: Mapping[str, Any]) -> OutageState:
    """Read what was told, also by an older or a newer version of this package."""
    names = {field.name for field in attrs.fields(OutageState)}
    return OutageState(**{name: value for name, value in told.items() if name in names})
