"""Errors of a task that was accepted.

Which end of a task is an error is decided in `verdict` and `inflight`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import EvolinkError

if TYPE_CHECKING:
    from ..task import Snapshot


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
