"""Jobs, their keys and their outcomes.

Running a job is in `pool`, its parameters are in `params`.
"""

from .job import (
    CALLBACK_URL,
    Job,
    body_digest,
    differing_fields,
    digest,
    digest_of,
    digest_without_files,
    has_unread_files,
    identity,
    key_fault,
)
from .keys import DurationClass, KeyAssigner, KeySet, check_list, duration_class
from .outcome import (
    STANDINGS,
    Accepted,
    Completed,
    Failed,
    JobState,
    Outcome,
    Planned,
    SavedFile,
    Standing,
    Timing,
    Unknown,
    error_of,
    has_failed_task,
    last_snapshot,
)

__all__ = (
    "CALLBACK_URL",
    "STANDINGS",
    "Accepted",
    "Completed",
    "DurationClass",
    "Failed",
    "Job",
    "JobState",
    "KeyAssigner",
    "KeySet",
    "Outcome",
    "Planned",
    "SavedFile",
    "Standing",
    "Timing",
    "Unknown",
    "body_digest",
    "check_list",
    "differing_fields",
    "digest",
    "digest_of",
    "digest_without_files",
    "duration_class",
    "error_of",
    "has_failed_task",
    "has_unread_files",
    "identity",
    "key_fault",
    "last_snapshot",
)
