"""The blueprint for Procrastinate: what is enqueued, what becomes of it, what a sweep finds."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import procrastinate
import psycopg
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.engines.procrastinate import EvolinkBlueprint
from evolink_async.engines.task_tables import WAITING
from evolink_async.errors import ConfigurationError, JournalConflictError, JournalError
from evolink_async.journal import postgres_queue
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.postgres_connections import transaction
from tests.engines.kit import chunks, queued, sql, states
from tests.engines.worker import NEVER, make_app
from tests.kit import FAST, dance, jobs, open_pool

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]  # processes and servers start slowly on a busy machine

Plugged = tuple[procrastinate.App, EvolinkBlueprint]


@pytest.fixture
async def plugged(emulator: Emulator, postgres: str) -> AsyncIterator[Plugged]:
    """An app with the blueprint, and all tables."""
    app, films = make_app(postgres, emulator.base_url)
    await films.prepare(engine_too=True)
    async with app.open_async():
        yield app, films


async def work(app: procrastinate.App) -> None:
    """Do all tasks that wait."""
    await app.run_worker_async(wait=False, listen_notify=False, install_signal_handlers=False, concurrency=3)


async def sweep(app: procrastinate.App) -> None:
    """Sweep once, and do what was found."""
    await app.configure_task("films:sweep").defer_async(timestamp=0)
    await work(app)
    await work(app)


def overdue(journal: str) -> None:
    """Let the pause of all jobs be over."""
    sql(journal, "UPDATE evolink_queue SET due_at = clock_timestamp()")


async def abandon_claims(journal: str) -> None:
    """Let the leases of all processes end."""
    sql(journal, "UPDATE evolink_owners SET lease_until = clock_timestamp() - interval '1 s'")


# --- to enqueue


async def test_jobs_and_tasks_are_written_together(plugged, postgres):
    """Planned rows with body and price class, and a task for each chunk, in the order given."""
    _, films = plugged
    assert await films.enqueue(jobs(45)) == 45
    assert (states(postgres), queued(postgres), chunks(postgres)) == ({"planned": 45}, 45, {"todo": 3})
    [first, *_] = sql(postgres, "SELECT args -> 'keys' FROM procrastinate_jobs ORDER BY id")
    assert first[0] == [f"shot-{number}" for number in range(1, 21)]
    assert sql(postgres, "SELECT DISTINCT shape FROM evolink_jobs")[0][0].startswith("wan2.6-reference-video")


async def test_enqueueing_again_changes_nothing(plugged, postgres, emulator):
    """Neither while the jobs wait nor when they have ended; parameters without a key get the same one again."""
    app, films = plugged
    wishes = [*jobs(3), dance(7)]
    assert await films.enqueue(wishes) == 4
    assert await films.enqueue(wishes) == 0
    await work(app)
    assert await films.enqueue(wishes) == 0
    assert (chunks(postgres), queued(postgres), emulator.ledger.accepted) == ({"succeeded": 1}, 0, 4)
    assert await films.enqueue([]) == 0


async def test_a_planned_job_may_change_and_no_other(plugged, postgres):
    """Until a worker has claimed it; the error is that of a run, and nothing of the call stays."""
    app, films = plugged
    await films.enqueue([ev.Job("a", dance(1))])
    assert await films.enqueue([ev.Job("a", dance(2))]) == 0
    assert "take 2" in sql(postgres, "SELECT body FROM evolink_jobs")[0][0]
    await work(app)
    many = [*(ev.Job(f"b-{number}", dance(number)) for number in range(1500)), ev.Job("a", dance(3))]
    with pytest.raises(JournalConflictError, match="'a' has a job with other parameters"):
        await films.enqueue(many)
    assert states(postgres) == {"completed": 1}
    await films.enqueue([ev.Job("c", dance(1))])
    sql(postgres, "INSERT INTO evolink_claims VALUES ('c', 1, 'somebody')")
    with pytest.raises(JournalConflictError, match="'c'"):
        await films.enqueue([ev.Job("c", dance(2))])


async def test_a_call_that_fails_midway_leaves_nothing(plugged, postgres):
    """The tasks cannot be written when the rows are: neither is there, on our connection and on the caller's."""
    _, films = plugged
    sql(postgres, "ALTER TABLE procrastinate_jobs ADD CONSTRAINT no_owl CHECK (args::text NOT LIKE '%shot-30%')")
    with pytest.raises(JournalError, match=r"Procrastinate cannot take the chunks: .*no_owl"):
        await films.enqueue(jobs(40))
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        await connection.execute("CREATE TABLE orders (name text)")
        with pytest.raises(JournalError, match="no_owl"):
            await films.enqueue(jobs(40), connection=connection)
        await connection.execute("INSERT INTO orders VALUES ('goes on')")
    assert (states(postgres), queued(postgres), chunks(postgres)) == ({}, 0, {})
    assert sql(postgres, "SELECT count(*) FROM orders") == [(1,)]


async def test_a_process_that_dies_midway_leaves_nothing(plugged, postgres, emulator):
    """Killed between the rows and the tasks; what had been locked is free."""
    sql(
        postgres,
        "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_lock_shared(17); RETURN new; END $$;"
        "CREATE TRIGGER stops BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION wait_here()",
    )
    code = (
        "import asyncio; from tests.engines.worker import NEVER, make_app; from tests.kit import jobs;"
        f"asyncio.run(make_app({postgres!r}, 'http://127.0.0.1:1')[1].enqueue(jobs(40)))"
    )
    waits = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 17 AND NOT granted"
    with psycopg.connect(postgres) as connection:
        connection.execute("SELECT pg_advisory_lock(17)")
        with subprocess.Popen([sys.executable, "-c", code]) as process:
            while not (blocked := sql(postgres, waits)):
                assert process.poll() is None
                await asyncio.sleep(0.02)
            process.kill()
        # The server sees that its client is gone when it writes to it.
        sql(postgres, "SELECT pg_terminate_backend(%s)", blocked[0][0])
    assert (states(postgres), queued(postgres), chunks(postgres)) == ({}, 0, {})


async def test_enqueueing_is_part_of_the_callers_transaction(plugged, postgres):
    """It comes and goes with it, whatever rows the caller's connection makes."""
    _, films = plugged
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        await films.enqueue(jobs(2), connection=connection)
        assert queued(postgres) == 0
        await connection.rollback()
        await films.enqueue(jobs(3), connection=connection)
        await connection.commit()
        await connection.set_autocommit(True)
        await films.enqueue(jobs(5), connection=connection)
        assert queued(postgres) == 5
    assert chunks(postgres) == {"todo": 2}


async def test_a_lost_connection_is_no_loss(plugged, postgres):
    """Cut in the middle, our own transaction is made again."""
    _, films = plugged
    working = asyncio.create_task(films.enqueue(jobs(4000)))
    for _ in range(3):
        await asyncio.sleep(0.05)
        sql(
            postgres,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evolink_async'"
            " AND query LIKE '%evolink_jobs%'",
        )
    await working
    assert (states(postgres), queued(postgres), chunks(postgres)) == ({"planned": 4000}, 4000, {"todo": 200})


async def test_a_connection_lost_while_tasks_are_made_is_no_loss(plugged, postgres, monkeypatch):
    """Procrastinate tells it as an error of its own."""
    _, films = plugged
    put, tries = films._queue.put, list[object]()

    async def lost(connection, intents):
        keys = await put(connection, intents)
        if not tries:
            sql(postgres, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 10000)")
        tries.append(connection)
        return keys

    monkeypatch.setattr(films._queue, "put", lost)
    assert await films.enqueue(jobs(3)) == 3
    assert len(tries) == 2
    assert (queued(postgres), chunks(postgres)) == (3, {"todo": 1})


async def test_a_commit_that_was_not_heard_of_is_counted(plugged, postgres, monkeypatch):
    """The next try finds all jobs in the queue."""
    _, films = plugged
    tries = list[object]()

    @asynccontextmanager
    async def unheard(connection, *, idle):
        async with transaction(connection, idle=idle):
            yield
        tries.append(connection)
        if len(tries) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(postgres_queue, "transaction", unheard)
    assert await films.enqueue(jobs(3)) == 3
    assert (len(tries), queued(postgres), chunks(postgres)) == (2, 3, {"todo": 1})


async def test_a_clock_that_went_back_keeps_no_job_from_being_swept(plugged, postgres, emulator):
    """What was queued without a pause is due at once."""
    app, films = plugged
    await films.enqueue(jobs(3))
    sql(postgres, "DELETE FROM procrastinate_jobs")
    sql(postgres, "UPDATE evolink_queue SET due_at = due_at + interval '1 hour'")
    await sweep(app)
    assert queued(postgres) == 0


async def test_what_cannot_be_enqueued(plugged, postgres, tmp_path):
    """Local files, things that are no jobs, a key twice; a blueprint without an app, or without tables."""
    _, films = plugged
    local = tmp_path / "cat.mp4"
    with pytest.raises(ConfigurationError, match=r"cat\.mp4.*upload it first"):
        await films.enqueue([*jobs(1), ev.Job("file", dance(video_urls=[local]))])
    with pytest.raises(ConfigurationError, match="given twice"):
        await films.enqueue([*jobs(1), *jobs(1)])
    with pytest.raises(ConfigurationError, match="must be a Job"):
        await films.enqueue(["cat"])
    with pytest.raises(ConfigurationError, match="belongs to no app"):
        await EvolinkBlueprint(postgres).enqueue(jobs(1))
    with pytest.raises(ConfigurationError, match="chunk must be at least 1"):
        EvolinkBlueprint(postgres, chunk=0)
    assert states(postgres) == {}
    sql(postgres, "DROP TABLE evolink_queue")
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        with pytest.raises(JournalError, match=r"a table is missing.*evolink_queue"):
            await films.enqueue(jobs(1), connection=connection)


async def test_tables_are_made_once(postgres):
    """By whoever comes first, also by many at once, and also without those of Procrastinate."""
    _, films = make_app(postgres, "http://127.0.0.1:1")
    await films.prepare()
    with pytest.raises(JournalError, match="Procrastinate cannot take the chunks"):
        await films.enqueue(jobs(1))
    await asyncio.gather(*(films.prepare(engine_too=True) for _ in range(5)))
    assert await films.enqueue(jobs(1)) == 1


# --- what becomes of jobs


async def test_a_job_refused_for_itself_is_given_up(plugged, postgres, emulator, caplog):
    """It is not asked again by itself, the reason stands beside it, and enqueueing it again tries again."""
    app, films = plugged
    emulator.faults.on("submit", 1, faults.error(400, message="no such thing"))
    await films.enqueue(jobs(1))
    await work(app)
    assert "no such thing" in sql(postgres, "SELECT given_up FROM evolink_queue")[0][0]
    overdue(postgres)
    await sweep(app)
    assert (chunks(postgres), emulator.ledger.accepted) == ({"succeeded": 1}, 0)
    assert await films.enqueue(jobs(1)) == 1
    await work(app)
    assert (queued(postgres), emulator.ledger.accepted) == (0, 1)
    assert "is given up" in caplog.text


async def test_what_may_pass_is_put_off(plugged, postgres, emulator):
    """Without credits: nothing is asked before a minute has passed, then twice that; a sweep brings it again."""
    app, films = plugged
    emulator.faults.on("submit", range(1, 3), faults.error(402))
    await films.enqueue(jobs(1))
    pauses = []
    for _ in range(2):
        await work(app)
        [(pause,)] = sql(postgres, "SELECT extract(epoch FROM due_at - clock_timestamp()) FROM evolink_queue")
        pauses.append(round(pause / 60))
        await sweep(app)
        assert sum(request.kind == "submit" for request in emulator.received) == len(pauses), "it was not due"
        overdue(postgres)
        await abandon_claims(postgres)
        await sweep(app)
    assert pauses == [1, 2]
    assert (queued(postgres), emulator.ledger.accepted) == (0, 1)


async def test_an_outage_puts_all_off(emulator, postgres, caplog):
    """Those in doubt wait for a person, all others for the end of the outage."""

    def make_pool(address: str) -> ev.SessionPool:
        return open_pool(emulator, journal=address, retry=ev.RetryPolicy(base=0.01, cap=0.02, patience=0.3, grace=1))

    films = EvolinkBlueprint(postgres, make_pool, chunk=50, sweep=NEVER)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=postgres))
    app.add_tasks_from(films, namespace="films")
    await films.prepare(engine_too=True)
    emulator.faults.on("submit", faults.ALWAYS, faults.reply(502, "<html></html>", content_type="text/html"))
    async with app.open_async():
        await films.enqueue(jobs(50))
        await work(app)
        doubts = states(postgres)["in_doubt"]
        assert sql(postgres, "SELECT count(*) FROM evolink_queue WHERE pauses = 1") == [(50 - doubts,)]
        assert "an outage" in caplog.text
        emulator.faults.clear()
        # A pool that comes within the patience of the others believes them, and tries nothing.
        while "planned" in states(postgres):
            overdue(postgres)
            await sweep(app)
    assert states(postgres) == {"in_doubt": doubts, "completed": 50 - doubts}
    assert queued(postgres) == doubts


async def test_a_doubt_waits_for_a_person(plugged, postgres, emulator, caplog):
    """However often it is swept; once it is settled, the next sweep goes on with it, and drops what was abandoned."""
    app, films = plugged
    emulator.faults.on("submit", range(1, 4), faults.DROP_AFTER_ACCEPT)
    await films.enqueue(jobs(3))
    await work(app)
    assert states(postgres) == {"in_doubt": 3}
    await sweep(app)
    assert (chunks(postgres), emulator.ledger.accepted) == ({"succeeded": 1}, 3)
    [task_id, *_] = emulator.tasks
    async with open_pool(emulator, journal=postgres) as pool:
        await pool.settle("shot-1", task_id)
        await pool.settle("shot-2", "abandon")
    await sweep(app)
    assert states(postgres) == {"in_doubt": 1, "abandoned": 1, "completed": 1}
    assert (queued(postgres), emulator.ledger.accepted) == (1, 3)
    assert "waits for a person" in caplog.text


async def test_jobs_of_another_process_are_left_alone(plugged, postgres, emulator):
    """A chunk does not wait for them; they come again when that process has died."""
    app, films = plugged
    other = PostgresJournal(postgres, lease=30)
    await other.open()
    await other.claim(["shot-1"], "other")
    await films.enqueue(jobs(2))
    await work(app)
    assert states(postgres) == {"planned": 1, "completed": 1}
    await sweep(app)
    assert chunks(postgres) == {"succeeded": 1}
    sql(postgres, "UPDATE evolink_owners SET lease_until = clock_timestamp() - interval '1 s'")
    await sweep(app)
    assert states(postgres) == {"completed": 2}
    assert emulator.ledger.accepted == 2
    await other.aclose()


async def test_an_end_that_was_not_written_down_comes_again(plugged, postgres, emulator):
    """As one that a worker saw after its lease: the job stays in the queue, and a sweep finds it."""
    app, films = plugged
    await films.enqueue(jobs(2))
    await work(app)
    sql(postgres, "UPDATE evolink_jobs SET state = 'accepted', ended_at = NULL WHERE key = 'shot-1'")
    sql(postgres, "INSERT INTO evolink_queue (key) VALUES ('shot-1'), ('shot-2')")
    await films._queue.done(["shot-1", "shot-2"])
    assert sql(postgres, "SELECT key FROM evolink_queue") == [("shot-1",)]
    await sweep(app)
    assert (states(postgres), queued(postgres), emulator.ledger.accepted) == ({"completed": 2}, 0, 2)


async def test_what_waits_in_the_queue_is_not_swept(plugged, postgres):
    """Nor a job that was never enqueued."""
    _, films = plugged
    await films.enqueue(jobs(2))
    sql(
        postgres,
        "INSERT INTO evolink_jobs (key, state, model, path, body, digest, shape)"
        " VALUES ('alien', 'planned', 'm', '/p', '{}', 'd', 's')",
    )
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        find = films._queue.orphans
        assert await find(connection, WAITING, {"task": "films:run_chunk"}, 10) == []
        assert await find(connection, WAITING, {"task": "of another app"}, 10) == ["shot-1", "shot-2"]
        assert await find(connection, WAITING, {"task": "of another app"}, 1) == ["shot-1"]


async def test_tasks_of_dead_workers_are_cleared(plugged, postgres):
    """Chunks and sweeps that Procrastinate still counts as being done."""
    app, films = plugged
    await films.enqueue(jobs(2))
    sql(postgres, "UPDATE procrastinate_jobs SET status = 'doing'")
    await sweep(app)
    assert chunks(postgres) == {"aborted": 1, "succeeded": 1}
    assert queued(postgres) == 0


async def test_outcomes_are_told_in_the_worker(emulator, postgres):
    """At least once: a job whose outcome could not be handled comes again, and buys nothing."""
    told: list[tuple[ev.Job, ev.Outcome]] = []

    async def tell(job: ev.Job, outcome: ev.Outcome) -> None:
        told.append((job, outcome))
        if len(told) == 1:
            raise RuntimeError("the customer's database is away")

    app, films = make_app(postgres, emulator.base_url, on_outcome=tell)
    await films.prepare(engine_too=True)
    async with app.open_async():
        await films.enqueue(jobs(1))
        await work(app)
        assert (chunks(postgres), queued(postgres)) == ({"failed": 1}, 1)
        await sweep(app)
    assert [(job, type(outcome)) for job, outcome in told] == [(jobs(1)[0], ev.Completed)] * 2
    assert (queued(postgres), emulator.ledger.accepted) == (0, 1)


async def test_files_are_saved(emulator, postgres, tmp_path):
    """In a folder of the worker; a job whose files could not be saved is tried again."""
    app, films = make_app(postgres, emulator.base_url, download_to=tmp_path, name="{key}{ext}")
    await films.prepare(engine_too=True)
    emulator.faults.on("result", range(1, 200), faults.reply(410))
    async with app.open_async():
        await films.enqueue(jobs(1))
        await work(app)
        assert (states(postgres), queued(postgres)) == ({"completed": 1}, 1)
        emulator.faults.clear()
        overdue(postgres)
        await abandon_claims(postgres)
        await sweep(app)
    assert (tmp_path / "shot-1.mp4").stat().st_size > 0
    assert (states(postgres), queued(postgres)) == ({"downloaded": 1}, 0)


async def test_an_aborted_chunk_gives_up_what_was_not_sent(postgres):
    """What was accepted is paid, so it is not; another chunk waits for it."""
    async with Emulator(speed=1000, median_seconds=500) as slow:
        slow.faults.on("submit", range(4, 1000), faults.delay(0.5))
        app, films = make_app(postgres, slow.base_url)
        await films.prepare(engine_too=True)
        async with app.open_async():
            await films.enqueue(jobs(20))
            working = asyncio.create_task(work_on(app))
            while states(postgres).get("accepted", 0) < 2:
                await asyncio.sleep(0.02)
            [(number,)] = sql(postgres, "SELECT id FROM procrastinate_jobs")
            assert await app.job_manager.cancel_job_by_id_async(number, abort=True)
            while chunks(postgres) != {"aborted": 1}:
                await asyncio.sleep(0.02)
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working
            given_up = sql(postgres, "SELECT count(*) FROM evolink_queue WHERE given_up IS NOT NULL")[0][0]
            assert 0 < given_up < 20
            await sweep(app)
        assert states(postgres) == {"planned": given_up, "completed": 20 - given_up}
        assert slow.ledger.accepted == 20 - given_up


async def work_on(app: procrastinate.App) -> None:
    """Work until cancelled."""
    await app.run_worker_async(install_signal_handlers=False, abort_job_polling_interval=0.05)


async def test_the_pool_of_a_worker_may_stay_open(plugged, postgres, emulator):
    """Between chunks, for who wants to keep what it has learned; its stop closes it for all."""
    app, films = plugged
    async with films.opened() as pool:
        await films.enqueue(jobs(1))
        await work(app)
        assert pool.stats().completed == 1
        async with films.opened() as same:
            assert same is pool


async def test_a_pool_that_cannot_open_loses_nothing(emulator, postgres, monkeypatch):
    """The chunk fails; with the next sweep it is tried again."""
    monkeypatch.delenv("EVOLINK_API_KEY", raising=False)
    films = EvolinkBlueprint(postgres, lambda address: ev.SessionPool(journal=address, cadence=FAST), sweep=NEVER)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=postgres))
    app.add_tasks_from(films, namespace="films")
    await films.prepare(engine_too=True)
    async with app.open_async():
        await films.enqueue(jobs(1))
        await work(app)
        assert (chunks(postgres), queued(postgres)) == ({"failed": 1}, 1)
        monkeypatch.setenv("EVOLINK_API_KEY", "sk-emulator")
        monkeypatch.setenv("EVOLINK_BASE_URL", emulator.base_url)
        await sweep(app)
    assert queued(postgres) == 0


async def test_a_job_with_a_file_of_another_process_is_given_up(plugged, postgres, emulator):
    """A pool planned it under the same key meanwhile, with a file that no other machine has."""
    app, films = plugged
    await films.enqueue(jobs(1))
    sql(postgres, "UPDATE evolink_jobs SET body = replace(body, 'https://example.com/reference.mp4', 'sha256:00')")
    await work(app)
    assert "upload it first" in sql(postgres, "SELECT given_up FROM evolink_queue")[0][0]
    assert emulator.ledger.accepted == 0


def test_without_procrastinate_one_sentence_says_what_to_install():
    """Where the module is imported."""
    code = (
        "import sys; sys.modules['procrastinate'] = None; import evolink_async as ev\n"
        "try:\n    import evolink_async.engines.procrastinate\n"
        "except ev.ConfigurationError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "this engine needs procrastinate; " in done.stdout
