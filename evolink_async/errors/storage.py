"""Errors of files and of the journal.

Files are read and written in `downloads`, `uploads` and `journal`.
"""

from __future__ import annotations

from .base import EvolinkError


class DownloadError(EvolinkError):
    """The video is ready and paid for, but saving it failed; the link works until it expires.

    Attributes:
        url: The result link.
        path: The file that was to be written, if it was known.
    """

    # `may_resubmit` stays False: the video exists, and a new submit would pay for another one.
    advice: str = "Do not submit the job again. Fetch the link before it expires, 24 hours after completion."

    def __init__(self, message: str, *, url: str, path: str | None = None) -> None:
        self.url = url
        self.path = path
        super().__init__(message)


class LinkExpiredError(DownloadError):
    """The result host no longer serves the link; links expire 24 hours after completion."""

    advice: str = "Poll the task once more: the service may return a new link. If it does not, the video is lost."


class UploadError(EvolinkError):
    """A file could not be uploaded to the file service; no job that needs it was submitted.

    Attributes:
        source: The file's path, or another name of it.
        status: The HTTP status, if one arrived.
        code: The service's code, if it gave one.
        request_id: The service's id of the request, if one arrived.
    """

    may_resubmit = True
    advice: str = "Correct what the message names, then run the job again; uploads are free, and nothing was submitted."

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

    advice: str = "Check the disk and the permissions of the file; the journal holds every job that was sent."

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        # A second process, or a task of another job, needs other advice than a full disk.
        if advice is not None:
            self.advice = advice
        super().__init__(message)


class JournalConflictError(JournalError):
    """The journal has a job with this key and other parameters; nothing was sent.

    Attributes:
        fields: The fields of the request body that differ; empty if the journal does not keep them.
    """

    may_resubmit = True
    advice: str = "Give the changed job a new key, or restore its earlier parameters."

    def __init__(self, message: str, *, fields: tuple[str, ...] = ()) -> None:
        self.fields = fields
        super().__init__(message)


class JournalClaimError(JournalError):
    """Another process has the job, or has done something for it, or this one's claim has run out; nothing was sent."""

    advice: str = "Run the job again, or wait for it by its key: the journal will have its end."
