"""`evolink-async watch`, `wait`, `download` and `credits`: tasks that exist already, by id or by the key of a job."""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from evolink_async.client import ApiKey
from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, dance, environment, finish, next_line, spawn, submits, videos, write_jobs
from tests.cli.test_run import FIELDS
from tests.cli.test_terminal import in_terminal
from tests.kit import until

FAILURE = faults.extra({"status": "failed", "results": [], "error": {"code": "content", "message": "no cats"}})


@pytest.fixture
def done(cli, service, tmp_path):
    """A journal with one finished job, whose film was saved; its outcome."""
    (line,) = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path / "out", *QUICK).lines
    return tmp_path / "out" / "jobs.journal.db", line


@pytest.mark.parametrize("command", ["watch", "wait", "download"])
def test_by_id_and_by_key(cli, done, service, tmp_path, command):
    """Both name the same task; nothing is bought."""
    journal, line = done
    out = ("--out", f"{tmp_path / 'again'}/") if command == "download" else ()
    by_id = cli(command, line["task_id"], *out, *QUICK)
    by_key = cli(command, "--key", "shot-1", "--journal", journal, *out, *QUICK)
    assert (by_id.code, by_key.code) == (0, 0), by_id.err + by_key.err
    assert by_id.lines[-1]["urls"] == by_key.lines[-1]["urls"] == line["urls"]
    assert by_id.lines[-1]["task_id"] == by_key.lines[-1]["task_id"] == line["task_id"]
    assert submits(service) == 1


def test_wait_tells_an_outcome(cli, done):
    """The fields are those of `run`; the key is the one that was given, else the id."""
    journal, line = done
    (told,) = cli("wait", "--key", "shot-1", "--journal", journal, *QUICK).lines
    assert list(told) == FIELDS
    assert (told["custom_id"], told["status"], told["model"]) == ("shot-1", "completed", line["model"])
    assert cli("wait", line["task_id"], *QUICK).lines[0]["custom_id"] == line["task_id"]


def test_what_the_journal_knows_is_not_asked_for(cli, done, service, monkeypatch):
    """A job that has ended is told without a key or a request: the service deletes tasks after a time."""
    journal, line = done
    asked = len(service.received)
    monkeypatch.delenv("EVOLINK_API_KEY")
    (told,) = cli("wait", "--key", "shot-1", "--journal", journal).lines
    assert (told["urls"], told["files"], told["resumed"]) == (
        line["urls"],
        [str(Path(line["files"][0]).absolute())],
        True,
    )
    assert len(service.received) == asked


def test_links_that_have_expired_are_asked_for_again(cli, done):
    """By the id of the task, free of charge."""
    journal, line = done
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE jobs SET expires_at = 1")
    (told,) = cli("wait", "--key", "shot-1", "--journal", journal, *QUICK).lines
    assert (told["custom_id"], told["urls"]) == ("shot-1", line["urls"])
    assert told["expires_at"] > line["expires_at"] - 3600


def test_download(cli, done, tmp_path):
    """To a file or a folder; nothing is overwritten; the journal learns where the film is."""
    journal, line = done
    (tmp_path / "out" / "shot-1.mp4").unlink()
    film = tmp_path / "film.mp4"
    assert [cli("download", line["task_id"], "--out", film).lines[0]["files"] for _ in range(2)] == [
        [str(film)],
        [str(tmp_path / "film-2.mp4")],
    ]
    ran = cli("download", "--key", "shot-1", "--journal", journal, "--out", f"{tmp_path / 'kept'}/")
    assert (ran.code, videos(tmp_path / "kept")) == (0, ["shot-1.mp4"])
    with closing(sqlite3.connect(journal)) as connection:
        [files] = connection.execute("SELECT files FROM jobs").fetchone()
    assert str(tmp_path / "kept" / "shot-1.mp4") in files


def test_download_that_cannot_be_saved(cli, done, tmp_path):
    """The link is named, and the exit code is 1; a folder that cannot be is wrong use."""
    _, line = done
    (tmp_path / "file").touch()
    ran = cli("download", line["task_id"], "--out", tmp_path / "file" / "film.mp4")
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("command", ["watch", "wait", "download"])
def test_a_failed_task(cli, done, service, tmp_path, command):
    """The service's words are told, and the exit code is 1."""
    for kind in ("poll", "batch"):
        service.faults.on(kind, faults.ALWAYS, FAILURE)
    out = ("--out", tmp_path / "film.mp4") if command == "download" else ()
    ran = cli(command, done[1]["task_id"], *out, *QUICK)
    assert ran.code == 1
    assert "no cats" in ran.out
    if command != "watch":
        assert (ran.lines[0]["status"], "no cats" in ran.err) == ("failed", True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "give the id of a task"),
        (("task-1", "--key", "a", "--journal", "JOURNAL"), "give the id of a task"),
        (("task-1", "--journal", "JOURNAL"), "give the id of a task"),
        (("--key", "shot-1"), "give the id of a task"),
        (("--key", "shot-1", "--journal", "none.db"), "there is no journal 'none.db'"),
        (("--key", "shot-9", "--journal", "JOURNAL"), "no job 'shot-9' is in the journal"),
        (("../credits",), "id"),
    ],
    ids=["nothing", "both", "journal", "key", "file", "unknown", "no-id"],
)
@pytest.mark.parametrize("command", ["watch", "wait"])
def test_wrong_use(cli, done, service, command, words, expected):
    """One error, exit code 2, no request."""
    asked = len(service.received)
    ran = cli(command, *(done[0] if word == "JOURNAL" else word for word in words))
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert expected in ran.err
    assert len(service.received) == asked


def test_a_job_in_doubt(cli, service, tmp_path):
    """It has no task that is known: the exit code is 3, as of all that may have been paid."""
    service.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    assert cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK).code == 3
    ran = cli("wait", "--key", "shot-1", "--journal", tmp_path / "jobs.journal.db")
    assert (ran.code, ran.out, ran.err.count("error: ")) == (3, "", 1)


def test_a_task_that_takes_too_long(frozen, cli, reach, tmp_path):
    """After --timeout the exit code is 1; an unknown task is one too."""
    reach(frozen)
    jobs = write_jobs(tmp_path, dance())
    assert cli("run", jobs, "--out", tmp_path, "--timeout", "0.05", *QUICK).code == 1
    (task_id,) = frozen.tasks
    ran = cli("wait", task_id, "--timeout", "0.05", *QUICK)
    assert (ran.code, ran.lines[0]["error"]["type"]) == (1, "DeadlineError")


@pytest.mark.parametrize("command", ["watch", "wait", "download"])
def test_a_mistyped_id(cli, service, command, tmp_path):
    """One that the service takes for no id ends the command; one that it does not know is told while it is asked."""
    out = ("--out", tmp_path / "films/") if command == "download" else ()
    ran = cli(command, "task-1", *out, *QUICK)
    assert (ran.code, ran.err.count("error: ")) == (1, 1)
    assert "Invalid task ID format" in ran.err
    assert len(service.received) == 1
    with spawn(command, "task-unified-1-nobody00", *out, *QUICK, env=environment(service)) as process:
        assert process.stderr is not None
        assert "does not know the task task-unified-1-nobody00" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert finish(process).code == 130


@pytest.mark.anyio
@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("command", ["watch", "wait"])
async def test_a_signal(frozen, command, ending, tmp_path):
    """It ends the command without a word of Python; exit code 130."""
    jobs = write_jobs(tmp_path, dance())
    words = ("run", jobs, "--out", tmp_path, "--timeout", "0.05", *QUICK)
    assert finish(spawn(*words, env=environment(frozen))).code == 1
    (task_id,) = frozen.tasks
    before = len(frozen.received)
    process = spawn(command, task_id, *QUICK, env=environment(frozen))
    await until(lambda: len(frozen.received) > before)
    process.send_signal(getattr(signal, ending))
    ran = finish(process)
    assert (ran.code, ran.err) == (130, "")


@pytest.mark.anyio
async def test_watch_while_a_run_uses_the_journal(frozen, tmp_path):
    """Each change is a line, the last one is the end; the run goes on."""
    jobs = write_jobs(tmp_path, dance())
    running = spawn("run", jobs, "--out", tmp_path, *QUICK, env=environment(frozen))
    await until(lambda: any(one.kind in ("poll", "batch") for one in frozen.received))
    words = ("watch", "--key", "shot-1", "--journal", tmp_path / "jobs.journal.db", *QUICK)
    before = len(frozen.received)
    process = spawn(*words, env=environment(frozen))
    first = next_line(process)
    frozen.clock.advance(3600)
    ran = finish(process)
    assert len(frozen.received) > before
    assert finish(running).code == 0
    assert ran.code == 0
    assert first["state"] != "completed"
    assert ran.lines[-1]["state"] == "completed"


def test_in_a_terminal(done, service, tmp_path):
    """A line for each change; a line for the link."""
    _, line = done
    env = environment(service)
    text, code = in_terminal("watch", line["task_id"], *QUICK, env=env)
    assert code == 0
    assert re.search(r"\d\d:\d\d:\d\d  completed .*http", text)
    text, code = in_terminal("wait", line["task_id"], *QUICK, env=env)
    assert code == 0
    assert re.search(r"^http.*/results/.*$", text, re.MULTILINE)
    assert f"{line['task_id']} completed; 9" in text


def test_credits(cli, service):
    """What is left to the account and the key, by the key's fingerprint; the key itself is not shown."""
    ran = cli("credits")
    (line,) = ran.lines
    assert ran.code == 0
    assert list(line) == ["api_key", "key_remaining", "account_remaining", "account_used"]
    assert line["api_key"] == ApiKey("sk-emulator").fingerprint
    assert line["account_remaining"] == service.credits
    text, code = in_terminal("credits", env=environment(service))
    assert code == 0
    assert re.search(rf"{line['api_key']} .*{service.credits:g}", text)
    assert "sk-emulator" not in ran.out + ran.err + text


def test_credits_that_are_refused(cli, service):
    """The answer is told, and the exit code is 1."""
    service.faults.on("credits", faults.ALWAYS, faults.error(401))
    ran = cli("credits")
    assert (ran.code, ran.out, ran.err.count("error: ")) == (1, "", 1)
