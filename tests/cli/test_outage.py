"""`evolink-async run` in an outage: what was bought is reported, and the same command goes on later."""

from __future__ import annotations

import re

import pytest

from evolink_async.cli.output import trouble
from evolink_async.client import outage_brake
from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, dance, submits, write_jobs
from tests.servers import refusing_address

PAGE = faults.reply(404, "<html>no backend</html>", content_type="text/html")
GATEWAY = faults.reply(502, "<html>bad gateway</html>", content_type="text/html")
COUNT = 30


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    """The patience with an address at which nothing of the service answers."""
    monkeypatch.setattr(outage_brake, "STRANGER_PATIENCE", 0.1)


def go_out(service, fault) -> None:
    """Let the whole service be out."""
    for kind in ("submit", "credits"):
        service.faults.on(kind, faults.ALWAYS, fault)


def test_an_outage_ends_the_run_with_a_report(cli, service, tmp_path):
    """Exit code 1, one sentence about the outage, the usual figures; run again, everything is made once."""
    jobs = write_jobs(tmp_path, *(dance(number) for number in range(COUNT)))
    go_out(service, PAGE)
    ran = cli("run", jobs, "--out", tmp_path / "out", *QUICK)
    assert ran.code == 1
    assert "no paid request was accepted" in ran.err
    assert "Run the same jobs again" in ran.err
    assert "0 completed" in ran.err
    # What was not sent is counted, not listed; the first ones may have run out of patience before it was an outage.
    assert {line["status"] for line in ran.lines} <= {"failed"}
    service.faults.clear()
    ran = cli("run", jobs, "--out", tmp_path / "out", *QUICK)
    assert ran.code == 0
    assert service.ledger.accepted == COUNT


def test_an_outage_with_doubts_has_the_exit_code_of_doubts(cli, service, tmp_path):
    """Exit code 3: some need a decision, and the report says how."""
    jobs = write_jobs(tmp_path, *(dance(number) for number in range(COUNT)))
    go_out(service, GATEWAY)
    ran = cli("run", jobs, "--out", tmp_path / "out", *QUICK)
    assert ran.code == 3
    assert submits(service) <= 8 + 3 + 5
    assert "unknown" in {line["status"] for line in ran.lines}
    assert "doubts" in ran.err or "settle" in ran.err


@pytest.mark.parametrize("count", [1, 30])
def test_a_pipe_is_told_of_trouble_within_seconds(cli, tmp_path, monkeypatch, count):
    """On standard error, while the run goes on: what is wrong, how often it was tried, and until when it is."""
    monkeypatch.setattr(outage_brake, "STRANGER_PATIENCE", 2.5)
    # Delays are random: a single job may end before the second that a first failure is given.
    monkeypatch.setattr(trouble, "NOTICE_SECONDS", 0.0)
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-emulator")
    monkeypatch.setenv("EVOLINK_BASE_URL", address := refusing_address())
    ran = cli("run", write_jobs(tmp_path, *map(dance, range(count))), "--out", tmp_path / "out", *QUICK)
    assert ran.code == 1
    told = [line for line in ran.err.splitlines() if "trying until" in line]
    assert len(told) == 1
    assert re.fullmatch(
        rf"no connection to {re.escape(address)} \(refused\), (1 try|\d+ tries), trying until \d\d:\d\d", told[0]
    )


def test_polls_that_fail_are_told(cli, service, tmp_path):
    """As a note on standard error, not as a line of the log; the run waits for their end."""
    service.faults.on("poll", range(1, 12), faults.error(503))
    service.faults.on("batch", range(1, 12), faults.error(503))
    ran = cli("run", write_jobs(tmp_path, *map(dance, range(3))), "--out", tmp_path / "out", *QUICK)
    assert ran.code == 0
    told = [line for line in ran.err.splitlines() if line.startswith("note: status requests fail, and are sent again")]
    assert len(told) == 1
