"""`evolink-async run`: outcomes, exit codes, files, and every wrong use before any request."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import av
import pytest

from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, dance, environment, finish, spawn, submits, videos, write_jobs

FIELDS = ["custom_id", "status", "task_id", "model", "urls", "files", "expires_at", "credits", "resumed"]
FIELDS += ["earlier_tasks", "error"]


def test_videos(cli, service, tmp_path):
    """Each job gives one JSON line in a pipe and one playable file; the exit code is 0."""
    jobs = write_jobs(tmp_path, dance(1), dance(2), dance(3, model="wan2.6-reference-video", generate_audio=None))
    ran = cli("run", jobs, "--out", tmp_path / "videos", *QUICK)
    assert ran.code == 0
    assert sorted(line["custom_id"] for line in ran.lines) == ["shot-1", "shot-2", "shot-3"]
    for line in ran.lines:
        assert list(line) == FIELDS
        assert line["status"] == "completed"
        assert line["task_id"] in service.tasks
        assert line["expires_at"] > 1.7e9
        assert line["credits"] > 0
        assert line["error"] is None
        (file,) = line["files"]
        with av.open(file) as container:
            assert bool(container.streams.audio) == (line["custom_id"] == "shot-3")
    assert "3 completed, 0 failed" in ran.err


def test_nothing_is_overwritten(cli, service, tmp_path):
    """Without a journal a second run buys again, and saves beside the first."""
    jobs = write_jobs(tmp_path, dance())
    assert [cli("run", jobs, "--out", tmp_path / "out", "--no-journal", *QUICK).code for _ in range(2)] == [0, 0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["shot-1-2.mp4", "shot-1.mp4"]


def test_names(cli, service, tmp_path):
    """`--name` says what videos are called; a name that cannot be is one sentence, before anything is sent."""
    jobs = write_jobs(tmp_path, dance())
    ran = cli("run", jobs, "--out", tmp_path / "out", "--name", "{model}-{key}{ext}", *QUICK)
    assert ran.code == 0
    assert videos(tmp_path / "out") == ["wan2.6-reference-video-flash-shot-1.mp4"]
    ran = cli("run", jobs, "--out", tmp_path / "other", "--name", "film{ext}", *QUICK)
    assert ran.code == 2
    assert "gives every job the same name" in ran.err
    assert submits(service) == 1


def test_bad_lines(cli, service, tmp_path):
    """Bad lines are told by number, the good ones run, and the exit code is 1."""
    jobs = write_jobs(tmp_path, dance(1), "{", dance(1), dance(2))
    ran = cli("run", jobs, "--out", tmp_path, *QUICK)
    assert ran.code == 1
    assert sorted(line["custom_id"] for line in ran.lines) == ["shot-1", "shot-2"]
    assert f"error: {jobs}, line 2: no JSON" in ran.err
    assert "line 3: 'shot-1' is taken by line 1" in ran.err
    assert "2 of 4 lines are bad" in ran.err


def test_bad_lines_only(cli, service, tmp_path):
    """Without a good line nothing is sent; no key is needed to learn that."""
    ran = cli("run", write_jobs(tmp_path, "[]", '{"model": "sora"}'), "--out", tmp_path)
    assert (ran.code, ran.out, service.received) == (1, "", [])
    assert "nothing was sent" in ran.err


def test_no_lines(cli, service, tmp_path):
    """An empty file is no mistake: there is nothing to do."""
    ran = cli("run", write_jobs(tmp_path, "", ""), "--out", tmp_path)
    assert (ran.code, service.received) == (0, [])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "{tmp}/none.jsonl", "--out", "{tmp}"], ["none.jsonl", "No such file"]),
        (["run", "{tmp}", "--out", "{tmp}"], ["cannot read", "directory"]),
        (["run", "{jobs}", "--out", "{jobs}/out"], ["cannot write to the folder", "jobs.jsonl/out"]),
        (["run", "{jobs}", "--out", "/proc/nowhere"], ["cannot write to the folder"]),
        (["run", "{jobs}"], ["--out"]),
        (["run", "{jobs}", "--out", "{tmp}", "--base-url", "evolink"], ["base URL must be absolute", "'evolink'"]),
        (["run", "{jobs}", "--out", "{tmp}", "--base-url", "http://example.com"], ["must be https"]),
        (["run", "{jobs}", "--out", "{tmp}", "--results", "{tmp}/no/r.jsonl"], ["results file", "No such file"]),
        (["run", "{jobs}", "--out", "{tmp}", "--results", "{jobs}"], ["must not be the jobs file"]),
        (["run", "{jobs}", "--out", "{tmp}", "--results", "{tmp}/jobs.journal.db"], ["must not be the journal"]),
        (
            ["run", "{jobs}", "--out", "{tmp}", "--journal", "{jobs}"],
            ["not an SQLite file", "nothing in it was overwr"],
        ),
        (["run", "{jobs}", "--out", "{tmp}", "--journal", "{tmp}/no/j.db"], ["no/j.db", "its folder does not exist"]),
        (["run", "{jobs}", "--out", "{tmp}", "--journal", "j.db", "--no-journal"], ["exclude each other"]),
        (["run", "{jobs}", "--out", "{tmp}", "--budget", "0"], ["--budget"]),
        (["run", "{jobs}", "--out", "{tmp}", "--most-per-job", "9"], ["--most-per-job needs a --budget"]),
        (["run", "{jobs}", "--out", "{tmp}", "--in-flight", "0"], ["--in-flight"]),
        (["run", "{jobs}", "--out", "{tmp}", "--timeout", "nan"], ["--timeout"]),
        (["run", "{jobs}", "--out", "{tmp}", "--timeout", "-1"], ["--timeout"]),
        (["run", "{jobs}", "--out", "{tmp}", "--resubmit", "always"], ["--resubmit", "same_key"]),
        (["run", "{jobs}", "--out", "{tmp}", "--colour", "red"], ["--colour"]),
        (["runn"], ["runn"]),
    ],
)
def test_wrong_use(cli, service, tmp_path, words, expected):
    """One sentence that names the place, exit code 2, and no request."""
    jobs = write_jobs(tmp_path, dance())
    before = jobs.read_bytes()
    ran = cli(*(word.format(tmp=tmp_path, jobs=jobs) for word in words))
    assert (ran.code, ran.out, service.received) == (2, "", [])
    assert ran.err.startswith("error: ")
    assert ran.err.count("error: ") == 1
    assert [word for word in expected if word not in ran.err] == []
    assert jobs.read_bytes() == before


def test_no_key(cli, tmp_path):
    """Without a key one sentence names the variable and the way to do without."""
    ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path)
    assert ran.code == 2
    assert "EVOLINK_API_KEY" in ran.err.splitlines()[0]
    assert "--emulator" in ran.err.splitlines()[0]


def test_wrong_key(cli, service, tmp_path, monkeypatch):
    """A key that the service refuses fails each job with what to do; the key itself is not shown."""
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-wrong-and-secret")
    ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK)
    assert ran.code == 1
    assert ran.lines[0]["error"]["type"] == "AuthenticationError"
    assert ran.lines[0]["error"]["may_resubmit"] is True
    assert "what to do: Check EVOLINK_API_KEY" in ran.err
    assert "wrong-and-secret" not in ran.err + ran.out


def test_unknown(cli, service, tmp_path):
    """A submit without an answer is told as unknown, is not sent again, and wins over failures: exit code 3."""
    service.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    service.faults.on("submit", 2, faults.error(400))
    jobs = write_jobs(tmp_path, dance(1), dance(2), dance(3))
    ran = cli("run", jobs, "--out", tmp_path, "--in-flight", "1", *QUICK)
    assert ran.code == 3
    told = {line["custom_id"]: line for line in ran.lines}
    assert [told[f"shot-{n}"]["status"] for n in (1, 2, 3)] == ["unknown", "failed", "completed"]
    assert told["shot-1"]["task_id"] is None
    assert told["shot-1"]["error"]["may_resubmit"] is False
    assert len([one for one in service.received if one.kind == "submit"]) == 3
    assert "shot-1 unknown: " in ran.err


def test_same_key(cli, service, tmp_path):
    """With `--resubmit same_key` the service is asked again under the same key, and the job completes."""
    service.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, "--resubmit", "same_key", *QUICK)
    assert ran.code == 0
    assert len(service.tasks) == 1


def test_timeout(cli, service, tmp_path):
    """A task given up is told with its id; it goes on at the service."""
    service.faults.on("poll", faults.ALWAYS, faults.state("processing"))
    service.faults.on("batch", faults.ALWAYS, faults.state("processing"))
    ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, "--timeout", "0.2", *QUICK)
    assert ran.code == 1
    assert ran.lines[0]["error"]["type"] == "DeadlineError"
    assert ran.lines[0]["task_id"] in service.tasks


def test_results_file(cli, service, tmp_path):
    """With `--results` outcomes are appended to that file, and standard output is silent."""
    results = tmp_path / "results.jsonl"
    results.write_text('{"custom_id":"earlier"}\n')
    ran = cli("run", write_jobs(tmp_path, dance(1), dance(2)), "--out", tmp_path, "--results", results, *QUICK)
    assert (ran.code, ran.out) == (0, "")
    told = [json.loads(line)["custom_id"] for line in results.read_text().splitlines()]
    assert told[0] == "earlier"
    assert sorted(told[1:]) == ["shot-1", "shot-2"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_results_on_a_full_disk(cli, service, tmp_path):
    """Outcomes that cannot be written to the results file are not lost: they go to standard output."""
    jobs = write_jobs(tmp_path, dance(1), dance(2))
    ran = cli("run", jobs, "--out", tmp_path, "--results", "/dev/full", *QUICK)
    assert ran.code == 0
    assert len(ran.lines) == 2
    assert "cannot write to the results file: No space left on device" in ran.err


def test_private_results(cli, service, tmp_path, monkeypatch):
    """Results on private addresses are not fetched unless allowed: the link is told, the exit code is 1."""
    monkeypatch.delenv("EVOLINK_ALLOW_PRIVATE_RESULTS")
    jobs = write_jobs(tmp_path, dance())
    ran = cli("run", jobs, "--out", tmp_path / "out", *QUICK)
    (line,) = ran.lines
    assert ran.code == 1
    assert (line["status"], line["files"], line["error"]["type"]) == ("completed", [], "DownloadError")
    assert line["urls"][0] in ran.err
    assert cli("run", jobs, "--out", tmp_path / "out", "--allow-private-results", *QUICK).code == 0


def test_full_disk(service, tmp_path):
    """A video the disk does not take is told with its link; the other jobs go on."""
    size = 120_000  # bytes: between a film of two silent seconds and one of ten with sound
    jobs = write_jobs(tmp_path, dance(1), dance(2, duration=10, generate_audio=True), dance(3))
    ran = finish(
        spawn(
            *("run", jobs, "--out", tmp_path / "out", "--no-journal", *QUICK),
            env=environment(service),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        )
    )
    told = {line["custom_id"]: line for line in ran.lines}
    assert ran.code == 1
    assert told["shot-2"]["error"]["type"] == "DownloadError"
    assert told["shot-2"]["urls"]
    assert [len(told[key]["files"]) for key in ("shot-1", "shot-2", "shot-3")] == [1, 0, 1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["shot-1.mp4", "shot-3.mp4"]


def test_standard_input(service, tmp_path):
    """`-` reads jobs from standard input, in a real process."""
    text = json.dumps(dance()) + "\n{\n"
    process = spawn("run", "-", "--out", tmp_path, *QUICK, env=environment(service), stdin=-1)
    ran = finish(process, text)
    assert ran.code == 1
    assert [line["custom_id"] for line in ran.lines] == ["shot-1"]
    assert "standard input, line 2" in ran.err
    assert (tmp_path / "stdin.journal.db").exists()


def test_own_emulator(cli, tmp_path):
    """`--emulator` needs neither key nor network, and keeps no journal of tasks that die with it."""
    ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, "--emulator", "--speed", "1000")
    assert ran.code == 0
    assert Path(ran.lines[0]["files"][0]).exists()
    assert not list(tmp_path.glob("*.db"))


def test_equal_refusals_are_told_once(cli, service, tmp_path):
    """Of bad lines and of refused jobs the first is told, and the number of the others; JSON has each."""
    bad = [dance(number, duration=99) for number in range(100, 400)]
    jobs = write_jobs(tmp_path, *map(dance, range(1, 31)), *bad)
    service.faults.on("submit", range(1, 1000), faults.error(400))
    ran = cli("run", jobs, "--out", tmp_path, *QUICK)
    assert ran.code == 1
    assert ran.err.count("@ duration") == 1
    assert "300 lines (31, 32, 33, 34, 35, ...): " in ran.err
    assert "29 more jobs failed alike (" in ran.err
    assert len(ran.err.splitlines()) <= 8
    assert [line["status"] for line in ran.lines] == ["failed"] * 30
