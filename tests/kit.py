"""What tests share: settings with small waits, a pool on an emulator, jobs that cost nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pytest

from evolink_async import (
    Accepted,
    Cadence,
    Completed,
    EvolinkError,
    Failed,
    HttpOptions,
    Job,
    RetryPolicy,
    SessionPool,
    Unknown,
    Wan26ReferenceVideo,
)
from evolink_async.emulator import Emulator

KEY = "sk-emulator"
FAST = Cadence(polls_per_second=2000, first_look=0.05, min_interval=0.01, max_interval=0.05, not_found_grace=0.2)
SINGLY = attrs.evolve(FAST, batch="never")
PATIENT = RetryPolicy(base=0.01, cap=0.05, patience=5, grace=1)


def soak(*values: object) -> Any:
    """Parameters of a test that only the soak session tries."""
    return pytest.param(*values, marks=pytest.mark.soak)


def open_pool(emulator: Emulator, **settings: Any) -> SessionPool:
    """A pool on the emulator with waits made small; any setting may be given."""
    chosen: dict[str, Any] = {
        "api_key": KEY,
        "base_url": emulator.base_url,
        "cadence": FAST,
        "retry": PATIENT,
        "http": HttpOptions(allow_private_results=True),
    } | settings
    return SessionPool(**chosen)


def dance(number: int = 1, **changes: Any) -> Wan26ReferenceVideo:
    """Parameters of a small job; a number makes them unlike any other's."""
    values: dict[str, Any] = {
        "prompt": f"A person dancing, take {number}",
        "video_urls": ["https://example.com/reference.mp4"],
    }
    return Wan26ReferenceVideo(**(values | changes))


def jobs(count: int) -> list[Job]:
    """Jobs `shot-1` to `shot-<count>`."""
    return [Job(f"shot-{number}", dance(number)) for number in range(1, count + 1)]


def as_completed(outcome: object) -> Completed:
    """The outcome, which is a `Completed`."""
    assert isinstance(outcome, Completed)
    return outcome


def as_failed(outcome: object) -> Failed:
    """The outcome, which is a `Failed`."""
    assert isinstance(outcome, Failed)
    return outcome


def as_accepted(standing: object) -> Accepted:
    """The standing, which is an `Accepted`."""
    assert isinstance(standing, Accepted)
    return standing


def error_of(outcome: object) -> EvolinkError:
    """The error of a `Failed` or an `Unknown`."""
    assert isinstance(outcome, Failed | Unknown)
    return outcome.error


def task_ids(standings: Iterable[object]) -> list[str | None]:
    """The task ids of accepted or ended jobs."""
    return [standing.task_id for standing in standings if isinstance(standing, Accepted | Completed | Failed)]


async def turns(count: int = 5) -> None:
    """Let every task that can run take some turns of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[..., object]) -> None:
    """Let the event loop run until `condition()` holds; the test's time limit is the bound."""
    while not condition():
        await asyncio.sleep(0.001)


def own_tasks() -> set[asyncio.Task]:
    """The asyncio tasks of this loop that are the library's, not the caller's or the emulator's."""
    return {task for task in asyncio.all_tasks() if "evolink_async" in task.get_name() or "submit " in task.get_name()}


def arrivals(emulator: Emulator, kind: str) -> list[float]:
    """When requests of a kind arrived, in real seconds since the first request of all."""
    first = emulator.received[0].at
    return [(request.at - first) / emulator.speed for request in emulator.received if request.kind == kind]
