"""Whether a job is bought anew after its task has failed.

Who buys it, and when, is in `pool.rebuys`.
"""

from __future__ import annotations

from ..errors import TaskFailedError
from ..jobs import Completed, Failed

# Source: docs.evolink.ai, list of error codes (read 2026-11-20): those with "retry: yes" that are no fault of the job.
# `quota_exceeded` is left out: it also means that the account is empty.
PASSING = frozenset({"service_error", "generation_timeout", "resource_exhausted", "service_unavailable"})
"""Codes of failures that have nothing to do with the job."""


def may_rebuy(outcome: Completed | Failed, most: int) -> bool:
    """Whether a job may be bought anew: its task failed for a passing reason, free of charge, and not too often.

    Args:
        outcome: How the task ended.
        most: `RetryPolicy.rebuy`.
    """
    return (
        isinstance(outcome, Failed)
        and isinstance(outcome.error, TaskFailedError)
        and outcome.error.code in PASSING
        and not outcome.error.snapshot.credits_used
        and len(outcome.earlier_tasks) < most
    )
