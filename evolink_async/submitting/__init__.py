"""From a job to a paid task, at most once."""

from .submission import Submission, Submitted
from .submitter import Submitter

__all__ = (
    "Submission",
    "Submitted",
    "Submitter",
)
