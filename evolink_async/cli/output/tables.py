"""The style that all tables share, and the closing table of `run`.

Tables are returned, not printed. The closing table of `demo` is in `demo_table`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from ...jobs import Completed, Outcome, error_of
from .numbers import number
from .outcomes import status_of
from .terminal import plain

MAX_ROWS = 100
"""Most rows of a closing table: more push the failed jobs, which come first, off the screen."""


def empty_table(*columns: str, right: Iterable[str] = ("credits",), is_tight: bool = False) -> Table:
    """Return a table without rows, in the style of all tables of this package.

    Args:
        columns: The headings.
        right: Headings of the columns that are aligned right.
        is_tight: Put one space between columns instead of two.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left", collapse_padding=is_tight)
    for column in columns:
        # fold: keys, ids and paths are copied from a table, so they are wrapped and never cut.
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def closing_table(outcomes: Sequence[Outcome], models: Mapping[str, str]) -> Table:
    """Return a table of how jobs ended; if there are more than `MAX_ROWS`, jobs with a problem come first.

    Args:
        outcomes: How the jobs ended.
        models: The model of each job, by key.
    """
    table = empty_table("job", "model", "status", "credits", "file")
    # If all fit, they stay in the order in which they ended.
    chosen = sorted(outcomes, key=lambda outcome: error_of(outcome) is None) if len(outcomes) > MAX_ROWS else outcomes
    for outcome in chosen[:MAX_ROWS]:
        completed = outcome if isinstance(outcome, Completed) else None
        status = "not saved" if completed and completed.download_error else status_of(outcome)
        files = ", ".join(map(str, completed.files)) if completed else ""
        credits_text = number(completed.credits) if completed else ""
        cells = (outcome.key, models.get(outcome.key, ""), status, credits_text, files)
        table.add_row(*map(plain, cells), style=None if status == "completed" else "red")
    if len(outcomes) > MAX_ROWS:
        table.caption = f"and {len(outcomes) - MAX_ROWS} more"
    return table
