"""`evolink-async emulator`: a process that other programs can use."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.cli.conftest import QUICK, dance, spawn, write_jobs


def test_emulator(cli, tmp_path, monkeypatch):
    """Its output exports all that `run` needs; Ctrl-C ends it with exit code 0."""
    process = spawn("emulator", "--port", "0", "--speed", "2000", "--failure-share", "1")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("export "):
            monkeypatch.setenv(*line.removeprefix("export ").strip().split("=", 1))
        if line.startswith("evolink-async run"):
            break
    ran = cli("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK)
    assert (ran.code, ran.lines[0]["error"]["type"]) == (1, "TaskFailedError")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "stopped" in err
    assert "Traceback" not in err


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
