"""Scripts of several processes that broke a law once, each with the shortest history that was found."""

from __future__ import annotations

from tests.simulation.script import Follow, Forget, Jump, Run, Script, Stop, Wish

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
}
