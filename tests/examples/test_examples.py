"""Every script in examples/ runs as its users start it, in a process of its own, against an emulator."""

from __future__ import annotations

import json
import os
import re
import runpy
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolink_async.emulator import Emulator
from evolink_async.params import unregister

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TESTED = {"batch_to_files", "gather", "observe", "own_model", "watch", "web_backend"}


@pytest.fixture(scope="module")
def service() -> Iterator[Emulator]:
    """One emulator for all examples, in a thread."""
    with Emulator(speed=2000).in_thread() as emulator:
        yield emulator


def start(emulator: Emulator, folder: Path, name: str, *words: object) -> subprocess.Popen[str]:
    """Start an example in a folder, with the environment that leads to the emulator; warnings are errors."""
    command = [sys.executable, "-W", "error", "-m", "tests.examples.run_fast", EXAMPLES / f"{name}.py", *words]
    env = {
        "EVOLINK_BASE_URL": emulator.base_url,
        "EVOLINK_API_KEY": "sk-emulator",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [*map(str, command)],
        cwd=folder,
        env=os.environ | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(emulator: Emulator, folder: Path, name: str, *words: object) -> tuple[int, str, str]:
    """Run an example to its end: exit code, output, errors."""
    process = start(emulator, folder, name, *words)
    out, err = process.communicate(timeout=40)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def test_every_example_is_tested_and_listed() -> None:
    """The README of the examples names each script, and each has a test here."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == TESTED
    assert set(re.findall(r"^\| `(\w+)\.py`", (EXAMPLES / "README.md").read_text(), re.MULTILINE)) == TESTED


def test_a_batch_is_saved_and_bought_once(service: Emulator, tmp_path: Path) -> None:
    """A second run takes everything from the journal; a job beyond the budget fails."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("A cat\n\nA dog\n")
    before = service.ledger.accepted
    for _ in range(2):
        code, out, err = run(service, tmp_path, "batch_to_files", prompts, "films", 1000)
        assert code == 0, out + err
        assert "line-001 saved as line-001.mp4" in out
        assert "line-003 saved as line-003.mp4" in out
    assert service.ledger.accepted == before + 2

    code, out, err = run(service, tmp_path, "batch_to_files", prompts, "poor", 1)
    assert code == 1, out + err
    assert "failed: " in out


def test_jobs_are_gathered(service: Emulator, tmp_path: Path) -> None:
    """A link for each prompt."""
    code, out, err = run(service, tmp_path, "gather")
    assert (code, out.count(": http")) == (0, 3), out + err


def test_an_observer_logs_and_adds_up(service: Emulator, tmp_path: Path) -> None:
    """The log is written, and both jobs are counted."""
    code, out, err = run(service, tmp_path, "observe")
    assert code == 0, err
    assert re.fullmatch(r"wan2\.6-text-to-video: [\d.]+ credits\n", out)
    assert "INFO films: " in err


def test_a_model_of_ones_own(service: Emulator, tmp_path: Path) -> None:
    """The emulator accepts every registered model, so the class is defined in this process too."""
    runpy.run_path(str(EXAMPLES / "own_model.py"))
    try:
        code, out, err = run(service, tmp_path, "own_model")
    finally:
        unregister("seedance-2.0-text-to-video")
    assert code == 0, err
    assert "refused: must be 4 to 10 at 1080p, not 12 @ duration" in out
    assert {line.partition(" http")[0] for line in out.splitlines()[1:]} == {"cat", "dog"}


def test_a_task_is_watched(service: Emulator, tmp_path: Path) -> None:
    """From acceptance to the saved file."""
    code, out, err = run(service, tmp_path, "watch")
    assert code == 0, err
    assert "watched: completed" in out
    assert (tmp_path / "cat.mp4").stat().st_size > 0


def test_a_web_back_end(service: Emulator, tmp_path: Path) -> None:
    """A bad body is refused, an order is bought once, and its film is there in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    before = service.ledger.accepted
    process = start(service, tmp_path, "web_backend", port)
    try:
        url = f"http://127.0.0.1:{port}/films/order-17"
        wait_for(port)
        assert ask(url, {"model": "wan2.6-text-to-video"})[0] == 422
        body = {"model": "wan2.6-text-to-video", "prompt": "A cat", "duration": 2}
        assert ask(url, body) == ask(url, body)
        status, film = ask(url)
        while film["state"] == "working":
            time.sleep(0.05)
            status, film = ask(url)
        assert (status, film["state"]) == (200, "completed")
        assert service.ledger.accepted == before + 1
    finally:
        process.terminate()
        process.communicate(timeout=20)


def wait_for(port: int) -> None:
    """Return as soon as a server listens; the time limit of the test is the bound."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


def ask(url: str, body: object = None) -> tuple[int, dict[str, str]]:
    """Send a request, a POST if there is a body: status and answer."""
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
