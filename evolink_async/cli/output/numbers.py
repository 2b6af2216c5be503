"""Formats figures and durations for sentences and tables; JSON output does not use it."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float | None) -> str:
    """Return a figure with at most two decimals, or an empty string for None."""
    # Not ":g", which shows a million as 1e+06.
    return "" if value is None else f"{value:.2f}".removesuffix("0").removesuffix("0").removesuffix(".")


def clock(seconds: float) -> str:
    """Return a duration as 0:07 or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def listed(words: Sequence[object], most: int = 5) -> str:
    """Return words as a list, the first ones if there are many: `3, 4, 5, 6, 7, ...`."""
    return ", ".join(map(str, words[:most])) + (", ..." if len(words) > most else "")
