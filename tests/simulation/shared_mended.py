"""Scripts of several processes that broke a law once, each with the shortest history that was found."""

from __future__ import annotations

from tests.simulation.script import Follow, Forget, Jump, Run, Script, Wish

MENDED: dict[str, Script] = {
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
