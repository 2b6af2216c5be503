"""How a run ended: its outcomes, and the jobs that have none yet.

What is printed about it is in `output.run_report`; its exit code is in `exit_codes`.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ...jobs import Outcome, Unknown
from ...pool import Stats
from .run_plan import RunPlan


@attrs.frozen(kw_only=True)
class RunResult:
    """How one run ended.

    Attributes:
        plan: What the run was given.
        outcomes: The outcomes reported, in the order the jobs ended.
        seconds: How long the run took.
        stopped_by: The exception that ended the run early: `asyncio.CancelledError` after Ctrl-C, an `OSError`, or an
            `OutageError`.
        drained: Whether a first Ctrl-C kept jobs from being sent.
        open_tasks: Task ids by key: accepted, paid for, and without an outcome yet.
        in_doubt: Submits that may have been paid for, and were not reported as outcomes.
        stats: The last figures of the pool.
    """

    plan: RunPlan
    outcomes: tuple[Outcome, ...]
    seconds: float
    stopped_by: BaseException | None = None
    drained: bool = False
    open_tasks: Mapping[str, str] = attrs.field(factory=dict[str, str])
    in_doubt: tuple[Unknown, ...] = ()
    stats: Stats = attrs.field(factory=Stats)

    @property
    def unsent(self) -> int:
        """Number of jobs that were not sent because the run ended early."""
        known = {one.key for one in (*self.outcomes, *self.in_doubt)} | self.open_tasks.keys()
        return sum(job.key not in known for job in self.plan.jobs)

    @property
    def ended_early(self) -> bool:
        """Whether the run was stopped; a first Ctrl-C that came after the last submit changed nothing."""
        return self.stopped_by is not None or (self.drained and self.unsent > 0)
