"""An event loop that tells how long its turns take, and how long full garbage collections do.

A turn is one call of `_run_once`; the time it waits for something to happen is not counted.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import selectors
import time
from typing import Any

from evolink_async.polling.quantiles import Quantiles

WORST = 5


class _Timed(selectors.DefaultSelector):
    """Notes how long it waited."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        began = time.perf_counter()
        ready = super().select(timeout)
        self.waited += time.perf_counter() - began
        return ready


class Turns:
    """The turns of one phase, in milliseconds."""

    def __init__(self) -> None:
        self.count = 0
        self._cpu, self._wall = Quantiles(), Quantiles()
        self._worst: list[tuple[float, float, float]] = []

    def add(self, cpu: float, wall: float) -> None:
        self.count += 1
        self._cpu.add(cpu * 1000)
        self._wall.add(wall * 1000)
        worst = (cpu * 1000, wall * 1000, self.count)
        (heapq.heappush if len(self._worst) < WORST else heapq.heappushpop)(self._worst, worst)

    def figures(self) -> dict[str, Any]:
        return {
            "turns": self.count,
            "p50_ms": self._cpu.at(0.5),
            "p99_ms": self._cpu.at(0.99),
            "wall_p99_ms": self._wall.at(0.99),
            "worst_ms": max(self._worst, default=(0.0,))[0],
            "worst": [tuple(round(figure, 1) for figure in one) for one in sorted(self._worst, reverse=True)],
        }


class TurnsLoop(asyncio.SelectorEventLoop):
    """An event loop whose turns are noted under the `phase` of the moment."""

    def __init__(self) -> None:
        self._timed = _Timed()
        super().__init__(self._timed)
        self.turns: dict[str, Turns] = {}
        self.phase = "starting"
        self.full_collections: list[tuple[str, float]] = []
        gc.callbacks.append(self._collected)

    def _run_once(self) -> None:
        turns = self.turns.setdefault(self.phase, Turns())
        waited, cpu, wall = self._timed.waited, time.thread_time(), time.perf_counter()
        super()._run_once()  # type: ignore[misc]  # the one method of a loop that is a turn
        waited = self._timed.waited - waited
        turns.add(time.thread_time() - cpu, time.perf_counter() - wall - waited)

    def _collected(self, what: str, info: dict[str, int]) -> None:
        if info["generation"] == 2:
            if what == "start":
                self._began = time.thread_time()
            else:
                self.full_collections.append((self.phase, (time.thread_time() - self._began) * 1000))
