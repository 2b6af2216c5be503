"""`evolink-async run`, again and again: whatever happened before, every job is paid for once and saved once."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import anyio.to_thread
import pytest

from evolink_async.emulator import Emulator, HandClock, faults
from tests.cli.conftest import QUICK, dance, environment, finish, spawn, submits, videos, write_jobs
from tests.kit import until

PRICE = 9  # credits of one `dance` job at the emulator


@pytest.mark.anyio
async def test_kill(tmp_path):
    """Killed twice in the middle, the same command gives each job one task and one file, and exit code 0."""
    jobs, out = write_jobs(tmp_path, *map(dance, range(1, 9))), tmp_path / "out"
    words = ("run", jobs, "--out", out, "--resubmit", "same_key", "--in-flight", "4", *QUICK)
    with Emulator(speed=400).in_thread() as emulator:
        for count in (1, 4):
            process = spawn(*words, env=environment(emulator))
            await until(lambda count=count: len(videos(out)) >= count)
            process.kill()
            process.communicate()
        ran = finish(spawn(*words, env=environment(emulator)))
    assert ran.code == 0, ran.err
    assert [len(tasks) for tasks in emulator.ledger.tasks_by_body.values()] == [1] * 8
    assert videos(out) == sorted(f"shot-{number}.mp4" for number in range(1, 9))
    assert sorted(line["custom_id"] for line in ran.lines) == sorted(f"shot-{number}" for number in range(1, 9))


def test_finished(cli, service, tmp_path):
    """The same command again asks the service nothing, saves nothing, and tells every job again."""
    words = ("run", write_jobs(tmp_path, dance(1), dance(2)), "--out", tmp_path / "out", *QUICK)
    first = cli(*words)
    asked = len(service.received)
    again = cli(*words)
    assert (first.code, again.code, len(service.received)) == (0, 0, asked)
    before, after = (sorted(ran.lines, key=lambda line: line["custom_id"]) for ran in (first, again))
    assert after == [line | {"resumed": True} for line in before]
    assert videos(tmp_path / "out") == ["shot-1.mp4", "shot-2.mp4"]
    assert "2 completed, 2 of them in earlier runs, 0 failed" in again.err
    assert "; 0 credits charged" in again.err


def test_a_file_that_is_gone(cli, service, tmp_path):
    """A finished job whose file is gone is fetched again, not bought again."""
    words = ("run", write_jobs(tmp_path, dance(1), dance(2)), "--out", tmp_path / "out", *QUICK)
    assert cli(*words).code == 0
    (tmp_path / "out" / "shot-2.mp4").unlink()
    assert cli(*words).code == 0
    assert videos(tmp_path / "out") == ["shot-1.mp4", "shot-2.mp4"]
    assert submits(service) == 2


def test_a_file_saved_just_before_a_crash(cli, service, tmp_path):
    """A file that the journal does not know of yet, as after a crash, is not fetched again under a second name."""
    words = ("run", write_jobs(tmp_path, dance(1)), "--out", tmp_path / "out", *QUICK)
    assert cli(*words).code == 0
    with closing(sqlite3.connect(tmp_path / "out" / "jobs.journal.db")) as journal, journal:
        journal.execute("UPDATE jobs SET state = 'completed', files = NULL")
    written = (tmp_path / "out" / "shot-1.mp4").stat().st_mtime_ns
    ran = cli(*words)
    assert (ran.code, ran.lines[0]["files"]) == (0, [str(tmp_path / "out" / "shot-1.mp4")])
    assert videos(tmp_path / "out") == ["shot-1.mp4"]
    assert (tmp_path / "out" / "shot-1.mp4").stat().st_mtime_ns == written


def test_changed_parameters(cli, service, tmp_path):
    """A job changed under its custom_id is one sentence with its line and its key; the other jobs run."""
    assert cli("run", write_jobs(tmp_path, dance(1), dance(2)), "--out", tmp_path, *QUICK).code == 0
    jobs = write_jobs(tmp_path, dance(3), dance(2, prompt="Another dance"), dance(1))
    ran = cli("run", jobs, "--out", tmp_path, *QUICK)
    assert ran.code == 1
    assert "error: line 2, shot-2 failed: the key 'shot-2' stands in the journal with other parameters" in ran.err
    assert ran.err.count("error: ") == 1
    assert {line["custom_id"]: line["status"] for line in ran.lines} == {
        "shot-1": "completed",
        "shot-2": "failed",
        "shot-3": "completed",
    }
    assert submits(service) == 3


def test_lines_without_an_id(cli, service, tmp_path):
    """Equal lines without a custom_id are jobs of their own, and are known again."""
    words = ("run", write_jobs(tmp_path, *[dance(custom_id=None)] * 3), "--out", tmp_path, *QUICK)
    assert [cli(*words).code for _ in range(2)] == [0, 0]
    assert submits(service) == len(service.tasks) == len(videos(tmp_path)) == 3


def test_unknown_again(cli, service, tmp_path):
    """A job in doubt is told again by every run, is not sent again, and the way to settle it is named."""
    service.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    words = ("run", write_jobs(tmp_path, dance(1)), "--out", tmp_path, *QUICK)
    for _ in range(2):
        ran = cli(*words)
        assert (ran.code, ran.lines[0]["status"]) == (3, "unknown")
        assert f"evolink-async settle {tmp_path}/jobs.journal.db shot-1 (TASK_ID | resubmit | abandon)" in ran.err
        assert f"evolink-async doubts {tmp_path}/jobs.journal.db" in ran.err
    assert submits(service) == 1


def test_jobs_that_were_taken_out(cli, service, tmp_path):
    """A paid job of the journal that is not in the file any more is named, so that it is not forgotten."""
    service.faults.on("poll", faults.ALWAYS, faults.state("processing"))
    service.faults.on("batch", faults.ALWAYS, faults.state("processing"))
    jobs = write_jobs(tmp_path, dance(1))
    assert cli("run", jobs, "--out", tmp_path, "--timeout", "0.1", *QUICK).code == 1
    [task_id] = service.tasks
    ran = cli("run", write_jobs(tmp_path, dance(2)), "--out", tmp_path, "--timeout", "0.1", *QUICK)
    assert "of jobs that this run was not given" in ran.err
    assert f"{task_id}  shot-1" in ran.err


def test_budget(cli, service, tmp_path):
    """Jobs beyond the budget are not sent, are told together, and stay planned for a run with more; exit code 1."""
    words = ("run", write_jobs(tmp_path, *map(dance, range(1, 6))), "--out", tmp_path, *QUICK)
    ran = cli(*words, "--budget", 2 * PRICE + 1)
    assert ran.code == 1
    assert sorted(line["status"] for line in ran.lines) == ["completed"] * 2 + ["not_sent"] * 3
    assert ran.err.count("error: ") == 1
    assert "3 jobs were not sent: needed are 27 credits; the budget has 1 left" in ran.err
    assert "a --budget higher by 26 or more" in ran.err
    assert "2 completed, 0 failed, 3 not sent" in ran.err
    assert len(service.tasks) == 2
    ran = cli(*words, "--budget", 5 * PRICE)
    assert (ran.code, len(service.tasks), len(videos(tmp_path))) == (0, 5, 5)


def test_where_the_journal_is(cli, service, tmp_path):
    """Beside the videos, under the name of the jobs file; elsewhere when told so; nowhere when not wanted."""
    jobs = write_jobs(tmp_path, dance()).rename(tmp_path / "shots.v2.jsonl")
    assert cli("run", jobs, "--out", tmp_path / "b", *QUICK).code == 0
    assert cli("run", jobs, "--out", tmp_path / "c", "--journal", tmp_path / "my.db", *QUICK).code == 0
    assert cli("run", jobs, "--out", tmp_path / "d", "--no-journal", *QUICK).code == 0
    places = ["b/shots.v2.journal.db", "my.db"]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.db")) == places


@pytest.mark.anyio
async def test_a_journal_in_use(cli, tmp_path):
    """While one process runs, a second one is refused in a sentence; doubts can be read, and not settled."""
    jobs, journal = write_jobs(tmp_path, dance(1), dance(2)), tmp_path / "jobs.journal.db"
    with Emulator(clock=HandClock()).in_thread() as frozen:
        frozen.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
        words = ("run", jobs, "--out", tmp_path, "--in-flight", "1", *QUICK)
        process = spawn(*words, env=environment(frozen))
        await until(lambda: [one for one in frozen.received if one.kind in ("poll", "batch")])
        second = finish(spawn(*words, env=environment(frozen)))
        seen = cli("doubts", journal)
        settled = await anyio.to_thread.run_sync(lambda: cli("settle", journal, "shot-1", "resubmit"))
        other = await anyio.to_thread.run_sync(lambda: cli("settle", journal, "shot-2", "resubmit"))
        assert submits(frozen) == 2
        process.kill()
        process.communicate()
    assert (second.code, second.out, second.err.count("error: ")) == (2, "", 1)
    assert f"the journal '{journal}' is in use by another process" in second.err
    assert (seen.code, [line["custom_id"] for line in seen.lines]) == (3, ["shot-1"])
    holder = f"another process (process {process.pid})"
    assert f"note: {holder} uses the journal" in seen.err
    assert (settled.code, other.code) == (2, 2)
    assert f"in use by {holder}" in settled.err
    assert f"no job 'shot-2' is in doubt in '{journal}'; in doubt are: shot-1; {holder} uses it" in other.err
    assert cli("doubts", journal).lines == seen.lines


def test_torn_last_lines(cli, service, tmp_path):
    """A jobs file and a results file that end within a line cost no job and no outcome; both are told."""
    jobs, results = write_jobs(tmp_path, dance(1)), tmp_path / "results.jsonl"
    with jobs.open("a") as file:
        file.write(json.dumps(dance(2))[:-9])
    results.write_text('{"custom_id":"earlier"}\n{"custom_id":"tor')
    ran = cli("run", jobs, "--out", tmp_path, "--results", results, *QUICK)
    assert ran.code == 1
    assert "line 2: the last line seems cut off: no JSON" in ran.err
    assert f"the last line of {results} seems cut off" in ran.err
    earlier, torn, told = results.read_text().splitlines()
    assert (json.loads(earlier)["custom_id"], torn) == ("earlier", '{"custom_id":"tor')
    assert json.loads(told)["custom_id"] == "shot-1"
    ran = cli("run", jobs, "--out", tmp_path, "--results", results, *QUICK)
    assert f"the last line of {results}" not in ran.err
    assert len(results.read_text().splitlines()) == 4


def test_results_into_a_pipe(cli, service, tmp_path):
    """A results file that is none, as a pipe, is only written to."""
    reader, writer = os.pipe()
    words = ("run", write_jobs(tmp_path, dance()), "--out", tmp_path, "--results", f"/dev/fd/{writer}", *QUICK)
    assert cli(*words).code == 0
    os.close(writer)
    with os.fdopen(reader) as file:
        assert [json.loads(line)["custom_id"] for line in file] == ["shot-1"]
