"""Draws the progress of a run on a terminal: a bar, the number of jobs in each state, the credits.

The figures are given to it; `running.run_pool` reads them from the pool.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import attrs
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...pool import Stats
from .numbers import clock, number
from .terminal import Terminal, plain
from .trouble import sentence_about

_BAR_COLUMNS = 46

_STYLES = {
    "queued": "dim",
    "submitting": "yellow",
    "generating": "cyan",
    "saving": "blue",
    "completed": "green",
    "failed": "red",
    "unknown": "bold magenta",
}


@attrs.frozen(kw_only=True)
class Progress:
    """The figures of a run at one moment.

    Attributes:
        total: Jobs in all.
        ended: Jobs whose outcome was reported.
        seconds: Seconds since the start.
        stats: The figures of the pool.
    """

    total: int
    ended: int
    seconds: float
    stats: Stats

    def counts(self) -> dict[str, int]:
        """Return the number of jobs in each state; together they are all jobs."""
        stats = self.stats
        concluded = stats.completed + stats.failed + stats.unknown
        # The pool counts a job as completed when its task is; its outcome comes when the video is saved.
        saving = max(0, concluded - self.ended)
        # Not `stats.waiting`: the pool takes jobs from the stream little by little and does not know the rest.
        queued = max(0, self.total - concluded - stats.submitting - stats.in_flight)
        return {
            "queued": queued,
            "submitting": stats.submitting,
            "generating": stats.in_flight,
            "saving": saving,
            "completed": max(0, stats.completed - saving),
            "failed": stats.failed,
            "unknown": stats.unknown,
        }


def draw(progress: Progress) -> RenderableType:
    """Return the display: five lines, at most 80 columns wide; one more with a budget, and in an outage."""
    stats = progress.stats
    bar = Table.grid(padding=(0, 2))
    bar.add_row(
        ProgressBar(total=max(1, progress.total), completed=progress.ended, width=_BAR_COLUMNS),
        Text(f"{progress.ended}/{progress.total}", style="bold"),
        Text(clock(progress.seconds), style="dim"),
    )
    states = Table.grid(padding=(0, 2))
    counts = progress.counts()
    states.add_row(*(Text(str(count), style=_STYLES[state] if count else "dim") for state, count in counts.items()))
    states.add_row(*(Text(state, style="dim") for state in counts))
    used, held = number(stats.credits_used), number(stats.credits_reserved)
    costs = Text(f"credits: {used} charged, {held} held    files under way: {_files(stats)}")
    requests = Text(
        f"requests: {stats.submits} submits, {stats.status_requests} status requests ({stats.looks} polls)", style="dim"
    )
    lines: list[RenderableType] = [bar, states, costs, requests]
    if (budget := budget_line(stats)) is not None:
        lines.append(Text(budget))
    if stats.trouble is not None:
        lines.append(plain(sentence_about(stats.trouble)))
    return Group(*lines)


def _files(stats: Stats) -> str:
    return f"{stats.uploading} up, {stats.downloading} down"


def budget_line(stats: Stats) -> str | None:
    """Return how the budget stands, in words; None without a budget."""
    if stats.credits_left is None:
        return None
    spent, held, left = map(number, (stats.credits_spent, stats.credits_held, stats.credits_left))
    return f"budget: {spent} spent, {held} held, {left} left"


class ProgressDisplay:
    """Shows progress on standard error while it is entered; shows nothing if that is not a terminal.

    Args:
        terminal: The streams of the process.
        total: Jobs in all.
    """

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._total = total
        self._started = time.monotonic()
        # No auto_refresh: rich's own thread would read the pool's figures while the event loop changes them.
        live = Live(console=terminal.err, auto_refresh=False, transient=True)
        self._live = live if terminal.shows_progress else None

    @property
    def is_visible(self) -> bool:
        """Whether there is a terminal that shows the display."""
        return self._live is not None

    @property
    def seconds(self) -> float:
        """Seconds since the display was made."""
        return time.monotonic() - self._started

    def show(self, ended: int, stats: Stats) -> None:
        """Draw the figures of this moment.

        Args:
            ended: Jobs whose outcome was reported.
            stats: The figures of the pool.
        """
        if self._live is not None:
            progress = Progress(total=self._total, ended=ended, seconds=self.seconds, stats=stats)
            self._live.update(draw(progress), refresh=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
