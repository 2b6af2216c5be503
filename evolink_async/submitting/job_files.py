"""Uploading the local files of a job before it is sent.

How a file is uploaded is in `uploads`; which keys a submission may wait for is decided in `key_choice`.
"""

from __future__ import annotations

from ..client import Session
from ..errors import EvolinkError, StatusError
from ..uploads import LocalFiles
from ..wire import denies
from .submission_state import Submission
from .submit_queue import SubmitQueue


async def bring_files(submission: Submission, queue: SubmitQueue, local_files: LocalFiles) -> EvolinkError | None:
    """Upload what a job needs, with any key that may; return what stands in the way."""
    while isinstance(session := await queue.session(submission), Session):
        try:
            submission.complete(await local_files.with_urls(submission.job.params, session))
            return None
        except EvolinkError as error:
            session.suspend_on(error)
            if submission.doubt is not None or not isinstance(error, StatusError) or not denies(error):
                return error
            if session.health.suspended is not error:  # the key may do other things
                submission.denials[session] = error
    return session
