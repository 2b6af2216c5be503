"""What a callback leads to, and when a task that it names settles a doubt.

Plain decisions; they are carried out in `call_inbox`.

    the journal says of the purchase            what a callback leads to
    nothing, or the token is of another job     nothing
    it is being submitted here                  the same question again, once its answer is known
    its job is accepted                         a poll of the task that the journal knows, soon
    its job has ended                           nothing
    in doubt, and the body names a task         that task is read, and taken if it is proven to be the one
    bought again, and the body names a task     the same; it is kept beside the purchase, as it was paid for
    in doubt or bought again, without a task    nothing
"""

from __future__ import annotations

from enum import Enum, auto

from ..errors import EvolinkError
from ..journal import Bought
from ..task import Snapshot
from .callbacks import Callback

CLOCK_TOLERANCE = 60.0
"""Seconds by which the service's clock may be behind ours."""


class Step(Enum):
    """What a callback leads to."""

    NOTHING = auto()
    WAIT = auto()
    HINT = auto()
    READ = auto()


class Ownership(Enum):
    """What the task that a callback names proves to be. The values are ends of a sentence."""

    OURS = "is the one that was bought"
    UNREADABLE = "cannot be read with our keys"
    OTHER_JOB = "belongs to another job"
    OTHER_MODEL = "is of another model"
    OTHER_TIME = "was made before the job was sent, or has no time"


def step_after(callback: Callback, bought: Bought | None, *, is_under_way: bool) -> Step:
    """Return what a callback leads to.

    Args:
        callback: The callback.
        bought: What the journal knows of its purchase.
        is_under_way: Whether this pool submits its job at the moment.
    """
    if bought is None or not callback.is_for(bought.key):
        return Step.NOTHING
    if bought.task_id is not None:
        return Step.HINT
    if bought.is_unanswered and is_under_way:
        return Step.WAIT
    is_open = bought.is_unanswered or not bought.is_latest
    return Step.READ if is_open and callback.task_id is not None else Step.NOTHING


def ownership_of(seen: Snapshot | EvolinkError, bought: Bought, now: float) -> Ownership:
    """Return what a task proves to be.

    Args:
        seen: The answer to a poll of it, with one of our keys.
        bought: The purchase that a callback named it for.
        now: Unix seconds.
    """
    if isinstance(seen, EvolinkError):
        return Ownership.UNREADABLE
    if seen.model != bought.model:
        return Ownership.OTHER_MODEL
    if seen.created_at is None or not bought.sent_at - CLOCK_TOLERANCE <= seen.created_at <= now:
        return Ownership.OTHER_TIME
    return Ownership.OURS
