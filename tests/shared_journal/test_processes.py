"""Several processes over one journal, stopped and killed: each job is paid for once, and all who live tell its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psycopg
import pytest

from evolink_async.emulator import Emulator, faults
from tests.shared_journal.worker import SUBMITS, Worker, all_at_once, start, working

pytestmark = pytest.mark.timeout(300)  # processes and servers start slowly on a busy machine

COUNT = 40


@pytest.fixture
def service() -> Iterator[Emulator]:
    """A service that takes its time to answer, in a thread of its own."""
    emulator = Emulator(speed=1000, median_seconds=100, latency=0.02)
    with emulator.in_thread():
        yield emulator


def check(service: Emulator, *workers: Worker) -> None:
    """Each job has at most one task; who tells of a task tells of the same one; what was paid is told."""
    tasks = service.ledger.tasks_by_body
    assert all(len(ids) == 1 for ids in tasks.values())
    paid = {task_id for ids in tasks.values() for task_id in ids}
    for worker in workers:
        assert worker.told.keys() == {f"shot-{number}" for number in range(1, COUNT + 1)}
        assert {kind for kind, _ in worker.told.values()} <= {"Completed", "Unknown"}
        known = {task_id for kind, task_id in worker.told.values() if kind == "Completed"}
        assert len(known) == COUNT - len(worker.in_doubt)
        assert known <= paid
        # Nothing paid is told as unsent: it is known, or its job is in doubt.
        assert len(paid - known) <= len(worker.in_doubt)
    assert len({tuple(sorted(worker.told.items())) for worker in map(simplified, workers)}) == 1


def simplified(worker: Worker) -> Worker:
    """The same, with facts that can be hashed."""
    return Worker(worker.process, {key: tuple(facts) for key, facts in worker.told.items()})  # type: ignore[misc]  # compared only


def test_two_processes_share_the_work(service, postgres):
    """Each buys a part; both tell all."""
    # The first to come holds its places until the second has claimed jobs too.
    service.faults.on("submit", range(1, SUBMITS + 1), faults.delay(3.0))
    with working(service.base_url, postgres, COUNT) as (one, other):
        one.hear_all()
        other.hear_all()
        check(service, one, other)
        assert not one.in_doubt
    with psycopg.connect(postgres) as connection:
        shares = connection.execute("SELECT count(*) FROM evolink_jobs GROUP BY epoch").fetchall()
    assert len(shares) == 2, "one of them did all the work"


def test_a_killed_process_is_replaced_by_the_other(service, postgres):
    """What it was submitting is in doubt, what was accepted is polled, the rest is bought."""
    with working(service.base_url, postgres, COUNT) as (one, other):
        one.hear(10)
        one.process.kill()
        other.hear_all()
        check(service, other)
        assert len(other.in_doubt) <= SUBMITS
        assert service.ledger.accepted >= COUNT - SUBMITS


def test_a_process_that_stood_still_sends_nothing_that_others_have(service, postgres):
    """Stopped past its lease and woken: it tells the ends of what others have done meanwhile."""
    with working(service.base_url, postgres, COUNT) as (one, other):
        one.hear(10)
        os.kill(one.process.pid, signal.SIGSTOP)
        other.hear_all()
        sent = len([request for request in service.received if request.kind == "submit"])
        os.kill(one.process.pid, signal.SIGCONT)
        one.hear_all()
        assert len([request for request in service.received if request.kind == "submit"]) == sent
        tasks = service.ledger.tasks_by_body
        assert all(len(ids) == 1 for ids in tasks.values())
        assert {kind for kind, _ in one.told.values()} <= {"Completed", "Unknown"}
        assert one.told.keys() == other.told.keys()
        # A doubt of one may be an answer that the other got in the end; two tasks never stand for one job.
        both = one.told.keys() - set(one.in_doubt) - set(other.in_doubt)
        assert {key: one.told[key] for key in both} == {key: other.told[key] for key in both}
        assert len(both) >= COUNT - SUBMITS


def test_what_a_killed_stream_has_not_told_is_told_by_another(service, postgres):
    """Two processes share the ends of the jobs of a third one; only what one had in hand may be told twice."""
    one, other = (start(service.base_url, postgres, 0, tells=True, lease=5.0) for _ in range(2))
    buyer = start(service.base_url, postgres, COUNT, lease=5.0)
    with all_at_once(one, other, buyer):
        one.hear(1)  # how many more each of them gets is chance
        other.hear(1)
        assert not one.told.keys() & other.told.keys()
        one.process.kill()
        one.hear(1 << 30)
        buyer.hear_all()
        while len(one.told.keys() | other.told.keys()) < COUNT:
            count = len(other.told)
            other.hear(count + 1)
            assert len(other.told) > count, "it has ended"
        assert len(one.told.keys() & other.told.keys()) <= 1
