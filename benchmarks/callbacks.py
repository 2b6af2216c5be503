"""How late an end is noticed, and how often the service is asked, with callbacks: as they should be, and all lost.

In real time, with tasks of 30 s in place of 120: their ends come four times as closely, so four times as many status
requests a second are allowed. Otherwise the cadence is the default.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from statistics import median

import attrs

import evolink_async as ev
from evolink_async.callbacks import CallbackReceiver
from evolink_async.settings import BatchMode

from .cpu import shot
from .measure import Row
from .vendor import KEY, vendor

TASKS = 1000
SECONDS = 30.0
"""Median duration of a task."""
PER_SECOND = 80.0
NOWHERE = "http://127.0.0.1:9"


@attrs.frozen
class Lived:
    """What became of the tasks.

    Attributes:
        lags: Seconds from the end of each task to its outcome, in order.
        requests: Status requests a task.
    """

    lags: list[float]
    requests: float


async def callbacks() -> AsyncIterator[Row]:
    """Every row about callbacks."""
    for batch, how in (("auto", "many tasks a request"), ("never", "one task a request")):
        lived = await _lived(batch=batch)  # type: ignore[arg-type]  # both are modes
        yield Row(f"{TASKS:,} tasks with callbacks, {how}: median lag / 300 ms", _ms(lived.lags), 300, "ms", 1.0)
        yield Row("  status requests a task / two", lived.requests, 2, "requests", 1.0)
    lost = await _lived(batch="auto", callbacks_to=NOWHERE)
    yield Row("all callbacks lost: longest lag / 300 s", lost.lags[-1], 300, "s", 1.0)
    yield Row("  median lag / median duration", median(lost.lags), SECONDS, "s", None)
    yield Row("  status requests a task / two", lost.requests, 2, "requests", None)


def _ms(lags: list[float]) -> float:
    return median(lags) * 1000


async def _lived(*, batch: BatchMode, callbacks_to: str | None = None) -> Lived:
    receiver = CallbackReceiver("https://hooks.example.com/evolink", "a secret of this measurement")
    async with receiver.serve("127.0.0.1", 0) as port:
        to = callbacks_to or f"http://127.0.0.1:{port}"
        with vendor(1.0, median_seconds=SECONDS, callbacks_to=to) as (url, ends):
            limits, cadence = ev.Limits(in_flight=TASKS), ev.Cadence(batch=batch, polls_per_second=PER_SECOND)
            async with ev.SessionPool(KEY, base_url=url, cadence=cadence, limits=limits, callbacks=receiver) as pool:
                async with pool.run([ev.Job(str(number), shot(number)) for number in range(TASKS)]) as outcomes:
                    told = [outcome async for outcome in outcomes if isinstance(outcome, ev.Completed)]
                requests = pool.stats().status_requests / TASKS
    assert len(told) == TASKS
    return Lived(sorted(outcome.timing.finished_at - ends[outcome.task_id] for outcome in told), requests)
