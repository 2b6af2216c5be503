"""The table: how it is printed, where it is stored, on what it was measured.

Nothing is measured here.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .measure import Row
from .reasons import why
from .themes import THEMES

FOLDER = Path(__file__).parent.parent / "docs" / "_static"
FILE = FOLDER / "bench.json"
PACKAGES = ("aiohttp", "attrs", "anyio", "orjson", "openai", "replicate", "runwayml", "fal-client")

Stored = dict[str, Any]


def load() -> Stored:
    """What was stored last; nothing at first."""
    return json.loads(FILE.read_text()) if FILE.exists() else {"themes": {}}


def merged(stored: Stored, fresh: Mapping[str, str], load_before: float) -> Stored:
    """Put what was measured now in the place of what was measured before, theme by theme.

    `load_before` is how many processes wanted a processor before anything was measured: figures of a machine that does
    other work are marked.
    """
    today, load = time.strftime("%Y-%m-%d"), round(load_before, 1)
    themes = stored["themes"] | {
        name: {"on": today, "load": load, "rows": json.loads(rows)} for name, rows in fresh.items()
    }
    ordered = {name: themes[name] for name in THEMES if name in themes}
    return {"machine": machine(), "versions": dict(_versions()), "themes": ordered}


def save(stored: Stored) -> None:
    """Store it for the pages."""
    FILE.write_text(json.dumps(explained(stored), indent=1) + "\n")


def draw(stored: Stored) -> None:
    """Draw it for the pages, if there is what draws."""
    try:
        from .plot import looks_plot, ratios_plot
    except ImportError:
        print("matplotlib is not installed: the plots stay as they are")
        return
    ratios_plot(rows_of(stored), FOLDER / "bench.svg")
    looks_plot(FOLDER / "bench-looks.svg")


def rows_of(stored: Stored, themes: Sequence[str] | None = None) -> list[Row]:
    """The rows of some themes, or of all."""
    return [
        Row(**row) for name, one in stored["themes"].items() if themes is None or name in themes for row in one["rows"]
    ]


def explained(stored: Stored) -> Stored:
    """Put a reason to every goal that is missed."""
    for theme in stored["themes"].values():
        for row in theme["rows"]:
            row["why"] = (why(row["what"]) or row["why"]) if Row(**row).is_missed else ""
    return stored


def table(stored: Stored, themes: Sequence[str]) -> str:
    """The rows of some themes, for a terminal."""
    rows = rows_of(stored, themes)
    wide = max((len(row.what) for row in rows), default=0) + 2
    head = f"{'what':<{wide}}{'ours':>10}{'rival':>10} {'unit':<9}{'ratio':>8}{'goal':>8}"
    return "\n".join([head, *(_line(row, wide) for row in rows)])


def _line(row: Row, wide: int) -> str:
    goal = "" if row.goal is None else short(row.goal)
    missed = "  missed" if row.is_missed else ""
    return (
        f"{row.what:<{wide}}{short(row.ours):>10}{short(row.rival):>10} {row.unit:<9}"
        f"{short(row.ratio):>8}{goal:>8}{missed}"
    )


def short(number: float) -> str:
    """Three digits that say something."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if number < 0.0995 else f"{number:.{1 if number >= 10 else 2}f}"


def machine() -> dict[str, str]:
    """What it was measured on."""
    return {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _processor() -> str:
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return f"{len(names)} x {names[0]}"
    return platform.processor()


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            yield package, version(package)
