"""Starts examples in processes of their own, and talks to those that are servers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import attrs

from evolink_async.emulator import Emulator
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CALLBACK_URL = "https://films.example.com/callbacks"


def start(
    emulator: Emulator, folder: Path, name: str, *words: object, is_fast: bool = True, **env: str
) -> subprocess.Popen[str]:
    """Start an example in a folder, with the environment that leads to the emulator; warnings are errors.

    Args:
        emulator: Where it buys.
        folder: Where it runs.
        name: The file without its ending.
        words: Its arguments.
        is_fast: Whether it polls as fast as suits the emulator, or as its users poll.
        env: More of its environment.
    """
    how = ["-m", "tests.examples.run_fast"] if is_fast else []
    known = {"EVOLINK_BASE_URL": emulator.base_url, "EVOLINK_API_KEY": "sk-emulator", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", *how, str(EXAMPLES / f"{name}.py"), *map(str, words)],
        cwd=folder,
        env=os.environ | known | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fast_python_path(folder: Path) -> str:
    """Return a PYTHONPATH with which every process is as fast as suits the emulator, also those that it starts."""
    (folder / "sitecustomize.py").write_text("import tests.examples.run_fast as fast\nfast.speed_up()\n")
    return os.pathsep.join([str(folder), str(ROOT), str(EXAMPLES)])


def until(condition: Callable[[], object]) -> None:
    """Return as soon as a condition holds; the time limit of the test is the bound."""
    while not condition():
        time.sleep(0.02)


@attrs.define
class Site:
    """A web application in a process of its own. Each start is a new process with the files of the last one."""

    name: str
    emulator: Emulator
    folder: Path
    port: int
    process: subprocess.Popen[str] = attrs.field(init=False)

    def start(self, *, is_fast: bool = True, **env: str) -> Self:
        """Start it, and return as soon as it listens."""
        env = {"PORT": str(self.port), "CALLBACK_URL": CALLBACK_URL, "CALLBACK_SECRET": "0123456789abcdef"} | env
        self.process = start(self.emulator, self.folder, self.name, is_fast=is_fast, **env)
        until(self._listens)
        return self

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """Leave it no time for anything."""
        self.process.kill()
        self.process.communicate()

    def ask(self, path: str, body: object = None, method: str | None = None) -> tuple[int, Any]:
        """Send a request, a POST if there is a body: status and answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body if body is None or isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, _read(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error.read())

    def state(self, order: str) -> str | None:
        """Return how an order stands; None if nobody knows it."""
        status, answer = self.ask(f"/films/{order}")
        assert status in (200, 404), answer
        return answer["state"] if status == 200 else None

    def follow(self, order: str) -> socket.socket:
        """Open the event stream of an order, and return when the first event has come."""
        stream = socket.create_connection(("127.0.0.1", self.port))
        stream.sendall(f"GET /films/{order}/events HTTP/1.1\r\nHost: films\r\n\r\n".encode())
        came = b""
        while b"data: " not in came:
            came += stream.recv(4096)
        assert b"text/event-stream" in came
        return stream


def _read(answer: bytes) -> Any:
    try:
        return json.loads(answer or b"null")
    except json.JSONDecodeError:
        return answer.decode()


@contextmanager
def site(name: str, folder: Path, **settings: Any) -> Iterator[Site]:
    """An emulator that calls back, and an application that is started in the test and ended here."""
    port = free_port()
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(callbacks_to=f"http://127.0.0.1:{port}", **settings).in_thread())
        one = Site(name, emulator, folder, port)
        stack.callback(lambda: one.kill() if hasattr(one, "process") else None)
        yield one
