"""The journal's file: who owns it, whether it is still there, how older files open, what its statements read."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

import evolink_async as ev
from evolink_async.cli.demo_material.media import make_media
from evolink_async.emulator import faults
from evolink_async.errors import JournalConflictError, JournalError
from evolink_async.jobs import body_digest
from evolink_async.journal import Known, MemoryJournal, reader, settling, statements
from evolink_async.journal.doubts import read_doubts
from evolink_async.journal.schema import APPLICATION_ID, MIGRATIONS, migrate
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.json_text import dump
from evolink_async.wire import encode_submit
from tests.journal.test_laws import accepted, completed, intent
from tests.kit import PATIENT, as_completed, dance, error_of, jobs, open_pool

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal of a test goes."""
    return tmp_path / "run.db"


# --- one owner


async def test_who_has_the_journal_is_told(path):
    """By the number of the process; another pool of the same process is said to be one."""
    journal = SqliteJournal(path)
    await journal.open()
    try:
        with pytest.raises(JournalError, match=r"in use by another process \(a pool of this process\)") as caught:
            await SqliteJournal(path).open()
        assert "stop it" in caught.value.advice
        code = (
            "import asyncio, sys\n"
            "from evolink_async.journal.sqlite import SqliteJournal\n"
            "try: asyncio.run(SqliteJournal(sys.argv[1]).open())\n"
            "except Exception as error: print(error)"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, str(path), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert f"in use by another process (process {os.getpid()})" in out.decode()
    finally:
        await journal.aclose()


async def test_an_opening_that_was_cancelled_leaves_no_lock(path):
    """Whoever cancels may open the file again at once, at whatever moment the thread was met."""
    for turns in range(30):
        cancelled, journal = SqliteJournal(path), SqliteJournal(path)
        opening = asyncio.create_task(cancelled.open())
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait([opening])
        await cancelled.aclose()  # nothing, unless the disk was faster
        await journal.open()
        await journal.aclose()


async def test_who_was_overtaken_writes_nothing(path):
    """A deleted lock file lets a second owner in; the first one's writes are refused from then on."""
    first, second = SqliteJournal(path), SqliteJournal(path)
    await first.open()
    await first.submitting(intent("one"))
    path.with_name("run.db-lock").unlink()
    await second.open()
    try:
        assert (await second.claim(["one"], "second"))["one"] == 2
        for write in (first.accepted(accepted("one")), first.submitting(intent("two"))):
            with pytest.raises(JournalError, match="opened by another process"):
                await write
        assert [type(job) for job in second.unfinished()] == [ev.Unknown]
        assert await first.late_answer("ev-one", "task-one"), "a paid task id needs no epoch"
        [job] = second.unfinished()
        assert isinstance(job, ev.Accepted)
    finally:
        await first.aclose()
        await second.aclose()


# --- is it still there?


@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_a_file_that_is_gone_stops_the_buying(emulator, path, how):
    """Noticed before the next job is sent: it fails, says why, and no request goes out."""
    async with open_pool(emulator, journal=path) as pool:
        await pool.generate(dance(1), key="first")
        if how == "deleted":
            path.unlink()
        else:
            copy = path.with_name("copy.db")
            shutil.copy(path, copy)
            copy.replace(path)
        sent = len(emulator.received)
        for number in (2, 3):
            with pytest.raises(JournalError, match=f"was {how} while it was in use") as caught:
                await pool.submit(dance(number), key=f"shot-{number}")
        assert "Nothing more is sent" in caught.value.advice
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(error_of(outcome), JournalError)
        assert len(emulator.received) == sent
    assert emulator.ledger.accepted == 1


async def test_a_journal_copied_without_its_log_is_refused(emulator, tmp_path):
    """A sentence on how to copy one; the file is left as it is. Complete copies open."""
    path, partial, whole = (tmp_path / name / "run.db" for name in ("here", "partial", "whole"))
    for file in (path, partial, whole):
        file.parent.mkdir()
    async with open_pool(emulator, journal=path) as pool:
        await pool.generate(dance(1), key="shot-1")
        for file in path.parent.iterdir():
            if not file.name.endswith("-lock"):
                # In a process of its own: to close a file drops the locks that this one holds on it.
                for folder in (whole.parent, *([partial.parent] if file == path else [])):
                    assert os.spawnlp(os.P_WAIT, "cp", "cp", str(file), str(folder)) == 0
    before = partial.read_bytes()
    for _ in range(2):
        with pytest.raises(JournalError, match=r"copied without its -wal file") as caught:
            await SqliteJournal(partial).open()
        assert ".backup" in caught.value.advice
        with pytest.raises(JournalError, match=r"copied without its -wal file"):
            read_doubts(partial)
    assert partial.read_bytes() == before
    async with open_pool(emulator, journal=whole) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert as_completed(outcome).resumed


async def test_a_late_answer_for_a_file_that_is_gone_is_logged(path, caplog):
    """There is nowhere to write it, so the log is the last place to keep a paid task id."""
    journal = SqliteJournal(path)
    await journal.open()
    await journal.submitting(intent("one"))
    path.unlink()
    with caplog.at_level(logging.ERROR, "evolink_async"), pytest.raises(JournalError, match=r"run\.db"):
        await journal.late_answer("ev-one", "task-one")
    assert "task-one" in caplog.text
    await journal.aclose()


async def test_a_relative_path_is_meant_once(emulator, tmp_path, monkeypatch):
    """The folder of the process may change between making the journal, opening it, and reading it after closing."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    pool = open_pool(emulator, journal="run.db")
    monkeypatch.chdir(there)
    async with pool:
        await pool.submit(dance(), key="one")
    assert [job.key for job in pool.unfinished()] == ["one"]
    assert (here / "run.db").exists()
    assert list(there.iterdir()) == []


async def test_a_row_that_breaks_a_rule_is_no_damage(path):
    """The message says which rule, and not that the file is damaged."""
    journal = SqliteJournal(path)
    await journal.open()
    try:
        odd = "INSERT INTO jobs (key, state, model, path, body, digest, shape) SELECT 'a', 'odd', '', '', '', '', ''"
        with pytest.raises(JournalError, match="CHECK constraint failed"):
            await journal._write(lambda connection: connection.execute(odd).rowcount)
    finally:
        await journal.aclose()


# --- older files


def older(path: Path, version: int, *rows: dict[str, object]) -> None:
    """Make a file as an earlier version left it."""
    with closing(sqlite3.connect(path)) as connection:
        for number, script in enumerate(MIGRATIONS[:version], 1):
            connection.executescript(
                f"{script}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
            )
        for row in rows:
            columns = ", ".join(row)
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO jobs ({columns}) VALUES ({marks})", tuple(row.values()))
        connection.commit()


def row(key: str, state: str, params: ev.Params | None = None, **columns: object) -> dict[str, object]:
    """A job as the first versions wrote it: its digest is that of the whole body."""
    body = encode_submit(params or dance(), "").body or b""
    fixed = {"key": key, "state": state, "model": "wan2.6-reference-video", "path": "/v1/videos/generations"}
    return {**fixed, "body": body.decode(), "digest": body_digest(body), "shape": "", "session": "5e551019", **columns}


@pytest.mark.parametrize("version", [1, 2])
async def test_a_file_of_an_earlier_version_opens(emulator, path, version):
    """Its jobs are known as before, what had ended counts as told, and what ends from now on does not."""
    done: dict[str, Any] = {
        "task_id": "task-1",
        "urls": '["https://example.com/v.mp4"]',
        "accepted_at": 1.0,
        "ended_at": 2.0,
    }
    older(
        path,
        version,
        row("done", "completed", **done, looks=1, lag=0.5, expires_at=3.0),
        row("going", "accepted", task_id="task-2", accepted_at=1.0, sent_at=1.0),
        row("lost", "submitting", idempotency_key="ev-lost", sent_at=1.0),
    )
    assert [doubt.key for doubt in read_doubts(path)] == ["lost"]
    journal = SqliteJournal(path)
    await journal.open()
    try:
        known = await journal.known([ev.Job(key, dance()) for key in ("done", "going", "lost")])
        states = {key: type(found.standing) for key, found in known.items() if isinstance(found, Known)}
        assert states == {"done": ev.Completed, "going": ev.Accepted, "lost": ev.Unknown}
        assert [end.outcome.key for end in await journal.untold()] == ["lost"]
        await journal.ended(completed("going", "task-2"))
        assert [end.outcome.key for end in await journal.untold()] == ["lost", "going"]
        await journal.missing("done", "task-1")
        assert await journal.late_answer("ev-lost", "task-3") is False, "its purchase is not in the file"
    finally:
        await journal.aclose()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("SELECT key FROM jobs WHERE told_at IS NOT NULL").fetchall() == [("done",)]


@pytest.mark.parametrize("now", ["https://example.com/old", "https://example.com/new", None])
@pytest.mark.parametrize("before", ["https://example.com/old", None])
async def test_a_job_of_an_earlier_version_is_known_whatever_its_callback(path, before, now):
    """Digests of the first versions covered `callback_url`; they still match, and other changes still do not."""
    older(path, 2, row("one", "accepted", dance(callback_url=before), task_id="task-1", accepted_at=1.0, sent_at=1.0))
    journal = SqliteJournal(path)
    await journal.open()
    try:
        known = await journal.known([ev.Job("one", dance(callback_url=now))])
        assert isinstance(known["one"], Known)
        other = await journal.known([ev.Job("one", dance(2, callback_url=now))])
        assert isinstance(other["one"], JournalError)
    finally:
        await journal.aclose()


async def test_a_job_with_local_files_of_an_earlier_version_is_known(emulator, path, tmp_path):
    """Its body has links and its digest has the digests of files; another callback is no other job, another text is."""
    make_media("dancer.mp4", tmp_path)

    def job(callback: str, **changes: Any) -> ev.Job:
        return ev.Job("one", dance(video_urls=[tmp_path / "dancer.mp4"], callback_url=callback, **changes))

    async with open_pool(emulator, journal=path) as pool:
        [outcome] = [outcome async for outcome in pool.run([job("https://example.com/old")])]
        assert pool._engine is not None
        measured = await pool._engine.local_files.with_digests(job("https://example.com/old"))
    assert isinstance(outcome, ev.Completed)
    with closing(sqlite3.connect(path)) as connection, connection:
        [body] = connection.execute("SELECT body FROM jobs").fetchone()
        assert "sha256" not in body
        connection.execute("UPDATE jobs SET digest = ?", (body_digest(dump(ev.dump_params(measured.params))),))
    async with open_pool(emulator, journal=path) as pool:
        [outcome] = [outcome async for outcome in pool.run([job("https://example.com/new")])]
        assert as_completed(outcome).resumed
        [outcome] = [outcome async for outcome in pool.run([job("https://example.com/new", prompt="another")])]
    error = error_of(outcome)
    assert isinstance(error, JournalConflictError)
    assert error.fields == ("prompt",)


# --- a send again sends what was sent


@pytest.mark.parametrize("is_file", [True, False])
async def test_a_doubt_is_sent_again_as_it_was_whatever_its_callback_is_now(emulator, path, is_file):
    """`same_key` with another callback: the bytes of the first send, and one purchase."""
    journal = SqliteJournal(path) if is_file else MemoryJournal()
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    async with open_pool(emulator, journal=journal) as pool:
        with pytest.raises(ev.SubmissionUnknownError):
            await pool.submit(dance(callback_url="https://example.com/old"), key="one")
    async with open_pool(emulator, journal=journal, retry=attrs.evolve(PATIENT, resubmit="same_key")) as pool:
        await pool.generate(dance(callback_url="https://example.com/new"), key="one")
    first, second = [request for request in emulator.received if request.kind == "submit"]
    assert first.body == second.body
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert emulator.ledger.accepted == 1


# --- indexes


WHOLE = ("SPENT", "PRICES", "HOLDING", "DURATIONS")
"""The ledger adds up all jobs, once an opening with a budget; durations stop after a number of rows."""
TABLE_SCAN = re.compile(r"SCAN (?!json_each|opening|pruned|sqlite_master|\()")


def every_statement() -> Iterator[tuple[str, str]]:
    """The statements of the modules, by name, and those that are made of parts."""
    for module in (statements, reader, settling):
        for name, value in vars(module).items():
            if isinstance(value, str) and re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE)\b", value):
                yield name, value
    before = ("planned", "submitting", "in_doubt")
    yield "upsert", statements._upsert_query(("state", "model", "path", "body", "digest", "shape"), before)
    yield "update", statements._update_query(("state",), ("submitting",))
    yield "end", statements._end_query(("state",))


STATEMENTS = dict(every_statement())


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_reads_the_whole_file(name):
    """By the plan that SQLite makes: each finds its rows by an index or a row number."""
    with closing(sqlite3.connect(":memory:")) as connection:
        migrate(connection, 0)
        query = STATEMENTS[name]
        names = re.findall(r":(\w+)", query)
        values = dict.fromkeys(names, 1) if names else (1,) * query.count("?")
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
    details = [step[3] for step in plan]
    assert any(map(TABLE_SCAN.match, details)) == (name in WHOLE), details


def test_the_statements_are_found():
    """The test above would hold for none."""
    assert STATEMENTS.keys() >= {"ONE", "FIND", "NEXT", "UNFINISHED", "OWNERS", "OUTCOMES", "UNTOLD", "ACCEPT", *WHOLE}


async def test_a_job_whose_task_is_missing_is_one_to_settle(emulator, path):
    """`read_doubts` names it, with the task."""
    async with open_pool(emulator, journal=path) as pool:
        lost = await pool.submit(dance(), key="lost")
        await pool._journal.missing("lost", lost.task_id)
    [doubt] = read_doubts(path)
    assert (doubt.key, doubt.task_id) == ("lost", lost.task_id)
    assert lost.task_id in str(doubt.error)


ASKING = """
import pathlib, sys
from evolink_async.journal.doubts import is_in_use
print(flush=True)
while True:
    is_in_use(pathlib.Path(sys.argv[1]))
"""


async def test_asking_keeps_no_owner_out(path):
    """A page or a command that asks again and again whether a journal is in use keeps no run from opening it."""
    # In a process of its own: within one, SQLite's connections know of each other.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASKING, path, stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        for _ in range(60):
            journal = SqliteJournal(path)
            await journal.open()
            await journal.aclose()
    finally:
        process.kill()
        await process.wait()
