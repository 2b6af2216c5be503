"""`evolink-async emulator`: a process that other programs can use."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from evolink_async.cli.app import app
from evolink_async.cli.inputs.local_emulator import FaultOption, parse_faults
from evolink_async.emulator import faults
from evolink_async.errors import ConfigurationError
from tests.cli.conftest import QUICK, dance, spawn, videos, write_jobs


@contextmanager
def emulator_process(*words: object) -> Iterator[tuple[dict[str, str], str]]:
    """A process that runs an emulator until Ctrl-C: the variables that it says to export, and all it says."""
    process = spawn("emulator", "--port", "0", "--speed", "2000", *words)
    try:
        yield introduction(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0
        assert "stopped" in err
        assert "Traceback" not in err
    finally:
        process.kill()
        process.communicate()


def introduction(process: subprocess.Popen[str]) -> tuple[dict[str, str], str]:
    """Read what an emulator says at its start."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("evolink-async run"):
            break
    exports = [line.removeprefix("export ").strip().split("=", 1) for line in lines if line.startswith("export ")]
    return dict(exports), "".join(lines)


def dashboard(base_url: str) -> str:
    """The page that a person looks at."""
    with urllib.request.urlopen(base_url + "/dashboard", timeout=60) as response:
        return response.read().decode()


def test_emulator(cli, tmp_path, monkeypatch):
    """Its output exports all that `run` needs; Ctrl-C ends it with exit code 0."""
    with emulator_process("--failure-share", "1") as (exports, text):
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        assert f"{exports['EVOLINK_BASE_URL']}/dashboard" in text
        assert "goes wrong" not in text
        ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK)
        assert (ran.code, ran.lines[0]["error"]["type"]) == (1, "TaskFailedError")


def test_a_doubt_by_hand(cli, tmp_path, monkeypatch):
    """A lost reply, `doubts`, a look at the dashboard, `settle`: the next run saves the video and pays for nothing."""
    with emulator_process("--fault", "submit=drop@1") as (exports, text):
        assert "What goes wrong: submit=drop@1" in text
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        words = ("run", write_jobs(tmp_path, dance(1), dance(2)), "--out", tmp_path, "--in-flight", "1", *QUICK)
        journal = tmp_path / "jobs.journal.db"
        ran = cli(*words)
        assert (ran.code, [line["status"] for line in ran.lines]) == (3, ["unknown", "completed"])

        ran = cli("doubts", journal)
        [doubt] = ran.lines
        assert (ran.code, doubt["custom_id"]) == (3, "shot-1")
        page = dashboard(exports["EVOLINK_BASE_URL"])
        [row] = [line for line in page.splitlines() if doubt["idempotency_key"] in line]
        assert doubt["model"] in row
        assert doubt["prompt"] in row
        task_id = row.split()[1]

        assert cli("settle", journal, "shot-1", task_id).code == 0
        ran = cli(*words)
        assert ran.code == 0
        assert {line["custom_id"]: line["status"] for line in ran.lines} == {
            "shot-1": "completed",
            "shot-2": "completed",
        }
        assert {line["custom_id"]: line["task_id"] for line in ran.lines}["shot-1"] == task_id
        assert videos(tmp_path) == ["shot-1.mp4", "shot-2.mp4"]
        assert dashboard(exports["EVOLINK_BASE_URL"]).startswith("2 tasks, 0 unfinished. Credits: 18.00 charged")


def ordinals(which: str, most: int = 12) -> list[int]:
    """Which of the first requests a `--fault` meets."""
    [option] = parse_faults([f"submit=drop{which}"])
    return [number for number in range(most + 1) if any(number in part for part in option.ordinals)]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("", list(range(1, 13))),
        ("@1", [1]),
        ("@12", [12]),
        ("@1,3", [1, 3]),
        ("@2-5", [2, 3, 4, 5]),
        ("@3-3", [3]),
        ("@1,4-6,9", [1, 4, 5, 6, 9]),
        ("@every:5", [5, 10]),
        ("@every:1", list(range(1, 13))),
    ],
)
def test_which_requests(which, expected):
    """Numbers, ranges and steps count requests from 1; nothing means all."""
    assert ordinals(which) == expected


def test_each_fault_is_an_option():
    """Every kind and every fault that there is can be written, and so can a status."""
    for kind in faults.KINDS:
        for word in (*faults.NAMED, "400", "599"):
            assert parse_faults([f"{kind}={word}@2"]) == [FaultOption(kind, word, (range(2, 3),))]


WRONG = {
    "": "'' is no kind of request",
    "submit": "'' is no fault",
    "submit=": "'' is no fault",
    "download=drop": "'download' is no kind of request",
    "Submit=drop": "'Submit' is no kind of request",
    "submit=dorp@1": "'dorp' is no fault",
    "submit=200": "'200' is no fault",
    "submit=600": "'600' is no fault",
    "submit=4290": "'4290' is no fault",
    "submit=drop@": "'' does not say which requests",
    "submit=drop@0": "'0' does not say which requests",
    "submit=drop@-1": "'-1' does not say",
    "submit=drop@5-2": "'5-2' does not say",
    "submit=drop@1,": "'1,' does not say",
    "submit=drop@1 ,3": "'1 ,3' does not say",
    "submit=drop@every:0": "'every:0' does not say",
    "submit=drop@every": "'every' does not say",
    "submit=drop@\u0661": "does not say",
    "submit=drop@1@2": "'1@2' does not say",
    f"submit=drop@{10**30}": "does not say",
    "submit=drop=1": "'drop=1' is no fault",
}


@pytest.mark.parametrize(("text", "expected"), WRONG.items(), ids=[f"{number}" for number in range(len(WRONG))])
def test_faults_that_cannot_be_read(text, expected):
    """The message names the mistake, every kind and every fault."""
    with pytest.raises(ConfigurationError) as caught:
        parse_faults([text])
    message = str(caught.value)
    assert message.startswith(f"--fault {text}: ")
    for word in (expected, "KIND=FAULT[@WHICH]", *faults.KINDS, *faults.NAMED, "400 to 599", "every:5", "2-5"):
        assert word in message


def test_all_mistakes_are_told_at_once(cli):
    """One message, exit code 2, and nothing is started."""
    ran = cli("emulator", "--fault", "submit=dorp", "--fault", "submit=drop@1", "--fault", "polls=drop")
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert "--fault submit=dorp: 'dorp' is no fault; --fault polls=drop: 'polls' is no kind of request. " in ran.err


def test_help_names_every_fault():
    """`emulator --help` has all kinds of requests and all faults."""
    told = io.StringIO()
    app.help_print(["emulator"], console=Console(file=told, width=200, force_terminal=False))
    words = told.getvalue().replace(",", " ").replace(".", " ").split()
    assert {*faults.KINDS, *faults.NAMED} <= set(words)


@pytest.mark.parametrize("option", ["--port", "--results-port"])
def test_port_in_use(cli, option):
    """A port that is taken is one sentence that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = cli("emulator", *(["--port", "0"] if option != "--port" else []), option, port)
    assert ran.code == 2
    assert f"cannot listen on port {port}" in ran.err


@pytest.mark.parametrize(
    "words",
    [["--port", "70000"], ["--speed", "0"], ["--speed", "inf"], ["--failure-share", "2"], ["--failure-share", "nan"]],
)
def test_numbers_out_of_range(cli, words):
    """A number that cannot be is one sentence with the option's name."""
    ran = cli("emulator", *words)
    assert ran.code == 2
    assert words[0].strip("-").replace("-", "_") in ran.err.replace("-", "_")
