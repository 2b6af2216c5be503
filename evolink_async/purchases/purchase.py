"""A purchase under way: who wants it, and what is known of it.

What is sent for it is in `submitting`; all purchases of a pool are in `book`.
"""

from __future__ import annotations

import copy

import attrs

from ..errors import ConfigurationError, OutageError, SubmissionUnknownError
from ..jobs import Accepted, Failed, Job, Unknown


# Not frozen: it is the state that changes while a purchase is under way.
@attrs.define(eq=False, kw_only=True)
class Purchase:
    """One purchase of one job.

    Attributes:
        job: The job.
        idempotency_key: What the purchase goes by at the service.
        owners: Who wants it, each a value of its own; without one it is not sent, or not again.
        under_way: Whether it is between the first journal entry of a send and the decision that follows; it must not
            be cut short then.
        is_withdrawn: Whether it was taken back while it waited.
        withdrawn_for: What ended the run that withdrew it, if anything did.
        doubt: Why it may have been accepted, once a send left that open.
        accepted: Its task, as soon as the service has named it.
        holds_credits: Whether the budget holds credits for it.
        is_learner: Whether it finds out the price of its class, so that nothing else is sent meanwhile.
        failure: An exception that no rule expects, if one ended it.
        is_told: Whether its outcome was counted, and told to the observer.
    """

    job: Job
    idempotency_key: str
    owners: set[object] = attrs.field(factory=set[object])
    under_way: bool = False
    is_withdrawn: bool = False
    withdrawn_for: BaseException | None = None
    doubt: SubmissionUnknownError | None = None
    accepted: Accepted | None = None
    holds_credits: bool = False
    is_learner: bool = False
    failure: BaseException | None = None
    is_told: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether it may be sent, or sent again."""
        return bool(self.owners)

    def release(self, owner: object) -> bool:
        """Let go of it; return whether it is to be withdrawn now. Letting go twice changes nothing.

        A purchase under way goes on without an owner, to learn its task id.
        """
        self.owners.discard(owner)
        return not self.owners and not self.under_way

    def failed(self, error: BaseException) -> None:
        """Keep an exception that no rule expects; the first one counts."""
        if self.failure is None:
            self.failure = error
            if self.doubt is not None and self.accepted is None:
                error.add_note(f"job {self.job.key!r}, idempotency key {self.idempotency_key}: {self.doubt}")

    def tell(self) -> bool:
        """Note that its outcome is told; return whether for the first time. Every owner gets it, but it is one end."""
        is_first, self.is_told = not self.is_told, True
        return is_first

    def standing(self) -> Accepted | Unknown | Failed:
        """What is known of it, whatever became of the code that carried it out: a task, a doubt, or nothing sent."""
        if self.accepted is not None:
            return self.accepted
        if self.doubt is not None:
            return Unknown(self.job.key, self.doubt)
        return withdrawn(self.job.key, self.withdrawn_for)


def withdrawn(key: str, reason: BaseException | None = None, *, is_taken: bool = False) -> Failed:
    """Return the outcome of a job that was given up before it was sent; another call may have sent it (`is_taken`).

    Of an outage, all jobs that it kept from being sent are told in the same words.
    """
    if not is_taken and isinstance(reason, OutageError):
        return Failed(key, copy.copy(reason))
    if not is_taken:
        return Failed(key, ConfigurationError("withdrawn before it was sent; nothing was charged"))
    error = ConfigurationError("withdrawn before this call took it up; another call has sent it")
    error.may_resubmit = False
    return Failed(key, error)
