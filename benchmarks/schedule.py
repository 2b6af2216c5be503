"""How well polls are spent: lag over the best lag that as many polls allow when the durations are known.

Nothing is timed here, nothing is sent: lives of tasks are reckoned, from fixed seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.laws.waiting import FAMILIES, LIES, TRUTH, Phase, World, lognormal, phases

from .measure import Row

ROUNDS = 20
CUTS = (0, 20, 100, 400)


def schedule() -> list[Row]:
    """Lag beside the best lag, in milliseconds; some twenty seconds of work."""
    return [*_learning(), *_estimates(), *_shifts(), *_progress()]


def _learning() -> list[Row]:
    first, then, late = zip(*(phases(family, CUTS, rounds=ROUNDS) for family in FAMILIES), strict=True)
    return [
        _mean("lag / best at as many looks, first 20 tasks", first, 0.75),
        _mean("  tasks 20 to 100, mean", then, 0.90),
        _mean("  after 100 tasks, mean of 7 distributions", late, 0.96),
        *(_row(f"    {family.name}", phase, 0.90) for family, phase in zip(FAMILIES, late, strict=True)),
    ]


def _estimates() -> list[Row]:
    found: list[Row] = []
    for factor in (0.2, 5.0):
        told = [phases(family, CUTS[1:3], World(estimated=150 * factor), ROUNDS)[0] for family in FAMILIES]
        found.append(_worst(f"  estimate x{factor:g}, tasks 20 to 100, worst", told, 0.75))
    return found


def _shifts() -> list[Row]:
    found: list[Row] = []
    for before, after in ((200, 100), (100, 200)):
        worlds = [(lognormal(after, cv), World(before=lognormal(before, cv))) for cv in (0.1, 0.25, 0.5)]
        seen = [phases(family, CUTS[:3], world, ROUNDS) for family, world in worlds]
        found.append(_worst(f"  shift {before} to {after} s, tasks 20 to 100, worst", [late for _, late in seen], 0.75))
    return found


def _progress() -> list[Row]:
    found = [_worst(f"  progress {name}, worst", _told(World(tells=lie)), 0.65) for name, lie in LIES.items()]
    return [*found, _mean("  true progress / best without it, mean", _told(World(tells=TRUTH)), 1.4)]


def _told(world: World) -> list[Phase]:
    return [phases(family, (100, 300), world, ROUNDS // 3)[0] for family in FAMILIES]


def _row(what: str, phase: Phase, efficiency: float) -> Row:
    return Row(what, phase.lag * 1000, phase.best * 1000, "ms", 1 / efficiency)


def _mean(what: str, found: Sequence[Phase], efficiency: float) -> Row:
    """Geometric means, so that the ratio is the mean of the ratios."""
    lag = math.exp(sum(math.log(phase.lag) for phase in found) / len(found))
    best = math.exp(sum(math.log(phase.best) for phase in found) / len(found))
    return Row(what, lag * 1000, best * 1000, "ms", 1 / efficiency)


def _worst(what: str, found: Sequence[Phase], efficiency: float) -> Row:
    return _row(what, min(found, key=lambda phase: phase.efficiency), efficiency)
