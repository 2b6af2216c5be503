"""`nox -s bench`: measure theme by theme, print one table, and store it where the pages show it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from .readme import show
from .report import FOLDER, draw, load, merged, save, table
from .themes import LONG, THEMES


def measured(theme: str, *size: str) -> str:
    """The rows of one theme, as JSON, measured in a process of its own."""
    began = time.monotonic()
    print(f"... {theme}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.themes", theme, *size]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(f"... {theme}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return told.splitlines()[-1]


def main() -> None:
    """Measure what was asked for; by default all but what takes very long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    usual = [theme for theme in THEMES if theme not in LONG]
    parser.add_argument("--only", nargs="*", choices=THEMES, default=usual, metavar="THEME")
    parser.add_argument("--without", nargs="+", choices=THEMES, default=[], metavar="THEME", help=", ".join(THEMES))
    parser.add_argument("--dry", action="store_true", help=f"leave {FOLDER} alone")
    parser.add_argument("--size", metavar="N", help="other than usual: jobs of `million`, seconds of a task of `batch`")
    wanted = parser.parse_args()
    size = [] if wanted.size is None else [wanted.size]
    themes = [theme for theme in wanted.only if theme not in wanted.without]
    load_before = os.getloadavg()[0]
    fresh = {theme: measured(theme, *(size if theme in LONG else ())) for theme in themes}
    stored = merged(load(), fresh, load_before)
    print(table(stored, list(fresh)))
    if not wanted.dry:
        save(stored)
        draw(stored)
        show()


if __name__ == "__main__":
    main()
