"""The small steps that are taken for every poll or every job, by pytest-benchmark; not part of the test run.

pytest -c benchmarks/pytest.ini benchmarks/test_micro.py --benchmark-compare
"""

from __future__ import annotations

import json

import attrs
import pytest

from evolink_async.jobs import digest
from evolink_async.params import dump_params
from evolink_async.polling import Schedule
from evolink_async.polling.timing_wheel import TimingWheel
from evolink_async.settings import Cadence
from evolink_async.wire import Response, decode_batch, read_task

from .cpu import shot
from .rivals.shapes import PROCESSING
from .service import task_id

ROW = PROCESSING["evolink"]
IDS = [task_id(number) for number in range(50)]
SHAPE = ("wan2.6-reference-video", "720p", 5)


@attrs.define
class Place:
    bucket: int | None = None


@pytest.fixture
def learnt():
    schedule = Schedule(Cadence())
    for duration in range(100, 200):
        schedule.observe(SHAPE, float(duration))
    return schedule


def test_next_look(benchmark, learnt):
    assert benchmark(learnt.next_look, SHAPE, 80.0, 120.0) > 0


def test_next_look_after_progress(benchmark, learnt):
    assert benchmark(learnt.next_look, SHAPE, 80.0, 120.0, 45.0) > 0


def test_read_task(benchmark):
    assert benchmark(read_task, ROW).state == "processing"


def test_decode_batch_of_fifty(benchmark):
    body = json.dumps({"data": [ROW | {"id": name} for name in IDS]}).encode()
    response = Response(status=200, headers={}, body=body)
    assert len(benchmark(decode_batch, response, asked=frozenset(IDS))) == 50


def test_agenda_put_and_take(benchmark):
    agenda = TimingWheel[Place]()
    for number in range(10_000):
        agenda.put(Place(), number / 100)

    def move() -> None:
        place = agenda.take(1e9)
        assert place is not None
        agenda.put(place, 50.0)

    benchmark(move)
    assert len(agenda) == 10_000


def test_dump_params(benchmark):
    assert benchmark(dump_params, shot(1))["prompt"] == "Take 1"


def test_digest(benchmark):
    assert benchmark(digest, shot(1))
