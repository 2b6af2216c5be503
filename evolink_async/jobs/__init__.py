"""Jobs, their keys and their outcomes.

Running a job is in `pool`, its parameters are in `params`.
"""

from .job import Job, body_digest, digest, key_fault
from .keys import DurationClass, KeyAssigner, KeySet, check_list, duration_class
from .outcome import Accepted, Completed, Failed, Outcome, SavedFile, Timing, Unknown

__all__ = (
    "Accepted",
    "Completed",
    "DurationClass",
    "Failed",
    "Job",
    "KeyAssigner",
    "KeySet",
    "Outcome",
    "SavedFile",
    "Timing",
    "Unknown",
    "body_digest",
    "check_list",
    "digest",
    "duration_class",
    "key_fault",
)
