"""Failovers of full size; the laws that they keep to are in `tests/shared_journal/test_failover_processes.py`."""

from __future__ import annotations

import random
import time

import psycopg
import pytest

from evolink_async.emulator import Emulator
from tests.shared_journal.test_failover_processes import LEASE, check, run_over_a_failover, tasks_of
from tests.shared_journal.worker import all_at_once, start
from tests.standby import running_pair

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.mark.parametrize("count", [150, 300, 600])
def test_a_synchronous_standby(count):
    """It takes over while jobs are sent and end."""
    run_over_a_failover(count)


@pytest.mark.parametrize("seed", range(8))
def test_an_asynchronous_standby_that_has_missed_the_last_commits(seed):
    """Processes that live lose nothing of it. What one that dies bought in the lost commits may be bought again."""
    dice, count = random.Random(seed), 200
    emulator = Emulator(speed=1000, median_seconds=300, latency=0.02, credits=1e12)
    with running_pair() as pair, emulator.in_thread():
        url = pair.journal()
        budget = {"credits": 1e6} if seed % 2 else {}
        workers = [start(emulator.base_url, url, count, lease=LEASE, submits=8, **budget) for _ in range(4)]
        dead = workers[: dice.choice((0, 0, 1, 2))]
        with all_at_once(*workers):
            workers[-1].hear(dice.randint(5, count // 2))
            before = tasks_of(emulator)
            pair.part()
            time.sleep(dice.uniform(0, 0.5))
            pair.primary.kill()
            for worker in dead:
                worker.process.kill()
            pair.fail_over()
            lost = tasks_of(emulator) - before if dead else set()  # with what was on its way to the service
            alive = [worker for worker in workers if worker not in dead]
            for worker in alive:
                worker.hear_all()
        later = start(emulator.base_url, url, count, lease=LEASE)
        with all_at_once(later):  # the same jobs again
            later.hear_all()
        told = [*alive, later]
        doubts = check(emulator, url, told, count, lost)
        assert dead or doubts == 0
        if budget:
            with psycopg.connect(url) as connection:
                held = "SELECT coalesce(sum(units), 0) = (SELECT held FROM evolink_budget) FROM evolink_holds"
                spent = "SELECT round(sum(credits_used) * 10000) = (SELECT spent FROM evolink_budget) FROM evolink_jobs"
                assert connection.execute(held).fetchall() == connection.execute(spent).fetchall() == [(True,)]
