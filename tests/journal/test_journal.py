"""The journal's file: what stands in it and when, and what is done when it cannot be used."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import JournalError
from evolink_async.jobs import STANDINGS
from evolink_async.journal import MemoryJournal
from evolink_async.journal.doubts import read_doubts
from evolink_async.journal.histories import HistoryReader
from evolink_async.journal.listing import read_ends, read_jobs
from evolink_async.journal.pruning import Pruning, prune_file
from evolink_async.journal.read_only import mode_of
from evolink_async.journal.schema import APPLICATION_ID, MIGRATIONS
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.journal.writer import Writer
from evolink_async.media import Upload
from tests import servers
from tests.journal.test_file import older, row
from tests.kit import as_completed, dance, error_of, jobs, open_pool, soak, until

pytestmark = pytest.mark.anyio

CANARY = "sk-canary-7f3a91c4d2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal of a test goes."""
    return tmp_path / "run.db"


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as a person opens it, while a run may go on."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def rows(path: Path) -> dict[str, dict]:
    """What stands in the file, by job."""
    with opened(path) as connection:
        return {row["key"]: dict(row) for row in connection.execute("SELECT * FROM jobs")}


async def run(emulator: Emulator, path: Path, count: int = 3, **settings: object) -> list[ev.Outcome]:
    """The outcomes of some jobs on a journal, by key."""
    async with open_pool(emulator, journal=path, **settings) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(count))]
    return sorted(outcomes, key=lambda outcome: outcome.key)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow: every write to a file fails in the kernel."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- what stands in the file, and when


async def test_a_person_can_read_the_file_while_a_run_goes_on(emulator, path):
    """One row a job, in words: state, model, task id, the body as it was sent."""
    emulator.faults.on("submit", 2, faults.DROP_AFTER_ACCEPT)
    emulator.faults.on("submit", 3, faults.error(400))
    emulator.faults.on("poll", faults.ALWAYS, faults.error(500))
    wishes = jobs(4)
    async with open_pool(emulator, journal=path, limits=ev.Limits(submits=1)) as pool, pool.run(wishes) as stream:
        await anext(stream)
        await anext(stream)
        await until(lambda: emulator.ledger.accepted == 3 and not pool.stats().submitting)
        seen = rows(path)
        emulator.faults.clear()
        async for _ in stream:
            pass
    assert [seen[job.key]["state"] for job in wishes] == ["accepted", "in_doubt", "planned", "accepted"]
    assert [row["state"] for row in rows(path).values()] == ["completed", "in_doubt", "planned", "completed"]
    for job in wishes:
        assert json.loads(seen[job.key]["body"]) == ev.dump_params(job.params)
        assert seen[job.key]["model"] == job.params.model
    assert emulator.tasks.keys() >= {seen["shot-1"]["task_id"], seen["shot-4"]["task_id"]}


async def test_a_person_who_writes_for_a_moment_only_delays_the_run(emulator, path):
    """A transaction of another program makes writes wait; nothing fails and nothing is sent meanwhile."""
    async with open_pool(emulator, journal=path) as pool:
        with opened(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            generating = asyncio.create_task(pool.generate(dance()))
            for _ in range(20):
                await asyncio.sleep(0.005)
            assert emulator.received == []
            connection.rollback()
        assert isinstance(await generating, ev.Completed)


async def test_the_intent_is_on_the_disk_before_the_first_byte(path):
    """A server that opens the journal as the request's head arrives finds the job there, being submitted."""
    seen: list[Any] = []

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        [row] = rows(path).values()
        seen.append(row)
        writer.write(servers.reply(b'{"error": {"code": "x", "message": "y"}}', 400))

    async with servers.serving(act) as server:
        async with ev.SessionPool("sk-emulator", base_url=server.url, journal=path) as pool:
            with pytest.raises(ev.InvalidRequestError):
                await pool.submit(dance(), key="shot")
        [head] = server.heads
    [row] = seen
    assert (row["key"], row["state"]) == ("shot", "submitting")
    assert f"Idempotency-Key: {row['idempotency_key']}".encode() in head
    assert rows(path)["shot"]["state"] == "planned"


async def test_the_intent_is_on_the_disk_when_the_connection_is_made(path):
    """Not even an empty connection is opened for a job that the file does not hold."""
    seen: list[Any] = []

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(row["state"] for row in rows(path).values())
        await servers.reset(reader, writer)

    async with (
        servers.serving(act, at_once=True) as server,
        ev.SessionPool("sk-emulator", base_url=server.url, journal=path) as pool,
    ):
        with pytest.raises(ev.SubmissionUnknownError):
            await pool.submit(dance())
    assert seen == ["submitting"]


async def test_the_task_id_is_on_the_disk_before_it_is_told(emulator, path):
    """When the caller gets an `Accepted` or a `Completed`, the file already holds it."""
    async with open_pool(emulator, journal=path) as pool:
        accepted = await pool.submit(dance(), key="one")
        assert rows(path)["one"]["task_id"] == accepted.task_id
        async for outcome in pool.run(jobs(5)):
            row = rows(path)[outcome.key]
            assert (row["state"], row["task_id"]) == ("completed", as_completed(outcome).task_id)
            assert json.loads(row["urls"]) == list(as_completed(outcome).urls)


async def test_no_key_of_the_account_is_in_the_files(path):
    """Not in the file, nor in its log, even when every answer echoes the key; not in the lock either."""
    echo = json.dumps({"error": {"code": CANARY, "message": f"no {CANARY}"}})
    async with Emulator(speed=1000, api_keys=[CANARY]) as emulator:
        emulator.faults.on("submit", 1, faults.reply(500, echo, headers={"x-request-id": CANARY}))
        emulator.faults.on("submit", 2, faults.reply(400, echo))
        emulator.faults.on("submit", 3, faults.reply_after_accept(200, CANARY))
        async with open_pool(emulator, journal=path, api_key=CANARY) as pool:
            [_ async for _ in pool.run(jobs(6))]
            while_open = {file.name: read_elsewhere(file) for file in path.parent.iterdir()}
    assert while_open.keys() >= {"run.db", "run.db-wal", "run.db-lock"}
    closed = {f"{file.name} later": file.read_bytes() for file in path.parent.iterdir()}
    assert [name for name, content in (while_open | closed).items() if CANARY.encode() in content] == []
    assert {row["state"] for row in rows(path).values()} == {"in_doubt", "planned", "completed"}


def read_elsewhere(file: Path) -> bytes:
    """Read a file of an open journal without dropping our own process's locks on it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        assert os.spawnlp(os.P_WAIT, "cp", "cp", str(file), str(copy)) == 0
        return copy.read_bytes()


# --- uploads


def upload(content: str = "film", *, day: int = 0) -> Upload:
    """A link to a content, made on some day."""
    return Upload(
        file_id=f"file_{content}_{day}",
        url=f"https://files.example.com/{content}-{day}.mp4",
        sha256=content,
        size_bytes=5,
        mime_type=None,
        expires_at=(day + 3) * 86400.0,
        uploaded_at=day * 86400.0,
    )


@pytest.mark.parametrize("kind", [MemoryJournal, SqliteJournal])
async def test_the_latest_link_of_a_content_is_kept(path, kind):
    """Complete, also when it has expired; None for an unknown content."""
    journal = kind() if kind is MemoryJournal else kind(path)
    await journal.open()
    try:
        for one in (upload(), upload(day=2), upload("other", day=1), attrs.evolve(upload(), sha256=None)):
            await journal.uploaded(one)
        kept = {"film": upload(day=2), "other": upload("other", day=1)}
        assert await journal.hosted(["film", "other", "nothing"]) == kept
        assert await journal.hosted(["nothing"]) == {}
    finally:
        await journal.aclose()


async def test_a_person_can_read_where_the_files_are(path):
    """One row a content."""
    journal = SqliteJournal(path)
    await journal.open()
    try:
        await journal.uploaded(upload())
        await journal.uploaded(upload(day=2))
        with opened(path) as connection:
            [row] = [dict(row) for row in connection.execute("SELECT * FROM uploads")]
        assert row == attrs.asdict(upload(day=2))
    finally:
        await journal.aclose()


async def test_links_in_memory_are_forgotten_when_they_are_dead(path):
    """So that a pool that lives for months holds those of three days."""
    journal = MemoryJournal()
    for day in range(10):
        await journal.uploaded(upload(f"film-{day}", day=day))
    assert list(await journal.hosted([f"film-{day}" for day in range(10)])) == ["film-7", "film-8", "film-9"]


async def test_a_file_from_before_there_were_uploads(emulator, path):
    """It gets their table; its jobs stay as they are."""
    older(path, 1, row("done", "completed", task_id="task-1"), row("planned", "planned"))
    before = rows(path)
    async with open_pool(emulator, journal=path) as pool:
        (path.parent / "clip.mp4").write_bytes(b"film")
        assert await pool.upload(path.parent / "clip.mp4") == await pool.upload(path.parent / "clip.mp4")
    assert {key: {**kept, **before[key]} for key, kept in rows(path).items()} == rows(path)
    with opened(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


# --- one owner


async def test_two_pools_on_one_journal(emulator, path):
    """The second is refused, by whatever name it calls the file; the first does not notice; then it is free."""
    alias = path.with_name("alias.db")
    alias.symlink_to(path)
    async with open_pool(emulator, journal=path) as first:
        for name in (path, str(path), os.path.relpath(path), alias):
            with pytest.raises(JournalError, match="in use by another process"):
                await open_pool(emulator, journal=name).__aenter__()
        assert isinstance(await first.generate(dance(1), key="shot-1"), ev.Completed)
    [outcome] = await run(emulator, alias, 1)
    assert as_completed(outcome).resumed


async def test_one_journal_object_in_two_pools(emulator, path):
    """The second pool is refused; the first goes on to write."""
    journal = SqliteJournal(path)
    async with open_pool(emulator, journal=journal) as first:
        with pytest.raises(JournalError, match="in use"):
            await open_pool(emulator, journal=journal).__aenter__()
        await first.generate(dance(), key="shot")
    assert rows(path)["shot"]["state"] == "completed"


async def test_an_opening_that_is_cancelled_lets_go(path):
    """Cancelled at any await of it, opening leaves the file free for the next."""
    for turns in range(6):
        cancelled = SqliteJournal(path)
        opening = asyncio.create_task(cancelled.open())
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled() or turns > 1
        if not opening.cancelled():  # its thread was faster
            await opening
            await cancelled.aclose()
        journal = await freed(path)
        await journal.aclose()


async def freed(path: Path) -> SqliteJournal:
    """The journal, opened as soon as its last owner's thread has ended."""
    while True:
        journal = SqliteJournal(path)
        try:
            await journal.open()
        except JournalError:
            continue
        return journal


async def test_a_journal_that_is_not_open_is_a_journal_error(emulator, path):
    """Before opening there is nothing to read and no file is made; writing then, or later, is refused."""
    pool = open_pool(emulator, journal=path)
    assert pool.unfinished() == ()
    assert "not opened" in repr(pool)
    assert not path.exists()
    journal = SqliteJournal(path)
    with pytest.raises(JournalError, match="not open"):
        await journal.refused("shot")
    await journal.open()
    await asyncio.gather(journal.refused("shot"), journal.aclose())
    with pytest.raises(JournalError, match="not open"):
        await journal.refused("shot")


async def test_a_write_while_closing_is_made_or_refused(path):
    """A write beside `aclose` ends: it is made, or it raises."""
    journal = SqliteJournal(path)
    await journal.open()
    closing_ = asyncio.create_task(journal.aclose())
    await asyncio.sleep(0)
    with pytest.raises(JournalError, match="not open"):
        await journal.refused("shot")
    await closing_


async def test_an_owner_that_died_while_it_made_the_file(path):
    """A file with SQLite's rollback journal beside it, as a kill during the very first write leaves it, is opened."""
    with opened(path) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("CREATE TABLE jobs (name TEXT)")
        connection.commit()
        connection.execute("DROP TABLE jobs")
        connection.commit()
        connection.executescript("BEGIN; CREATE TABLE half (name TEXT); CREATE TABLE made (name TEXT);")
        connection.execute("INSERT INTO half SELECT zeroblob(100000)")
        left = {file.name: read_elsewhere(file) for file in path.parent.iterdir()}
    assert left.keys() == {"run.db", "run.db-journal"}
    for name, content in left.items():
        path.with_name(name).write_bytes(content)
    journal = SqliteJournal(path)
    await journal.open()
    await journal.aclose()
    assert rows(path) == {}


# --- the disk


async def test_a_disk_that_is_full_before_the_submit(emulator, path):
    """What cannot be written down is not sent; the pool closes cleanly, and with room again the jobs run."""
    async with open_pool(emulator, journal=path) as pool:
        await pool.generate(dance(99), key="before")
        with full_disk():
            outcomes = [outcome async for outcome in pool.run(jobs(3))]
            with pytest.raises(JournalError):
                await pool.submit(dance(7))
    assert [type(error_of(outcome)) for outcome in outcomes] == [JournalError] * 3
    assert all("run.db" in str(error_of(outcome)) for outcome in outcomes)
    assert emulator.ledger.accepted == 1
    assert {type(outcome) for outcome in await run(emulator, path)} == {ev.Completed}
    assert emulator.ledger.accepted == 4


async def test_a_disk_that_is_full_after_the_post(path):
    """The service's answer still reaches the caller; the file holds the intent, so the job is in doubt later."""
    limit = ExitStack()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limit.enter_context(full_disk())
        writer.write(servers.reply(b'{"id": "task-unified-1757169743-7cvnl5zw", "status": "pending"}'))

    async with servers.serving(act) as server:
        pool = ev.SessionPool("sk-emulator", base_url=server.url, journal=path)
        async with pool:
            try:
                accepted = await pool.submit(dance(), key="shot")
                with pytest.raises(JournalError):
                    await pool.submit(dance(2), key="next")
            finally:
                limit.close()
            assert server.accepted == 1
    assert accepted.task_id == "task-unified-1757169743-7cvnl5zw"
    async with ev.SessionPool("sk-emulator", base_url="http://127.0.0.1:9", journal=path) as pool:
        [unknown] = pool.unfinished()
    assert isinstance(unknown, ev.Unknown)
    assert unknown.key == "shot"


async def test_a_disk_that_is_full_at_the_end_of_a_task(emulator, path):
    """The outcome is still completed; the file says accepted, and the next run polls again for free."""
    async with open_pool(emulator, journal=path) as pool:
        accepted = await pool.submit(dance(1), key="shot-1")
        with full_disk():
            done = await pool.wait(accepted.task_id)
    assert rows(path)["shot-1"]["state"] == "accepted"
    [again] = await run(emulator, path, 1)
    assert (as_completed(again).url, as_completed(again).resumed) == (as_completed(done).url, False)
    assert emulator.ledger.accepted == 1


async def test_a_disk_that_is_full_at_opening(emulator, path):
    """A clear error, no request, no file left locked."""
    with full_disk(), pytest.raises(JournalError, match=r"run\.db"):
        await run(emulator, path)
    assert emulator.received == []
    assert len(await run(emulator, path)) == 3


async def test_after_a_write_that_failed_none_is_made(path):
    """Also not one that was ordered before anybody knew: what is reported as not written is not in the file."""
    taken, held = threading.Event(), threading.Event()

    def fail(connection: sqlite3.Connection) -> int:
        taken.set()
        held.wait()
        raise sqlite3.OperationalError("disk I/O error")

    def write(connection: sqlite3.Connection) -> int:
        return connection.execute("CREATE TABLE later (name TEXT)").rowcount

    writer = Writer(str(path))
    await writer.open()
    first = asyncio.create_task(writer.write(fail))
    await until(taken.is_set)
    second = asyncio.create_task(writer.write(write))
    await until(lambda: not writer._requests.empty())
    held.set()
    for task in (first, second):
        with pytest.raises(JournalError, match="disk I/O error"):
            await task
    with pytest.raises(JournalError, match="disk I/O error"):
        await writer.write(write)
    await writer.aclose()
    with opened(path) as connection:
        assert connection.execute("SELECT * FROM sqlite_master WHERE name = 'later'").fetchall() == []


@contextmanager
def without_root() -> Iterator[None]:
    """Without the right to pass permission bits by."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user may read."""
    folder = Path(tempfile.mkdtemp(prefix="evolink-journal-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


async def test_a_folder_that_may_not_be_written(shared_folder):
    """A clear error, and nothing is made."""
    shared_folder.chmod(0o555)
    with without_root(), pytest.raises(JournalError, match=r"run\.db"):
        await SqliteJournal(shared_folder / "run.db").open()
    assert list(shared_folder.iterdir()) == []


async def test_a_file_that_may_not_be_written(emulator, shared_folder):
    """A clear error at opening, not at the first purchase; the file is as it was, and not left locked."""
    path = shared_folder / "run.db"
    await run(emulator, path)
    before = path.read_bytes()
    for file in (path, *shared_folder.glob("*-lock")):
        file.chmod(0o666)
    path.chmod(0o444)
    shared_folder.chmod(0o777)
    with without_root(), pytest.raises(JournalError, match=r"run\.db"):
        await SqliteJournal(path).open()
    assert path.read_bytes() == before
    path.chmod(0o644)
    assert all(as_completed(outcome).resumed for outcome in await run(emulator, path))


async def test_a_file_in_a_folder_that_may_not_be_written_is_read(emulator, shared_folder):
    """Also by a user who may not make the files that SQLite keeps beside it; and nothing is made."""
    path = shared_folder / "run.db"
    await run(emulator, path, 3)
    before = sorted(shared_folder.iterdir())
    shared_folder.chmod(0o555)
    with without_root():
        jobs = read_jobs(path, tuple(STANDINGS))
        assert len(jobs) == len([*read_ends(path)]) == len(HistoryReader(path).changes()) == 3
        assert read_doubts(path) == []
        assert await SqliteJournal(path).find([jobs[0].standing.key])
        assert (await prune_file(path, Pruning(before=time.time() + 60, untold=True, is_trial=True))).removed == 3
    assert sorted(shared_folder.iterdir()) == before


@pytest.mark.parametrize(
    ("has_log", "can_write", "mode"),
    [
        (False, False, "mode=ro&immutable=1"),
        (True, False, "mode=rw"),
        (False, True, "mode=rw"),
        (True, True, "mode=rw"),
    ],
)
def test_how_a_file_is_opened_to_be_read(has_log, can_write, mode):
    """As one that nobody changes only if this process cannot change it, and no run has it open."""
    assert mode_of(has_log=has_log, can_write=can_write) == mode


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is a folder"),
        ("folder", "it is a folder"),
        ("/dev/null", "it is a device, pipe or socket"),
        ("pipe", "it is a device, pipe or socket"),
        ("missing/run.db", "its folder does not exist"),
        ("file/run.db", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "cannot be used"),
        (":memory:", None),
    ],
)
async def test_a_path_where_no_file_can_be(tmp_path, monkeypatch, name, why):
    """A clear error, and no lock is left beside it; `:memory:` is a name like any other."""
    tmp_path /= "here"
    (tmp_path / "folder").mkdir(parents=True)
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    journal = SqliteJournal(name)
    if why is None:
        await journal.open()
        await journal.aclose()
        assert (tmp_path / name).exists()
        return
    with pytest.raises(JournalError, match=f"cannot be used.*{why}|embedded null"):
        await journal.open()
    assert [path for path in (*tmp_path.parent.iterdir(), *tmp_path.iterdir()) if path.name.endswith("-lock")] == []


# --- files that are no journals


def contents(folder: Path) -> dict[str, bytes]:
    """Every file and log with something in it; not the lock, nor the index that SQLite makes of a log."""
    files = {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith(("-lock", "-shm"))}
    return {name: content for name, content in files.items() if content}


async def refused(emulator: Emulator, path: Path, why: str) -> None:
    """The pool does not open, and the file is as it was."""
    before = contents(path.parent)
    for _ in range(2):
        with pytest.raises(JournalError, match=why) as caught:
            await run(emulator, path)
        assert "Check the disk" not in caught.value.advice
        assert contents(path.parent) == before
    assert emulator.received == []


async def finished(path: Path) -> None:
    """A journal of 200 completed jobs."""
    async with Emulator(speed=1000) as emulator:
        await run(emulator, path, 200)


async def test_garbage(emulator, path):
    """A file of something else is refused and left alone."""
    path.write_bytes(b"not a journal, but somebody's thesis\n" * 1000)
    await refused(emulator, path, "not an SQLite file, or it is damaged")


async def test_another_programs_file(emulator, path):
    """An SQLite file without our mark is refused and left alone."""
    with opened(path) as connection:
        connection.execute("CREATE TABLE jobs (name TEXT)")
        connection.commit()
    await refused(emulator, path, "another program")


async def test_another_programs_file_with_its_log(emulator, path):
    """So is one whose program has not finished with it: its log is not moved into the file."""
    with opened(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE jobs (name TEXT)")
        connection.commit()
        for file in path.parent.iterdir():
            (path.parent / "copy").mkdir(exist_ok=True)
            assert file.is_dir() or os.spawnlp(os.P_WAIT, "cp", "cp", str(file), str(path.parent / "copy")) == 0
    copy = path.parent / "copy" / path.name
    (copy.parent / "run.db-shm").unlink()
    await refused(emulator, copy, "another program")


async def test_a_later_version(emulator, path):
    """A file of a version to come is refused and left alone."""
    await finished(path)
    with opened(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    await refused(emulator, path, "later version")


async def test_a_journal_cut_short(emulator, path):
    """Half a file is refused, or answers for no job; nothing of it is overwritten and nothing is sent."""
    await finished(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 // 4096 * 4096])
    await nothing_is_sent(emulator, path)


@pytest.mark.parametrize("page", [0, soak(1), 2, soak(3), 4, soak(5), 6, soak(7)])
async def test_a_page_overwritten(emulator, path, page):
    """A page of noise: the file is refused, or answers for no job it lost; nothing is sent for a job in it."""
    await finished(path)
    content = bytearray(path.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = bytes(range(256)) * 16
    path.write_bytes(content)
    await nothing_is_sent(emulator, path)


async def nothing_is_sent(emulator: Emulator, path: Path) -> None:
    """Every job of a damaged journal comes back, or fails by a JournalError: none is bought again."""
    before = pages(path)
    try:
        outcomes = await run(emulator, path, 200)
    except JournalError as error:
        assert "damaged" in str(error) or "malformed" in str(error)
    else:
        assert len(outcomes) == 200
        lost = [outcome for outcome in outcomes if not isinstance(outcome, ev.Completed)]
        assert all(isinstance(outcome.error, JournalError) for outcome in lost)
    assert [request.kind for request in emulator.received if request.kind == "submit"] == []
    after = pages(path)
    changed = [number for number, page in enumerate(before) if after[number] != page]
    # Opening a file that can be opened counts the opening: one row of its own, and the counter in the file's head.
    assert len(changed) <= 2
    assert [number for number in changed if number and b"shot-" in before[number]] == []


def pages(path: Path) -> list[bytes]:
    """The file, in pages."""
    content = path.read_bytes()
    return [content[start : start + 4096] for start in range(0, len(content), 4096)]


async def test_the_files_are_what_they_are_said_to_be(emulator, path):
    """After closing: one file with our mark, an empty lock beside it, no log left over."""
    await run(emulator, path)
    assert {file.name for file in path.parent.iterdir()} == {"run.db", "run.db-lock"}
    assert path.with_name("run.db-lock").stat().st_size == 0
    assert stat.S_ISREG(path.stat().st_mode)
    with opened(path) as connection:
        [mark] = connection.execute("PRAGMA application_id").fetchone()
        assert [tuple(row) for row in connection.execute("PRAGMA integrity_check")] == [("ok",)]
    assert mark == APPLICATION_ID


async def test_a_memory_journal_serves_one_pool_at_a_time(emulator):
    """Two pools would buy the same job twice. After closing, the next pool goes on with it."""
    journal = MemoryJournal()
    async with open_pool(emulator, journal=journal) as pool:
        accepted = await pool.submit(dance(), key="one")
        with pytest.raises(JournalError, match="open in another pool"):
            await open_pool(emulator, journal=journal).__aenter__()
    async with open_pool(emulator, journal=journal) as pool:
        assert (await pool.submit(dance(), key="one")).task_id == accepted.task_id
    assert emulator.ledger.accepted == 1
