"""Several processes with one key: together they keep its rate, and meet an outage as one."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from evolink_async.emulator import Emulator, faults
from tests.shared_journal.worker import SUBMITS, Worker, all_at_once, start

pytestmark = pytest.mark.timeout(300)  # processes and servers start slowly on a busy machine

COUNT = 4
NAMES = [f"w{number}" for number in range(COUNT)]
PAGE = faults.reply(502, "<html><title>502 Bad Gateway</title></html>", content_type="text/html")
JOBS_BEFORE = 2
"""Jobs of each process in trouble, beside those under way, before it has heard that others close the brake."""
TRIALS = 5
"""Trials of an outage in doubt after which it is past patience."""


@pytest.fixture
def service() -> Iterator[Emulator]:
    """A service that takes its time to answer, in a thread of its own."""
    emulator = Emulator(speed=1000, median_seconds=100, latency=0.02)
    with emulator.in_thread():
        yield emulator


def processes(service: Emulator, journal: str, jobs: int, **options: Any) -> list[Worker]:
    """Processes with jobs of their own, and with patience for a busy machine."""
    return [start(service.base_url, journal, jobs, name=name, patience=30, **options) for name in NAMES]


def sent_by(service: Emulator) -> list[str]:
    """Which process has sent each paid request."""
    bodies = [request.body for request in service.received if request.kind == "submit"]
    return [found[1].decode() for body in bodies if (found := re.search(rb'"prompt": ?"(w\d)', body))]


def wait_for(condition: Any) -> None:
    """Wait in this thread; the test's time limit is the bound."""
    while not condition():
        time.sleep(0.005)


def outage(journal: str) -> dict[str, Any]:
    """What the processes tell each other of an outage, and the name of the one that tries."""
    query = """
        SELECT fact.state::json AS state, owner.name FROM evolink_facts AS fact
        LEFT JOIN evolink_owners AS owner ON owner.epoch = fact.epoch AND held_until > clock_timestamp()
        WHERE scope LIKE 'outage %'
    """
    with psycopg.connect(journal, autocommit=True) as connection:
        rows = connection.execute(query).fetchall()
    return {**rows[0][0], "name": rows[0][1]} if rows else {"is_open": True, "doubts": 0, "name": None}


def trying(journal: str) -> int | None:
    """The process that tries whether an outage is over."""
    name = outage(journal)["name"]
    return int(name.split("-")[-2]) if name else None


def test_one_rate_over_processes(postgres):
    """None is refused for load by a service that is strict, and all get their share. Counted, not timed."""
    service = Emulator(speed=1000, median_seconds=100, latency=0.02, submits_per_minute=1200)
    with service.in_thread():
        workers = processes(service, postgres, 40, submits=4, per_minute=1200, lease=10.0)
        with all_at_once(*workers):
            for worker in workers:
                worker.hear_all()
    sent = sent_by(service)
    assert service.ledger.accepted == COUNT * 40
    assert len(sent) - service.ledger.accepted <= 0.01 * len(sent)
    shares = Counter(sent[: COUNT * 30])
    assert min(shares[name] for name in NAMES) >= 0.5 * 30


def test_an_outage_costs_little_over_all_processes(service, postgres):
    """What is under way when it begins, a few more, and the trials of one process; all go on when it is over."""
    workers = processes(service, postgres, 60, lease=10.0)
    with all_at_once(*workers):
        for worker in workers:
            worker.hear(5)
        service.faults.on("submit", faults.ALWAYS, PAGE)
        wait_for(lambda: outage(postgres)["doubts"] >= 3)
        service.faults.clear()
        for worker in workers:
            worker.hear_all()
    told = [kind for worker in workers for kind, _ in worker.told.values()]
    doubts = told.count("Unknown")
    assert set(told) == {"Completed", "Unknown"}
    assert len(told) == COUNT * 60
    assert 3 <= doubts <= COUNT * (SUBMITS + JOBS_BEFORE) + TRIALS
    assert service.ledger.accepted == len(told) - doubts
    assert outage(postgres)["is_open"]


def test_a_refused_key_costs_each_process_what_is_under_way(service, postgres):
    """The others hear of it before they send more."""
    workers = processes(service, postgres, 60, lease=10.0)
    with all_at_once(*workers):
        for worker in workers:
            worker.hear(5)
        for kind in ("submit", "credits"):
            service.faults.on(kind, faults.ALWAYS, faults.error(401))
        sent, accepted = len(sent_by(service)), service.ledger.accepted
        for worker in workers:
            worker.hear_all()
    # Those that were under way when the faults began may be in either count.
    refused = len(sent_by(service)) - sent - (service.ledger.accepted - accepted)
    assert refused <= COUNT * SUBMITS
    assert {kind for worker in workers for kind, _ in worker.told.values()} == {"Completed", "AuthenticationError"}


def test_the_process_that_tries_is_killed(service, postgres):
    """Its place is free after a while, and another one finds out that the outage is over."""
    workers = {worker.process.pid: worker for worker in processes(service, postgres, 40, lease=2.0)}
    names = dict(zip(workers, NAMES, strict=True))
    with all_at_once(*workers.values()):
        for worker in workers.values():
            worker.hear(5)
        service.faults.on("submit", faults.ALWAYS, PAGE)
        wait_for(lambda: not outage(postgres)["is_open"])
        sent = len(sent_by(service))
        wait_for(lambda: len(sent_by(service)) > sent)
        # The trials go on, and the next one gets no answer.
        service.faults.on("submit", faults.ALWAYS, faults.HANG_BEFORE_ACCEPT)
        sent = len(sent_by(service))
        killed = None
        while killed not in names or names[killed] not in sent_by(service)[sent:]:
            killed = trying(postgres)
        os.kill(killed, signal.SIGKILL)
        del workers[killed]
        service.faults.clear()
        for worker in workers.values():
            worker.hear_all()
    told = [kind for worker in workers.values() for kind, _ in worker.told.values()]
    assert set(told) <= {"Completed", "Unknown"}
    assert told.count("Unknown") <= COUNT * (SUBMITS + JOBS_BEFORE) + TRIALS
    assert all(len(tasks) == 1 for tasks in service.ledger.tasks_by_body.values())
