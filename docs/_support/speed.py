"""The table of the page on performance, from what `nox -s bench` stored; what is not stored is not shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent.parent / "_static" / "bench.json"
HEAD = ("What", "Ours", "Beside", "Unit", "Ratio", "Goal")

Row = dict[str, Any]


def stored() -> dict[str, Any]:
    """What was measured last."""
    told: dict[str, Any] = json.loads(_FILE.read_text())
    return told


def machine() -> str:
    """Return on what, and with what, it was measured."""
    told = stored()
    days = sorted({theme["on"] for theme in told["themes"].values()})
    versions = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    on = told["machine"]
    return f"{on['processor']}; {on['system']}, {on['python']}; {versions}. Measured {' to '.join(days)}."


def cells() -> Iterator[tuple[str, ...]]:
    """Return every row of the table."""
    for row in _rows():
        ratio = f"{_short(_ratio(row))} **missed**" if _is_missed(row) else _short(_ratio(row))
        goal = "" if row["goal"] is None else _short(row["goal"])
        yield row["what"].strip(), _short(row["ours"]), _short(row["rival"]), row["unit"], ratio, goal


def missed() -> str:
    """Return every goal that is missed, with the reason."""
    lines = [
        f"- **{row['what'].strip()}**: {_short(_ratio(row))}, where {_short(row['goal'])} is the goal. {row['why']}"
        for row in _rows()
        if _is_missed(row)
    ]
    return "\n".join(lines) or "None: every goal is met."


def _rows() -> list[Row]:
    return [row for theme in stored()["themes"].values() for row in theme["rows"]]


def _ratio(row: Row) -> float:
    return float(row["ours"] / row["rival"])


def _is_missed(row: Row) -> bool:
    return row["goal"] is not None and _ratio(row) > row["goal"]


def _short(number: float) -> str:
    """Three digits that say something."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if number < 0.0995 else f"{number:.{1 if number >= 10 else 2}f}"
