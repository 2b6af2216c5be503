"""Errors of what we keep and hand in: result files, uploads and the journal.

Nothing is read or written here.
"""

from __future__ import annotations

from .base import EvolinkError


class DownloadError(EvolinkError):
    """The video is ready and paid for, but saving it failed; the link still works until it expires.

    Attributes:
        url: The link.
        path: Where the file should have gone.
    """

    advice = "Do not submit again: fetch the link itself before it expires, 24 hours after completion."

    def __init__(self, message: str, *, url: str, path: str | None = None) -> None:
        self.url = url
        self.path = path
        super().__init__(message)


class LinkExpiredError(DownloadError):
    """The result host no longer serves the link; links live for 24 hours."""

    advice = "Read the task again with pool.poll(task_id): it may hand out a fresh link; otherwise the video is gone."


class UploadError(EvolinkError):
    """A file could not be given to the file service; nothing was submitted that needs it.

    Attributes:
        source: The file's path, or what else it goes by.
        status: The HTTP status, if one arrived.
        code: The service's code, if it gave one.
        request_id: The service's id of the request, if one arrived.
    """

    may_resubmit = True
    advice = "Correct what the message names and run the job again: uploads are free, and nothing was submitted."

    def __init__(
        self,
        message: str,
        *,
        source: str,
        status: int | None = None,
        code: str | int | None = None,
        request_id: str | None = None,
    ) -> None:
        self.source = source
        self.status = status
        self.code = code
        self.request_id = request_id
        super().__init__(message)


class JournalError(EvolinkError):
    """The journal cannot be read or written."""

    advice = "Check the disk and the file's permissions; nothing was sent that the journal does not hold."

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        if advice is not None:
            self.advice = advice
        super().__init__(message)


class JournalConflictError(JournalError):
    """The key stands in the journal with other parameters; nothing was sent."""

    may_resubmit = True
    advice = "Give the changed job a new key, or restore its parameters."
