"""Jobs as tasks of Procrastinate: workers in processes of their own, killed and stopped."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest

from evolink_async.emulator import Emulator
from evolink_async.emulator.clock import HandClock
from tests.engines.kit import chunks, queued, sql, states, until
from tests.engines.worker import CHUNK, EACH_SECOND, SUBMITS, make_app, working
from tests.kit import jobs

pytestmark = pytest.mark.timeout(300)  # processes and servers start slowly on a busy machine

COUNT = 40


@pytest.fixture
def service() -> Iterator[Emulator]:
    """A service that takes its time to answer, in a thread of its own."""
    with Emulator(speed=1000, median_seconds=300, latency=0.02).in_thread() as emulator:
        yield emulator


def enqueue(journal: str, count: int, **settings: int) -> int:
    """Make the tables and enqueue jobs, as a program does that has no worker."""
    _, films = make_app(journal, "http://127.0.0.1:1", **settings)

    async def act() -> int:
        await films.prepare(engine_too=True)
        return await films.enqueue(jobs(count))

    return asyncio.run(act())


def paid_once(service: Emulator, journal: str, count: int) -> None:
    """No job has two tasks; each has one, or is in doubt."""
    tasks = service.ledger.tasks_by_body
    assert all(len(ids) == 1 for ids in tasks.values())
    found = states(journal)
    assert found.keys() <= {"completed", "in_doubt"}
    assert sum(found.values()) == count
    assert found.get("in_doubt", 0) <= SUBMITS  # what a killed worker was sending
    assert len(tasks) >= found["completed"]


def test_a_worker_does_what_was_enqueued(service, postgres):
    """Each job is bought and told once; the queue is empty then, and the tasks have succeeded."""
    assert enqueue(postgres, COUNT) == COUNT
    with working(postgres, service.base_url) as worker:
        worker.hear(COUNT)
        until(lambda: queued(postgres) == 0)
        until(lambda: chunks(postgres) == {"succeeded": COUNT // CHUNK})
    assert sorted(worker.told) == sorted((f"shot-{number}", "Completed") for number in range(1, COUNT + 1))
    paid_once(service, postgres, COUNT)


def test_a_killed_worker_is_replaced(service, postgres):
    """In the middle of its chunks: the sweep finds what it had, long before Procrastinate counts it as stalled."""
    enqueue(postgres, COUNT)
    with working(postgres, service.base_url, EACH_SECOND) as one:
        one.hear(5)
        one.process.kill()
    with working(postgres, service.base_url, EACH_SECOND):
        until(lambda: queued(postgres) == states(postgres).get("in_doubt", 0))
    paid_once(service, postgres, COUNT)
    assert chunks(postgres)["doing"], "Procrastinate thinks that the dead worker is at work"


def test_a_stopped_worker_hands_its_jobs_back(postgres):
    """Accepted tasks stay accepted, no claim is left, nothing is in doubt; the next worker finishes without a sweep."""
    clock = HandClock(time.time())
    with Emulator(clock=clock, latency=0.02).in_thread() as service:
        enqueue(postgres, COUNT, chunk=COUNT)
        with working(postgres, service.base_url) as one:
            until(lambda: states(postgres).get("accepted", 0) >= 10)
            one.process.send_signal(signal.SIGTERM)
            assert one.process.wait() == 0
        found = states(postgres)
        assert found.keys() <= {"accepted", "planned"}
        assert sql(postgres, "SELECT count(*) FROM evolink_claims") == [(0,)]
        assert sql(postgres, "SELECT count(*) FROM evolink_owners") == [(0,)]
        assert chunks(postgres) == {"todo": 1}
        assert service.ledger.accepted == found["accepted"]
        with working(postgres, service.base_url) as other:
            until(lambda: service.ledger.accepted == COUNT)
            clock.advance(10_000)
            other.hear(COUNT)
            until(lambda: chunks(postgres) == {"succeeded": 1})
        assert (states(postgres), queued(postgres)) == ({"completed": COUNT}, 0)
        assert service.ledger.accepted == COUNT
