"""What happened in a history, one frozen value each, in the order it happened.

The laws read nothing else but these values, the ledger and the script.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TypeAlias, TypeVar

import attrs


@attrs.frozen
class Acted:
    """A step of the script was taken."""

    at: float
    process: int
    text: str


@attrs.frozen
class Wanted:
    """A call wants a job from now on: a run has read it, or `generate`, `submit`, `wait`, `watch`, `poll` was called.

    Attributes:
        buys: Whether the call may buy the job, too.
    """

    at: float
    process: int
    call: str
    job: str
    buys: bool


@attrs.frozen
class Released:
    """A call wants a job no more.

    Attributes:
        job: Its key; "" for all jobs of the call.
        only_buying: Whether it goes on to want the end of what is bought already.
    """

    at: float
    process: int
    call: str
    job: str = ""
    only_buying: bool = False


@attrs.frozen
class Posted:
    """A paid POST begins.

    Attributes:
        number: Ordinal of the POST in the history.
        purchase: Its idempotency key.
        session: Ordinal of the API key.
    """

    at: float
    process: int
    number: int
    job: str
    purchase: str
    session: int


@attrs.frozen
class Judged:
    """A POST arrived at the vendor, who decided.

    Attributes:
        word: The name of the reply, of `vendor.REPLIES`.
        task: The task that was made; "" for none.
    """

    at: float
    process: int
    number: int
    job: str
    word: str
    task: str


@attrs.frozen
class Answered:
    """A POST has ended in the process that sent it.

    Attributes:
        word: The name of the reply, or "timeout", or "cancelled".
        task: The task that the reply names; "" for none.
        named: The price that it names.
        asked: Seconds that it asks to wait.
    """

    at: float
    process: int
    number: int
    job: str
    session: int
    word: str
    task: str = ""
    named: float | None = None
    asked: float | None = None


@attrs.frozen
class Polled:
    """A status request begins."""

    at: float
    process: int
    session: int
    tasks: tuple[str, ...]


@attrs.frozen
class Called:
    """The vendor has called back for a purchase, and was answered.

    Attributes:
        job: Whose purchase it is.
        task: The task that the body named; "" for none.
        status: Of the answer.
        is_final: Whether that task is the purchase's own, and had ended.
    """

    at: float
    process: int
    job: str
    task: str
    status: int
    is_final: bool


@attrs.frozen
class Told:
    """A call told its caller something of a job: an outcome, a return value, an exception.

    Attributes:
        kind: "completed", "failed", "unknown", "accepted", or "final" for a snapshot of an ended task.
        error: Name of the error's class.
        code: HTTP status of the error, or None.
        may_resubmit: As the error says.
        is_about_task: Whether the error is about a task that was accepted.
    """

    at: float
    process: int
    call: str
    job: str
    kind: str
    task: str = ""
    error: str = ""
    code: int | None = None
    may_resubmit: bool = False
    is_about_task: bool = False
    resumed: bool = False
    text: str = ""


@attrs.frozen
class Finished:
    """A call has come to its end.

    Attributes:
        how: "end", "left", "closed", "cancelled", "drained", or the name of the exception that its stream raised.
    """

    at: float
    process: int
    call: str
    how: str


@attrs.frozen
class Said:
    """The observer was told `JobEnded`."""

    at: float
    process: int
    job: str
    kind: str
    task: str
    resumed: bool
    error: str = ""


@attrs.frozen
class Settled:
    """The user has settled a doubt, or a job whose task the vendor has forgotten.

    Attributes:
        how: A task id, "resubmit" or "abandon".
        purchase: The idempotency key of what was settled.
    """

    at: float
    process: int
    job: str
    how: str
    purchase: str


@attrs.frozen
class Written:
    """A call of the journal has returned, so what it wrote is durable."""

    at: float
    process: int
    method: str
    job: str


@attrs.frozen
class Leased:
    """How the sender of a POST stood in a shared journal when the POST began.

    Attributes:
        number: Of the POST.
        has_lease: Whether its lease lasted, by the server's clock.
        has_job: Whether the job was claimed by it.
    """

    at: float
    process: int
    number: int
    job: str
    has_lease: bool
    has_job: bool


@attrs.frozen
class Lapsed:
    """The lease of a process in a shared journal is over, though the process had not ended it; it may not know yet."""

    at: float
    process: int


@attrs.frozen
class Changed:
    """An owner has changed a job in a shared journal.

    Attributes:
        was: The state before; "" for none.
        state: The state after.
        is_stale: Whether its lease was over, or another owner had the job.
        is_others: Whether the job was being submitted by another owner before and after.
    """

    at: float
    process: int
    job: str
    was: str
    state: str
    is_stale: bool
    is_others: bool


@attrs.frozen
class Kept:
    """What a shared journal has of a job at the end.

    Attributes:
        tasks: All that it knows to be paid for the job.
        is_untold: Whether its end waits to be told.
        is_claimed: Whether anybody has it.
    """

    at: float
    process: int
    job: str
    state: str
    purchase: str
    tasks: tuple[str, ...]
    is_untold: bool
    is_claimed: bool


@attrs.frozen
class Published:
    """A process has told all others something, and the server has it.

    Attributes:
        scope: What it is about.
        version: How often something was told of it.
        is_suspended: Whether it says that a key is suspended.
    """

    at: float
    process: int
    scope: str
    version: int
    is_suspended: bool


@attrs.frozen
class Heard:
    """A process has read what was told of a scope.

    Attributes:
        session: Ordinal of the API key that it is about; -1 for an outage.
        is_suspended: Whether it says that the key is suspended.
        waits: Seconds, by the server's clock, for which the key is refused for load.
        is_closed: Whether it says that the brake of all keys is closed.
        age: Seconds since it was told.
    """

    at: float
    process: int
    scope: str
    version: int
    session: int
    is_suspended: bool
    waits: float
    is_closed: bool
    age: float


@attrs.frozen
class Checked:
    """A read of the credits was answered.

    Attributes:
        session: Ordinal of the API key.
        is_well: Whether by credits.
    """

    at: float
    process: int
    session: int
    is_well: bool


@attrs.frozen
class Lent:
    """A process was lent slots.

    Attributes:
        session: Ordinal of the API key.
        count: How many.
        gap: Seconds between two.
        delay: Seconds from the moment at which they were lent to the first.
        lag: Seconds from that moment until the process has them.
    """

    at: float
    process: int
    session: int
    count: int
    gap: float
    delay: float
    lag: float


@attrs.frozen
class Turned:
    """A process has begun to use a slot for a paid request.

    Attributes:
        session: Ordinal of the API key.
        is_blind: Whether there was none, as the journal could not be used.
    """

    at: float
    process: int
    session: int
    is_blind: bool


@attrs.frozen
class Placed:
    """The server has given a process the place of the one that tries, or kept it for it.

    Attributes:
        has_lease: Whether its lease lasted, by the server's clock. Otherwise others may have the place besides.
    """

    at: float
    process: int
    has_lease: bool


@attrs.frozen
class Tried:
    """A paid POST began as a trial: its process knew of an outage.

    Attributes:
        number: Of the POST.
        has_place: Whether the process had the place of the one that tries, at the server.
        ago: Seconds since the server gave it the place or kept it for it, last.
    """

    at: float
    process: int
    number: int
    has_place: bool
    ago: float


@attrs.frozen
class Following:
    """A stream of all outcomes was opened: every accepted task is polled from now on."""

    at: float
    process: int
    call: str


@attrs.frozen
class Reported:
    """A stream of all outcomes handed one out.

    Attributes:
        error: The class of the error; empty for none.
    """

    at: float
    process: int
    call: str
    job: str
    kind: str
    task: str
    error: str


@attrs.frozen
class Stood:
    """The figures and remains of a process at a moment when all should be quiet.

    Attributes:
        moment: "quiet" before the pool was closed, or "closed" after it.
        figures: Of `Stats`, those that the laws read.
        tasks: Names of asyncio tasks that are left.
        timers: Callbacks of timers that are left.
        unfinished: Job, task id ("" for a doubt) of what the pool calls unfinished.
    """

    at: float
    process: int
    moment: str
    figures: tuple[tuple[str, float], ...]
    tasks: tuple[str, ...]
    timers: tuple[str, ...]
    unfinished: tuple[tuple[str, str], ...]


@attrs.frozen
class Complained:
    """The event loop's exception handler was called, a call hangs, or the loop stands still."""

    at: float
    process: int
    what: str
    call: str = ""


Entry: TypeAlias = (
    Acted
    | Wanted
    | Released
    | Posted
    | Judged
    | Answered
    | Polled
    | Called
    | Told
    | Finished
    | Said
    | Following
    | Published
    | Heard
    | Checked
    | Lent
    | Turned
    | Placed
    | Tried
    | Leased
    | Lapsed
    | Changed
    | Kept
    | Reported
    | Settled
    | Written
    | Stood
    | Complained
)
E = TypeVar("E")


class Trace:
    """The entries of a history."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.process = 0

    def of(self, kind: type[E]) -> Iterator[E]:
        """Return the entries of a kind, in order."""
        return (entry for entry in self.entries if isinstance(entry, kind))

    def fingerprint(self) -> str:
        """Return a digest of all that happened."""
        return sha256("\n".join(map(repr, self.entries)).encode()).hexdigest()
