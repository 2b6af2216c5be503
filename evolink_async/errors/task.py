"""Errors of a task that was accepted.

Which end of a task is an error is decided in `wire.verdict` and `polling`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import EvolinkError

if TYPE_CHECKING:
    from ..task import Snapshot


class TaskError(EvolinkError):
    """The task ended without a video; the service releases the credits it held.

    Attributes:
        snapshot: The final state of the task.
        task_id: The task's id.
        code: The vendor's code, such as `content_policy_violation`; None if the service gave none.
    """

    # The vendor releases the credits of a failed task, so a second submit does not pay twice.
    may_resubmit = True
    advice: str = "Submit again for another try: the failed task costs nothing, and a new submit is a new purchase."

    def __init__(self, message: str, *, snapshot: Snapshot, code: str | None = None, advice: str | None = None) -> None:
        self.snapshot = snapshot
        self.task_id: str = snapshot.task_id
        self.code = code
        if advice is not None:
            self.advice = advice
        super().__init__(message)


class TaskFailedError(TaskError):
    """The task ended in state `failed`; `code` names the reason, `advice` what may help."""


class TaskCancelledError(TaskError):
    """The task ended in state `cancelled`."""

    advice: str = "The task was cancelled at the service. Submit again if that was not intended."


class DeadlineError(EvolinkError, TimeoutError):
    """The wait timed out; the task continues at the service and stays paid for.

    Attributes:
        task_id: The task's id, for a later `pool.wait(task_id)`; empty if the job was not accepted yet.
        waited: Seconds waited.
    """

    # `except TimeoutError` catches this error and that of `asyncio.timeout` alike.
    advice: str = "Wait for the task again, by its id. Do not submit the job again: its task continues and is paid for."

    def __init__(self, message: str, *, task_id: str, waited: float) -> None:
        self.task_id = task_id
        self.waited = waited
        super().__init__(message)
