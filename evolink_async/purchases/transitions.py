"""The states of a job and its purchase, and what takes it from one to the next: one table for code, tests and pages.

The journals write these states; `purchase` is about a purchase under way in this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
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


class Event(StrEnum):
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


_UNSENT = (State.NEW, State.PLANNED)
# What a person may settle: a doubt, and a task that the service has forgotten.
_OPEN = (State.IN_DOUBT, State.ACCEPTED)

TRANSITIONS: Mapping[Event, tuple[tuple[State, ...], State]] = MappingProxyType(
    {
        Event.PUT_OFF: (_UNSENT, State.PLANNED),
        # Again with the same idempotency key, that is, as the same purchase.
        Event.SENT: ((*_UNSENT, State.SUBMITTING, State.IN_DOUBT), State.SUBMITTING),
        Event.REFUSED: ((State.SUBMITTING,), State.PLANNED),
        Event.LOST: ((State.SUBMITTING,), State.IN_DOUBT),
        Event.ACCEPTED: ((State.SUBMITTING,), State.ACCEPTED),
        Event.FOUND: (_OPEN, State.ACCEPTED),
        Event.BUY_AGAIN: (_OPEN, State.PLANNED),
        Event.GIVE_UP: (_OPEN, State.ABANDONED),
        Event.COMPLETED: ((State.ACCEPTED,), State.COMPLETED),
        Event.FAILED: ((State.ACCEPTED,), State.FAILED),
        Event.CANCELLED: ((State.ACCEPTED,), State.CANCELLED),
        Event.BUY_ANEW: ((State.ACCEPTED, State.FAILED, State.CANCELLED), State.PLANNED),
        Event.SAVED: ((State.COMPLETED, State.DOWNLOADED), State.DOWNLOADED),
    }
)
"""For each event the states in which it may happen, and the one that follows. In any other it changes nothing."""


def sources(event: Event) -> tuple[State, ...]:
    """Return the states that a journal writes and in which an event may happen."""
    return tuple([state for state in TRANSITIONS[event][0] if state != State.NEW])


def target(event: Event) -> State:
    """Return the state that follows an event."""
    return TRANSITIONS[event][1]


def diagram() -> str:
    """Draw the table as text, one line for each event."""
    rows = [(event, " or ".join(before), after) for event, (before, after) in TRANSITIONS.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{event:{widths[0]}}  {before:{widths[1]}} -> {after}" for event, before, after in rows)
