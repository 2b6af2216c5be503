"""Scripts that hold every law: the plain course of things, and what once failed and was mended.

Scripts that show what is still broken are in `known`.
"""

from __future__ import annotations

from tests.simulation.script import (
    Cancel,
    Close,
    ClosePool,
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
    "who waits for credits is told when the run that may free some is closed": Script(
        budget=10.0,
        wishes=(Wish(key="a", life=120.0), Wish(key="b")),
        steps=(
            Run(at=0.0, name="run", jobs=("a",)),
            Submit(at=5.0, name="waits", job="b"),
            Close(at=20.0, run="run"),
        ),
    ),
    "a permit comes free in the turn in which the one who waits for it is cancelled": Script(
        submits=1,
        wishes=(Wish(key="a", sends=("silent",)), Wish(key="b"), Wish(key="c")),
        steps=(
            Submit(at=0.0, name="silent", job="a"),
            Run(at=1.0, name="waits", jobs=("b",)),
            Cancel(at=60.0, call="waits"),
            Run(at=90.0, name="later", jobs=("c",)),
        ),
    ),
    "a run that is drained in the turn in which it takes up a doubt tells of the doubt": Script(
        salt=44,
        journal="file",
        resubmit="same_key",
        wishes=(Wish(key="a", sends=("reset_paid", "silent")),),
        steps=(
            Run(at=0.0, name="first", jobs=("a",)),
            ClosePool(at=100.0),
            Run(at=200.0, name="second", jobs=("a",)),
            Drain(at=200.0, run="second"),
        ),
    ),
    "a job that was stopped while it waited is asked for twice more": Script(
        submits=1,
        wishes=(Wish(key="a", sends=("silent",)), Wish(key="b")),
        steps=(
            Submit(at=0.0, name="silent", job="a"),
            Run(at=1.0, name="stopped", jobs=("b",)),
            Drain(at=5.0, run="stopped"),
            Submit(at=5.0, name="next", job="b"),
            Submit(at=8.0, name="last", job="b"),
        ),
    ),
    "a job goes to another key while its own waits": Script(
        sessions=2,
        wishes=(Wish(key="a", sends=("429_20",)),),
        steps=(Run(at=0.0, name="run", jobs=("a",)),),
    ),
    "nothing is sent beside a job that finds out a price": Script(
        salt=1,
        budget=100.0,
        wishes=(Wish(key="a"), Wish(key="b", price_class=1)),
        steps=(Submit(at=0.0, name="one", job="a"), Submit(at=0.0, name="other", job="b")),
    ),
    "a price rises while a job that has its credits waits for the one permit": Script(
        budget=100.0,
        submits=1,
        wishes=(*_wishes("a", "b", "c"), Wish(key="d", sends=("silent",))),
        steps=(
            Run(at=0.0, name="run", jobs=("a",)),
            Submit(at=50.0, name="silent", job="d"),
            Submit(at=51.0, name="dear", job="b"),
            Submit(at=52.0, name="waits", job="c"),
            Reprice(at=60.0, price_class=0, price=95.0),
        ),
    ),
    "a named price raises what a doubt holds": Script(
        budget=300.0,
        used=1.0,
        wishes=(Wish(key="a", price_class=3, sends=("500_paid",)), Wish(key="b", price_class=3)),
        steps=(Run(at=0.0, name="run", jobs=("a", "b")),),
    ),
    "of three jobs of one unknown price, the first one finds out that the others do not fit": Script(
        budget=60.0,
        wishes=_wishes("a", "b", "c"),
        steps=(
            Reprice(at=0.0, price_class=0, price=60.0),
            *(Submit(at=0.0, name=f"submit {key}", job=key) for key in ("a", "b", "c")),
        ),
    ),
    "a run reads its last job while the pool closes another run": Script(
        salt=4,
        slow_disk=True,
        wishes=(Wish(key="a"), Wish(key="b0", life=900.0)),
        steps=(
            Run(at=0.0, name="one", jobs=("a",)),
            Run(at=33.0, name="other", jobs=("b0",), gap=1.2),
            ClosePool(at=34.0),
        ),
    ),
    "a doubt of a price unknown at first is sent again by another process that knows it": Script(
        salt=5,
        journal="file",
        budget=100.0,
        resubmit="same_key",
        wishes=(Wish(key="j4"), Wish(key="j5", sends=("503_code_paid",))),
        steps=(
            Submit(at=1.0, name="strait4", job="j4"),
            Reprice(at=2.0, price_class=0, price=200.0),
            Crash(at=2.0),
            Submit(at=213.0, name="strait2", job="j5"),
        ),
    ),
    "jobs whose prices nobody names, asked for again after their ends": Script(
        budget=300.0,
        says_price=False,
        used=None,
        wishes=_wishes("a"),
        steps=tuple(Generate(at=number * 100.0, name=f"call{number}", job="a") for number in range(5)),
    ),
}
