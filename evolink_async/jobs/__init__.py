"""What goes in and what comes out: jobs, their keys, their outcomes."""

from .job import Job, body_digest, digest
from .keys import Keys, Shape, check_list, shape_of
from .outcome import Accepted, Completed, Failed, Outcome, SavedFile, Timing, Unknown

__all__ = (
    "Accepted",
    "Completed",
    "Failed",
    "Job",
    "Keys",
    "Outcome",
    "SavedFile",
    "Shape",
    "Timing",
    "Unknown",
    "body_digest",
    "check_list",
    "digest",
    "shape_of",
)
