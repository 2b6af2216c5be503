"""From a job to a paid task, at most once.

What an answer means is decided in `wire.verdict`; tasks are polled in `polling`.
"""

from .concurrency_limit import KeyLimits
from .fact_exchange import FactExchange
from .job_claims import JobClaims
from .rate_limit import KeyRates
from .send_loop import SendLoop
from .submission_state import Submission, Submitted
from .submitter import Submitter

__all__ = (
    "FactExchange",
    "JobClaims",
    "KeyLimits",
    "KeyRates",
    "SendLoop",
    "Submission",
    "Submitted",
    "Submitter",
)
