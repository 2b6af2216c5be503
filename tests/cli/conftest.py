"""The command line in this process and in a process of its own, and an emulator both can reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from evolink_async.cli import main
from evolink_async.emulator import Emulator, HandClock

ROOT = Path(__file__).parents[2]
QUICK = ("--look-every", "0.05")


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output, as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the tester's own settings reaches a test."""
    for name in (
        "EVOLINK_API_KEY",
        "EVOLINK_BASE_URL",
        "EVOLINK_FILES_BASE_URL",
        "EVOLINK_ALLOW_PRIVATE_RESULTS",
        "FORCE_COLOR",
        "COLUMNS",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line here."""

    def run(*words: object) -> Ran:
        code = main([str(word) for word in words])
        ran = Ran(code, *capsys.readouterr())
        assert "Traceback" not in ran.err
        return ran

    return run


@pytest.fixture
def local() -> Iterator[Emulator]:
    """An emulator in a thread, 2,000 times faster than life."""
    with Emulator(speed=2000).in_thread() as emulator:
        yield emulator


@pytest.fixture
def frozen() -> Iterator[Emulator]:
    """An emulator where no time passes: tasks are accepted and never end."""
    with Emulator(clock=HandClock()).in_thread() as emulator:
        yield emulator


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Callable[[Emulator], None]:
    """Set the variables that lead to an emulator."""

    def export(emulator: Emulator) -> None:
        for name, value in environment(emulator).items():
            monkeypatch.setenv(name, value)

    return export


@pytest.fixture
def service(local: Emulator, reach: Callable[[Emulator], None]) -> Emulator:
    """An emulator that the environment leads to."""
    reach(local)
    return local


def environment(emulator: Emulator) -> dict[str, str]:
    return {
        "EVOLINK_BASE_URL": emulator.base_url,
        "EVOLINK_API_KEY": "sk-emulator",
        "EVOLINK_ALLOW_PRIVATE_RESULTS": "1",
    }


def dance(number: int = 1, **changes: object) -> dict[str, object]:
    """A good line; two seconds of silence, so that its video is made quickly."""
    body: dict[str, object] = {
        "custom_id": f"shot-{number}",
        "model": "wan2.6-reference-video-flash",
        "prompt": f"A person dancing, take {number}",
        "video_urls": ["https://example.com/reference.mp4"],
        "duration": 2,
        "generate_audio": False,
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def write_jobs(folder: Path, *lines: object) -> Path:
    """Write a jobs file; what is no text becomes JSON."""
    path = folder / "jobs.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return path


def spawn(*words: object, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "evolink_async.cli", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (env or {}),
        text=True,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


def next_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for the next JSON object that a process writes."""
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def finish(process: subprocess.Popen[str], stdin: str | None = None) -> Ran:
    """Wait for a process and take what it wrote."""
    out, err = process.communicate(stdin, timeout=120)
    assert "Traceback" not in (err or ""), err
    return Ran(process.returncode, out, err)


def videos(folder: Path) -> list[str]:
    """The names of the videos in a folder."""
    return sorted(path.name for path in folder.glob("*.mp4"))


def submits(emulator: Emulator) -> int:
    """How many paid requests arrived."""
    return len([one for one in emulator.received if one.kind == "submit"])
