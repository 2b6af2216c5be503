"""What a task shows at a moment: a pure function of the task and the clock.

Nothing here sleeps, counts credits or knows JSON.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

SIGMA = 0.35
"""Spread of ln(duration): the slowest of a hundred tasks takes a little over twice the median."""

PENDING_SHARE = 0.1
"""Part of a task's duration before it starts to be processed."""

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
"""Codes of failed tasks with a message each.

Source: docs.evolink.ai, api-manual/task-management/error-codes, stored copy of 2026-11-20.
"""


@frozen
class Life:
    """The fate of one task, drawn once at acceptance; times are on the emulator's clock.

    Attributes:
        accepted_at: Unix seconds.
        pending_seconds: How long it waits before it is processed.
        total_seconds: How long it takes from acceptance to its final state.
        failure: The task code it fails with, None when it completes.
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
    """What one look at a task shows: a status word of the vendor and a percentage."""

    status: str
    progress: int


def draw_life(*, seed: int, ordinal: int, accepted_at: float, median_seconds: float, failure_share: float) -> Life:
    """Return the life of the `ordinal`-th task: the same for the same seed, whatever else goes on."""
    dice = random.Random(f"{seed}-{ordinal}")  # noqa: S311 - reproducible, not secret
    total = median_seconds * math.exp(dice.gauss(0.0, SIGMA))
    failure = dice.choice(tuple(TASK_CODES)) if dice.random() < failure_share else None
    return Life(accepted_at, total * PENDING_SHARE, total, failure)


def view(life: Life, now: float) -> TaskView:
    """Return what `life` shows at `now`.

    The percentages follow the vendor's hint: 0-10 while pending, 10-80 while processing, 100 completed,
    0 failed (videoretalk page of the generated docs data).
    """
    elapsed = max(0.0, now - life.accepted_at)
    if now >= life.ends_at:
        return TaskView("completed", 100) if life.failure is None else TaskView("failed", 0)
    if elapsed < life.pending_seconds:
        return TaskView("pending", int(10 * elapsed / life.pending_seconds))
    done = (elapsed - life.pending_seconds) / (life.total_seconds - life.pending_seconds)
    return TaskView("processing", min(80, 10 + int(70 * done)))
