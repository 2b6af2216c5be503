"""`evolink-async run` in an outage: what was bought is reported, and the same command goes on later."""

from __future__ import annotations

import pytest

from evolink_async.client import outage_brake
from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, dance, submits, write_jobs

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
