"""The state of a task as one reply describes it.

A snapshot never changes; a later poll makes another one. How a reply becomes a snapshot is in `wire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs

from .frozen import EMPTY_MAP, frozen

__all__ = (
    "FINAL_STATES",
    "Snapshot",
    "TaskFailure",
    "TaskState",
)


class TaskState(StrEnum):
    """The documented states of a task.

    Any other word of the service counts as "not finished" and is kept as sent.

    Source: https://docs.evolink.ai/en/api-manual/task-management/get-task-detail (read 2026-11-20); only the texts
    about callbacks name `cancelled`.
    """

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


# The published list of states has no `cancelled`, but the service's own clients treat it as final.
FINAL_STATES = frozenset({TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED})

_DOCUMENTED = frozenset(TaskState)


@attrs.frozen(kw_only=True)
class TaskFailure:
    """The reason why a task failed, as the service gave it.

    Attributes:
        code: The vendor's code, such as `content_policy_violation`.
        message: What happened.
        type: The vendor's group of codes; `task_error` on the documented pages.
        suggestion: What to do about it.
    """

    # The pages promise none of these, and some replies come without them.

    code: str | None = None
    message: str | None = None
    type: str | None = None
    suggestion: str | None = None


@attrs.frozen(kw_only=True)
class Snapshot:
    """The state of one task at one moment, as the service reported it.

    A field that the reply did not have is None, or empty.

    Attributes:
        task_id: The vendor's id.
        state: A `TaskState`, or another word that the service used.
        model: The model that runs.
        progress_percent: 0 to 100; it may decrease.
        created_at: Unix seconds.
        urls: Result links of a completed task, in the service's order; they expire after 24 hours.
        fault: Why the task failed.
        estimated_seconds: The service's estimate of the duration of the task.
        credits_reserved: Credits held at submission; None if the service named none, or 0.
        credits_used: Credits charged at the end.
        request_id: The service's id of this reply; support asks for it.
        extra: All other fields of the reply, unchanged, and documented fields whose type is not the documented one.
    """

    task_id: str
    state: str
    model: str | None = None
    progress_percent: int | None = None
    created_at: int | None = None
    urls: tuple[str, ...] = ()
    fault: TaskFailure | None = None
    estimated_seconds: float | None = None
    credits_reserved: float | None = None
    credits_used: float | None = None
    # Each reply has another id, so two snapshots of the same state would never be equal.
    request_id: str | None = attrs.field(default=None, eq=False)
    extra: Mapping[str, Any] = attrs.field(default=EMPTY_MAP, converter=frozen, repr=False)

    @property
    def is_final(self) -> bool:
        """Whether the task is completed, failed or cancelled."""
        return self.state in FINAL_STATES

    @property
    def is_documented(self) -> bool:
        """Whether the pages name the state."""
        return self.state in _DOCUMENTED

    @property
    def credits(self) -> float | None:
        """Credits charged, or reserved while the charge is not known; None when the service named neither."""
        return self.credits_reserved if self.credits_used is None else self.credits_used
