"""The closing table of `demo`: what each job asked for, and what its video file holds.

Files are read by `video_facts`; the table of `run` is in `tables`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs
from rich.table import Table

from ...jobs import Completed, Outcome
from .numbers import number
from .outcomes import status_of
from .tables import empty_table
from .terminal import plain
from .video_facts import VideoFacts, read_video


@attrs.frozen
class DemoRow:
    """One row of the table.

    Attributes:
        outcome: How the job ended.
        facts: What its video file holds; None if there is no file.
    """

    outcome: Outcome
    facts: VideoFacts | None


def read_row(outcome: Outcome) -> DemoRow:
    """Return the row of a job; opens its video file, so it blocks the calling thread.

    Raises:
        OSError: The file is gone, or is not a video.
    """
    files = outcome.files if isinstance(outcome, Completed) else ()
    return DemoRow(outcome, read_video(files[0]) if files else None)


def demo_table(rows: Iterable[DemoRow], models: Mapping[str, str], *, is_tight: bool = False) -> Table:
    """Return the table, a row per job, in the order of their keys.

    Args:
        rows: The jobs that have ended.
        models: The model of each job, by key.
        is_tight: Put one space between columns instead of two.
    """
    table = empty_table(
        *("job", "model", "pixels", "secs", "audio", "credits", "size", "lag"),
        right=("pixels", "secs", "credits", "size", "lag"),
        is_tight=is_tight,
    )
    # Jobs end in another order each time; sorted by key, two runs can be compared.
    for row in sorted(rows, key=lambda row: row.outcome.key):
        table.add_row(*map(plain, _cells(row, models.get(row.outcome.key, ""))))
    return table


def _cells(row: DemoRow, model: str) -> tuple[str, ...]:
    outcome, facts = row.outcome, row.facts
    if facts is None or not isinstance(outcome, Completed):
        return outcome.key, model, status_of(outcome)
    return (
        outcome.key,
        model,
        f"{facts.width}x{facts.height}",
        f"{facts.seconds:g}",
        "yes" if facts.has_audio else "no",
        number(outcome.credits),
        f"{facts.size_bytes / 1000:.0f} kB",
        f"{outcome.timing.lag:.1f} s",
    )
