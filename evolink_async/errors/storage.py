"""Errors of what we keep: result files and the journal.

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
