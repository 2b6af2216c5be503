"""The commands about a journal, with the address of a PostgreSQL server in place of a file."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import urllib.request

import psycopg
import pytest

import evolink_async as ev
from evolink_async.emulator import faults
from tests.cli.conftest import finish, next_line, spawn
from tests.cli.test_journal_lists import FAILURE
from tests.cli.test_report import data_of, get
from tests.kit import dance, jobs, open_pool


async def make(url: str, service) -> None:
    """A finished job, one in doubt and a failed one."""
    service.faults.on("submit", 2, faults.DROP_AFTER_ACCEPT)
    async with open_pool(service, journal=url) as pool:
        for number, job in enumerate(jobs(3), 1):
            if number == 3:
                for kind in ("poll", "batch"):
                    service.faults.on(kind, faults.ALWAYS, FAILURE)
            async for _ in pool.run([job]):
                pass


@pytest.fixture
def journal(postgres, service) -> str:
    """A journal with these jobs."""
    asyncio.run(make(postgres, service))
    return postgres


def test_jobs_and_outcomes(cli, journal):
    """As of a file: by their keys, and by their ends; nothing is told by that."""
    for _ in range(2):
        ran = cli("jobs", journal)
        assert [(line["custom_id"], line["state"]) for line in ran.lines] == [
            ("shot-1", "completed"), ("shot-2", "unknown"), ("shot-3", "failed"),
        ]  # fmt: skip
        assert "3 jobs: 1 completed, 1 failed, 1 unknown." in ran.err
        ran = cli("outcomes", journal)
        assert [(line["custom_id"], line["status"]) for line in ran.lines] == [
            ("shot-1", "completed"), ("shot-2", "unknown"), ("shot-3", "failed"),
        ]  # fmt: skip
    assert [line["custom_id"] for line in cli("jobs", journal, "--state", "failed").lines] == ["shot-3"]
    assert cli("jobs", journal, "--state", "planned").lines == []


def test_a_submit_of_a_dead_process_is_in_doubt(cli, journal):
    """Though no pool has written it down yet; that of a living one is not."""
    with psycopg.connect(journal, autocommit=True) as server:
        server.execute(
            "UPDATE evolink_jobs SET state = 'submitting', end_number = NULL, doubt = NULL WHERE key = 'shot-2'"
        )
        for command in ("jobs", "outcomes"):
            told = {line["custom_id"]: line.get("status") or line["state"] for line in cli(command, journal).lines}
            assert told["shot-2"] == "unknown"
        assert [line["custom_id"] for line in cli("doubts", journal).lines] == ["shot-2"]
        server.execute(
            "INSERT INTO evolink_owners (name, lease_until, lease_seconds, seconds_to_answer)"
            " VALUES ('living', clock_timestamp() + interval '1 h', 30, 70)"
        )
        server.execute("UPDATE evolink_jobs SET epoch = (SELECT max(epoch) FROM evolink_owners) WHERE key = 'shot-2'")
        [second] = [line for line in cli("jobs", journal).lines if line["custom_id"] == "shot-2"]
        assert second["state"] == "planned"
        assert [line["custom_id"] for line in cli("outcomes", journal).lines] == ["shot-1", "shot-3"]
        assert cli("doubts", journal).code == 0


@pytest.mark.parametrize("how", ["found", "resubmit", "abandon"])
def test_doubts_are_settled(cli, service, journal, how):
    """Also while a pool uses the journal; the next run goes on from there."""
    task_id = list(service.tasks)[1]

    async def settle() -> None:
        async with open_pool(service, journal=journal):
            ran = await asyncio.to_thread(cli, "doubts", journal)
            assert ran.code == 3
            assert [line["custom_id"] for line in ran.lines] == ["shot-2"]
            assert "settle ADDRESS JOB" in ran.err
            ran = await asyncio.to_thread(cli, "settle", journal, "shot-2", task_id if how == "found" else how)
            assert (ran.code, ran.err) == (0, "Nothing is in doubt any more.\n")

    asyncio.run(settle())
    assert cli("doubts", journal).code == 0
    assert cli("settle", journal, "shot-2", "abandon").code == 2
    service.faults.clear()

    async def go_on() -> ev.Outcome:
        async with open_pool(service, journal=journal) as pool:
            [outcome] = [outcome async for outcome in pool.run([ev.Job("shot-2", dance(2))])]
            return outcome

    assert type(asyncio.run(go_on())) is (ev.Failed if how == "abandon" else ev.Completed)
    assert service.ledger.accepted == (4 if how == "resubmit" else 3)


def test_follow(journal, service):
    """Ends are told as they come."""
    follower = spawn("outcomes", journal, "--follow")
    assert [next_line(follower)["custom_id"] for _ in range(3)] == ["shot-1", "shot-2", "shot-3"]
    service.faults.clear()

    async def more() -> None:
        async with open_pool(service, journal=journal) as pool:
            await pool.generate(dance(4), key="shot-4")

    asyncio.run(more())
    assert next_line(follower)["custom_id"] == "shot-4"
    follower.terminate()
    assert finish(follower).code == 130


def test_prune(cli, journal, tmp_path):
    """What goes is said, and why the rest stays; a dry run removes nothing."""
    with psycopg.connect(journal, autocommit=True) as server:
        server.execute("UPDATE evolink_jobs SET ended_at = ended_at - 40 * 86400")
        ran = cli("journal", "prune", "--older", "30d", journal)
        assert ran.out == "0 jobs removed, that ended more than 30d ago.\n"
        assert "2 jobs of that age stay: no pool.outcomes() has told their ends; --untold" in ran.err
        ran = cli("journal", "prune", "--older", "30d", journal, "--untold", "--dry-run")
        assert ran.out == "2 jobs would be removed, that ended more than 30d ago.\n"
        ran = cli("journal", "prune", "--older", "30d", journal, "--untold")
        assert (ran.code, ran.out) == (0, "2 jobs removed, that ended more than 30d ago.\n")
        assert server.execute("SELECT key FROM evolink_jobs").fetchall() == [("shot-2",)]


def test_report(cli, journal, tmp_path):
    """It needs a file to write, and shows what the journal holds; no password is told."""
    ran = cli("report", journal)
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert "-o page.html" in ran.err
    ran = cli("report", f"{journal}&password=s3cr3t", "-o", tmp_path / "page.html")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'page.html'}\n")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "s3cr3t" not in page + ran.err
    states = {card["key"]: card["state"] for card in data_of(page)["cards"]}
    assert states == {"shot-1": "ready", "shot-2": "doubt", "shot-3": "failed"}


def test_dashboard(journal, service):
    """It settles a job while a pool uses the journal; no password is told."""

    def look() -> None:
        with spawn("dashboard", f"{journal}&password=s3cr3t") as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            page = get(address)
            assert "s3cr3t" not in page
            assert {card["key"]: card["state"] for card in data_of(page)["cards"]}["shot-2"] == "doubt"
            asked = json.dumps({"key": "shot-2", "how": "abandon", "confirmed": True}).encode()
            headers = {"Content-Type": "application/json", "Origin": address[: address.index("/", 8)]}
            request = urllib.request.Request(f"{address}settle", asked, headers)
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert "given up" in json.load(answer)["message"]
            assert {card["key"]: card["state"] for card in data_of(get(address))["cards"]}["shot-2"] == "failed"
            process.send_signal(signal.SIGINT)
            ran = finish(process)
            assert (ran.code, "s3cr3t" in ran.out + ran.err) == (130, False)

    async def use() -> None:
        async with open_pool(service, journal=journal):
            await asyncio.to_thread(look)

    asyncio.run(use())
    assert service.ledger.accepted == 3


@pytest.mark.parametrize("age", ["30", "d", "-3d", "1h", "0d", "30 days", ""])
def test_ages_that_make_no_sense(cli, tmp_path, age):
    """They are refused before anything is opened."""
    ran = cli("journal", "prune", f"--older={age}", tmp_path / "films.db")
    assert (ran.code, ran.out) == (2, "")
    assert re.search("age|day|empty", ran.err)


@pytest.mark.parametrize(
    "words",
    [("jobs",), ("outcomes",), ("doubts",), ("settle", "x", "abandon"), ("dashboard",), ("report", "-o", "page.html")],
)
def test_no_journal(cli, postgres, words):
    """One error; no table is made, and no password is shown."""
    command, *rest = words
    ran = cli(command, postgres, *rest)
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert "there is no journal in postgresql://" in ran.err
    ran = cli(command, "postgresql://me:s3cr3t@127.0.0.1:1/films", *rest)
    assert (ran.code, "s3cr3t" in ran.err) == (2, False)
    with psycopg.connect(postgres) as server:
        assert server.execute("SELECT to_regclass('evolink_jobs')").fetchone() == (None,)
