"""The commands `enqueue` and `worker`: a file goes in, workers in processes of their own do it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from evolink_async.emulator import Emulator
from evolink_async.emulator.clock import HandClock

pytestmark = pytest.mark.timeout(300)  # processes and servers start slowly on a busy machine

ROOT = Path(__file__).parents[2]
LINES = [{"custom_id": f"shot-{n}", "model": "wan2.6-text-to-video", "prompt": f"A cat, {n}"} for n in range(1, 11)]


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    """Ten jobs."""
    path = tmp_path / "jobs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


@contextmanager
def working(emulator: Emulator, journal: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """A worker that is killed at the end, if it has not ended."""
    env = {"EVOLINK_BASE_URL": emulator.base_url, "EVOLINK_API_KEY": "sk-emulator", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "evolink_async", "worker", "--journal", journal, "--look-every", "0.05"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, *map(str, words)], env=os.environ | env, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_file_is_queued_and_done(cli, local, jobs_file, postgres, tmp_path):
    """Once, however often it is queued; the worker writes an object a job, saves the films, and SIGTERM ends it."""
    for queued in (10, 0):
        ran = cli("enqueue", jobs_file, "--journal", postgres)
        assert (ran.code, ran.lines) == (0, [{"queued": queued, "known": 10 - queued, "bad": 0}])
    words = ("--out", tmp_path / "films", "--allow-private-results")
    with working(local, postgres, *words) as worker:
        assert worker.stdout is not None
        told = [json.loads(worker.stdout.readline()) for _ in LINES]
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate()
        assert worker.returncode == 0, errors
        assert "Traceback" not in errors
    assert {line["custom_id"] for line in told} == {line["custom_id"] for line in LINES}
    assert {line["status"] for line in told} == {"completed"}
    assert len(list((tmp_path / "films").glob("shot-*.mp4"))) == 10
    assert local.ledger.accepted == 10


def test_a_stopped_worker_is_followed_by_another(cli, jobs_file, postgres):
    """It leaves accepted tasks, and no doubt; the next one buys nothing again."""
    clock = HandClock(time.time())
    with Emulator(clock=clock).in_thread() as emulator:
        cli("enqueue", jobs_file, "--journal", postgres)
        with working(emulator, postgres) as one:
            while emulator.ledger.accepted < 10:
                assert one.poll() is None, one.communicate()
                time.sleep(0.02)
            one.send_signal(signal.SIGTERM)
            assert one.wait() == 0
        with psycopg.connect(postgres) as connection:
            found = connection.execute("SELECT state, count(*) FROM evolink_jobs GROUP BY state").fetchall()
            claims = connection.execute("SELECT count(*) FROM evolink_claims").fetchone()
        assert (found, claims) == ([("accepted", 10)], (0,))
        with working(emulator, postgres) as other:
            clock.advance(10_000)
            assert other.stdout is not None
            assert {json.loads(other.stdout.readline())["status"] for _ in LINES} == {"completed"}
        assert emulator.ledger.accepted == 10


def test_a_worker_ends_when_nobody_reads(cli, local, jobs_file, postgres):
    """As other commands do: with 141, when the reader of its output has gone."""
    cli("enqueue", jobs_file, "--journal", postgres)
    with working(local, postgres) as worker:
        assert worker.stdout is not None
        worker.stdout.close()
        assert worker.wait() == 141


def test_bad_lines_are_left_out(cli, jobs_file, postgres):
    """The good ones are queued, and the exit code tells."""
    with jobs_file.open("a") as file:
        file.write('{"model": "wan2.6-text-to-video"}\n')
    ran = cli("enqueue", jobs_file, "--journal", postgres)
    assert (ran.code, ran.lines) == (1, [{"queued": 10, "known": 0, "bad": 1}])
    assert "line 11" in ran.err


def test_errors_are_a_sentence(cli, jobs_file, postgres, tmp_path, monkeypatch):
    """A file in place of an address, no server, no key, a local file, another job under a key."""
    ran = cli("enqueue", jobs_file, "--journal", "films.db")
    assert (ran.code, ran.out) == (2, "")
    assert "--journal must be the address of a PostgreSQL database" in ran.err
    ran = cli("enqueue", jobs_file, "--journal", "postgresql://127.0.0.1:1/films")
    assert ran.code == 2
    assert "cannot be used" in ran.err
    ran = cli("worker", "--journal", postgres)
    assert ran.code == 2
    assert "EVOLINK_API_KEY" in ran.err
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-emulator")
    ran = cli("worker", "--journal", postgres, "--name", "{key}{ext}")
    assert ran.code == 2
    assert "needs a folder" in ran.err
    local_job = tmp_path / "local.jsonl"
    local_job.write_text(
        '{"custom_id": "x", "model": "wan2.6-reference-video", "prompt": "x", "video_urls": ["file:a.mp4"]}\n'
    )
    ran = cli("enqueue", local_job, "--journal", postgres)
    assert ran.code == 2
    assert "upload it first" in ran.err
    cli("enqueue", jobs_file, "--journal", postgres)
    with psycopg.connect(postgres) as connection:
        connection.execute("UPDATE evolink_jobs SET state = 'in_doubt'")
    jobs_file.write_text(json.dumps(LINES[0] | {"prompt": "A dog"}) + "\n")
    ran = cli("enqueue", jobs_file, "--journal", postgres)
    assert ran.code == 2
    assert "other parameters" in ran.err
