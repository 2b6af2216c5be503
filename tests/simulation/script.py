"""A history as a value: the settings of a pool, the jobs, and what happens when.

A script prints as Python (`show`), so that one which fails can be kept as a test. What a step does is in `world`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

# `process` is the place of the process that takes a step, in a history with several processes beside each other.


@attrs.frozen(kw_only=True)
class Wish:
    """A job that callers may ask for, and what the vendor does with it.

    Attributes:
        key: Its key, also its prompt.
        price_class: 0 to 3: another quality and length.
        sends: What the vendor does with its first, second ... POST, by the words of `vendor.REPLIES`. All later ones
            are accepted.
        life: Seconds from acceptance to the end of its task.
        end: The final word of its task.
        has_file: Whether it names a local file, which is uploaded first.
        passing: How many of its tasks fail for a passing reason, the first ones.
        charged: Which of these, counted from 1, are charged all the same, if the vendor says what it charges.
    """

    key: str
    price_class: int = 0
    sends: tuple[str, ...] = ()
    life: float = 20.0
    end: str = "completed"
    has_file: bool = False
    passing: int = 0
    charged: tuple[int, ...] = ()

    @property
    def billed_as(self) -> int:
        """The price class as a pool can tell it: a job with a file is another model's."""
        return self.price_class + 4 * self.has_file


@attrs.frozen(kw_only=True)
class Run:
    """Read a stream of outcomes to its end.

    Attributes:
        at: Seconds from the beginning of the history.
        name: Names the call in other steps.
        jobs: Keys, in the order of the input.
        timeout: As of `SessionPool.run`.
        leave_after: Outcomes after which the consumer breaks out of the loop; None to read all.
        pause: Seconds that the consumer sleeps after each outcome.
        gap: Seconds that the input waits before each job.
        idle: Seconds between making the stream and entering it.
        input_fails: How the input ends after its jobs: "" for well, "error", or "cancelled" for a cancellation that
            something inside it lets out.
    """

    at: float
    name: str
    jobs: tuple[str, ...]
    timeout: float | None = None
    leave_after: int | None = None
    pause: float = 0.0
    gap: float = 0.0
    idle: float = 0.0
    input_fails: str = ""
    process: int = 1


@attrs.frozen(kw_only=True)
class Generate:
    """Call `pool.generate`."""

    at: float
    name: str
    job: str
    timeout: float | None = None
    process: int = 1


@attrs.frozen(kw_only=True)
class Submit:
    """Call `pool.submit`."""

    at: float
    name: str
    job: str
    process: int = 1


@attrs.frozen(kw_only=True)
class Wait:
    """Call `pool.wait` for the latest task of a job, if it has one by then."""

    at: float
    name: str
    job: str
    timeout: float | None = None
    process: int = 1


@attrs.frozen(kw_only=True)
class Watch:
    """Read `pool.watch` for the latest task of a job; leave after some snapshots, with or without closing."""

    at: float
    name: str
    job: str
    leave_after: int | None = None
    closes: bool = True
    process: int = 1


@attrs.frozen(kw_only=True)
class Poll:
    """Call `pool.poll` for the latest task of a job, some times in a row."""

    at: float
    name: str
    job: str
    times: int = 1
    gap: float = 1.0
    process: int = 1


@attrs.frozen(kw_only=True)
class Follow:
    """Read `pool.outcomes` until the pool closes, or until some outcomes were told.

    Attributes:
        leave_after: Outcomes after which the consumer leaves; None for never.
        fails: Whether it leaves by an exception, while it handles the last one.
        pause: Seconds that it takes for each outcome.
    """

    at: float
    name: str
    leave_after: int | None = None
    fails: bool = False
    pause: float = 0.0
    process: int = 1


@attrs.frozen(kw_only=True)
class Twin:
    """Open a second pool on the same journal in memory, run jobs with it, and close it."""

    at: float
    name: str
    jobs: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Drain:
    """Drain a run."""

    at: float
    run: str
    process: int = 1


@attrs.frozen(kw_only=True)
class Close:
    """Close the stream of a run."""

    at: float
    run: str
    process: int = 1


@attrs.frozen(kw_only=True)
class Cancel:
    """Cancel the task of a call."""

    at: float
    call: str
    process: int = 1


@attrs.frozen(kw_only=True)
class Retune:
    """Change the limits."""

    at: float
    submits: int
    in_flight: int
    requests: int = 8
    process: int = 1


@attrs.frozen(kw_only=True)
class Hint:
    """Hint at the latest task of a job."""

    at: float
    job: str
    process: int = 1


@attrs.frozen(kw_only=True)
class CallBack:
    """The vendor, or somebody who has seen the URL, calls back for the latest purchase of a job.

    Attributes:
        names: The job whose latest task the body names; "" for no task.
    """

    at: float
    job: str
    names: str = ""
    process: int = 1


@attrs.frozen(kw_only=True)
class Settle:
    """Settle a doubt as its user would, who looks at the dashboard: by the task's id if there is one."""

    at: float
    job: str
    how: str = "dashboard"
    process: int = 1


@attrs.frozen(kw_only=True)
class ClosePool:
    """Close the pool and open another one on the same journal."""

    at: float
    process: int = 1


@attrs.frozen(kw_only=True)
class Crash:
    """Kill the process and start another one, which has what its journal has made durable."""

    at: float
    process: int = 1


@attrs.frozen(kw_only=True)
class Outage:
    """For a while the vendor, or what stands before it, answers every POST so, and with `reads` every read too."""

    at: float
    seconds: float
    reply: str
    reads: bool = False


@attrs.frozen(kw_only=True)
class Revoke:
    """Refuse a key for a while."""

    at: float
    session: int
    seconds: float
    reply: str = "401"


@attrs.frozen(kw_only=True)
class Forget:
    """The vendor forgets the tasks of a job."""

    at: float
    job: str


@attrs.frozen(kw_only=True)
class Reprice:
    """Change the price of a class."""

    at: float
    price_class: int
    price: float


@attrs.frozen(kw_only=True)
class Stop:
    """Stop a process for a while, as SIGSTOP and SIGCONT, or as a machine that sleeps."""

    at: float
    seconds: float
    sleeps: bool = False
    process: int = 1


@attrs.frozen(kw_only=True)
class Jump:
    """Set the wall clock of a process."""

    at: float
    by: float
    process: int = 1


@attrs.frozen(kw_only=True)
class Cut:
    """Cut the connections of a process to the server of the journal, and let it open none for a while."""

    at: float
    seconds: float
    process: int = 1


@attrs.frozen(kw_only=True)
class Restart:
    """Restart the server of the journal: all connections are cut, and what was committed stays."""

    at: float
    seconds: float


Step: TypeAlias = (
    Run
    | Generate
    | Submit
    | Wait
    | Watch
    | Poll
    | Follow
    | Twin
    | Drain
    | Close
    | Cancel
    | Retune
    | Hint
    | CallBack
    | Settle
    | ClosePool
    | Crash
    | Outage
    | Revoke
    | Forget
    | Reprice
    | Stop
    | Jump
    | Cut
    | Restart
)


@attrs.frozen(kw_only=True)
class Script:
    """One history.

    Attributes:
        salt: Of the delays; with 0 there are none.
        sessions: API keys of the pool.
        journal: "memory" or "file".
        slow_disk: Whether a journal takes its time.
        budget: Credits, or None for no budget.
        most_per_job: Credits held for a job of unknown price; None to learn prices.
        resubmit: As of `RetryPolicy`.
        rebuy: As of `RetryPolicy`.
        submits: As of `Limits`.
        in_flight: As of `Limits`.
        says_price: Whether the vendor names `credits_reserved`.
        used: What a completed task is charged, as a share of its price; None if the vendor does not say, and charges
            the price.
        batch: Whether the vendor has the batch route.
        poll_trouble: Share of status requests and uploads that fail.
        calls: Whether the pool has a receiver of callbacks.
        calls_lost: Share of callbacks that never come.
        observer_calls_back: Whether the observer calls `stats` and `hint` from every event.
        observer_raises: What the observer raises at every event: "" for nothing, "error", or "cancelled" for a
            cancellation.
        processes: Several beside each other, on one journal on a server; 0 for one after the other.
        rates: How many seconds the clocks of each process tell in one second.
        offsets: By how much the wall clock of each process is ahead.
        lease: Seconds for which a claim lasts.
        listens: Whether the processes listen to the server.
        is_deaf: Whether none hears what the server tells, as behind a pooler.
        facts: Whether processes tell each other what they learn of the service, and are lent slots.
        per_minute: Paid requests that each key may send in a minute; only with facts.
        wishes: The jobs.
        steps: What happens.
    """

    salt: int = 0
    sessions: int = 1
    journal: str = "memory"
    slow_disk: bool = False
    budget: float | None = None
    most_per_job: float | None = None
    resubmit: str = "if_undelivered"
    rebuy: int = 0
    submits: int = 4
    in_flight: int = 100
    says_price: bool = True
    used: float | None = 0.8
    batch: bool = True
    poll_trouble: float = 0.0
    calls: bool = False
    calls_lost: float = 0.0
    observer_calls_back: bool = False
    observer_raises: str = ""
    processes: int = 0
    rates: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    lease: float = 30.0
    listens: bool = True
    is_deaf: bool = False
    facts: bool = False
    per_minute: float | None = None
    wishes: tuple[Wish, ...] = ()
    steps: tuple[Step, ...] = ()


def show(script: Script) -> str:
    """Print a script as Python, without what is as by default."""
    return _show(script, 0)


def _show(value: Any, depth: int) -> str:
    if attrs.has(type(value)):
        fields = [
            f"{field.name}={_show(given, depth + 1)}"
            for field in attrs.fields(type(value))
            if (given := getattr(value, field.name)) != field.default
        ]
        return f"{type(value).__name__}({', '.join(fields)})"
    if isinstance(value, tuple) and value and attrs.has(type(value[0])):
        pad = "    " * (depth + 1)
        return "(\n" + "".join(f"{pad}{_show(item, depth + 1)},\n" for item in value) + "    " * depth + ")"
    return repr(value)
