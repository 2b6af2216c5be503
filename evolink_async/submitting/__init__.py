"""From a job to a paid task, at most once."""

from .submission import Submitted, result_of
from .submitter import Submitter

__all__ = (
    "Submitted",
    "Submitter",
    "result_of",
)
