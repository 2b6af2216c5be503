"""Run many EvoLink video generations from asyncio: validated parameters in, finished video URLs out.

This is the table of contents; nothing lives here. Every model class is in `evolink_async.models`, every error
in `evolink_async.errors`.
"""

from .client import HttpOptions
from .errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    DeadlineError,
    DownloadError,
    EvolinkError,
    InsufficientCreditsError,
    InvalidRequestError,
    NotDeliveredError,
    ParamsError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
    TaskError,
    TaskFailedError,
    TaskNotFoundError,
    TransportError,
)
from .jobs import Accepted, Completed, Failed, Job, Unknown
from .models import Wan26ImageToVideoFlash, Wan26ReferenceVideo, Wan26ReferenceVideoFlash, Wan27ReferenceVideo
from .params import Params, RawParams, dump_params, load_params
from .pool import SessionPool
from .settings import Budget, Cadence, Limits, RetryPolicy
from .task import Snapshot
from .version import __version__

__all__ = (
    "Accepted",
    "AccessDeniedError",
    "AuthenticationError",
    "Budget",
    "Cadence",
    "Completed",
    "ConfigurationError",
    "DeadlineError",
    "DownloadError",
    "EvolinkError",
    "Failed",
    "HttpOptions",
    "InsufficientCreditsError",
    "InvalidRequestError",
    "Job",
    "Limits",
    "NotDeliveredError",
    "Params",
    "ParamsError",
    "RateLimitError",
    "RawParams",
    "ReplyError",
    "RetryPolicy",
    "ServerError",
    "SessionPool",
    "Snapshot",
    "StatusError",
    "SubmissionUnknownError",
    "TaskError",
    "TaskFailedError",
    "TaskNotFoundError",
    "TransportError",
    "Unknown",
    "Wan26ImageToVideoFlash",
    "Wan26ReferenceVideo",
    "Wan26ReferenceVideoFlash",
    "Wan27ReferenceVideo",
    "__version__",
    "dump_params",
    "load_params",
)
