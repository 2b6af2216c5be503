"""Jobs whose local files cannot be read now: they may have been sent before, and then need no file any more.

Without its files a job is told apart by all other parameters. No purchase of it begins: see `submitter`.
"""

from __future__ import annotations

import copy

import attrs

from ..errors import JournalConflictError
from ..jobs import Job, Unknown, differing_fields, digest, digest_without_files, has_unread_files, identity


def kept_back(unknown: Unknown) -> Unknown:
    """Return a doubt that the policy would send again, were the files of the job there."""
    error = copy.copy(unknown.error)
    error.args = (f"{error}; it was not sent again, because a local file that it names cannot be used now",)
    return attrs.evolve(unknown, error=error)


def check_same(running: Job, running_digest: str, job: Job) -> None:
    """Check that a job is the one that is being submitted under its key.

    Args:
        running: The job under way.
        running_digest: The digest of its parameters.
        job: The job that is asked for.

    Raises:
        JournalConflictError: It has other parameters.
    """
    if running == job or running_digest == digest(job.params):
        return
    is_unread = has_unread_files(job.params) or has_unread_files(running.params)
    if is_unread and digest_without_files(running.params) == digest_without_files(job.params):
        return
    fields = differing_fields(identity(running.params), identity(job.params))
    text = f"the key {job.key!r} is being submitted with other parameters: {', '.join(fields)}"
    raise JournalConflictError(text, fields=fields)
