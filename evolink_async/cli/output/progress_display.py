"""The picture that moves while jobs run: how many are where, what they cost, how far it all is.

It shows figures; it asks nobody for them and keeps no job.
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
from .outcomes import clock, number
from .terminal import Terminal

_BAR_COLUMNS = 46


@attrs.frozen(kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        total: Jobs in all.
        ended: Jobs whose outcome was told.
        seconds: Since the start.
        stats: The pool's figures.
    """

    total: int
    ended: int
    seconds: float
    stats: Stats

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state; together they are all jobs."""
        stats = self.stats
        concluded = stats.completed + stats.failed + stats.unknown
        saving = max(0, concluded - self.ended)
        submitting, generating = stats.submitting, stats.in_flight
        queued = max(0, self.total - concluded - submitting - generating)
        return {
            "queued": queued,
            "submitting": submitting,
            "generating": generating,
            "saving": saving,
            "completed": max(0, stats.completed - saving),
            "failed": stats.failed,
            "unknown": stats.unknown,
        }


_STYLES = {
    "queued": "dim",
    "submitting": "yellow",
    "generating": "cyan",
    "saving": "blue",
    "completed": "green",
    "failed": "red",
    "unknown": "bold magenta",
}


def board(progress: Progress) -> RenderableType:
    """Return the picture: a bar, the states, the costs."""
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
    costs = Text(f"credits: {used} charged, {held} held    requests: {stats.submits} submits, {stats.looks} looks")
    files = Text(f"files under way: {stats.uploading} up, {stats.downloading} down", style="dim")
    return Group(bar, states, costs, files)


class Display:
    """Shows progress on standard error while it is entered; without a terminal it shows nothing.

    Args:
        terminal: Where to.
        total: Jobs in all.
    """

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._total = total
        self._started = time.monotonic()
        # Refreshed by the run itself: rich's own thread would read the pool's figures while they change.
        self._live = Live(console=terminal.err, auto_refresh=False, transient=True) if terminal.is_live else None

    @property
    def is_live(self) -> bool:
        """Whether anybody sees it."""
        return self._live is not None

    @property
    def seconds(self) -> float:
        """Seconds since the display was made."""
        return time.monotonic() - self._started

    def show(self, ended: int, stats: Stats) -> None:
        """Show the figures of this moment."""
        if self._live is not None:
            progress = Progress(total=self._total, ended=ended, seconds=self.seconds, stats=stats)
            self._live.update(board(progress), refresh=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
