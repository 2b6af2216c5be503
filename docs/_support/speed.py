"""The table of the page on performance, from what `nox -s bench` stored; what is not stored is not shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent.parent / "_static" / "bench.json"
HEAD = ("What", "Ours", "Beside", "Unit", "Ratio", "Goal")
BATCH_HEAD = ("Client", "Status requests", "Polls", "CPU", "Lag, median", "Lag, 95 %", "Traffic")
APART = ("batch", "million")
"""Themes with tables of their own."""
BUSY = 1.0
"""Processes that want a processor, beyond which figures of time are marked."""

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


def cells(*themes: str) -> Iterator[tuple[str, ...]]:
    """Return every row of some themes; without any, of all that have no table of their own."""
    for row in _rows(themes or [theme for theme in stored()["themes"] if theme not in APART]):
        ratio = f"{_short(_ratio(row))} **missed**" if _is_missed(row) else _short(_ratio(row))
        goal = "" if row["goal"] is None else _short(row["goal"])
        yield row["what"].strip(), _short(row["ours"]), _short(row["rival"]), row["unit"], ratio, goal


def missed() -> str:
    """Return every goal that is missed, with the reason."""
    lines = [
        f"- **{row['what'].strip()}**: {_short(_ratio(row))}, where {_short(row['goal'])} is the goal. {row['why']}"
        for row in _rows(stored()["themes"])
        if _is_missed(row)
    ]
    return "\n".join(lines) or "None: every goal is met."


def batch_cells() -> Iterator[tuple[str, ...]]:
    """Return a line for each client of the theme `batch`, each of whose rows has one figure of one rival."""
    ours: dict[str, str] = {}
    rivals: dict[str, list[str]] = {}
    for row in _rows(["batch"]):
        figure, _, name = row["what"].partition(" / ")
        ours[figure] = _with_unit(row["ours"], row["unit"])
        rivals.setdefault(name, []).append(_with_unit(row["rival"], row["unit"]))
    yield ("evolink_async", *ours.values())
    for name, figures in rivals.items():
        yield (name, *figures)


def busy(*themes: str) -> str:
    """Return a warning if a theme was measured while the machine did other work; nothing otherwise."""
    loads = [one.get("load", 0.0) for name, one in stored()["themes"].items() if name in themes]
    if max(loads, default=0.0) < BUSY:
        return ""
    return (
        f"**Provisional:** other work kept the machine busy (load {max(loads):.0f}) while this was measured. Times are"
        " too long, and clients that poll often came to fewer polls than they would."
    )


def _with_unit(number: float, unit: str) -> str:
    return _short(number) if unit in {"requests", "polls"} else f"{_short(number)} {unit}"


def _rows(themes: Iterable[str]) -> list[Row]:
    every = stored()["themes"]
    return [row for theme in themes if theme in every for row in every[theme]["rows"]]


def _ratio(row: Row) -> float:
    return float(row["ours"] / row["rival"])


def _is_missed(row: Row) -> bool:
    return row["goal"] is not None and _ratio(row) > row["goal"]


def _short(number: float) -> str:
    """Three digits that say something."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if number < 0.0995 else f"{number:.{1 if number >= 10 else 2}f}"
