"""Four processes on one key with a strict rate, for a minute: how much of it is used, refused, and how evenly.

`python -m tests.soak.test_shared_limits 600` prints the figures for a rate.
"""

from __future__ import annotations

import random
import sys
from collections import Counter

import attrs
import pytest

from evolink_async.emulator import Emulator, faults
from tests.kit import soak
from tests.postgres import running_server
from tests.shared_journal.test_limits_processes import COUNT, NAMES, PAGE, processes, sent_by
from tests.shared_journal.worker import all_at_once
from tests.soak.test_shared_journal import Bench

SECONDS = 60
WARM = 5.0
"""Seconds at the beginning that do not count, until all processes are there."""


@attrs.frozen
class Figures:
    """What came of a run.

    Attributes:
        refused: Part of the requests that were refused with 429.
        used: Part of the rate that was used, in steady state.
        slowest: What the slowest process got, as a part of the mean.
    """

    refused: float
    used: float
    slowest: float


def measured(per_minute: float, latency: float = 0.3) -> Figures:
    """Run processes at a rate until the first has sent all its jobs."""
    service = Emulator(speed=1000, median_seconds=100, latency=latency, submits_per_minute=per_minute, credits=1e12)
    jobs = round(per_minute / 60 * SECONDS / COUNT)
    with running_server() as server, service.in_thread():
        workers = processes(service, server.journal(), jobs, submits=16, per_minute=per_minute, lease=30.0)
        with all_at_once(*workers):
            for worker in workers:
                worker.hear_all()
    return _figures(service, per_minute, jobs)


def _figures(service: Emulator, per_minute: float, jobs: int) -> Figures:
    at = [request.at / service.speed for request in service.received if request.kind == "submit"]
    names = sent_by(service)
    # Until the first has no more jobs: from then on the others have its share.
    seen = Counter[str]()
    last = len(names) - 1
    for number, name in enumerate(names):
        seen[name] += 1
        if seen[name] == jobs:
            last = number
            break
    steady = [number for number in range(last + 1) if at[number] - at[0] >= WARM]
    shares = Counter(names[number] for number in steady)
    seconds = at[steady[-1]] - at[steady[0]]
    return Figures(
        refused=1 - service.ledger.accepted / len(names),
        used=(len(steady) - 1) / seconds / (per_minute / 60),
        slowest=min(shares[name] for name in NAMES) / (len(steady) / COUNT),
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("per_minute", [soak(120), soak(600), soak(1800)])
def test_a_rate_is_kept_used_and_shared(per_minute):
    """At most 1 % refused, at least 95 % used, and the slowest gets at least 80 % of the mean."""
    figures = measured(per_minute)
    assert figures.refused <= 0.01
    assert figures.used >= 0.95
    assert figures.slowest >= 0.8


class Weather(Bench):
    """A bench with a rate, whose service has outages too, and refuses the key at times."""

    def gust(self) -> None:
        """The service is out, refuses the key, or is well again."""
        self.emulator.faults.clear()
        answer = self.dice.choice([PAGE, faults.error(429, headers={"Retry-After": "1"}), None, None])
        if answer is not None:
            self.emulator.faults.on("submit", faults.ALWAYS, answer)

    def kill(self) -> None:
        """As before, in whatever weather."""
        self.gust()
        super().kill()

    def begin(self) -> None:
        """The weather is good when the last one begins, and others."""
        self.emulator.faults.clear()
        super().begin()

    def check(self) -> None:
        """Nothing is paid twice or forgotten, and who began in good weather at the end has told of all."""
        kinds = {"Completed", "Unknown", "OutageError", "RateLimitError"}
        assert [ids for ids in self.emulator.ledger.tasks_by_body.values() if len(ids) != 1] == []
        assert {kind for worker in self.workers for kind, _ in worker.told.values()} <= kinds
        last = self.workers[-1]
        assert last.process.returncode == 0
        assert len(last.told) == self.count
        assert {kind for kind, _ in last.told.values()} <= {"Completed", "Unknown"}
        paid = {task_id for ids in self.emulator.ledger.tasks_by_body.values() for task_id in ids}
        known = {task_id for kind, task_id in last.told.values() if kind == "Completed"}
        assert known <= paid
        assert len(paid - known) <= len(last.in_doubt)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("faults_", "count", "seed"), [(10, 100, 1), *(soak(60, 600, seed) for seed in range(2, 7))])
def test_nobody_waits_for_ever_under_faults_at_random(faults_, count, seed):
    """Processes are killed and stopped, connections cut, the server crashes, while there is an outage or none."""
    with running_server() as server:
        emulator = Emulator(speed=1000, median_seconds=300, latency=0.01, credits=1e12, submits_per_minute=3000)
        with emulator.in_thread():
            bench = Weather(emulator, server, count, random.Random(seed), per_minute=3000)
            try:
                bench.play(faults_)
                bench.check()
            finally:
                bench.end()


if __name__ == "__main__":
    print(measured(float(sys.argv[1])))  # noqa: T201
