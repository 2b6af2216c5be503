"""Workers over one journal in PostgreSQL, hit by faults at random: nothing is lost, nothing is paid for twice.

Workers are killed, or stopped past their lease and woken; connections are cut; the server crashes and comes back.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from evolink_async.emulator import Emulator
from tests.kit import soak
from tests.postgres import Server, running_server
from tests.shared_journal.worker import ROOT, Worker

WORKERS = 4
LEASE = 1.0
"""Seconds: it is lost often here, also by workers that only wait for the processor."""
SIZES = [(6, 60, 1), *(soak(100, 1500, seed) for seed in range(2, 7))]


class Bench:
    """Workers over the same jobs, each replaced by another one when it is killed."""

    def __init__(self, emulator: Emulator, server: Server, count: int, dice: random.Random, **budget: float) -> None:
        self.emulator, self.server, self.count, self.dice, self.budget = emulator, server, count, dice, budget
        self.journal = server.journal()
        self.workers: list[Worker] = []
        self.listeners: list[threading.Thread] = []
        self.sleeping: dict[subprocess.Popen[str], float] = {}
        for _ in range(WORKERS):
            self.begin()

    def begin(self) -> None:
        """Start another worker."""
        command = [sys.executable, "-m", "tests.shared_journal.worker"]
        arguments = [self.emulator.base_url, self.journal, str(self.count), json.dumps({"lease": LEASE, **self.budget})]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        worker = Worker(subprocess.Popen([*command, *arguments], cwd=ROOT, text=True, **pipes))
        self.workers.append(worker)
        listener = threading.Thread(target=self.hear, args=(worker,))
        listener.start()
        self.listeners.append(listener)

    def hear(self, worker: Worker) -> None:
        """Take down what a worker is told, to its end."""
        assert worker.process.stdout is not None
        if worker.process.stdout.readline():  # it is open
            with suppress(BrokenPipeError):
                worker.begin()
            worker.hear(1 << 30)
        worker.process.wait()

    def running(self) -> list[Worker]:
        """The workers that neither have ended nor are stopped."""
        return [
            worker for worker in self.workers if worker.process.poll() is None and worker.process not in self.sleeping
        ]

    # --- faults

    def kill(self) -> None:
        """One dies; another one is born."""
        if running := self.running():
            self.dice.choice(running).process.kill()
            self.begin()

    def stop(self) -> None:
        """One stands still for longer than its lease."""
        if len(running := self.running()) > 1:
            process = self.dice.choice(running).process
            process.send_signal(signal.SIGSTOP)  # nothing happens if it has just ended
            self.sleeping[process] = time.monotonic() + LEASE * self.dice.uniform(0.5, 2.5)

    def cut(self) -> None:
        """All connections to the server are lost."""
        with self.server.admin() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def crash(self) -> None:
        """The server dies, and comes back."""
        self.server.stop(self.dice.choice(["fast", "immediate"]))
        self.server.start()

    def wake(self, at: float) -> None:
        """Wake those whose time has come."""
        for process, until in list(self.sleeping.items()):
            if at >= until:
                del self.sleeping[process]
                process.send_signal(signal.SIGCONT)

    def play(self, faults: int) -> None:
        """Let faults happen, then let all come to their end."""
        acts: list[Callable[[], None]] = [self.kill] * 5 + [self.stop] * 5 + [self.cut] * 3 + [self.crash]
        for _ in range(faults):
            time.sleep(self.dice.uniform(0, 0.4))
            self.wake(time.monotonic())
            self.dice.choice(acts)()
            if not self.running():
                self.begin()
        self.wake(float("inf"))
        self.begin()
        for listener in self.listeners:
            listener.join()

    def end(self) -> None:
        """End all workers that are left, and close what led to them."""
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()
        for listener in self.listeners:
            listener.join()
        for worker in self.workers:
            for pipe in (worker.process.stdin, worker.process.stdout):
                assert pipe is not None
                with suppress(BrokenPipeError):
                    pipe.close()

    def check(self) -> None:
        """Each job has one task at most; who lived to the end has told all, and nobody told of different tasks."""
        kinds = {"Completed", "Unknown", *(["BudgetError"] if self.budget else [])}
        tasks = self.emulator.ledger.tasks_by_body
        assert [ids for ids in tasks.values() if len(ids) != 1] == []
        known: dict[str, set[str | None]] = {}
        for worker in self.workers:
            if worker.process.returncode == 0:
                assert len(worker.told) == self.count
            assert {kind for kind, _ in worker.told.values()} <= kinds
            for key, (kind, task_id) in worker.told.items():
                if kind == "Completed":
                    known.setdefault(key, set()).add(task_id)
        assert [ids for ids in known.values() if len(ids) != 1] == []
        with psycopg.connect(self.journal) as connection:
            rows = connection.execute("SELECT key, state, task_id FROM evolink_jobs").fetchall()
        assert {state for _, state, _ in rows} <= {"completed", "in_doubt", *(["planned"] if self.budget else [])}
        paid = {task_id for ids in tasks.values() for task_id in ids}
        found = {task_id for _, _, task_id in rows if task_id}
        # A paid task that the journal does not know belongs to a job in doubt.
        assert len(paid - found) <= sum(state == "in_doubt" for _, state, _ in rows)
        assert len(rows) == self.count


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("faults", "count", "seed"), SIZES)
def test_faults_at_random(faults, count, seed):
    """The small size runs with every suite; the big ones are 500 faults together."""
    with running_server() as server:
        emulator = Emulator(speed=1000, median_seconds=300, latency=0.01, credits=1e12)
        with emulator.in_thread():
            bench = Bench(emulator, server, count, random.Random(seed))
            try:
                bench.play(faults)
                bench.check()
            finally:
                bench.end()


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("faults", "count", "seed"), SIZES)
def test_a_budget_under_faults_at_random(faults, count, seed):
    """It is never exceeded, what the dead had reserved is used by the living, and the sums are those of the rows."""
    price, fits = 23.8, count * 2 // 3
    with running_server() as server:
        emulator = Emulator(speed=1000, median_seconds=300, latency=0.01, credits=1e12)
        with emulator.in_thread():
            bench = Bench(emulator, server, count, random.Random(seed), credits=fits * price)
            try:
                bench.play(faults)
                bench.check()
            finally:
                bench.end()
        assert emulator.ledger.accepted <= fits
        with psycopg.connect(bench.journal) as connection:
            held = "SELECT coalesce(sum(units), 0) = (SELECT held FROM evolink_budget) FROM evolink_holds"
            spent = "SELECT round(sum(credits_used) * 10000) = (SELECT spent FROM evolink_budget) FROM evolink_jobs"
            assert connection.execute(held).fetchall() == connection.execute(spent).fetchall() == [(True,)]
            doubts = connection.execute("SELECT count(*) FROM evolink_jobs WHERE state = 'in_doubt'").fetchall()[0][0]
            completed = connection.execute("SELECT count(*) FROM evolink_jobs WHERE state = 'completed'").fetchall()[0][
                0
            ]
        assert completed + doubts == fits
