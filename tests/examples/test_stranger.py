"""The path of somebody who has only the pages: each command and each sample is pasted from them.

Two things are not pasted. `.ci/run` runs the installation in an empty environment, as it needs a network. The ports are
free ones, and the demo makes fewer videos.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.examples.kit import ROOT, until
from tests.servers import free_port

pytestmark = pytest.mark.timeout(300)  # processes and servers start slowly on a busy machine


def page(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a page in a language, without those that the page hides."""
    found = re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    return [block for block in found if not block.startswith(":hide:")]


def commands(block: str) -> list[str]:
    """The commands of a block that shows their output too."""
    return re.findall(r"^\$ (.*)$", block, re.MULTILINE)


def shell(text: str, folder: Path, *, then: str = "") -> subprocess.CompletedProcess[str]:
    """Paste a text into a shell; `then` is its standard input."""
    return subprocess.run(
        ["sh", "-c", text], cwd=folder, env=environment(), input=then, capture_output=True, text=True, timeout=120
    )


def environment() -> dict[str, str]:
    """An environment with the commands of this Python, and without a key or an address of the service."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EVOLINK_")}
    scripts = str(Path(sys.executable).parent)
    return clean | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@contextmanager
def running(command: str, folder: Path, sign: str) -> Iterator[str]:
    """Leave a command running, as in a second terminal, and return what it printed when the sign has come."""
    with (folder / "terminal.txt").open("w") as out:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=folder,
            env=environment() | {"PYTHONUNBUFFERED": "1"},
            stdout=out,
            stderr=out,
        )
        try:
            until(lambda: process.poll() is not None or sign in (folder / "terminal.txt").read_text())
            assert process.poll() is None, (folder / "terminal.txt").read_text()
            yield (folder / "terminal.txt").read_text()
        finally:
            process.terminate()
            process.wait()


def test_the_ways_to_install_name_extras_that_exist() -> None:
    """In every page that tells one; and the README, the install page and the tutorial begin with the same command."""
    project = tomllib.loads(page("pyproject.toml"))["project"]
    pages = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]
    for name in pages:
        named = re.findall(r"(?:'\.|evolink-async)\[([\w,]+)\]", page(name))
        assert {extra for names in named for extra in names.split(",")} <= project["optional-dependencies"].keys(), name
    first = "python -m pip install '.[demo]'"
    assert blocks("README.md", "sh")[0].startswith(first)
    assert first in blocks("docs/install.md", "sh")[0]
    assert blocks("docs/tutorial.md", "sh")[0].strip() == first


def test_the_demo_ends_with_videos(tmp_path: Path) -> None:
    """The command after the installation, with fewer jobs."""
    demo = blocks("README.md", "sh")[0].partition("&& ")[2].strip()
    assert demo in blocks("docs/install.md", "sh")[2]
    ran = shell(f"{demo} --jobs 4 --speed 400", tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert len(list((tmp_path / "evolink-demo").glob("*.mp4"))) == 4


def test_the_tutorial_ends_with_a_folder_of_videos(tmp_path: Path) -> None:
    """Its emulator, its environment, and all its samples in one interpreter."""
    port = str(free_port())
    _, emulator, exports, *_ = (block.replace("8787", port) for block in blocks("docs/tutorial.md", "sh"))
    samples = "\n".join(blocks("docs/tutorial.md", "{testcode}"))
    with running(emulator.strip(), tmp_path, "is running on"):
        ran = shell(f"{exports}\nexec python -", tmp_path, then=samples)
    assert ran.returncode == 0, ran.stderr
    assert "bad failed: invalid_request" in ran.stdout
    assert {path.name for path in (tmp_path / "films").iterdir()} == {f"take-{number}.mp4" for number in range(1, 5)}


def test_a_batch_with_a_doubt_ends_with_all_videos(tmp_path: Path) -> None:
    """A stranger's own jobs file: one answer is lost, its task is found in the dashboard, and both videos are saved."""
    port = str(free_port())
    start, lines, run, doubts, dashboard, settle = (
        block.replace("8787", port) for block in blocks("docs/howto/try-a-doubt.md", "text")
    )
    (tmp_path / "jobs.jsonl").write_text(lines)
    exports = "\n".join(re.findall(r"^export .*$", start, re.MULTILINE))
    with running(commands(start)[0], tmp_path, "evolink-async run"):
        first = shell(f"{exports}\n{commands(run)[0]}", tmp_path)
        assert first.returncode == 3, first.stderr
        assert "A dancer" in shell(commands(doubts)[0], tmp_path).stdout
        [address] = re.findall(r"http\S+", commands(dashboard)[0])
        with urllib.request.urlopen(address, timeout=60) as reply:
            rows = reply.read().decode().splitlines()
        [task] = [re.findall(r"task-unified\S+", row)[0] for row in rows if "A dancer" in row]
        told, again = commands(settle)
        settled = shell(re.sub(r"task-unified\S+", task, told), tmp_path)
        assert settled.returncode == 0, settled.stderr
        second = shell(f"{exports}\n{again}", tmp_path)
        assert second.returncode == 0, second.stderr
    assert {path.name for path in (tmp_path / "videos").glob("*.mp4")} == {"dancer.mp4", "pianist.mp4"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page asks the back end with curl")
def test_a_back_end_takes_an_order_and_tells_its_end(tmp_path: Path) -> None:
    """The example on FastAPI, with the environment and the requests of the page."""
    port, emulator_port = str(free_port()), str(free_port())
    _, known, start, requests = blocks("examples/README.md", "sh")
    exports = [
        line for line in (known + start).replace("8787", emulator_port).replace("8080", port).splitlines() if line
    ]
    exports = [line for line in exports if line.startswith("export")]
    server = re.sub(r"examples/", f"{ROOT}/examples/", start.splitlines()[-1])
    order, show, follow = requests.replace("8080", port).strip().splitlines()
    with running(f"evolink-async emulator --port {emulator_port} --speed 200", tmp_path, "is running on"):
        other = tmp_path / "site"
        other.mkdir()
        with running(f'sh -c "{"; ".join(exports)}; exec {server}"', other, "Uvicorn running on"):
            assert '"accepted"' in shell(order, tmp_path).stdout
            assert "completed" in shell(follow, tmp_path).stdout
            assert '"completed"' in shell(show, tmp_path).stdout
