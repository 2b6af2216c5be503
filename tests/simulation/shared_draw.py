"""Draws scripts of several processes beside each other: what one process may meet, and what parts them."""

from __future__ import annotations

from itertools import count
from random import Random

import attrs

from tests.simulation import script as steps
from tests.simulation.draw import draw
from tests.simulation.features import SHARE
from tests.simulation.script import Script, Step, Wish

RATES = (1.0, 1.0, 0.97, 1.03, 0.91, 1.09)
"""Within the part of a lease that is kept for clocks that do not run alike."""
MOST_JOBS = 16
"""Of longer scripts nothing is kept: many processes take long."""
LATEST = 420.0
"""Seconds after which nothing begins."""
FACTS_SHARE = 0.85
"""Of histories in which processes tell each other what they learn."""
LEFT_OUT = (steps.Twin, steps.Retune)


def draw_shared(seed: int) -> Script:
    """Draw a script."""
    dice = Random(f"shared {seed}")  # no secret
    one = next(script for script in map(draw, count(seed * 1000)) if _is_short(script))
    processes = dice.choice((2, 2, 2, 3, 4))
    homes: dict[str, int] = {}
    kept: list[Step] = []
    for step in one.steps:
        if isinstance(step, LEFT_OUT):
            continue
        if hasattr(step, "process"):
            name = getattr(step, "name", "") or getattr(step, "run", "") or getattr(step, "call", "")
            place = homes.setdefault(name, dice.randint(1, processes)) if name else dice.randint(1, processes)
            step = attrs.evolve(step, process=place)  # type: ignore[arg-type]  # those that have one
        kept.append(step)
    kept += [copy for step in kept if isinstance(step, steps.Run) for copy in _copies(step, processes, dice)]
    lease = dice.choice((30.0, 30.0, 12.0))
    kept += _troubles(kept, processes, lease, dice)
    script = attrs.evolve(
        one,
        journal="file",
        slow_disk=True,
        processes=processes,
        rates=tuple(dice.choice(RATES) for _ in range(processes)) if dice.random() < 0.5 else (),
        offsets=tuple(dice.choice((0.0, -4000.0, 90.0, 1e6)) for _ in range(processes))
        if dice.random() < SHARE
        else (),
        lease=lease,
        listens=dice.random() < 0.8,
        steps=tuple(sorted(kept, key=lambda step: step.at)),
    )
    return _with_facts(script, Random(f"facts {seed}"))


def _with_facts(script: Script, dice: Random) -> Script:
    """Let processes share a rate and what they learn; bring many scripts into straits of one of them."""
    if dice.random() > FACTS_SHARE:
        return script
    processes = script.processes
    script = attrs.evolve(
        script,
        facts=True,
        per_minute=dice.choice((1.0, 2.0, 6.0, 20.0, 60.0, 600.0)) if dice.random() < 0.5 else None,
        is_deaf=dice.random() < 0.15,
    )
    kind = dice.choice(("rate", "rate", "outage", "outage", "key", "none"))
    if kind == "none":
        return script
    begin = round(dice.choice((0.0, 0.0, 5.0, 60.0)), 2)
    wishes = [Wish(key=f"f{number}", life=dice.choice((0.5, 20.0))) for number in range(dice.choice((4, 8, 16, 24)))]
    homes = {wish.key: dice.randint(1, processes) for wish in wishes}
    runs: list[Step] = [
        steps.Run(
            at=round(begin + dice.choice((0.0, 0.0, 1.0, 10.0)), 2),
            name=f"facts{place}",
            jobs=jobs,
            gap=dice.choice((0.0, 0.0, 1.0, 5.0)),
            process=place,
        )
        for place in range(1, processes + 1)
        if (jobs := tuple(key for key, home in homes.items() if home == place))
    ]
    trouble, seconds = round(begin + dice.choice((0.0, 0.5, 3.0, 12.0)), 2), dice.choice((20.0, 90.0, 200.0, 400.0))
    acts: list[Step] = []
    if kind == "rate":
        script = attrs.evolve(script, per_minute=script.per_minute or dice.choice((1.0, 6.0, 20.0, 60.0)))
    elif kind == "outage":
        reply = dice.choice(("502_page", "502_page", "reset", "undelivered", "302_paid"))
        acts.append(steps.Outage(at=trouble, seconds=seconds, reply=reply, reads=dice.random() < 0.5))
    else:
        reply = dice.choice(("401", "402", "403_key"))
        acts.append(steps.Revoke(at=trouble, session=0, seconds=seconds, reply=reply))
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        at, place = round(trouble + dice.uniform(0.0, dice.choice((1.0, 10.0, 100.0))), 2), dice.randint(1, processes)
        stands = dice.choice((3.0, 11.0, 20.0, 45.0, 100.0))
        acts.append(
            dice.choice(
                (
                    steps.Crash(at=at, process=place),
                    steps.ClosePool(at=at, process=place),
                    steps.Stop(at=at, seconds=stands, process=place),
                    steps.Stop(at=at, seconds=stands, sleeps=True, process=place),
                    steps.Cut(at=at, seconds=stands, process=place),
                )
            )
        )
    every = sorted((*script.steps, *runs, *acts), key=lambda step: step.at)
    return attrs.evolve(script, wishes=(*script.wishes, *wishes), steps=tuple(every))


def _is_short(script: Script) -> bool:
    return len(script.wishes) <= MOST_JOBS and all(step.at <= LATEST for step in script.steps)


def _copies(run: steps.Run, processes: int, dice: Random) -> list[Step]:
    """Let other processes run the same jobs, in another order."""
    places = [place for place in range(1, processes + 1) if place != run.process and dice.random() < 0.5]
    return [
        attrs.evolve(
            run,
            name=f"{run.name}-{place}",
            process=place,
            at=round(run.at + dice.choice((0.0, 0.0, 0.3, 3.0, 40.0)), 2),
            jobs=tuple(dice.sample(run.jobs, len(run.jobs))),
            input_fails="",
        )
        for place in places
    ]


def _troubles(kept: list[Step], processes: int, lease: float, dice: Random) -> list[Step]:
    moments = [step.at for step in kept] or [0.0]

    def at() -> float:
        """Draw a moment, mostly soon after something else."""
        return round(dice.choice(moments) + dice.choice((0.0, 0.2, 1.0, 3.0, 10.0, 30.0)), 2)

    def seconds() -> float:
        """Draw a time, often about as long as a lease."""
        if dice.random() < 0.6:
            return round(dice.uniform(0.6, 1.15) * lease, 1)
        return dice.choice((0.0, 1.0, 3.0, 20.0, 60.0, 100.0))

    def place() -> int:
        return dice.randint(1, processes)

    troubles: list[Step] = []
    for share, most, make in (
        (
            0.6,
            4,
            lambda: steps.Stop(
                at=at(),
                seconds=seconds(),
                sleeps=dice.random() < 0.4,
                process=place(),
            ),
        ),
        (0.4, 3, lambda: steps.Cut(at=at(), seconds=seconds(), process=place())),
        (0.25, 2, lambda: steps.Restart(at=at(), seconds=seconds())),
        (0.15, 2, lambda: steps.Jump(at=at(), by=dice.choice((-3600.0, 40.0, 1e5)), process=place())),
        (0.2, 2, lambda: steps.Crash(at=at(), process=place())),
    ):
        if dice.random() < share:
            troubles += [make() for _ in range(dice.randint(1, most))]
    return troubles
