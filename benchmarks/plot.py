"""The pictures of the pages: how far each figure is from its goal, and when a task is polled.

The only file that imports matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from evolink_async.polling import Schedule
from tests.laws.waiting import CADENCE, TAILED, TWO_KINDS, USUAL, Family, uniform

from .measure import Row

INK, SHADE, LINE = "#22303c", "#d3e0ec", "#5b87ad"
TICKS = ("#5d6873", "#2f6ea5", "#c2410c")
PALEST = 0.1
MISSED = TICKS[2]
TIMES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
DRAWN = (USUAL, TAILED, TWO_KINDS, uniform(60, 240))
SEEN = (0, 20, 200)
UNTIL = 420  # seconds
STYLE: dict[str, Any] = {"font.family": "DejaVu Sans", "font.size": 9, "svg.hashsalt": "looks"}
STYLE |= dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color"), INK)


def ratios_plot(rows: Sequence[Row], path: Path) -> None:
    """Draw every ratio over its goal, on a logarithmic scale: left of the line is better than the goal."""
    shown = [row for row in reversed(rows) if row.goal and row.ratio > 0]
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 0.2 * len(shown) + 1.2), layout="constrained")
        axes = figure.subplots()
        over = [row.ratio / (row.goal or 1) for row in shown]
        colors = [MISSED if row.is_missed else TICKS[1] for row in shown]
        places = range(len(shown))
        axes.hlines(places, [1.0] * len(over), over, colors=colors, linewidth=2.4)
        axes.scatter(over, places, c=colors, s=22, zorder=3)
        axes.axvline(1.0, color=INK, linewidth=0.8)
        axes.set_yticks(places, [row.what.strip() for row in shown])
        axes.set(xscale="log", ylim=(-0.8, len(shown) - 0.2))
        ticks = [tick for tick in TIMES if min(*over, 0.5) / 1.5 <= tick <= max(*over, 2) * 1.5]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.grid(axis="x", color=SHADE, linewidth=0.6)
        axes.set_xlabel("times the goal; right of 1 it is missed")
        axes.spines[["left", "top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0, labelsize=8)
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})


def looks_plot(path: Path) -> None:
    """Draw the density of durations, and below it where a schedule polls at first, after 20 tasks and after 200."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 6.2), layout="constrained")
        grid = figure.subplots(2, 2, sharex=True)
        for axes, family in zip(grid.flat, DRAWN, strict=True):
            _draw(axes, family)
        for axes in grid[-1]:
            axes.set_xlabel("seconds since acceptance")
        figure.suptitle("Where looks stand after so many tasks: the paler a look, the fewer live to see it")
        figure.get_layout_engine().set(hspace=0.06, wspace=0.05, h_pad=0.1, w_pad=0.1)
        _save(figure, path)


def _draw(axes: Any, family: Family) -> None:
    density = [0.0, *(family.by(after) - family.by(before) for before, after in pairwise(range(UNTIL + 1)))]
    top = max(density)
    axes.fill_between(range(UNTIL + 1), density, color=SHADE, linewidth=0)
    axes.plot(density, color=LINE, linewidth=1.2)
    for row, (seen, color) in enumerate(zip(SEEN, TICKS, strict=True)):
        middle, half = -top * (0.17 + 0.2 * row), top * 0.075
        polls = _polls(family, seen)
        shades = [to_rgba(color, max(1 - family.by(before), PALEST)) for before in (0.0, *polls[:-1])]
        axes.vlines(polls, middle - half, middle + half, colors=shades, linewidth=1.6)
        axes.text(-8, middle, f"{seen} tasks" if seen else "at first", ha="right", va="center", color=color)
    axes.set_title(family.name, fontsize=9.5, loc="left")
    axes.set(xlim=(0, UNTIL), ylim=(-top * 0.72, top * 1.06), yticks=[])
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.tick_params(labelbottom=True)
    axes.spines[["left", "top", "right"]].set_visible(False)


def _polls(family: Family, seen: int) -> list[float]:
    schedule = Schedule(CADENCE, [("class", duration) for duration in family.durations(seen, seed=1)])
    times = [0.0]
    while times[-1] < UNTIL:
        times.append(times[-1] + schedule.next_look("class", times[-1]))
    return times[1:-1]
