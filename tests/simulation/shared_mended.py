"""Scripts of several processes that broke a law once, each with the shortest history that was found."""

from __future__ import annotations

from tests.simulation.script import Script

MENDED: dict[str, Script] = {}
