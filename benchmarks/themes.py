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
    "submits": "cpu",
    "memory": "memory",
    "scale": "scale",
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
"""The module whose function of that name yields the rows."""


async def rows_of(theme: str) -> list[Row]:
    """Measure one theme."""
    found = getattr(importlib.import_module(f"{__package__}.{THEMES[theme]}"), theme)()
    return [row async for row in found] if isinstance(found, AsyncIterable) else list(found)


if __name__ == "__main__":
    print(json.dumps([attrs.asdict(row) for row in asyncio.run(rows_of(sys.argv[1]))]))
