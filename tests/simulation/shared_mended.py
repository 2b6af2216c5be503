"""Scripts of several processes that broke a law once, each with the shortest history that was found."""

from __future__ import annotations

from tests.simulation.script import Crash, Follow, Forget, Jump, Outage, Run, Script, Settle, Stop, Submit, Wish

MENDED: dict[str, Script] = {
    "a request is not sent under a newer lease than the one it was recorded with": Script(
        salt=38404,
        processes=2,
        journal="file",
        in_flight=1,
        budget=300.0,
        rebuy=1,
        rates=(0.97, 1.09),
        wishes=(Wish(key="j3"), Wish(key="j6", sends=("302_paid",))),
        steps=(
            Run(at=0.0, name="run0", jobs=("j6", "j3"), process=2),
            Run(at=0.0, name="run0-1", jobs=("j6", "j3")),
            Stop(at=0.2, seconds=20.0),
            Stop(at=30.0, seconds=34.2, sleeps=True, process=2),
        ),
    ),
    "a stream tells a forgotten task once, not after each lease": Script(
        processes=2,
        journal="file",
        wishes=(Wish(key="a", life=60.0),),
        steps=(
            Run(at=0.0, name="run", jobs=("a",), process=2),
            Forget(at=5.0, job="a"),
            Follow(at=1.0, name="follow", process=1),
            Jump(at=900.0, by=1.0),
        ),
    ),
    "a doubt that one process sends again has the tasks that failed in another": Script(
        salt=941726,
        journal="file",
        resubmit="same_key",
        rebuy=1,
        processes=2,
        wishes=(Wish(key="j1", life=0.5, passing=3),),
        steps=(
            Run(at=0.0, name="run0", jobs=("j1",), gap=0.1, process=2),
            Run(at=0.0, name="run0-1", jobs=("j1",), gap=0.1),
            Stop(at=36.8, seconds=100.0),
            Outage(at=48.7, seconds=200.0, reply="reset"),
        ),
    ),
    "a process whose lease is over gets no place to try the service": Script(
        salt=202250,
        sessions=3,
        journal="file",
        rebuy=1,
        submits=8,
        in_flight=4,
        batch=False,
        processes=2,
        rates=(1.03, 1.0),
        lease=12.0,
        facts=True,
        per_minute=600.0,
        wishes=(Wish(key="f1"), Wish(key="f3"), Wish(key="f5"), Wish(key="f8"), Wish(key="f9", life=0.5)),
        steps=(
            Outage(at=5.0, seconds=90.0, reply="reset"),
            Run(at=15.0, name="facts2", jobs=("f1", "f3", "f5", "f8", "f9"), gap=1.0, process=2),
            Stop(at=23.64, seconds=11.9, sleeps=True, process=2),
        ),
    ),
    "a claim that was given up reaches the server after its release": Script(
        salt=120194,
        journal="file",
        budget=15.0,
        calls=True,
        processes=2,
        rates=(1.09, 0.97),
        wishes=(
            Wish(key="j0", sends=("504_page",)),
            Wish(key="j1", price_class=3, sends=("409_paid", "408", "302_paid"), life=0.5, end="failed"),
        ),
        steps=(
            Run(at=0.0, name="run0", jobs=("j0", "j1"), leave_after=1, process=2),
            Follow(at=24.72, name="follow2", leave_after=2, fails=True),
            Crash(at=27.72),
            Settle(at=29.33, job="j1", how="resubmit", process=2),
            Crash(at=39.33),
            Run(at=40.0, name="run0-1", jobs=("j0", "j1"), leave_after=1),
            Submit(at=60.0, name="strait1", job="j1", process=2),
        ),
    ),
}
