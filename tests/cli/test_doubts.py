"""`evolink-async doubts` and `settle`: from a lost reply to a job that is over, by hand and without a key."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest

from evolink_async.client import ApiKey
from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, dance, submits, videos, write_jobs
from tests.cli.test_terminal import in_terminal

FIELDS = ["custom_id", "model", "prompt", "sent_at", "window", "idempotency_key", "request_id", "http_status"]
FIELDS += ["api_key", "message", "task_id", "check"]


@pytest.fixture
def lost(cli, service, tmp_path, monkeypatch):
    """A journal with one job in doubt and a finished one; the words of `run`; and no key in the environment."""
    service.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    jobs = write_jobs(tmp_path, dance(1, prompt="A dance " * 50), dance(2))
    words = ("run", jobs, "--out", tmp_path, "--in-flight", "1", *QUICK)
    assert cli(*words).code == 3
    monkeypatch.delenv("EVOLINK_API_KEY")
    return tmp_path / "jobs.journal.db", words


def test_doubts(cli, service, lost):
    """All that helps to find a task is told, without a key, a request or a change to the journal; exit code 3."""
    journal, _ = lost
    asked, before = len(service.received), journal.read_bytes()
    ran = cli("doubts", journal)
    (doubt,) = ran.lines
    assert ran.code == 3
    assert list(doubt) == FIELDS
    (submit, _) = [one for one in service.received if one.kind == "submit"]
    assert doubt["custom_id"] == "shot-1"
    assert doubt["model"] == "wan2.6-reference-video-flash"
    assert doubt["prompt"] == ("A dance " * 10)
    assert doubt["idempotency_key"] == submit.headers["Idempotency-Key"]
    assert doubt["api_key"] == ApiKey("sk-emulator").fingerprint
    assert 0 < time.time() - doubt["sent_at"] < 60
    begin, end = (datetime.fromisoformat(moment).timestamp() for moment in doubt["window"])
    assert begin < doubt["sent_at"] < end
    assert "https://evolink.ai/dashboard" in doubt["check"]
    assert (len(service.received), journal.read_bytes()) == (asked, before)
    assert sorted(path.name for path in journal.parent.glob("*.db*")) == ["jobs.journal.db", "jobs.journal.db-lock"]


@pytest.mark.parametrize("key", ["-", "--help", "-5"])
def test_a_key_that_looks_like_an_option(cli, service, tmp_path, key):
    """The command that is printed settles it as it stands."""
    service.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    journal = tmp_path / "jobs.journal.db"
    ran = cli("run", write_jobs(tmp_path, dance(custom_id=key)), "--out", tmp_path, *QUICK)
    command = f"evolink-async settle -- {journal} {key}"
    assert command in ran.err
    assert f"settle -- {journal} JOB" in cli("doubts", journal).err
    assert cli(*command.split()[1:], "abandon").code == 0
    assert cli("doubts", journal).code == 0


def test_doubts_with_an_answer(cli, service, tmp_path):
    """What the service did answer is told: its status and the id of the request."""
    service.faults.on("submit", 1, faults.error(500))
    assert cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK).code in (1, 3)
    for doubt in cli("doubts", tmp_path / "jobs.journal.db").lines:
        assert doubt["http_status"] == 500
        assert doubt["request_id"]


def test_doubts_in_a_terminal(lost):
    """In a terminal each doubt is a table, and the way to settle it follows."""
    journal, _ = lost
    text, code = in_terminal("doubts", journal, env={"TZ": "UTC"})
    assert code == 3
    facts = ("job", "shot-1", "prompt", "idempotency key", "ev-", "none arrived")
    for word in (*facts, "(UTC+00:00)", "dashboard", "settle"):
        assert word in text


def test_settled_with_a_task(cli, service, lost, monkeypatch):
    """The id from the dashboard: the next run waits for that task and saves its video; nothing is bought."""
    journal, words = lost
    task_id = next(iter(service.tasks))
    ran = cli("settle", journal, "shot-1", task_id)
    assert (ran.code, ran.out) == (
        0,
        f"shot-1 is task {task_id}: the next run waits for it and saves its video.\n",
    )
    assert "Nothing is in doubt any more" in ran.err
    assert cli("doubts", journal).code == 0
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-emulator")
    ran = cli(*words)
    assert ran.code == 0
    assert {line["custom_id"]: line["task_id"] for line in ran.lines}["shot-1"] == task_id
    assert (submits(service), videos(journal.parent)) == (2, ["shot-1.mp4", "shot-2.mp4"])


def test_settled_by_resubmit(cli, service, lost, monkeypatch):
    """No task there: the next run buys it under a new idempotency key."""
    journal, words = lost
    ran = cli("settle", journal, "shot-1", "resubmit")
    assert (ran.code, cli("doubts", journal).code) == (0, 0)
    assert "the next run buys it anew" in ran.out
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-emulator")
    assert cli(*words).code == 0
    sent = [one.headers["Idempotency-Key"] for one in service.received if one.kind == "submit"]
    assert len(set(sent)) == len(sent) == 3
    assert videos(journal.parent) == ["shot-1.mp4", "shot-2.mp4"]


def test_settled_by_abandon(cli, service, lost, monkeypatch):
    """Given up: the next run tells it as failed, with what to do if it is wanted after all, and sends nothing."""
    journal, words = lost
    ran = cli("settle", journal, "shot-1", "abandon")
    assert (ran.code, cli("doubts", journal).code) == (0, 0)
    assert "reports it as failed" in ran.out
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-emulator")
    ran = cli(*words)
    assert (ran.code, submits(service)) == (1, 2)
    assert "shot-1 failed: it was abandoned while in doubt" in ran.err
    assert "another custom_id" in ran.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["settle", "{folder}/none.db", "shot-1", "abandon"], "there is no journal"),
        (["doubts", "{folder}/none.db"], "there is no journal"),
        (["settle", "{folder}/jobs.jsonl", "shot-1", "abandon"], "it is not an SQLite file"),
        (["doubts", "{folder}/jobs.jsonl"], "it is not an SQLite file"),
        (["doubts", "{folder}/empty.db"], "is empty"),
        (["doubts", "{folder}"], "is a folder, so it is no journal"),
        (["settle", "{journal}", "shot-2", "abandon"], "no job 'shot-2' is in doubt"),
        (["settle", "{journal}", "shot-9", "resubmit"], "; in doubt are: shot-1"),
        (["settle", "{journal}", "shot-1", "resubmitt"], "neither resubmit nor abandon"),
        (["settle", "{journal}", "shot-1", "../credits"], "must be 1 to 128 letters"),
        (["settle", "{journal}", "shot-1"], "how"),
    ],
)
def test_wrong_use(cli, lost, words, expected):
    """One sentence, exit code 2, no file made and none changed."""
    journal: Path = lost[0]
    (journal.parent / "empty.db").touch()
    before = {path: path.read_bytes() for path in journal.parent.iterdir()}
    ran = cli(*(word.format(folder=journal.parent, journal=journal) for word in words))
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert expected.lower() in ran.err.lower()
    assert {path: path.read_bytes() for path in journal.parent.iterdir()} == before
