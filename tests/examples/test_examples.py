"""Every script in examples/ runs as its users start it, in a process of its own, against an emulator."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator
from evolink_async.params import unregister
from tests.examples.kit import EXAMPLES, ROOT, fast_python_path, start

pytestmark = pytest.mark.timeout(300)  # processes and servers start slowly on a busy machine

TESTED = {
    *("aiohttp_app.py", "batch.py", "fastapi_app.py", "gather.py", "notebook.ipynb", "observe.py", "own_model.py"),
    *("ray_films.py", "three_processes.py", "watch.py"),
}


@pytest.fixture(scope="module")
def service() -> Iterator[Emulator]:
    """One emulator for all examples, in a thread."""
    with Emulator(speed=2000).in_thread() as emulator:
        yield emulator


def run(emulator: Emulator, folder: Path, name: str, *words: object) -> tuple[int, str, str]:
    """Run an example to its end: exit code, output, errors."""
    process = start(emulator, folder, name, *words)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def test_every_example_is_tested_and_listed() -> None:
    """The README of the examples names each, and each has a test here, in `test_web_apps` or in `tests/engines`."""
    assert {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")} == TESTED
    listed = re.findall(r"^\| `([\w.]+)` \|", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(TESTED)


def test_a_batch_is_saved_and_bought_once(service: Emulator, tmp_path: Path) -> None:
    """A second run takes everything from the journal; a job beyond the budget fails."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("A cat\n\nA dog\n")
    before = service.ledger.accepted
    for _ in range(2):
        code, out, err = run(service, tmp_path, "batch", prompts, "films", 1000)
        assert code == 0, out + err
        assert "line-001 saved as line-001.mp4" in out
        assert "line-003 saved as line-003.mp4" in out
    assert service.ledger.accepted == before + 2

    code, out, err = run(service, tmp_path, "batch", prompts, "poor", 1)
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


def test_three_processes_buy_each_job_once(tmp_path: Path, postgres: str) -> None:
    """Each process tells the end of every job, and they tell of the same tasks."""
    with Emulator(speed=2000).in_thread() as service:
        process = start(
            service, tmp_path, "three_processes", is_fast=False, JOURNAL=postgres, PYTHONPATH=fast_python_path(tmp_path)
        )
        out, err = process.communicate(timeout=120)
        assert (process.returncode, "Traceback" in err) == (0, False), err
        assert service.ledger.accepted == 6
    told = [line.split() for line in out.splitlines()]
    assert {(name, key, kind) for name, key, kind, _ in told} == {
        (name, f"cat-{number}", "Completed") for name in "abc" for number in range(1, 7)
    }
    assert len({(key, task_id) for _, key, _, task_id in told}) == 6


def test_the_cells_of_the_notebook_run_in_order(tmp_path: Path, monkeypatch, capsys) -> None:
    """In one namespace and one event loop, as a kernel runs them; and a cell that buys may be run twice."""
    monkeypatch.chdir(tmp_path)
    book = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    # Its reader may watch for some seconds, a test need not.
    cells = ["".join(cell["source"]).replace("speed=20", "speed=1000") for cell in book["cells"] if "outputs" in cell]
    assert not any(cell.get("outputs") for cell in book["cells"])

    async def kernel() -> dict[str, Any]:
        space: dict[str, Any] = {}
        opening, buying, *others = [compiled(cell) for cell in cells]
        for code in (opening, buying, buying, *others):
            result = eval(code, space)
            if inspect.iscoroutine(result):
                await result
        return space

    space = asyncio.run(kernel())
    assert space["emulator"].ledger.accepted == 4
    assert isinstance(space["outcome"], ev.Completed)
    assert {path.name for path in (tmp_path / "films").glob("*.mp4")} == {f"take-{n}.mp4" for n in (1, 2, 3)}
    assert (tmp_path / "cat.mp4").stat().st_size > 0
    assert "completed 100 %" in capsys.readouterr().out


def compiled(cell: str) -> CodeType:
    """A cell as code, with `await` at its top level."""
    return compile(cell, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("words", [("batch.py",), ("batch.py", "only.txt"), ("../tests/examples/run_fast.py",)])
def test_without_arguments_there_is_a_sentence(words):
    """And no traceback."""
    command = [sys.executable, str(EXAMPLES / words[0]), *words[1:]]
    ran = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("usage: python ")
