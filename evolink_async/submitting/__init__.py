"""From a job to a paid task, at most once."""

from .job_claims import JobClaims
from .send_loop import SendLoop
from .submission_state import Submission, Submitted
from .submitter import Submitter

__all__ = (
    "JobClaims",
    "SendLoop",
    "Submission",
    "Submitted",
    "Submitter",
)
