"""Starting, closing, threads, the pytest plugin, the missing extra."""

import asyncio
import importlib.util
import inspect
import json
import subprocess
import sys
import threading
import urllib.request

import attrs
import pytest

from evolink_async.emulator import Emulator, EmulatorSettings, HandClock, ScaledClock

pytestmark = pytest.mark.anyio


def fetch(url: str, body: object = None) -> dict:
    headers = {"Authorization": "Bearer sk-emulator", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


async def test_closing_leaves_nothing_running(new_client, http, body):
    """No asyncio task, thread or listening socket remains after closing, although a video was rendered."""
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    clock = HandClock()
    async with Emulator(clock=clock) as emulator:
        done = await new_client(http, emulator).finished(body | {"duration": 2}, clock)
        async with http.get(done["results"][0]) as response:
            assert len(await response.read()) > 10_000
        ports = [int(url.rpartition(":")[2]) for url in (emulator.base_url, emulator.results_url)]
    assert set(threading.enumerate()) == threads
    assert asyncio.all_tasks() == tasks
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_an_emulator_runs_once():
    """A second start is an error, and so is a taken port."""
    async with Emulator() as emulator:
        taken = int(emulator.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            await Emulator(port=taken).__aenter__()
    with pytest.raises(RuntimeError, match="runs once"):
        await emulator.__aenter__()


@pytest.mark.parametrize(
    "wrong", [{"speed": 0}, {"speed": float("nan")}, {"credits": -1}, {"failure_share": 2}, {"port": 70_000}]
)
def test_settings_are_checked(wrong):
    """A setting out of range is refused by the constructor, with its name."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Emulator(**wrong)


def test_settings_are_listed_once():
    """The constructor takes the settings and nothing else; they cannot be changed later."""
    assert inspect.signature(Emulator).parameters.keys() == {field.name for field in attrs.fields(EmulatorSettings)}
    emulator = Emulator(seed=3)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        emulator.seed = 4  # type: ignore[misc]  # what is tested
    assert emulator != Emulator(seed=3)


def test_synchronous_code_has_a_thread(body):
    """`in_thread` serves blocking clients; its figures are read from another thread; its thread ends."""
    threads = set(threading.enumerate())
    with Emulator(speed=100_000).in_thread() as emulator:
        task = fetch(emulator.base_url + "/v1/videos/generations", body)
        while (seen := fetch(f"{emulator.base_url}/v1/tasks/{task['id']}"))["status"] != "completed":
            pass
        with urllib.request.urlopen(seen["results"][0], timeout=10) as response:
            assert response.read(12)[4:] == b"ftypisom"
        assert emulator.ledger.charged == 11.9
        assert emulator.files_url == emulator.base_url
    assert set(threading.enumerate()) == threads
    assert "ledger=" in repr(emulator)
    assert "sk-emulator" not in repr(emulator)


USERS_SUITE = """
import pytest, urllib.error, urllib.request

pytest_plugins = ["evolink_async.emulator.pytest_plugin"]

def refused(emulator):
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(emulator.base_url + "/v1/credits", timeout=5)
    caught.value.close()

def test_sync(evolink_emulator):
    refused(evolink_emulator)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_async(evolink_emulator, anyio_backend):
    refused(evolink_emulator)
"""


def test_the_pytest_fixture(tmp_path):
    """Users get a running emulator as `evolink_emulator` in synchronous and in asynchronous tests."""
    suite = tmp_path / "test_users.py"
    suite.write_text(USERS_SUITE)
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(suite)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert "2 passed" in ended.stdout, ended.stdout + ended.stderr


def test_importing_is_cheap():
    """Neither PyAV, Pillow nor jsonschema is loaded by the import."""
    code = "import sys, evolink_async.emulator; sys.exit(any(m in sys.modules for m in ('av', 'PIL', 'jsonschema')))"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


async def test_a_missing_extra_is_named(monkeypatch):
    """Without PyAV, starting raises an error that names the package and the command to install it."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "av" else found(name))
    with pytest.raises(ImportError, match=r"needs av; run: pip install 'evolink-async\[emulator\]'"):
        await Emulator().__aenter__()


def test_clocks():
    """A scaled clock runs at its speed; a hand clock moves only by `advance`, and never back."""
    scaled = ScaledClock(1000.0)
    assert scaled.real_seconds(scaled.now() - 5) == 0
    assert 0.9 < scaled.real_seconds(scaled.now() + 1000) <= 1.0
    hand, woken = HandClock(0.0), []
    unsubscribe = hand.subscribe(lambda: woken.append(hand.now()))
    hand.advance(2)
    unsubscribe()
    hand.advance(1)
    assert (hand.now(), woken) == (3.0, [2.0])
    assert (hand.real_seconds(3.0), hand.real_seconds(3.1)) == (0.0, float("inf"))
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="forward"):
            hand.advance(wrong)
