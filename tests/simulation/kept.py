"""Scripts that hold every law: the plain course of things, and what once failed and was mended.

Scripts that show what is still broken are in `known`.
"""

from __future__ import annotations

from tests.simulation.script import (
    Close,
    Crash,
    Drain,
    Generate,
    Outage,
    Poll,
    Reprice,
    Retune,
    Run,
    Script,
    Settle,
    Step,
    Submit,
    Wait,
    Watch,
    Wish,
)


def _wishes(*keys: str) -> tuple[Wish, ...]:
    return tuple(Wish(key=key) for key in keys)


def _crash_at(at: float) -> tuple[Step, ...]:
    return (
        Run(at=0.0, name="before", jobs=("a", "b", "c")),
        Crash(at=at),
        Run(at=at + 1, name="after", jobs=("a", "b", "c")),
    )


KEPT: dict[str, Script] = {
    "a run": Script(salt=1, wishes=_wishes("a", "b", "c"), steps=(Run(at=0.0, name="run", jobs=("a", "b", "c")),)),
    "one call of each kind": Script(
        wishes=_wishes("a", "b"),
        steps=(
            Generate(at=0.0, name="generate", job="a"),
            Submit(at=0.0, name="submit", job="b"),
            Watch(at=1.0, name="watch", job="b", leave_after=1),
            Poll(at=2.0, name="poll", job="b"),
            Wait(at=3.0, name="wait", job="b"),
        ),
    ),
    "a slow consumer and a slow input, with few places": Script(
        salt=7,
        submits=1,
        in_flight=1,
        wishes=_wishes("a", "b", "c"),
        steps=(Run(at=0.0, name="run", jobs=("a", "b", "c"), pause=30.0, gap=5.0),),
    ),
    "a lost reply is told as unknown, and settled by the dashboard": Script(
        journal="file",
        wishes=(Wish(key="a", sends=("reset_paid",)), Wish(key="b", sends=("silent_paid",))),
        steps=(Run(at=0.0, name="run", jobs=("a", "b")), Settle(at=100.0, job="a"), Settle(at=100.0, job="b")),
    ),
    "a lost reply is sent again with the same key": Script(
        resubmit="same_key",
        wishes=(Wish(key="a", sends=("reset_paid", "500_paid")),),
        steps=(Run(at=0.0, name="run", jobs=("a",)),),
    ),
    "refusals for load are sent again": Script(
        wishes=(Wish(key="a", sends=("429", "503_busy")), Wish(key="b", sends=("400",))),
        steps=(Run(at=0.0, name="run", jobs=("a", "b")),),
    ),
    "a crash before the answers": Script(salt=3, journal="file", wishes=_wishes("a", "b", "c"), steps=_crash_at(0.2)),
    "a crash before the ends": Script(salt=3, journal="file", wishes=_wishes("a", "b", "c"), steps=_crash_at(15.0)),
    "a crash while ends are written": Script(
        salt=4, journal="file", slow_disk=True, wishes=_wishes("a", "b", "c"), steps=_crash_at(33.5)
    ),
    "a run closed, and a run drained": Script(
        wishes=_wishes("a", "b", "c", "d"),
        steps=(
            Run(at=0.0, name="first", jobs=("a", "b")),
            Run(at=0.0, name="second", jobs=("c", "d")),
            Close(at=5.0, run="first"),
            Drain(at=5.0, run="second"),
        ),
    ),
    "local files": Script(
        salt=1,
        journal="file",
        wishes=(Wish(key="a", has_file=True), Wish(key="b", has_file=True)),
        steps=(Run(at=0.0, name="run", jobs=("a", "b")),),
    ),
    "a budget that is spent in turns, while the price rises": Script(
        budget=45.0,
        wishes=_wishes("a", "b", "c", "d"),
        steps=(Run(at=0.0, name="run", jobs=("a", "b", "c", "d")), Reprice(at=10.0, price_class=0, price=12.0)),
    ),
    "an outage of reads and POSTs that does not deliver": Script(
        wishes=_wishes("a", "b"),
        steps=(
            Outage(at=0.0, seconds=200.0, reply="undelivered", reads=True),
            Run(at=1.0, name="run", jobs=("a", "b")),
            Retune(at=20.0, submits=1, in_flight=1),
        ),
    ),
}
