"""Draws features that a whole script has or has not. Each has dice of its own: the rest is as it would be without.

All other draws are in `draw` and `straits`.
"""

from __future__ import annotations

from random import Random

import attrs

from tests.simulation import script as steps
from tests.simulation.script import Script

SHARE = 0.35
"""Of histories that have a feature."""
FAILING_OBSERVERS = 0.04
"""Of histories: few, so that what an observer should not be able to do hides nothing else."""
CHARGED_FAILURES = 0.3
"""Of tasks that fail for a passing reason: those that are charged."""


def with_callbacks(script: Script, dice: Random) -> Script:
    """Let the vendor of some scripts call back; some calls are lost, and some come when nobody expects them."""
    if dice.random() > SHARE:
        return script
    keys = [wish.key for wish in script.wishes]
    moments = [0.0, *(step.at for step in script.steps)]
    calls = [
        steps.CallBack(
            at=round(dice.choice(moments) + dice.choice((0.0, 0.0, 1.0, 60.0)), 2),
            job=dice.choice(keys),
            names=dice.choice(("", *keys)),
        )
        for _ in range(dice.randint(0, 5))
    ]
    return attrs.evolve(
        script,
        calls=True,
        calls_lost=dice.choice((0.0, 0.0, 0.3, 1.0)),
        steps=tuple(sorted((*script.steps, *calls), key=lambda step: step.at)),
    )


def with_rebuys(script: Script, dice: Random) -> Script:
    """Let tasks of some scripts fail for a passing reason, with and without a policy that buys anew."""
    if dice.random() > SHARE:
        return script
    wishes = [attrs.evolve(wish, passing=dice.choice((0, 1, 1, 2, 3))) for wish in script.wishes]
    return attrs.evolve(script, wishes=tuple(wishes), rebuy=dice.choice((0, 1, 1, 2)))


def with_failing_observer(script: Script, dice: Random) -> Script:
    """Let the observers of a few scripts raise at every event."""
    if dice.random() > FAILING_OBSERVERS:
        return script
    return attrs.evolve(script, observer_raises=dice.choice(("error", "cancelled")))


def with_charged_failures(script: Script, dice: Random) -> Script:
    """Let the vendor charge some of the tasks that fail for a passing reason, and say so."""
    wishes = [
        attrs.evolve(wish, charged=tuple(nth for nth in range(1, wish.passing + 1) if dice.random() < CHARGED_FAILURES))
        for wish in script.wishes
    ]
    return attrs.evolve(script, wishes=tuple(wishes))


def with_followers(script: Script, dice: Random) -> Script:
    """Let some scripts have streams of all outcomes, often at moments at which something else happens."""
    if dice.random() > SHARE:
        return script
    moments = [0.0, *(step.at for step in script.steps)]
    followers = [
        steps.Follow(
            at=dice.choice(moments),
            name=f"follow{number}",
            leave_after=dice.randint(1, len(script.wishes)) if dice.random() < 0.6 else None,
            fails=dice.random() < 0.5,
            pause=dice.choice((0.0, 0.0, 0.5, 30.0)),
        )
        for number in range(dice.randint(1, 3))
    ]
    return attrs.evolve(script, steps=tuple(sorted((*script.steps, *followers), key=lambda step: step.at)))
