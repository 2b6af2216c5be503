"""From a job to a paid task, at most once."""

from .send_loop import SendLoop
from .submission_state import Submission, Submitted
from .submitter import Submitter

__all__ = (
    "SendLoop",
    "Submission",
    "Submitted",
    "Submitter",
)
