"""What can be measured, by theme. `python -m benchmarks.themes NAME` measures one and prints its rows as JSON.

Each runs in a process of its own, so that none sees the heap and the peaks of those before.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import AsyncIterable

import attrs

from .measure import Row

THEMES = {
    "looks": "cpu",
    "looks-without-orjson": "cpu",
    "submits": "cpu",
    "submits-without-orjson": "cpu",
    "memory": "memory",
    "scale": "scale",
    "million": "million",
    "batch": "batch",
    "asking": "asking",
    "callbacks": "callbacks",
    "schedule": "schedule",
    "start": "start",
    "download": "download",
    "journal": "journal",
    "resume": "journal",
    "page": "page",
    "shared": "shared",
}
"""The module whose function of that name, without `PLAIN`, yields the rows."""
PLAIN = "-without-orjson"
"""At the end of a theme: measured as where the extra `fast` is not installed."""

LONG = ("million", "batch")
"""Themes that take so long that they are measured only when they are named."""


def rows_of(theme: str, *size: str) -> list[Row]:
    """Measure one theme; a long one may be told a size of its own. Some drive a loop, or a browser, of their own."""
    is_plain, name = theme.endswith(PLAIN), theme.removesuffix(PLAIN)
    if is_plain:
        sys.modules["orjson"] = None  # type: ignore[assignment]  # so that importing it fails
    found = getattr(importlib.import_module(f"{__package__}.{THEMES[theme]}"), name)(*size)
    rows = asyncio.run(_all_of(found)) if isinstance(found, AsyncIterable) else list(found)
    return [attrs.evolve(row, what=f"{row.what}, without orjson") for row in rows] if is_plain else rows


async def _all_of(rows: AsyncIterable[Row]) -> list[Row]:
    return [row async for row in rows]


if __name__ == "__main__":
    print(json.dumps([attrs.asdict(row) for row in rows_of(*sys.argv[1:])]))
