"""How long watched tasks will still take."""

from __future__ import annotations

from typing import Any

import pytest

from evolink_async.polling import Schedule
from evolink_async.polling.time_left import SAMPLE, time_left
from evolink_async.polling.watched_task import WatchedTask
from evolink_async.settings import Cadence

NOBODY: Any = None
SHAPE = ("wan2.6", "720p", 5)


def task(started_at: float, estimated: float | None = None) -> WatchedTask:
    """A task that was accepted at a time."""
    return WatchedTask(str(started_at), NOBODY, SHAPE, started_at, estimated)


def test_nothing_is_watched():
    """Then nothing is said."""
    assert time_left([], Schedule(Cadence()), 0.0) is None


def test_before_any_end():
    """The service's estimate counts, within a factor of about two."""
    found = time_left([task(0.0, 60.0)], Schedule(Cadence()), 0.0)
    assert found is not None
    assert 40 < found.each < 90
    assert found.seconds == found.each


@pytest.mark.parametrize("count", [1, SAMPLE * 3])
def test_learned(count):
    """Tasks that took 100 s so far are expected to take 100 s; one that runs for 70 s has 30 s left."""
    schedule = Schedule(Cadence(), [(SHAPE, 100.0)] * 150)
    found = time_left([task(float(at % 2)) for at in range(count)], schedule, 70.0)
    assert found is not None
    assert found.each == pytest.approx(100, rel=0.1)
    assert found.seconds == pytest.approx(30, abs=25)


def test_longer_than_any():
    """A task that runs longer than all others takes no longer, from now on, than they took."""
    schedule = Schedule(Cadence(), [(SHAPE, 10.0)] * 150)
    found = time_left([task(0.0)], schedule, 1e6)
    assert found is not None
    assert 0 <= found.seconds <= found.each
