"""Runs cut short: what was paid for is named, and everything closes cleanly."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolink_async.cli import report
from evolink_async.emulator import Emulator, HandClock, faults
from tests.kit import until

from .conftest import QUICK, dance, environment, finish, spawn, write_jobs


@pytest.fixture
def frozen() -> Iterator[Emulator]:
    """An emulator where no time passes: tasks are accepted and never end."""
    with Emulator(clock=HandClock()).in_thread() as emulator:
        yield emulator


@pytest.mark.anyio
async def test_ctrl_c(frozen, tmp_path):
    """Ctrl-C names the accepted tasks and how to look at them; exit code 130."""
    jobs = write_jobs(tmp_path, *map(dance, range(1, 6)))
    process = spawn("run", jobs, "--out", tmp_path, "--in-flight", "3", *QUICK, env=environment(frozen))
    await until(lambda: len([one for one in frozen.received if one.kind in ("poll", "batch")]) >= 3)
    process.send_signal(signal.SIGINT)
    ran = finish(process)
    assert ran.code == 130
    assert ran.out == ""
    assert len(frozen.tasks) == 3
    assert [task for task in frozen.tasks if task not in ran.err] == []
    assert "evolink-async status ID" in ran.err


@pytest.mark.anyio
async def test_ctrl_c_while_a_submit_is_on_its_way(frozen, tmp_path):
    """A submit whose answer is late is waited for, so that its id is named too."""
    frozen.faults.on("submit", 1, faults.delay(1.0))
    process = spawn("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK, env=environment(frozen))
    await until(lambda: [one for one in frozen.received if one.kind == "submit"])
    process.send_signal(signal.SIGINT)
    ran = finish(process)
    assert ran.code == 130
    assert len(frozen.tasks) == 1
    assert next(iter(frozen.tasks)) in ran.err


@pytest.mark.anyio
async def test_ctrl_c_while_a_video_is_saved(tmp_path):
    """A task that has ended and is not saved yet is named too: it is paid for, and its link works on."""
    with Emulator(speed=150).in_thread() as emulator:
        emulator.faults.on("result", faults.ALWAYS, faults.HANG_BEFORE_ACCEPT)
        process = spawn("run", write_jobs(tmp_path, dance()), "--out", tmp_path, *QUICK, env=environment(emulator))
        await until(lambda: [one for one in emulator.received if one.kind == "result"])
        process.send_signal(signal.SIGINT)
        ran = finish(process)
    assert ran.code == 130
    assert next(iter(emulator.tasks)) in ran.err
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.anyio
async def test_ctrl_c_on_an_own_emulator(tmp_path):
    """An embedded emulator ends with the command, so no task of it is said to go on."""
    process = spawn("run", write_jobs(tmp_path, dance()), "--out", tmp_path / "out", "--emulator", "--speed", "0.1")
    await until(lambda: (tmp_path / "out").exists())
    process.send_signal(signal.SIGINT)
    ran = finish(process)
    assert ran.code == 130
    assert "at the service" not in ran.err


def test_broken_pipe(service, tmp_path):
    """When nobody reads the output any more the run ends quietly, and the rest is not bought."""
    jobs = write_jobs(tmp_path, *map(dance, range(1, 41)))
    process = spawn("run", jobs, "--out", tmp_path, "--in-flight", "2", *QUICK, env=environment(service))
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    process.stdout = Path(os.devnull).open()  # noqa: SIM115  # communicate() closes it
    ran = finish(process)
    assert ran.code == 141
    assert "nobody reads the output" in ran.err
    assert "BrokenPipe" not in ran.err
    assert len(service.tasks) < 40


def test_broken_pipe_of_a_list():
    """A reader that leaves a list early is no error either."""
    reader, writer = os.pipe()
    os.close(reader)
    process = spawn("models", stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=40)
    assert (process.returncode, err) == (141, "")


def test_signal_names():
    """The exit codes are those a shell shows for the signals."""
    assert (report.INTERRUPTED, report.READER_GONE) == (128 + signal.SIGINT, 128 + signal.SIGPIPE)
