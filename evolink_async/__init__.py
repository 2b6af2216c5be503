"""Run many EvoLink video generations from asyncio: validated parameters in, finished video URLs out.

This module only hands on the names that most programs need. Every model class is in `evolink_async.models`, every
error in `evolink_async.errors`.
"""

# First, because the other imports take long enough for a Ctrl-C.
from . import early_exit as _early_exit  # noqa: F401  # pyright: ignore[reportUnusedImport]
from .client import HttpOptions
from .errors import (
    AccessDeniedError,
    AuthenticationError,
    BudgetError,
    ConfigurationError,
    DeadlineError,
    DownloadError,
    EvolinkError,
    InsufficientCreditsError,
    InvalidRequestError,
    JournalClaimError,
    JournalConflictError,
    NotDeliveredError,
    OutageError,
    ParamsError,
    PreflightError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
    TaskError,
    TaskFailedError,
    TaskNotFoundError,
    TransportError,
    UploadError,
)
from .events import Event, Observer
from .jobs import Accepted, Completed, Failed, Job, Outcome, Planned, Unknown
from .media import Upload
from .models import Wan26ImageToVideoFlash, Wan26ReferenceVideo, Wan26ReferenceVideoFlash, Wan27ReferenceVideo
from .params import Params, RawParams, dump_params, load_params
from .pool import OutcomeStream, SessionPool, Stats
from .settings import Budget, Cadence, Limits, RetryPolicy
from .task import Snapshot, TaskState
from .version import __version__

__all__ = (
    "Accepted",
    "AccessDeniedError",
    "AuthenticationError",
    "Budget",
    "BudgetError",
    "Cadence",
    "Completed",
    "ConfigurationError",
    "DeadlineError",
    "DownloadError",
    "Event",
    "EvolinkError",
    "Failed",
    "HttpOptions",
    "InsufficientCreditsError",
    "InvalidRequestError",
    "Job",
    "JournalClaimError",
    "JournalConflictError",
    "Limits",
    "NotDeliveredError",
    "Observer",
    "OutageError",
    "Outcome",
    "OutcomeStream",
    "Params",
    "ParamsError",
    "Planned",
    "PreflightError",
    "RateLimitError",
    "RawParams",
    "ReplyError",
    "RetryPolicy",
    "ServerError",
    "SessionPool",
    "Snapshot",
    "Stats",
    "StatusError",
    "SubmissionUnknownError",
    "TaskError",
    "TaskFailedError",
    "TaskNotFoundError",
    "TaskState",
    "TransportError",
    "Unknown",
    "Upload",
    "UploadError",
    "Wan26ImageToVideoFlash",
    "Wan26ReferenceVideo",
    "Wan26ReferenceVideoFlash",
    "Wan27ReferenceVideo",
    "__version__",
    "dump_params",
    "load_params",
)
