"""Several processes with one budget: together they buy what fits, also when some of them are killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evolink_async.emulator import Emulator
from tests.kit import soak
from tests.shared_journal.worker import SUBMITS, Worker, all_at_once, start

pytestmark = pytest.mark.timeout(300)  # processes and servers start slowly on a busy machine

PRICE = 23.8
"""Credits of one of the jobs."""


@pytest.fixture
def service() -> Iterator[Emulator]:
    """A service that takes its time to answer, in a thread of its own."""
    emulator = Emulator(speed=1000, median_seconds=100, latency=0.02)
    with emulator.in_thread():
        yield emulator


def bought(workers: list[Worker]) -> int:
    """How many jobs they told as completed."""
    return sum(kind == "Completed" for worker in workers for kind, _ in worker.told.values())


@pytest.mark.parametrize("most_per_job", [{}, soak({"most_per_job": PRICE})])
def test_64_at_once_over_4_processes(service, postgres, most_per_job):
    """A budget for exactly 10 jobs buys 10; the other 54 are told that it is used up."""
    workers = [
        start(
            service.base_url,
            postgres,
            16,
            name=f"w{number}",
            submits=16,
            lease=30.0,
            credits=10 * PRICE,
            **most_per_job,
        )
        for number in range(4)
    ]
    with all_at_once(*workers):
        for worker in workers:
            worker.hear_all()
    assert all(len(worker.told) == 16 for worker in workers)
    assert {kind for worker in workers for kind, _ in worker.told.values()} == {"Completed", "BudgetError"}
    assert bought(workers) == service.ledger.accepted == 10


def test_what_a_killed_process_held_is_used_by_others(service, postgres):
    """But for its doubts, which hold their credits; a process that takes its place buys nothing beyond the limit."""
    budget = {"credits": 15 * PRICE, "lease": 5.0}
    one, other = (start(service.base_url, postgres, 20, name=name, **budget) for name in ("one", "other"))
    with all_at_once(one, other):
        one.hear(5)
        one.process.kill()
        other.hear_all()
        again = start(service.base_url, postgres, 20, name="one", **budget)
        with all_at_once(again):
            again.hear_all()
    assert len(other.told) == len(again.told) == 20
    # A doubt of the killed process may or may not have been paid for; it holds its credits until it is settled.
    assert 15 - SUBMITS <= service.ledger.accepted <= 15
    assert bought([other, again]) + len(again.in_doubt) == 15
