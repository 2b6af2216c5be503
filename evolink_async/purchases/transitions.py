"""The states of a job and its purchase, and what takes it from one to the next: one table for code, tests and pages.

The journals write these states; `purchase` is about a purchase under way in this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class RecordState(StrEnum):
    """Where a job stands. A job that no journal knows is NEW, and nothing is written of it."""

    NEW = "new"
    PLANNED = "planned"
    SUBMITTING = "submitting"
    IN_DOUBT = "in_doubt"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    DOWNLOADED = "downloaded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class Transition(StrEnum):
    """What happens to a job."""

    PUT_OFF = "not sent by this run"
    SENT = "a paid request begins"
    REFUSED = "certainly not accepted"
    LOST = "no usable answer, or the process ends"
    ACCEPTED = "a task id comes back"
    FOUND = "a person, or a late answer, names its task"
    BUY_AGAIN = "a person settles: buy again"
    GIVE_UP = "a person settles: give up"
    COMPLETED = "the task completes"
    FAILED = "the task fails"
    CANCELLED = "the task is cancelled"
    BUY_ANEW = "its task has failed: buy anew"
    SAVED = "its files are saved"


_UNSENT = (RecordState.NEW, RecordState.PLANNED)
# What a person may settle: a doubt, and a task that the service has forgotten.
_OPEN = (RecordState.IN_DOUBT, RecordState.ACCEPTED)

TRANSITIONS: Mapping[Transition, tuple[tuple[RecordState, ...], RecordState]] = MappingProxyType(
    {
        Transition.PUT_OFF: (_UNSENT, RecordState.PLANNED),
        # Again with the same idempotency key, that is, as the same purchase.
        Transition.SENT: ((*_UNSENT, RecordState.SUBMITTING, RecordState.IN_DOUBT), RecordState.SUBMITTING),
        Transition.REFUSED: ((RecordState.SUBMITTING,), RecordState.PLANNED),
        Transition.LOST: ((RecordState.SUBMITTING,), RecordState.IN_DOUBT),
        Transition.ACCEPTED: ((RecordState.SUBMITTING,), RecordState.ACCEPTED),
        Transition.FOUND: (_OPEN, RecordState.ACCEPTED),
        Transition.BUY_AGAIN: (_OPEN, RecordState.PLANNED),
        Transition.GIVE_UP: (_OPEN, RecordState.ABANDONED),
        Transition.COMPLETED: ((RecordState.ACCEPTED,), RecordState.COMPLETED),
        Transition.FAILED: ((RecordState.ACCEPTED,), RecordState.FAILED),
        Transition.CANCELLED: ((RecordState.ACCEPTED,), RecordState.CANCELLED),
        Transition.BUY_ANEW: ((RecordState.ACCEPTED, RecordState.FAILED, RecordState.CANCELLED), RecordState.PLANNED),
        Transition.SAVED: ((RecordState.COMPLETED, RecordState.DOWNLOADED), RecordState.DOWNLOADED),
    }
)
"""For each event the states in which it may happen, and the one that follows. In any other it changes nothing."""


def sources(event: Transition) -> tuple[RecordState, ...]:
    """Return the states that a journal writes and in which an event may happen."""
    return tuple([state for state in TRANSITIONS[event][0] if state != RecordState.NEW])


def target(event: Transition) -> RecordState:
    """Return the state that follows an event."""
    return TRANSITIONS[event][1]


def diagram() -> str:
    """Draw the table as text, one line for each event."""
    rows = [(event, " or ".join(before), after) for event, (before, after) in TRANSITIONS.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{event:{widths[0]}}  {before:{widths[1]}} -> {after}" for event, before, after in rows)
