"""What one look at a task showed.

A snapshot is never changed or refreshed; a later look makes another one. How it is read off a reply: `wire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs

from .frozen import NOTHING_MORE, frozen

__all__ = (
    "FINAL_STATES",
    "Snapshot",
    "TaskFailure",
    "TaskState",
)


class TaskState(StrEnum):
    """The states we know by name. The service may send others; those count as "still going" and are kept as sent.

    Source: https://docs.evolink.ai/en/api-manual/task-management/get-task-detail (read 2026-11-20); `cancelled` is
    named by the callback texts only.
    """

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED})


@attrs.frozen(kw_only=True)
class TaskFailure:
    """Why a task failed, in the service's words. Every field may be missing."""

    code: str | None = None
    message: str | None = None
    type: str | None = None
    suggestion: str | None = None


@attrs.frozen(kw_only=True)
class Snapshot:
    """What the service said of one task at one moment.

    Attributes:
        task_id: The vendor's id.
        state: A `TaskState`, or whatever other word the service used.
        model: The model that runs.
        progress_percent: 0 to 100; it may move backwards.
        created_at: Unix seconds.
        urls: Result links of a completed task, in the order given; they live for 24 hours.
        fault: Why the task failed, if the service said so.
        estimated_seconds: The service's guess at how long the task takes.
        credits_reserved: Credits held at submission.
        credits_used: Credits finally charged.
        request_id: The service's id of this reply, for support.
        extra: Every other field of the reply, and known ones whose type was not the documented one, as they came.
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
    request_id: str | None = attrs.field(default=None, eq=False)
    extra: Mapping[str, Any] = attrs.field(default=NOTHING_MORE, converter=frozen, repr=False)

    @property
    def is_final(self) -> bool:
        """Whether the task has ended, be it completed, failed or cancelled."""
        return self.state in FINAL_STATES
