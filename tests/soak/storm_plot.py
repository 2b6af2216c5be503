"""Draw the storm: `python -m tests.soak.storm_plot docs/_static/storm.svg`. Needs matplotlib and the emulator.

Nothing is asserted here.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from tests.soak.storm import STORM, Course, compare

BIN = 5.0
"""Seconds over which requests are averaged."""
TITLES = {
    "never": 'each task by itself, Cadence(batch="never")',
    "auto": 'up to 50 tasks a request, Cadence(batch="auto")',
}
CALM, ROUGH, SOME, ALL = "#8a94a6", "#c2410c", "#fdecc8", "#f8cfc4"


def rates(times: Sequence[float], end: float) -> tuple[list[float], list[float]]:
    """Where bins begin, and requests a second in each."""
    counts = Counter(int(at // BIN) for at in times)
    bins = range(int(end // BIN) + 2)
    return [place * BIN / 60 for place in bins], [counts[place] / BIN for place in bins]


def draw(axes: Axes, title: str, calm: Course, rough: Course, end: float) -> None:
    """One way to read: both runs, the budget, and what the weather was like."""
    for begin, stop, colour, text in (
        (STORM.begin, STORM.total, SOME, f"{STORM.share:.0%} fail"),
        (STORM.total, STORM.end, ALL, "all fail"),
    ):
        axes.axvspan(begin / 60, stop / 60, color=colour, lw=0)
        axes.text((begin + stop) / 120, 0.97, text, transform=axes.get_xaxis_transform(), ha="center", va="top")
    axes.axhline(STORM.budget, color="black", lw=0.8, ls=(0, (4, 3)))
    for run, colour, name in ((calm, CALM, "calm"), (rough, ROUGH, "storm")):
        style = {"color": colour, "lw": 1.6, "label": f"{name}: {run.requests:,} requests"}
        axes.step(*rates(run.arrived, end), where="post", **style)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_ylabel("status requests a second")
    axes.set_ylim(0, STORM.budget * 1.35)
    axes.legend(loc="center right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


async def main(target: Path) -> None:
    """Run the jobs both ways, in calm and in the storm, and write the picture."""
    runs = {batch: await compare(STORM, batch) for batch in ("never", "auto")}
    mpl.rcParams |= {"svg.hashsalt": "storm", "font.size": 9, "svg.fonttype": "path"}
    end = max(at for pair in runs.values() for run in pair for at in run.arrived)
    figure, rows = plt.subplots(2, 1, sharex=True, figsize=(8, 6), layout="constrained")
    for axes, (batch, (calm, rough)) in zip(rows, runs.items(), strict=True):
        print(batch, calm.requests, rough.requests, round(rough.requests / calm.requests, 3))  # noqa: T201
        draw(axes, TITLES[batch], calm, rough, end)
    rows[0].annotate(
        "budget", (1, STORM.budget), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8
    )
    rows[-1].set_xlabel("minutes")
    figure.suptitle(f"The same {STORM.count:,} tasks in calm, and while status reads fail", x=0.01, ha="left")
    figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None, dpi=110, facecolor="white")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
