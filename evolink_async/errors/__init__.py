"""Every error a user can meet, sorted by whose fault it was and what may be done now.

A table of contents: each class is in the module of its branch, and floors above decide when one is raised. All errors
are picklable and never hold the API key.

    EvolinkError
    |- ParamsError (ValueError)            before the network; names every field at fault
    |- PreflightError (ValueError)         a local file breaks the model's media rules
    |- ConfigurationError                  no key, bad limits, a foreign event loop, a closed pool
    |- TransportError                      nobody answered
    |  |- NotDeliveredError                certainly not accepted
    |  `- SubmissionUnknownError           perhaps accepted and paid
    |- StatusError                         answered with 3xx, 4xx or 5xx
    |  |- InvalidRequestError              400, 413, 422 and every 4xx without a class of its own
    |  |- AuthenticationError              401
    |  |- InsufficientCreditsError         402
    |  |- AccessDeniedError                403
    |  |- TaskNotFoundError                404
    |  |- RateLimitError                   429
    |  `- ServerError                      5xx
    |- ReplyError                          answered in no shape we know
    |- TaskError                           the task ended without a video
    |  |- TaskFailedError
    |  `- TaskCancelledError
    |- DeadlineError (TimeoutError)        our patience ended, the task goes on
    |- BudgetError                         refused before submitting
    |- DownloadError                       the video is ready, saving it failed
    |  `- LinkExpiredError
    |- UploadError                         a file could not be given to the file service
    `- JournalError
       `- JournalConflictError
"""

from .base import EvolinkError
from .service import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    NotDeliveredError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
    TaskNotFoundError,
    TransportError,
)
from .storage import DownloadError, JournalConflictError, JournalError, LinkExpiredError, UploadError
from .task import DeadlineError, TaskCancelledError, TaskError, TaskFailedError
from .usage import BudgetError, ConfigurationError, InvalidValue, ParamsError, PreflightError

__all__ = (
    "AccessDeniedError",
    "AuthenticationError",
    "BudgetError",
    "ConfigurationError",
    "DeadlineError",
    "DownloadError",
    "EvolinkError",
    "InsufficientCreditsError",
    "InvalidRequestError",
    "InvalidValue",
    "JournalConflictError",
    "JournalError",
    "LinkExpiredError",
    "NotDeliveredError",
    "ParamsError",
    "PreflightError",
    "RateLimitError",
    "ReplyError",
    "ServerError",
    "StatusError",
    "SubmissionUnknownError",
    "TaskCancelledError",
    "TaskError",
    "TaskFailedError",
    "TaskNotFoundError",
    "TransportError",
    "UploadError",
)
