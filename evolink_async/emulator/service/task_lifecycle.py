"""How a task proceeds: its durations and its end, drawn once, and the status it shows at a given time.

The JSON of a status is in `task_replies`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

# Standard deviation of ln(duration): the slowest of 100 tasks takes about 2.2 times the median.
SIGMA = 0.35

# Share of a task's duration that it stays pending.
PENDING_SHARE = 0.1

# Source: docs.evolink.ai, api-manual/task-management/error-codes, stored copy of 2026-11-20.
TASK_CODES: Mapping[str, str] = MappingProxyType(
    {
        "content_policy_violation": "The content was refused by the safety policy.",
        "invalid_parameters": "The upstream model refused the parameters.",
        "image_processing_error": "An input image could not be read.",
        "generation_failed_no_content": "The model returned no content.",
        "service_error": "The upstream service failed.",
        "generation_timeout": "The generation took too long.",
        "resource_exhausted": "The upstream service is out of capacity.",
        "unknown_error": "Unknown error.",
    }
)
"""Code and message of every error that a task can fail with."""


@frozen
class Lifecycle:
    """The course of one task, drawn at acceptance; times are on the emulator's clock.

    Attributes:
        accepted_at: Unix seconds.
        pending_seconds: Seconds from acceptance to the start of processing.
        total_seconds: Seconds from acceptance to the final state.
        failure: The code that the task fails with; None when it completes.
    """

    accepted_at: float
    pending_seconds: float
    total_seconds: float
    failure: str | None = None

    @property
    def ends_at(self) -> float:
        """Unix time of the final state."""
        return self.accepted_at + self.total_seconds


@frozen
class TaskView:
    """What one poll shows: the vendor's status and a percentage."""

    status: str
    progress: int


def draw_lifecycle(
    *, seed: int, ordinal: int, accepted_at: float, median_seconds: float, failure_share: float
) -> Lifecycle:
    """Return the lifecycle of the `ordinal`-th task; it depends only on the arguments."""
    # One generator per task: the order of concurrent submits cannot change a task's lifecycle.
    rng = random.Random(f"{seed}-{ordinal}")  # noqa: S311 - reproducible, not secret
    total = median_seconds * math.exp(rng.gauss(0.0, SIGMA))
    failure = rng.choice(tuple(TASK_CODES)) if rng.random() < failure_share else None
    return Lifecycle(accepted_at, total * PENDING_SHARE, total, failure)


def view(life: Lifecycle, now: float) -> TaskView:
    """Return what `life` shows at `now`.

    Progress is 0 to 10 while pending, 10 to 80 while processing, 100 when completed, 0 when failed.

    Source: the videoretalk page of the vendor's generated docs.
    """
    elapsed = max(0.0, now - life.accepted_at)
    if now >= life.ends_at:
        return TaskView("completed", 100) if life.failure is None else TaskView("failed", 0)
    if elapsed < life.pending_seconds:
        return TaskView("pending", int(10 * elapsed / life.pending_seconds))
    done = (elapsed - life.pending_seconds) / (life.total_seconds - life.pending_seconds)
    return TaskView("processing", min(80, 10 + int(70 * done)))
