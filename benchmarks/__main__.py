"""`nox -s bench`: measure theme by theme, print one table, and store it where the pages show it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from .report import FOLDER, draw, load, merged, save, table
from .themes import THEMES


def measured(theme: str) -> str:
    """The rows of one theme, as JSON, measured in a process of its own."""
    began = time.monotonic()
    print(f"... {theme}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.themes", theme]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(f"... {theme}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return told.splitlines()[-1]


def main() -> None:
    """Measure what was asked for, all of it by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=THEMES, default=list(THEMES), metavar="THEME")
    parser.add_argument("--without", nargs="+", choices=THEMES, default=[], metavar="THEME", help=", ".join(THEMES))
    parser.add_argument("--dry", action="store_true", help=f"leave {FOLDER} alone")
    wanted = parser.parse_args()
    fresh = {theme: measured(theme) for theme in wanted.only if theme not in wanted.without}
    stored = merged(load(), fresh)
    print(table(stored, list(fresh)))
    if not wanted.dry:
        save(stored)
        draw(stored)


if __name__ == "__main__":
    main()
