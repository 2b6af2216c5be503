"""`evolink-async status`: one poll of each task."""

from __future__ import annotations

from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, dance, write_jobs


def test_status(cli, service, tmp_path):
    """A finished task shows its link, an unknown one a sentence; the exit code is 1 for that."""
    (line,) = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK).lines
    ran = cli("status", line["task_id"], line["task_id"])
    assert ran.code == 0
    (seen,) = ran.lines
    assert (seen["state"], seen["urls"], seen["credits"]) == ("completed", line["urls"], line["credits"])
    ran = cli("status", line["task_id"], "task-unified-1-nothere1")
    assert ran.code == 1
    assert [one["error"] and one["error"]["type"] for one in ran.lines] == [None, "TaskNotFoundError"]
    assert "error: task-unified-1-nothere1: HTTP 404" in ran.err


def test_what_can_be_no_id(cli, service):
    """A word that can be no id is refused in a sentence, without a request."""
    ran = cli("status", "../credits")
    assert ran.code == 1
    assert "error: ../credits: " in ran.err
    assert service.received == []


def test_failed_task(cli, service, tmp_path):
    """A failed task is told with the service's words."""
    service.faults.on("poll", faults.ALWAYS, faults.extra({"status": "failed", "error": {"message": "no [red] cats"}}))
    service.faults.on("batch", faults.ALWAYS, faults.extra({"status": "failed", "error": {"message": "no [red] cats"}}))
    ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK)
    assert (ran.code, ran.lines[0]["status"]) == (1, "failed")
    assert "no [red] cats" in ran.err
    assert "not bought again by the same command" in ran.err
    (seen,) = cli("status", ran.lines[0]["task_id"]).lines
    assert seen["fault"]["message"] == "no [red] cats"


def test_no_key_and_no_service(cli, monkeypatch):
    """Without a key, or without a service at the address, one sentence says so."""
    assert cli("status", "task-1").code == 2
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-1")
    ran = cli("status", "task-1", "--base-url", "http://127.0.0.1:9")
    assert ran.code == 1
    assert "no connection to http://127.0.0.1:9" in ran.err
