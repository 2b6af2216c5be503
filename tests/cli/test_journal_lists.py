"""`evolink-async jobs` and `outcomes`: what a journal says, also while a run uses it, without a key or a request."""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing

import pytest

from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, dance, environment, finish, next_line, spawn, write_jobs
from tests.cli.test_run import FIELDS
from tests.cli.test_terminal import in_terminal
from tests.kit import until

FAILURE = faults.extra({"status": "failed", "results": [], "error": {"code": "content", "message": "no cats"}})


@pytest.fixture
def journal(cli, service, tmp_path, monkeypatch):
    """A journal with a finished job, one in doubt and a failed one, in this order; no key in the environment."""
    words = ("--out", tmp_path, "--journal", tmp_path / "films.db", *QUICK)
    assert cli("run", write_jobs(tmp_path, dance(1)), *words).code == 0
    service.faults.on("submit", 2, faults.DROP_AFTER_ACCEPT)
    assert cli("run", write_jobs(tmp_path, dance(2)), *words).code == 3
    for kind in ("poll", "batch"):
        service.faults.on(kind, faults.ALWAYS, FAILURE)
    assert cli("run", write_jobs(tmp_path, dance(3)), *words).code == 1
    monkeypatch.delenv("EVOLINK_API_KEY")
    return tmp_path / "films.db"


def test_jobs(cli, service, journal):
    """Each job is a JSON object, in the order of the keys; nothing is asked, nothing in the file changes."""
    asked, before = len(service.received), journal.read_bytes()
    ran = cli("jobs", journal)
    assert ran.code == 0
    assert [(line["custom_id"], line["state"]) for line in ran.lines] == [
        ("shot-1", "completed"),
        ("shot-2", "unknown"),
        ("shot-3", "failed"),
    ]
    assert {line["model"] for line in ran.lines} == {"wan2.6-reference-video-flash"}
    assert [bool(line["task_id"]) for line in ran.lines] == [True, False, True]
    assert [line["error"] and line["error"]["type"] for line in ran.lines] == [
        None,
        "SubmissionUnknownError",
        "TaskFailedError",
    ]
    assert "3 jobs: 1 completed, 1 failed, 1 unknown." in ran.err
    assert (len(service.received), journal.read_bytes()) == (asked, before)


@pytest.mark.parametrize(("state", "keys"), [("failed", ["shot-3"]), ("planned", []), ("unknown", ["shot-2"])])
def test_jobs_in_one_state(cli, journal, state, keys):
    """Only those are listed; no such job is no error."""
    ran = cli("jobs", journal, "--state", state)
    assert (ran.code, [line["custom_id"] for line in ran.lines]) == (0, keys)


def test_jobs_in_a_terminal(journal):
    """A table, a row for each job; ids of tasks stay whole."""
    text, code = in_terminal("jobs", journal, env={})
    assert code == 0
    assert re.search(r"shot-1 +completed +task-unified-\d+-\w{8} ", text)
    assert '{"custom_id"' not in text


def test_outcomes(cli, service, journal):
    """They come in the order of their ends, as `run` writes them; nothing counts as told."""
    before = journal.read_bytes()
    ran = cli("outcomes", journal)
    assert (ran.code, ran.err) == (0, "")
    assert [(line["custom_id"], line["status"]) for line in ran.lines] == [
        ("shot-1", "completed"),
        ("shot-2", "unknown"),
        ("shot-3", "failed"),
    ]
    assert {tuple(line) for line in ran.lines} == {tuple(FIELDS)}
    assert ran.lines[0]["files"]
    assert journal.read_bytes() == before
    assert cli("outcomes", journal).lines == ran.lines


@pytest.mark.parametrize("command", ["jobs", "outcomes"])
def test_a_submit_of_a_dead_process_is_in_doubt(cli, journal, command):
    """As `doubts` says: without a process nobody waits for its answer."""
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE jobs SET state = 'submitting', doubt = NULL, end_number = NULL WHERE key = 'shot-2'")
    told = {line["custom_id"]: line.get("status") or line["state"] for line in cli(command, journal).lines}
    assert told["shot-2"] == "unknown"
    assert [line["custom_id"] for line in cli("doubts", journal).lines] == ["shot-2"]


@pytest.mark.parametrize("command", ["jobs", "outcomes"])
@pytest.mark.parametrize("content", [None, b"", b"no journal" * 100], ids=["missing", "empty", "other"])
def test_no_journal(cli, tmp_path, command, content):
    """One error, exit code 2, nothing is made."""
    path = tmp_path / "films.db"
    if content is not None:
        path.write_bytes(content)
    before = sorted(tmp_path.iterdir())
    ran = cli(command, path)
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert "Check the disk" not in ran.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("command", ["jobs", "outcomes", "doubts", "report", "dashboard"])
@pytest.mark.parametrize(("name", "why"), [("folder", "is a folder"), ("/dev/null", "is a device, pipe or socket")])
def test_no_file(cli, tmp_path, command, name, why):
    """What it is is said, and nothing is made."""
    (tmp_path / "folder").mkdir()
    ran = cli(command, tmp_path / name)
    assert (ran.code, ran.err.count(f"{str(tmp_path / name)!r} {why}")) == (2, 1)
    assert [*tmp_path.rglob("*")] == [tmp_path / "folder"]


@pytest.mark.anyio
@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM"])
async def test_follow(frozen, tmp_path, ending):
    """What a run writes is told as it comes, once, in their order; a signal ends it with the exit code 130."""
    env, jobs, path = environment(frozen), write_jobs(tmp_path, *map(dance, (1, 2))), tmp_path / "jobs.journal.db"
    running = spawn("run", jobs, "--out", tmp_path, *QUICK, env=env)
    await until(lambda: len(frozen.tasks) == 2)
    follower = spawn("outcomes", path, "--follow")
    frozen.clock.advance(3600)
    lines = [next_line(follower) for _ in range(2)]
    assert finish(running).code == 0
    again = spawn("run", write_jobs(tmp_path, dance(3)), "--out", tmp_path, *QUICK, env=env)
    await until(lambda: len(frozen.tasks) == 3)
    frozen.clock.advance(3600)
    lines.append(next_line(follower))
    assert finish(again).code == 0
    follower.send_signal(getattr(signal, ending))
    ran = finish(follower)
    assert (ran.code, ran.out, ran.err) == (130, "", "")
    assert [line["status"] for line in lines] == ["completed"] * 3
    assert sorted(line["custom_id"] for line in lines) == ["shot-1", "shot-2", "shot-3"]
    assert lines[2]["custom_id"] == "shot-3"


def test_follow_ends_with_its_reader(journal):
    """A reader that has gone is noticed though nothing more is written."""
    follower = spawn("outcomes", journal, "--follow")
    assert follower.stdout is not None
    assert follower.stderr is not None
    with follower.stdout, follower.stderr:
        assert [next_line(follower)["custom_id"] for _ in range(3)] == ["shot-1", "shot-2", "shot-3"]
        follower.stdout.close()
        assert follower.wait(timeout=120) == 141
        assert follower.stderr.read() == ""
