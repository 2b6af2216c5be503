"""Runs cut short: what was paid for is named, and everything closes cleanly."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evolink_async import __version__
from evolink_async.cli import exit_codes
from evolink_async.early_exit import is_command
from evolink_async.emulator import Emulator, faults
from tests.cli.conftest import QUICK, ROOT, dance, environment, finish, spawn, write_jobs
from tests.kit import until


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
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (141, "")


@pytest.mark.parametrize("words", [["--help"], ["models"], ["models", "wan2.6-text-to-video"], ["check", "{jobs}"]])
@pytest.mark.parametrize("is_full", [False, True], ids=["reader gone", "full device"])
def test_standard_output_that_takes_nothing(words, is_full, tmp_path):
    """A reader that has gone is 141 without a word; a full device is one sentence, exit code 1, and no traceback."""
    jobs = write_jobs(tmp_path, dance())
    if is_full:
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe()
        os.close(reader)
    process = spawn(*(word.format(jobs=jobs) for word in words), stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=120)
    expected = (1, "error: the output cannot be written: No space left on device\n") if is_full else (141, "")
    assert (process.returncode, err.replace("good lines: 1; nothing was sent.\n", "")) == expected


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
async def test_signals_end_other_commands_alike(name, tmp_path):
    """`check` that waits for its input: exit code 130, nothing on standard output, no traceback."""
    reader, writer = os.pipe()
    process = spawn("check", "-", stdin=reader)
    await until(lambda: is_waiting_for_input(process.pid))
    process.send_signal(getattr(signal, name))
    ran = finish(process)
    os.close(reader)
    os.close(writer)
    assert (ran.code, ran.out, ran.err) == (130, "", "")


def is_waiting_for_input(pid: int) -> bool:
    """Whether a process is blocked in a system call on its descriptor 0."""
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    words = Path(f"/proc/{pid}/syscall").read_text().split() if state == "S" else []
    return words[:2] == ["0", "0x0"]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
async def test_signals_end_the_emulator_alike(name, tmp_path):
    """It is told that the emulator has stopped; exit code 0, as this is the normal end of the command."""
    process = spawn("emulator", "--port", "0")
    assert process.stdout is not None
    assert "EvoLink emulator is running" in process.stdout.readline()
    while not process.stdout.readline().startswith("evolink-async run"):
        pass
    process.send_signal(getattr(signal, name))
    ran = finish(process)
    assert (ran.code, ran.err) == (0, "The emulator has stopped; its tasks and files are gone.\n")


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
async def test_a_run_in_the_background_is_ended_with_a_report(frozen, tmp_path, name):
    """A shell lets background jobs ignore Ctrl-C; what ends them is told and journalled all the same."""
    jobs, log = write_jobs(tmp_path, *map(dance, range(1, 4))), tmp_path / "log"
    with log.open("w") as errors:
        process = spawn(
            "run", jobs, "--out", tmp_path, *QUICK, env=environment(frozen), stderr=errors,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )  # fmt: skip
        await until(lambda: len([one for one in frozen.received if one.kind in ("poll", "batch")]) >= 3)
        process.send_signal(signal.SIGINT)
        process.send_signal(getattr(signal, name))
        ran = finish(process)
    assert (ran.code, ran.out) == (130, "")
    assert [task for task in frozen.tasks if task not in log.read_text()] == []


INTERRUPTED_IMPORT = """
import importlib.abc, os, signal, sys

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{signal})

sys.meta_path.insert(0, Finder())
"""
START = "import sys; sys.argv = ['evolink-async', 'models']; from evolink_async.cli import main; sys.exit(main())"


@pytest.mark.parametrize(
    "words", [["-m", "evolink_async", "models"], ["-m", "evolink_async.cli", "models"], ["-c", START]]
)
@pytest.mark.parametrize("module", ["aiohttp", "cyclopts", "rich.console", "evolink_async.cli.commands.models"])
def test_ctrl_c_while_modules_are_imported(module, words, tmp_path):
    """No traceback of half an import; exit code 130. A program of one's own gets its KeyboardInterrupt as ever."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED_IMPORT.format(module=module, signal="SIGINT"))
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    ran = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, env=env)
    is_own_program = words[0] == "-c" and module == "aiohttp"
    expected = (-signal.SIGINT, "", True) if is_own_program else (130, "", False)
    assert (ran.returncode, ran.stdout, "KeyboardInterrupt" in ran.stderr) == expected
    assert is_own_program or ran.stderr == ""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("module", ["cyclopts", "rich.console", "evolink_async.cli.commands.models"])
def test_other_signals_while_modules_are_imported(module, name, tmp_path):
    """They are the same to the command."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED_IMPORT.format(module=module, signal=name))
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "evolink_async", "models"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")


DROPPED = """
import os, signal, weakref
from evolink_async.cli.signals import endings_as_ctrl_c
class Thing: pass
with endings_as_ctrl_c():
    thing = Thing()
    noted = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.{name}))
    try:
        del thing
        signal.pause()
    except KeyboardInterrupt:
        print("ended")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_where_python_drops_what_is_raised(name):
    """Within a callback of a weak reference: it ends the command all the same, without a word of Python."""
    command = [sys.executable, "-c", DROPPED.format(name=name)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ended\n", "")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("python -m evolink_async run", True),
        ("python -W error -m evolink_async.cli run", True),
        ("python /usr/bin/evolink-async run", True),
        ("python C:\\Scripts\\evolink-async.exe run", os.name == "nt"),
        ("python -m pytest -m evolink_async", False),
        ("python -c pass app.py", False),
        ("python app.py evolink-async", False),
        ("python", False),
        ("", False),
    ],
)
def test_what_starts_the_command(line, expected):
    """Only there is Ctrl-C changed while the package is imported."""
    assert is_command(line.split(" ")) == expected


@pytest.mark.parametrize("words", [["-m", "evolink_async"], ["-m", "evolink_async.cli"]])
def test_the_package_is_the_command_too(words):
    """`python -m evolink_async`, as the documentation says, and the longer name."""
    ran = subprocess.run([sys.executable, *words, "--version"], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{__version__}\n", "")


def test_standard_input_that_is_closed(tmp_path):
    """It is told as such, not as an empty file."""
    command = [sys.executable, "-m", "evolink_async", "check", "-"]
    ran = subprocess.run(["bash", "-c", f"{shlex.join(command)} <&-"], capture_output=True, text=True, cwd=ROOT)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "cannot read the jobs file '-': standard input is closed" in ran.stderr


def test_signal_names():
    """The exit codes are those a shell shows for the signals."""
    assert (exit_codes.INTERRUPTED, exit_codes.READER_GONE) == (128 + signal.SIGINT, 128 + signal.SIGPIPE)
