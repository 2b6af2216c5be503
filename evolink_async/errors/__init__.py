"""Every error that the library raises, sorted by cause and by what the caller can do next.

The rooms that send requests decide when an error is raised. All errors are picklable, and none holds the API key.

    EvolinkError
    |- ParamsError (ValueError)            before the network; names every invalid field
    |- PreflightError (ValueError)         a local file breaks the media rules of the model
    |- ConfigurationError                  no key, invalid limits, another event loop, a closed pool
    |- TransportError                      no complete answer
    |  |- NotDeliveredError                certainly not accepted
    |  |  `- UnsendableError               and no repeat would be: a certificate, a proxy
    |  `- SubmissionUnknownError           possibly accepted and charged
    |- StatusError                         answered with 3xx, 4xx or 5xx
    |  |- InvalidRequestError              400, 413, 422 and every 4xx without a class of its own
    |  |- AuthenticationError              401
    |  |- InsufficientCreditsError         402
    |  |- AccessDeniedError                403
    |  |- TaskNotFoundError                404
    |  |- InterceptedError                 401, 403, 404 and the like, from something on the way
    |  |- RateLimitError                   429
    |  `- ServerError                      5xx
    |- OutageError                         past patience in an outage; the job was not sent
    |- ReplyError                          the answer cannot be read
    |- TaskError                           the task ended without a video
    |  |- TaskFailedError
    |  `- TaskCancelledError
    |- DeadlineError (TimeoutError)        the wait timed out, the task continues
    |- BudgetError                         refused before it was submitted
    |- DownloadError                       the video is ready, saving it failed
    |  `- LinkExpiredError                 the result host no longer serves the link
    |- UploadError                         a file did not get to the file service
    `- JournalError                        the journal cannot be read or written
       |- JournalConflictError             the key is in the journal with other parameters
       `- JournalClaimError                another process has the job
"""

from .base import EvolinkError
from .service import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InterceptedError,
    InvalidRequestError,
    NotDeliveredError,
    OutageError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
    TaskNotFoundError,
    TransportError,
    UnsendableError,
)
from .storage import (
    DownloadError,
    JournalClaimError,
    JournalConflictError,
    JournalError,
    LinkExpiredError,
    UploadError,
)
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
    "InterceptedError",
    "InvalidRequestError",
    "InvalidValue",
    "JournalClaimError",
    "JournalConflictError",
    "JournalError",
    "LinkExpiredError",
    "NotDeliveredError",
    "OutageError",
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
    "UnsendableError",
    "UploadError",
)
