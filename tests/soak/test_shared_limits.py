"""Four processes on one key with a strict rate, for a minute: how much of it is used, refused, and how evenly.

`python -m tests.soak.test_shared_limits 600` prints the figures for a rate.
"""

from __future__ import annotations

import sys
from collections import Counter

import attrs
import pytest

from evolink_async.emulator import Emulator
from tests.kit import soak
from tests.postgres import running_server
from tests.shared_journal.test_limits_processes import COUNT, NAMES, processes, sent_by
from tests.shared_journal.worker import all_at_once

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


if __name__ == "__main__":
    print(measured(float(sys.argv[1])))  # noqa: T201
