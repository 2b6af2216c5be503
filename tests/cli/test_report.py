"""The page of a run: `report`, what `run` writes beside the films, and the live page."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import urllib.error
import urllib.request

import pytest

from evolink_async.emulator import faults
from evolink_async.report.page import MARK
from tests.cli.conftest import QUICK, dance, environment, finish, spawn, write_jobs
from tests.report.kit import body_of, mixed_journal, write_journal


def data_of(page):
    """The data inside a page."""
    [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def test_report(cli, tmp_path):
    """The command writes a page beside the journal, or where it is told, and says where."""
    mixed_journal(tmp_path / "jobs.journal.db", 5)
    ran = cli("report", tmp_path / "jobs.journal.db")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'index.html'}\n")
    assert (tmp_path / "index.html").as_uri() in ran.err
    assert len(data_of((tmp_path / "index.html").read_text("utf-8"))["cards"]) == 5
    assert cli("report", tmp_path / "jobs.journal.db", "-o", tmp_path / "page.html").code == 0
    assert (tmp_path / "page.html").is_file()


def test_no_report(cli, tmp_path):
    """A journal that is not there, and a page that would replace another file, are one sentence each."""
    ran = cli("report", tmp_path / "jobs.db")
    assert (ran.code, ran.err.count("error: ")) == (2, 1)
    mixed_journal(tmp_path / "jobs.db", 1)
    (tmp_path / "index.html").write_text("mine")
    ran = cli("report", tmp_path / "jobs.db")
    assert (ran.code, ran.err.count("error: ")) == (2, 1)
    assert (tmp_path / "index.html").read_text() == "mine"


def test_page_of_a_run(cli, service, tmp_path):
    """A run writes a page beside the films; a second one writes it anew."""
    jobs = write_jobs(tmp_path, dance(1), dance(2))
    for _ in range(2):
        ran = cli("run", jobs, "--out", tmp_path / "out", *QUICK)
        assert ran.code == 0
        assert f"Look at them in a browser: {(tmp_path / 'out' / 'index.html').as_uri()}" in ran.err
        data = data_of((tmp_path / "out" / "index.html").read_text("utf-8"))
        assert {card["films"][0]["href"] for card in data["cards"]} == {"./shot-1.mp4", "./shot-2.mp4"}


def test_page_of_a_run_on_its_own_emulator(cli, tmp_path):
    """It has a page too, and leaves no journal."""
    ran = cli("run", write_jobs(tmp_path, dance(1)), "--out", tmp_path / "out", "--emulator", "--speed", "400")
    assert ran.code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["index.html", "shot-1.mp4"]


def test_a_file_that_is_in_the_way(cli, service, tmp_path):
    """A file of that name stays as it is; the run is as good as without a page."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.html").write_text("mine")
    ran = cli("run", write_jobs(tmp_path, dance(1)), "--out", tmp_path / "out", *QUICK)
    assert ran.code == 0
    assert "there is no page" in ran.err
    assert (tmp_path / "out" / "index.html").read_text() == "mine"


def test_a_pipe_that_is_in_the_way(cli, service, tmp_path):
    """Nobody reads from it, and the run does not wait for that."""
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "index.html")
    ran = cli("run", write_jobs(tmp_path, dance(1)), "--out", tmp_path / "out", *QUICK)
    assert ran.code == 0
    assert "there is no page to look at them: cannot write the report" in ran.err


def test_without_the_extra(cli, service, tmp_path, monkeypatch):
    """A run says what to install; the commands that need it say so too, and nothing is sent."""
    monkeypatch.setattr("evolink_async.cli.running.run_page.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    jobs = write_jobs(tmp_path, dance(1))
    ran = cli("run", jobs, "--out", tmp_path / "none", "--dashboard", *QUICK)
    assert ran.code == 2
    assert "--dashboard needs jinja2" in ran.err
    assert service.received == []
    ran = cli("run", jobs, "--out", tmp_path / "out", *QUICK)
    assert ran.code == 0
    assert "no page" in ran.err
    for command in ("report", "dashboard"):
        ran = cli(command, tmp_path / "out" / "jobs.journal.db")
        assert (ran.code, ran.err.count("needs jinja2")) == (2, 1)


def test_a_dashboard_without_a_journal(cli, service, tmp_path):
    """It has nothing to show, so the run does not begin."""
    jobs = write_jobs(tmp_path, dance(1))
    ran = cli("run", jobs, "--out", tmp_path / "out", "--no-journal", "--dashboard", *QUICK)
    assert ran.code == 2
    assert "leave out --no-journal" in ran.err


def get(address):
    """The text behind an address."""
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read().decode()


def settle(address, key, how):
    """What the page is answered that settles a job."""
    asked = json.dumps({"key": key, "how": how, "confirmed": True}).encode()
    headers = {"Content-Type": "application/json", "Origin": address[: address.index("/", 8)]}
    with urllib.request.urlopen(urllib.request.Request(f"{address}settle", asked, headers), timeout=60) as answer:
        return json.load(answer)["message"]


def states(address):
    """Where the jobs of a page stand."""
    return [card["state"] for card in data_of(get(address))["cards"]]


def test_dashboard(tmp_path):
    """The command serves the page at an address with a secret until it is interrupted, and settles a job there."""
    path = tmp_path / "jobs.journal.db"
    write_journal(path, [("shot-1", "doubt", body_of(1), {}), ("shot-2", "ready", body_of(2), {})])
    with spawn("dashboard", path) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
        page = get(address)
        assert MARK in page
        assert states(address) == ["doubt", "ready"]
        assert "given up" in settle(address, "shot-1", "abandon")
        assert states(address) == ["failed", "ready"]
        process.send_signal(signal.SIGINT)
        assert finish(process).code == 130


def test_dashboard_of_a_run(frozen, tmp_path):
    """While a run goes on its page has its jobs, and settles one in doubt; it ends with the run."""
    frozen.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    jobs = write_jobs(tmp_path, dance(1), dance(2))
    with spawn("run", jobs, "--out", tmp_path / "out", "--dashboard", *QUICK, env=environment(frozen)) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[-1]
        while sorted(states(address)) != ["doubt", "making"]:
            pass
        [key] = [card["key"] for card in data_of(get(address))["cards"] if card["state"] == "doubt"]
        assert "given up" in settle(address, key, "abandon")
        while sorted(states(address)) != ["failed", "making"]:
            pass
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        finish(process)
    with pytest.raises(urllib.error.URLError):
        get(address)
