"""`run --rebuy` and `run --retry-failed`: jobs that are bought anew, and what `check` says of them."""

from __future__ import annotations

import random

import pytest

from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, dance, submits, write_jobs


def fail(service, code, *, count=None):
    """Let tasks fail with a code: all, or the first ones."""

    def change(task):
        if count is not None and task.get("id") not in list(service.tasks)[:count]:
            return task
        free = {"credits_used": 0}
        return {**task, "status": "failed", "results": [], "error": {"code": code, "message": "no cats"}, "usage": free}

    for kind in ("poll", "batch"):
        service.faults.on(kind, faults.ALWAYS, faults.rewrite("failed", change))


def test_rebuy(cli, service, tmp_path, monkeypatch):
    """A passing failure is bought anew, as often as allowed; the outcome names the earlier tasks."""
    monkeypatch.setattr(random, "uniform", lambda low, high: 0.001)  # the pause before it takes half a minute
    fail(service, "service_error", count=2)
    words = ("--out", tmp_path, "--rebuy", "2", *QUICK)
    ran = cli("run", write_jobs(tmp_path, dance()), *words)
    assert ran.code == 0
    (line,) = ran.lines
    first, second, third = service.tasks
    assert (line["task_id"], line["earlier_tasks"], submits(service)) == (third, [first, second], 3)


def test_retry_failed(cli, service, tmp_path):
    """A plain run buys nothing anew; with the option each failed job is bought once, and `check` counts it so."""
    fail(service, "content_policy")
    jobs, out = write_jobs(tmp_path, dance(1), dance(2)), ("--out", tmp_path, *QUICK)
    assert cli("run", jobs, *out).code == 1
    service.faults.clear()
    ran = cli("run", jobs, *out)
    assert (ran.code, submits(service)) == (1, 2)
    assert "with --retry-failed each is, once more" in ran.err
    journal = ("--journal", tmp_path / "jobs.journal.db")
    assert [line.get("recorded") for line in cli("check", jobs, *journal).lines[:2]] == ["ended"] * 2
    checked = cli("check", jobs, *journal, "--retry-failed").lines
    assert [line.get("recorded") for line in checked[:2]] == [None] * 2
    assert checked[2]["estimate"]["jobs"] == 2
    ran = cli("run", jobs, *out, "--retry-failed")
    assert (ran.code, submits(service)) == (0, 4)
    assert [len(line["earlier_tasks"]) for line in ran.lines] == [1, 1]
    assert cli("run", jobs, *out, "--retry-failed").code == 0
    assert submits(service) == 4


def test_a_job_that_was_given_up_stays_so(cli, service, tmp_path):
    """It may have been paid for, so `--retry-failed` does not buy it, and `check` does not price it."""
    service.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    jobs, out = write_jobs(tmp_path, dance()), ("--out", tmp_path, *QUICK)
    assert cli("run", jobs, *out).code == 3
    assert cli("settle", tmp_path / "jobs.journal.db", "shot-1", "abandon").code == 0
    (line, _) = cli("check", jobs, "--journal", tmp_path / "jobs.journal.db", "--retry-failed").lines
    assert line["recorded"] == "ended"
    assert cli("run", jobs, *out, "--retry-failed").code == 1
    assert submits(service) == 1


@pytest.mark.parametrize("count", ["-1", "two"])
def test_rebuy_is_a_count(cli, tmp_path, count):
    """Anything else is wrong use."""
    ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, "--rebuy", count)
    assert (ran.code, ran.err.count("error: ")) == (2, 1)
