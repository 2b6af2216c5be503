"""The calls that every journal supports.

The kinds of journal are in `memory`, `sqlite` and `postgres`. A journal never talks to the service.

The states of a job and what leads from one to the next are the table in `purchases.transitions`, which the page
`docs/explanation/money.md` shows. An accepted job may be settled like a doubt once its task is `missing`.

A job that is `submitting` in a journal without an owner is in doubt. Only the job of a failed task may be bought anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ..budget import Ledger, SharedAccount
from ..concurrency import Signal
from ..jobs import Accepted, Completed, DurationClass, Failed, Job, JobState, Outcome, Standing, Unknown
from ..media import Upload
from .entries import Bought, Found, Intent, Known, Untold
from .facts import SharedFacts

__all__ = ("Journal",)


# The calls that write are awaited before the next step, so that the journal is never behind the service. The calls that
# read are awaited too, and take many keys at once, because a journal may be at the other end of a network.
class Journal(Protocol):
    """A record of jobs. Each writing call returns when the entry is as durable as the journal makes it.

    Calls that read take many keys and return a mapping with those that were found. All calls raise JournalError if the
    journal cannot be read or written.

    Every write carries an epoch, and one with the epoch of an earlier owner is refused with a JournalError. The journal
    object keeps the epochs of what was claimed with it and adds them to its writes. They are no arguments, because a
    pool has one journal object and each key one claim in it: an argument could only be wrong. A journal with one owner
    at a time, as a file or one in memory, needs no claim before a write: its epoch is the number of the opening.

    Attributes:
        ends: Fired when `untold` may have more to return. In a shared journal also when another process may have
            changed a job.
        calls: Fired when `take_calls` may have something to return.
        is_shared: Whether other processes use the journal at the same time, so that jobs are claimed first.
        lease_seconds: How long claims last without `renew`.
        seconds_to_answer: How long a request may still be under way after the lease of its owner has ended. The pool
            sets it before it opens the journal.
    """

    ends: Signal
    calls: Signal
    is_shared: bool
    lease_seconds: float
    seconds_to_answer: float

    async def open(self) -> None:
        """Take ownership of the journal. Jobs that an earlier owner left in `submitting` are in doubt from now on."""
        ...

    async def aclose(self) -> None:
        """Write pending entries and release the journal. The calls that read still work afterwards."""
        ...

    async def claim(self, keys: Sequence[str], owner: str) -> Mapping[str, int | str]:
        """Claim jobs before anything is done for them, so that no other owner does the same.

        Args:
            keys: The jobs. They need not be in the journal yet.
            owner: Who claims them; the same owner may claim a key again.

        Returns:
            For each key the epoch of the claim; or, as text, the owner who has it.
        """
        ...

    async def renew(self, keys: Sequence[str], owner: str) -> Collection[str]:
        """Keep claims from running out. Return the keys that `owner` still has; nothing may be sent for the others."""
        ...

    async def release(self, keys: Sequence[str], owner: str) -> None:
        """Let others claim the jobs. A key that `owner` does not have is left as it is."""
        ...

    def hurry(self) -> None:
        """Give up a server that is away after some seconds, from now on: the pool is closing."""
        ...

    def may_send(self, purchase: str = "") -> bool:
        """Whether all claims certainly last at this moment, so that a paid request may begin.

        With the idempotency key of a purchase also whether they have lasted since it was recorded as `submitting`: a
        process that stood still has a new lease by now, and others may have the job.

        It waits for nothing: it is called right before the first byte. The service knows nothing of claims.
        """
        ...

    async def known(self, jobs: Sequence[Job]) -> Mapping[str, Found]:
        """Return what is known of jobs, by their keys, so that none is paid for twice. One that is missing may be sent.

        A job whose key is recorded with other parameters gives a JournalConflictError as its value.
        """
        ...

    async def find(self, keys: Sequence[str]) -> Mapping[str, Standing]:
        """Return where jobs stand, whatever their parameters are."""
        ...

    async def jobs(self, states: Collection[JobState], after: str = "", limit: int = 100) -> Sequence[Standing]:
        """Return the jobs in some states, in the order of their keys.

        Args:
            states: Those that are wanted.
            after: The last key that was read; empty for the first call.
            limit: Most jobs to return.
        """
        ...

    async def planned(self, intent: Intent) -> None:
        """Record a job that this run does not send. A later run may send it."""
        ...

    async def shared_account(self, limit: float, most_per_job: float | None) -> SharedAccount | None:
        """Return the account of a budget that all owners of the journal share; None if the journal has one owner.

        Args:
            limit: Credits that may be spent and held together, as this owner says.
            most_per_job: Credits to hold for each job of this owner until its price is known; None to learn prices.
        """
        ...

    def shared_facts(self) -> SharedFacts | None:
        """Return what all owners of the journal tell each other; None if the journal has one owner."""
        ...

    async def ledger(self) -> Ledger:
        """Return the credits that earlier runs spent and reserved, and the prices that they learned."""
        ...

    async def durations(self) -> Sequence[tuple[DurationClass, float]]:
        """Return the duration class and the seconds of tasks that finished lately, the oldest first."""
        ...

    async def submitting(self, intent: Intent) -> None:
        """Record that a paid request is sent next.

        It is called before the first byte, while the permit for the request is held.

        Raises:
            JournalError: The job has been accepted or has ended, so it must not be sent.
            BudgetError: A shared budget no longer holds enough credits for it; they may be asked for again.
        """
        ...

    async def refused(self, key: str) -> None:
        """Record that the service certainly did not accept the request. The job may be sent again."""
        ...

    async def accepted(self, accepted: Accepted) -> None:
        """Record the task id that the service returned.

        A task id is never thrown away: if the job is not being submitted any more, it is kept as in `late_answer`.
        """
        ...

    async def late_answer(self, idempotency_key: str, task_id: str) -> bool:
        """Record the task of a purchase, whoever learned of it, as from a callback. This write needs no epoch.

        While the job of this purchase is `submitting` or in doubt, it is accepted with this task. Otherwise the id is
        kept beside the purchase, and logged as an error.

        Returns:
            Whether the task is its job's.
        """
        ...

    async def missing(self, key: str, task_id: str) -> None:
        """Record that the service no longer knows the task of an accepted job, so that the job may be settled."""
        ...

    async def doubted(self, unknown: Unknown) -> None:
        """Record that the service may or may not have accepted the request."""
        ...

    async def ended(self, outcome: Outcome) -> None:
        """Record an outcome before it is returned to the caller.

        If only the watching has ended, as after a refused key, the job stays accepted. The end of a task that is not
        the job's is ignored.
        """
        ...

    async def bought_anew(self, key: str, task_id: str) -> None:
        """Record that the task of a job has failed, and that the job may be sent again, as a new purchase.

        The id of the task is kept; see `Accepted.earlier_tasks`. If the job has another task, nothing changes.
        """
        ...

    async def saved(self, completed: Completed) -> None:
        """Record that the files of a completed job are on the disk."""
        ...

    async def refreshed(self, completed: Completed) -> None:
        """Record newer links of a completed job."""
        ...

    async def uploaded(self, upload: Upload) -> None:
        """Record that the file service has a local file."""
        ...

    async def hosted(self, sha256s: Sequence[str]) -> Mapping[str, Upload]:
        """Return the latest upload under each of these digests, expired or not.

        A digest is that of the upload as it was recorded: behind it may stand "@" and the address of a file service.
        """
        ...

    def taken(self, outcome: Outcome) -> None:
        """Note that the caller has received the outcome. A journal in memory forgets that purchase then.

        Nothing durable: a caller that lost it asks again. What a stream of all outcomes handed out is in `mark_told`.
        """
        ...

    async def untold(self, after: int = 0, limit: int = 100) -> Sequence[Untold]:
        """Return outcomes that were not marked as told, in the order in which they were recorded.

        A job that a person abandoned has ended too. A doubt is an outcome until the job is sent again or settled; then
        its end is another one. A journal in memory keeps the last 10,000.

        Args:
            after: The number of the last outcome that was read; 0 for the first call.
            limit: Most outcomes to return.
        """
        ...

    async def take_untold(self, after: int = 0, limit: int = 100) -> Sequence[Untold]:
        """Return outcomes as `untold` does, for the stream of all outcomes of this pool, which is going to tell them.

        In a shared journal each is lent to one stream at a time: until `mark_told`, `leave_untold`, or the end of the
        lease. There `after` does not count, because another stream may leave earlier ones.
        """
        ...

    async def leave_untold(self) -> None:
        """Note that the stream of this pool is closed, so that another one may tell what it has not told."""
        ...

    async def mark_told(self, numbers: Sequence[int]) -> None:
        """Record that a stream of all outcomes has handed out those with these numbers, so that no later one does.

        It belongs to that stream alone: runs and waits do not call it.
        """
        ...

    async def settled(self, key: str, how: str) -> None:
        """Resolve a doubt, or a job whose task the service no longer knows.

        Args:
            key: The job's key.
            how: The id of its task; "resubmit" to send the job again in a later run, as a new purchase; "abandon" to
                end it.

        Raises:
            JournalError: No job with this key is in doubt or has a missing task, or the task belongs to another job.
        """
        ...

    async def owner(self, task_ids: Sequence[str]) -> Mapping[str, Known]:
        """Return the unfinished jobs that tasks were made for, by the ids of the tasks."""
        ...

    async def outcome(self, task_ids: Sequence[str]) -> Mapping[str, Completed | Failed]:
        """Return how the jobs that tasks were made for have ended, by the ids of the tasks."""
        ...

    async def purchases(self, idempotency_keys: Sequence[str]) -> Mapping[str, Bought]:
        """Return what is known of purchases, by their idempotency keys. A journal in memory knows the unanswered ones.

        Any process may ask, also one that does not own the jobs.
        """
        ...

    async def pass_calls(self, tasks: Mapping[str, str]) -> None:
        """Tell the processes that have jobs that the service has called back for them, because it called another one.

        Nothing durable: a call that is lost is made up for by the next poll. Only a shared journal tells anybody.

        Args:
            tasks: The tasks that have ended, by the idempotency keys of their purchases.
        """
        ...

    async def take_calls(self) -> Mapping[str, str]:
        """Return the calls that other processes have passed to this one since the last time, as in `pass_calls`."""
        ...

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Return the jobs that are accepted or in doubt, in the order in which they were sent.

        This is a plain call, because it is made after closing too.
        """
        ...
