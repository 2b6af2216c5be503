"""How well looks are spent: lag over the best lag that as many looks allow, for who knows the durations beforehand.

Nothing is timed here, nothing is sent: lives of tasks are reckoned, from fixed seeds.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from evolink_async.schedule import Schedule
from tests.laws.waiting import (
    CADENCE,
    FAMILIES,
    LIES,
    TAILED,
    TRUTH,
    TWO_KINDS,
    USUAL,
    Family,
    Phase,
    World,
    lognormal,
    phases,
    uniform,
)

from .measure import Row

ROUNDS = 20
CUTS = (0, 20, 100, 400)
DRAWN = (USUAL, TAILED, TWO_KINDS, uniform(60, 240))
SEEN = (0, 20, 200)
UNTIL = 420  # seconds


def rows() -> list[Row]:
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


# --- for the eye

INK, SHADE, LINE = "#22303c", "#d3e0ec", "#5b87ad"
TICKS = ("#5d6873", "#2f6ea5", "#c2410c")
PALEST = 0.1


def density_plot(path: str | Path) -> None:
    """Draw the density of durations, and below it where a schedule looks at first, after 20 tasks and after 200.

    Args:
        path: Where to; its suffix says what it becomes, `.svg` or `.png`.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style = {"font.family": "DejaVu Sans", "font.size": 9, "svg.hashsalt": "looks"}
    style |= dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color"), INK)
    with rc_context(style):
        figure = Figure(figsize=(9.6, 6.2), layout="constrained")
        grid = figure.subplots(2, 2, sharex=True)
        for axes, family in zip(grid.flat, DRAWN, strict=True):
            _draw(axes, family)
        for axes in grid[-1]:
            axes.set_xlabel("seconds since acceptance")
        figure.suptitle("Where looks stand after so many tasks: the paler a look, the fewer live to see it")
        figure.get_layout_engine().set(hspace=0.06, wspace=0.05, h_pad=0.1, w_pad=0.1)
        figure.savefig(path, dpi=150, metadata={"Date": None} if Path(path).suffix == ".svg" else None)


def _draw(axes: Any, family: Family) -> None:
    from matplotlib.colors import to_rgba

    density = [0.0, *(family.by(after) - family.by(before) for before, after in pairwise(range(UNTIL + 1)))]
    top = max(density)
    axes.fill_between(range(UNTIL + 1), density, color=SHADE, linewidth=0)
    axes.plot(density, color=LINE, linewidth=1.2)
    for row, (seen, color) in enumerate(zip(SEEN, TICKS, strict=True)):
        middle, half = -top * (0.17 + 0.2 * row), top * 0.075
        looks = _looks(family, seen)
        shades = [to_rgba(color, max(1 - family.by(before), PALEST)) for before in (0.0, *looks[:-1])]
        axes.vlines(looks, middle - half, middle + half, colors=shades, linewidth=1.6)
        axes.text(-8, middle, f"{seen} tasks" if seen else "at first", ha="right", va="center", color=color)
    axes.set_title(family.name, fontsize=9.5, loc="left")
    axes.set(xlim=(0, UNTIL), ylim=(-top * 0.72, top * 1.06), yticks=[])
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.tick_params(labelbottom=True)
    axes.spines[["left", "top", "right"]].set_visible(False)


def _looks(family: Family, seen: int) -> list[float]:
    schedule = Schedule(CADENCE, [("shape", duration) for duration in family.durations(seen, seed=1)])
    times = [0.0]
    while times[-1] < UNTIL:
        times.append(times[-1] + schedule.next_look("shape", times[-1]))
    return times[1:-1]


if __name__ == "__main__":
    density_plot(sys.argv[1])
