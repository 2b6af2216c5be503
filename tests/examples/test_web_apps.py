"""The web applications in examples/: started in processes of their own, driven over HTTP, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psycopg
import pytest

from evolink_async.emulator import faults
from evolink_async.emulator.clock import HandClock
from tests.examples.kit import CALLBACK_URL, EXAMPLES, ROOT, Site, fast_python_path, site, until
from tests.servers import free_port

pytestmark = pytest.mark.timeout(300)  # processes and servers start slowly on a busy machine

APPS = ["aiohttp_app", "fastapi_app"]


@pytest.fixture
def clock() -> HandClock:
    """No task ends before the test says so."""
    return HandClock(time.time())


@pytest.fixture(params=APPS)
def films(request, tmp_path: Path, clock: HandClock) -> Iterator[Site]:
    """One of the applications, not started yet."""
    with site(request.param, tmp_path, clock=clock) as one:
        yield one


def order(prompt: str) -> dict[str, Any]:
    """What a customer sends."""
    return {"model": "wan2.6-text-to-video", "prompt": prompt, "duration": 2}


@pytest.mark.parametrize("name", APPS)
def test_an_application_is_short(name):
    """At most 85 lines, and no table of jobs."""
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 85
    assert "dict(" not in text
    assert "= {}" not in text


def test_orders_are_bought_once_and_followed(films, clock):
    """Bad orders are refused; ten equal ones at once are one purchase; a doubt is settled by a person."""
    films.start()
    ledger = films.emulator.ledger
    assert films.ask("/films/cat")[0] == 404
    assert films.ask("/films/cat", {"model": "wan2.6-text-to-video"})[0] == 422
    with ThreadPoolExecutor(10) as customers:
        answers = list(customers.map(lambda _: films.ask("/films/cat", order("A cat"))[0], range(10)))
    assert (answers, ledger.accepted) == ([202] * 10, 1)
    assert films.ask("/films/cat", order("A dog"))[0] == 422, "the order has other parameters"

    with films.follow("cat") as stream:
        clock.advance(10_000)
        came = b""
        while b"completed" not in came:
            came += stream.recv(4096)
    assert json.loads(came.rpartition(b"data: ")[2].splitlines()[0]) == {"state": "completed", "progress": 100}
    until(lambda: films.state("cat") == "completed")
    assert films.ask("/films/cat")[1]["url"].startswith("http")
    assert films.ask("/films/cat", order("A cat"))[0] == 202

    films.emulator.faults.on("submit", faults.ALWAYS, faults.DROP_AFTER_ACCEPT)
    assert [films.ask("/films/owl", order("An owl"))[0] for _ in range(2)] == [502, 502]
    assert (films.state("owl"), ledger.accepted) == ("unknown", 2)
    [*_, task_id] = films.emulator.tasks
    assert films.ask(f"/doubts/owl?how={task_id}", method="POST")[0] < 300
    assert films.state("owl") == "accepted"
    clock.advance(10_000)
    until(lambda: films.state("owl") == "completed")
    assert films.ask("/doubts/owl?how=resubmit", method="POST")[0] == 409, "it is in doubt no longer"
    assert ledger.accepted == 2


def test_a_fault_of_the_customer_is_none_of_the_application(films):
    """An order of an odd name, a body that is no order, a doubt that is none: each is refused, with no traceback."""
    films.start()
    wrong = {404, 422}
    for name in ("a%00b", "x" * 300, "a%0Ab"):
        assert films.ask(f"/films/{name}", order("A cat"))[0] in wrong
        assert films.ask(f"/films/{name}")[0] in wrong
        assert films.ask(f"/doubts/{name}?how=abandon", method="POST")[0] in wrong
    for body in (b"[" * 100_000, b"[1]", b"{", b"\xff", b""):
        assert films.ask("/films/cat", body)[0] in (400, 422)
    assert films.ask("/films/nope/events")[0] == 404
    assert films.ask("/doubts/nope?how=abandon", method="POST")[0] == 404
    assert films.ask("/films/cat", order("A cat"))[0] == 202
    assert films.ask("/doubts/cat", method="POST")[0] == 422
    assert films.ask("/doubts/cat?how=abandon", method="POST")[0] == 409
    assert films.emulator.ledger.accepted == 1
    films.process.send_signal(signal.SIGTERM)
    assert "Traceback" not in films.process.communicate(timeout=120)[1]


def test_a_wrong_key_is_a_bad_gateway(films):
    """Not an error of the application; nothing was bought."""
    films.start(EVOLINK_API_KEY="sk-wrong")
    assert [films.ask("/films/cat", order("A cat"))[0] for _ in range(2)] == [502, 502]
    assert films.state("cat") in (None, "planned")


def test_it_ends_with_open_streams_and_knows_its_orders_again(films, clock):
    """SIGTERM under 80 streams ends it in 5 s. The next process knows old and running orders; a callback ends one."""
    films.start()
    assert films.ask("/films/old", order("A cat"))[0] == 202
    clock.advance(10_000)
    until(lambda: films.state("old") == "completed")
    assert films.ask("/films/running", order("A dog"))[0] == 202
    streams = [films.follow("running") for _ in range(80)]
    films.process.send_signal(signal.SIGTERM)
    _, errors = films.process.communicate(timeout=120)
    assert films.process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in errors
    for stream in streams:
        stream.close()

    polls_before = status_requests(films)
    films.start(is_fast=False)
    until(lambda: status_requests(films) > polls_before)  # a task of an earlier process is polled at once
    polls_before = status_requests(films)
    assert (films.state("old"), films.state("running")) == ("completed", "accepted")
    clock.advance(10_000)
    until(lambda: films.state("running") == "completed")
    assert status_requests(films) == polls_before + 1, "the callback brought it forward"
    assert films.emulator.ledger.accepted == 2


def status_requests(films: Site) -> int:
    """How often the service was asked for tasks."""
    return sum(request.kind in ("poll", "batch") for request in films.emulator.received)


def test_kill_9_under_60_orders(films, clock):
    """After a restart each order is answered, or can be bought, or is settled by a person; none is paid twice."""
    films.start()
    films.emulator.faults.on("submit", range(1, 31), faults.delay(0.05))
    # However late the process is killed, some orders are not bought by then.
    films.emulator.faults.on("submit", range(31, 1000), faults.HANG_BEFORE_ACCEPT)
    names = [f"order-{number}" for number in range(60)]
    with ThreadPoolExecutor(60) as customers:

        def buy(name: str) -> None:
            with suppress(OSError, HTTPException):
                films.ask(f"/films/{name}", order(name))

        going = [customers.submit(buy, name) for name in names]
        until(lambda: films.emulator.ledger.accepted >= 20)
        films.kill()
        for one in going:
            one.result()
    films.emulator.faults.clear()

    films.start()
    # A POST of the dead process may still be on its way to the service.
    until(lambda: not films.emulator.serving["submit"])
    paid = {task.body["prompt"]: task_id for task_id, task in films.emulator.tasks.items()}
    assert 20 <= len(paid) < 60
    for name in names:
        if films.state(name) == "unknown":
            how = paid.get(name, "resubmit")
            assert films.ask(f"/doubts/{name}?how={how}", method="POST")[0] < 300
        assert films.ask(f"/films/{name}", order(name))[0] == 202
    clock.advance(10_000)
    until(lambda: all(films.state(name) == "completed" for name in names))
    bought = [task.body["prompt"] for task in films.emulator.tasks.values()]
    assert sorted(bought) == sorted(names)


def test_a_second_worker_is_refused(tmp_path):
    """A journal file has one owner, so `uvicorn --workers 2` does not come up."""
    env = {"EVOLINK_API_KEY": "sk-emulator", "CALLBACK_URL": CALLBACK_URL, "CALLBACK_SECRET": "0123456789abcdef"}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(EXAMPLES)])
    words = ["--factory", "fastapi_app:application", "--workers", "2", "--port", str(free_port())]
    command = [sys.executable, "-m", "uvicorn", *words]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | env, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert any("is in use by another process" in line for line in server.stderr)
        server.terminate()
        server.communicate(timeout=120)


def test_four_workers_share_a_journal_in_postgresql(tmp_path, postgres):
    """`uvicorn --workers 4`: equal orders that reach all of them are bought once, and each tells how they stand."""
    with site("fastapi_app", tmp_path, speed=1000, median_seconds=300, latency=0.05) as films:
        env = {"EVOLINK_BASE_URL": films.emulator.base_url, "EVOLINK_API_KEY": "sk-emulator", "JOURNAL": postgres}
        env |= {"CALLBACK_URL": CALLBACK_URL, "CALLBACK_SECRET": "0123456789abcdef"}
        env["PYTHONPATH"] = fast_python_path(tmp_path)
        words = ["--factory", "fastapi_app:application", "--workers", "4", "--port", str(films.port)]
        with (tmp_path / "log").open("w") as log:
            films.process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", *words], cwd=tmp_path, env=os.environ | env, stderr=log, text=True
            )
        until(lambda: (tmp_path / "log").read_text().count("Application startup complete") == 4)
        names: list[str] = []
        buyers = 0
        while buyers < 2:
            assert len(names) < 200, "one of them bought all"
            new = [f"order-{number}" for number in range(len(names), len(names) + 10)]
            names += new
            with ThreadPoolExecutor(40) as customers:
                answers = list(customers.map(lambda name: films.ask(f"/films/{name}", order(name))[0], new * 8))
            assert set(answers) == {202}
            assert films.emulator.ledger.accepted == len(names)
            assert all(len(ids) == 1 for ids in films.emulator.ledger.tasks_by_body.values())
            with psycopg.connect(postgres) as connection:
                [[buyers]] = connection.execute("SELECT count(DISTINCT epoch) FROM evolink_jobs").fetchall()
        until(lambda: all(films.state(name) == "completed" for name in names * 4))
        assert films.ask("/films/order-1", order("another"))[0] == 422
        films.process.terminate()
        assert films.process.wait(timeout=120) in (0, -signal.SIGTERM)
        assert "Traceback" not in (tmp_path / "log").read_text()
        assert films.emulator.ledger.accepted == len(names)
