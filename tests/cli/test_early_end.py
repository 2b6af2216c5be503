"""Runs cut short: what was paid for is named, and everything closes cleanly."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolink_async.cli import exit_codes
from evolink_async.emulator import Emulator, HandClock, faults
from tests.cli.conftest import QUICK, dance, environment, finish, spawn, write_jobs
from tests.kit import until


@pytest.fixture
def frozen() -> Iterator[Emulator]:
    """An emulator where no time passes: tasks are accepted and never end."""
    with Emulator(clock=HandClock()).in_thread() as emulator:
        yield emulator


async def press_ctrl_c(process, log: Path, times: int) -> None:
    """Press Ctrl-C, each time after the last one was heard."""
    for heard in ("Ctrl-C: no more jobs are sent", "stopping: no more submits")[:times]:
        process.send_signal(signal.SIGINT)
        await until(lambda heard=heard: heard in log.read_text())


@pytest.mark.anyio
async def test_ctrl_c_once(frozen, tmp_path):
    """No more jobs are sent, those in flight are waited for and saved; exit code 130; run again, the rest is done."""
    jobs, log = write_jobs(tmp_path, *map(dance, range(1, 6))), tmp_path / "log"
    words = ("run", jobs, "--out", tmp_path / "out", *QUICK)
    with log.open("w") as errors:
        process = spawn(*words, "--in-flight", "3", env=environment(frozen), stderr=errors)
        await until(lambda: len([one for one in frozen.received if one.kind in ("poll", "batch")]) >= 3)
        await press_ctrl_c(process, log, 1)
        frozen.clock.advance(3600)
        ran = finish(process)
    assert ran.code == 130
    assert "Ctrl-C again stops at once" in log.read_text()
    assert "jobs that had ended: 3; not sent: 2." in log.read_text()
    assert "The same command again goes on from here." in log.read_text()
    assert [line["status"] for line in ran.lines] == ["completed"] * 3
    assert len(frozen.tasks) == len(list((tmp_path / "out").glob("*.mp4"))) == 3
    again = spawn(*words, env=environment(frozen))
    await until(lambda: len(frozen.tasks) == 5)
    frozen.clock.advance(3600)
    ran = finish(again)
    assert ran.code == 0
    assert [line["resumed"] for line in ran.lines] == [True] * 3 + [False] * 2
    assert len(frozen.tasks) == len(list((tmp_path / "out").glob("*.mp4"))) == 5


@pytest.mark.anyio
async def test_ctrl_c_twice(frozen, tmp_path):
    """The second Ctrl-C names the accepted tasks and how to poll them; exit code 130."""
    jobs, log = write_jobs(tmp_path, *map(dance, range(1, 6))), tmp_path / "log"
    with log.open("w") as errors:
        process = spawn(
            "run", jobs, "--out", tmp_path, "--in-flight", "3", *QUICK, env=environment(frozen), stderr=errors
        )
        await until(lambda: len([one for one in frozen.received if one.kind in ("poll", "batch")]) >= 3)
        await press_ctrl_c(process, log, 2)
        ran = finish(process)
    assert (ran.code, ran.out) == (130, "")
    assert len(frozen.tasks) == 3
    assert [task for task in frozen.tasks if task not in log.read_text()] == []
    assert "evolink-async status ID" in log.read_text()


@pytest.mark.anyio
@pytest.mark.parametrize("ending", ["SIGTERM", "SIGHUP"])
async def test_what_a_service_manager_sends_stops_as_a_second_ctrl_c(frozen, tmp_path, ending):
    """The accepted tasks are named, and the same command goes on with them."""
    jobs, log = write_jobs(tmp_path, *map(dance, range(1, 4))), tmp_path / "log"
    words = ("run", jobs, "--out", tmp_path, *QUICK)
    with log.open("w") as errors:
        process = spawn(*words, env=environment(frozen), stderr=errors)
        await until(lambda: len([one for one in frozen.received if one.kind in ("poll", "batch")]) >= 3)
        process.send_signal(getattr(signal, ending))
        ran = finish(process)
    assert (ran.code, ran.out) == (130, "")
    assert [task for task in frozen.tasks if task not in log.read_text()] == []
    again = spawn(*words, env=environment(frozen))
    await until(lambda: len([one for one in frozen.received if one.kind in ("poll", "batch")]) >= 6)
    frozen.clock.advance(3600)
    assert finish(again).code == 0
    assert len(frozen.tasks) == 3


@pytest.mark.anyio
async def test_an_outage_ends_the_run_and_the_same_command_goes_on(tmp_path):
    """One sentence for all jobs that were not sent; the doubts are named; run again, the rest is bought."""
    jobs, log = write_jobs(tmp_path, *map(dance, range(1, 30))), tmp_path / "log"
    words = ("run", jobs, "--out", tmp_path, "--patience", "0.5", *QUICK)
    with Emulator(speed=150).in_thread() as emulator, log.open("w") as errors:
        emulator.faults.on("submit", range(3, 1000), faults.error(502))
        ran = finish(spawn(*words, env=environment(emulator), stderr=errors))
        said = log.read_text()
        assert ran.code == exit_codes.IN_DOUBT
        assert said.count("no paid request was accepted") == 1
        assert "stopped by the outage" in said
        assert len(emulator.tasks) == 2
        emulator.faults.clear()
        ran = finish(spawn(*words, env=environment(emulator)))
    assert ran.code == exit_codes.IN_DOUBT  # the doubts of the outage are still open
    states = [line["status"] for line in ran.lines]
    assert states.count("unknown") <= 16
    assert states.count("completed") == 29 - states.count("unknown")


@pytest.mark.anyio
async def test_ctrl_c_while_a_submit_is_on_its_way(frozen, tmp_path):
    """A submit whose answer is late is waited for, so that its id is named too."""
    frozen.faults.on("submit", 1, faults.delay(1.0))
    jobs, log = write_jobs(tmp_path, dance()), tmp_path / "log"
    with log.open("w") as errors:
        process = spawn("run", jobs, "--out", tmp_path, *QUICK, env=environment(frozen), stderr=errors)
        await until(lambda: [one for one in frozen.received if one.kind == "submit"])
        await press_ctrl_c(process, log, 2)
        ran = finish(process)
    assert ran.code == 130
    assert len(frozen.tasks) == 1
    assert next(iter(frozen.tasks)) in log.read_text()


@pytest.mark.anyio
async def test_ctrl_c_while_a_video_is_saved(tmp_path):
    """A task that has ended and is not saved yet is not lost: the same command again saves it, and buys nothing."""
    jobs, log = write_jobs(tmp_path, dance()), tmp_path / "log"
    words = ("run", jobs, "--out", tmp_path, *QUICK)
    with Emulator(speed=150).in_thread() as emulator, log.open("w") as errors:
        emulator.faults.on("result", 1, faults.HANG_BEFORE_ACCEPT)
        process = spawn(*words, env=environment(emulator), stderr=errors)
        await until(lambda: [one for one in emulator.received if one.kind == "result"])
        await press_ctrl_c(process, log, 2)
        assert finish(process).code == 130
        assert not list(tmp_path.glob(".*.part"))
        ran = finish(spawn(*words, env=environment(emulator)))
    assert (ran.code, len(emulator.tasks)) == (0, 1)
    assert ran.lines[0]["resumed"]
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["shot-1.mp4"]


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
    """When the reader of the output closes it the run ends quietly, and the rest is not bought."""
    jobs = write_jobs(tmp_path, *map(dance, range(1, 41)))
    process = spawn("run", jobs, "--out", tmp_path, "--in-flight", "2", *QUICK, env=environment(service))
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    process.stdout = Path(os.devnull).open()  # noqa: SIM115  # communicate() closes it
    ran = finish(process)
    assert ran.code == 141
    assert "the reader of the output has closed it" in ran.err
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
    assert (exit_codes.INTERRUPTED, exit_codes.READER_GONE) == (128 + signal.SIGINT, 128 + signal.SIGPIPE)
