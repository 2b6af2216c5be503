"""Processes on one journal, whose server is killed in the middle of their work and followed by its standby."""

from __future__ import annotations

from collections.abc import Container

import psycopg
import pytest

from evolink_async.emulator import Emulator
from tests.shared_journal.worker import Worker, all_at_once, start
from tests.standby import running_pair

LEASE = 6.0
"""Seconds: it lasts through a failover on a busy machine."""


def tasks_of(emulator: Emulator) -> set[str]:
    """All tasks that have been paid for."""
    return {task for tasks in emulator.ledger.tasks_by_body.values() for task in tasks}


def check(emulator: Emulator, url: str, workers: list[Worker], count: int, lost: Container[str] = ()) -> int:
    """Each job has one paid task, which is in the journal, or the job is in doubt. Return how many are.

    Of a task in `lost` nobody is left who knows: such a job may have a second one.
    """
    tasks = emulator.ledger.tasks_by_body
    twice = [ids for ids in tasks.values() if len(ids) != 1]
    assert [ids for ids in twice if len(ids) > 2 or ids[0] not in lost] == []
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT key, state, task_id FROM evolink_jobs").fetchall()
    assert len(rows) == count
    assert {state for _, state, _ in rows} <= {"completed", "in_doubt"}
    doubts = sum(state == "in_doubt" for _, state, _ in rows)
    paid, found = tasks_of(emulator), {task_id for _, _, task_id in rows if task_id}
    assert found <= paid
    assert len(paid - found) <= doubts + len(twice)
    for worker in workers:
        assert len(worker.told) == count
        for kind, task_id in worker.told.values():
            assert kind == "Unknown" or task_id in found
    return doubts


def run_over_a_failover(count: int) -> None:
    """Three workers, whose synchronous primary is killed: all jobs complete, paid for once, and none is in doubt."""
    emulator = Emulator(speed=1000, median_seconds=300, latency=0.02, credits=1e12)
    with running_pair() as pair, emulator.in_thread():
        pair.synchronize()
        url = pair.journal()
        workers = [start(emulator.base_url, url, count, lease=LEASE) for _ in range(3)]
        with all_at_once(*workers):
            workers[0].hear(count // 8)
            pair.fail_over()
            for worker in workers:
                worker.hear_all()
        assert check(emulator, url, workers, count) == 0


@pytest.mark.timeout(600)
def test_a_synchronous_standby():
    """It takes over while jobs are sent and end. Larger sizes are in `tests/soak`."""
    run_over_a_failover(40)
