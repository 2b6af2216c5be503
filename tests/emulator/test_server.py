"""Starting, closing, threads, the pytest fixtures, the missing extra."""

import asyncio
import importlib.util
import inspect
import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import get_type_hints

import attrs
import pytest

from evolink_async.emulator import Emulator, EmulatorArguments, EmulatorSettings, HandClock, ScaledClock
from evolink_async.version import how_to_install

pytestmark = pytest.mark.anyio


def fetch(url: str, body: object = None) -> dict:
    headers = {"Authorization": "Bearer sk-emulator", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=60) as response:
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
    assert set(threading.enumerate()) <= threads
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
        with urllib.request.urlopen(seen["results"][0], timeout=60) as response:
            assert response.read(12)[4:] == b"ftypisom"
        assert emulator.ledger.charged == 11.9
        assert emulator.files_url == emulator.base_url
    assert set(threading.enumerate()) <= threads
    assert "ledger=" in repr(emulator)
    assert "sk-emulator" not in repr(emulator)


def own_threads():
    """The threads of emulators, but not those that asyncio keeps for blocking calls."""
    return {thread for thread in threading.enumerate() if "evolink-emulator" in thread.name}


async def test_started_and_stopped_by_hand(body):
    """`start` and `stop` work where an event loop runs, as in a notebook; a second `stop` does nothing."""
    threads = own_threads()
    unused = Emulator()
    unused.stop()
    emulator = Emulator(speed=1000).start()
    reply = await asyncio.to_thread(fetch, emulator.base_url + "/v1/videos/generations", body)
    assert reply["id"] in emulator.tasks
    with pytest.raises(RuntimeError, match="runs once"):
        emulator.start()
    assert fetch(emulator.base_url + "/v1/credits")["success"]
    for _ in range(2):
        emulator.stop()
    assert own_threads() == threads
    with pytest.raises(urllib.error.URLError):
        fetch(emulator.base_url + "/v1/credits")
    assert emulator.ledger.accepted == 1
    with pytest.raises(RuntimeError, match="runs once"):
        emulator.start()
    assert own_threads() == threads
    unused.start().stop()


async def test_stopped_from_the_other_side():
    """`stop` refuses to stop what an `async with` block runs; `aclose` stops what `start` has started."""
    async with Emulator() as emulator:
        with pytest.raises(RuntimeError, match="runs in an `async with` block"):
            emulator.stop()
        assert (await asyncio.to_thread(fetch, emulator.base_url + "/v1/credits"))["success"]
    emulator.stop()
    threads = own_threads()
    started = Emulator().start()
    for _ in range(2):
        await started.aclose()
    assert own_threads() == threads
    with pytest.raises(urllib.error.URLError):
        fetch(started.base_url + "/v1/credits")


def test_a_start_that_failed_can_be_repeated(body):
    """After a taken port nothing is left running; when the port is free, the same emulator starts and renders."""
    other = Emulator().start()
    threads = own_threads()
    emulator = Emulator(results_port=int(other.base_url.rpartition(":")[2]), clock=(clock := HandClock()))
    with pytest.raises(OSError, match="address already in use"):
        emulator.start()
    assert own_threads() == threads
    with pytest.raises(RuntimeError, match="not running"):
        emulator.client()
    other.stop()
    with emulator.in_thread():
        task = fetch(emulator.base_url + "/v1/videos/generations", body | {"duration": 2})
        clock.advance(3600)
        done = fetch(f"{emulator.base_url}/v1/tasks/{task['id']}")
        with urllib.request.urlopen(done["results"][0], timeout=60) as response:
            assert response.read(12)[4:] == b"ftypisom"


def test_a_process_may_end_without_stop():
    """The thread of a started emulator holds no process up, and warns of nothing."""
    code = "from evolink_async.emulator import Emulator; print(bool(Emulator().start().base_url))"
    command = [sys.executable, "-P", "-W", "error", "-c", code]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "True\n")
    # Not compared with nothing: in debug mode asyncio reports slow calls.
    assert re.findall(r"Traceback|Warning|Error", ended.stderr) == []


def test_the_typed_arguments_are_the_settings():
    """`EmulatorArguments` has the name and the type of every setting, and nothing else."""
    assert get_type_hints(EmulatorArguments) == get_type_hints(EmulatorSettings)


USERS_SUITE = """
import pytest, urllib.error, urllib.request
from evolink_async.emulator import HandClock

pytest_plugins = ["evolink_async.emulator.pytest_plugin"]

closed = []

def refused(emulator):
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(emulator.base_url + "/v1/credits", timeout=60)
    caught.value.close()

def test_sync(evolink_emulator):
    refused(evolink_emulator)
    assert evolink_emulator.speed == 1000

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_async(evolink_emulator, anyio_backend):
    refused(evolink_emulator)

def test_factory(evolink_emulator_factory, evolink_emulator):
    made = [evolink_emulator_factory(seed=3, credits=5), evolink_emulator_factory(speed=20), evolink_emulator]
    assert [(one.seed, one.speed, one.ledger.balance) for one in made] == [(3, 1000, 5), (0, 20, 1e5), (0, 1000, 1e5)]
    assert len({one.base_url for one in made}) == 3
    for one in made:
        refused(one)
    closed.extend(made)
    with pytest.raises(ValueError, match="speed"):
        evolink_emulator_factory(speed=0)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_async_factory(evolink_emulator_factory, anyio_backend):
    refused(evolink_emulator_factory(clock=HandClock()))

def test_all_are_closed():
    assert len(closed) == 3
    for one in closed:
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(one.base_url + "/v1/credits", timeout=60)
"""


def test_the_pytest_fixtures(tmp_path):
    """Users get running emulators in synchronous and asynchronous tests, with their settings, closed at the end."""
    suite = tmp_path / "test_users.py"
    suite.write_text(USERS_SUITE)
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command = [sys.executable, "-P", "-m", "pytest", *options, str(suite)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert "5 passed" in ended.stdout, ended.stdout + ended.stderr


def test_importing_is_cheap():
    """Neither PyAV, Pillow nor jsonschema is loaded by the import."""
    code = "import sys, evolink_async.emulator; sys.exit(any(m in sys.modules for m in ('av', 'PIL', 'jsonschema')))"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


async def test_a_missing_extra_is_named(monkeypatch):
    """Without PyAV, starting raises an error that names the package and the command to install it."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "av" else found(name))
    with pytest.raises(ImportError, match=re.escape(f"needs av; {how_to_install('emulator')}")):
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
