"""The table of the theme `batch` in the README, made by the same code as the one on the page on performance."""

from __future__ import annotations

import runpy
from pathlib import Path

_ROOT = Path(__file__).parent.parent
README = _ROOT / "README.md"
BEGIN, END = "<!-- generated: batch -->\n", "<!-- end -->"


def shown() -> str:
    """The README as it should be, with what is stored now."""
    speed = runpy.run_path(str(_ROOT / "docs" / "_support" / "speed.py"))
    head = speed["BATCH_HEAD"]
    lines = [head, ["---", *("--:" for _ in head[1:])], *speed["batch_cells"]()]
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    note = f"\n{speed['busy']('batch')}\n" if speed["busy"]("batch") else ""
    return f"{before}{BEGIN}\n{table}{note}\n{END}{rest.partition(END)[2]}"


def show() -> None:
    """Write it."""
    README.write_text(shown(), encoding="utf-8")
