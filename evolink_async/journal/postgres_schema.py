"""The tables of a journal in PostgreSQL, and the migration of older ones.

The tables are in the first schema of the connection's search path. Statements that read and write rows are in
`postgres_statements`, those about claims in `postgres_claims`.
"""

from __future__ import annotations

from ..errors import JournalError
from .file_errors import of_later_version
from .postgres_connections import LONG_IDLE, TIMELINE, Connection, run, transaction
from .postgres_facts import FACTS
from .postgres_money import MONEY
from .postgres_silence import within
from .postgres_statements import CHANNEL, NOTE_TIMELINE

# "EVLK" in ASCII: all openings of a journal in this database wait for each other.
LOCK = "SELECT pg_advisory_xact_lock(1163282507, 0)"
VERSION = "SELECT version FROM evolink_journal"
# With pg_class, whose lock makes the server look anew: it remembers in a transaction that there was no such table.
HAS_TABLES = "SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('evolink_journal')) AS has_tables"
SERVER = f"""
    SELECT current_setting('synchronous_commit') AS commits, current_setting('fsync') AS fsync,
        current_setting('synchronous_standby_names') AS standbys,
        current_setting('server_encoding') AS encoding,
        {CHANNEL} AS channel
"""

# The columns of jobs are those of a journal file, so that `rows` reads both. Keys are ordered by code point. An owner
# is one opening of a journal by one pool. When its lease has ended, it is deleted with its claims, in one transaction:
# an owner or a claim that is there is valid, and whoever is not there does not come back. The tables:
#
#   journal        one row: the version of the tables, how many outcomes were recorded, on which timeline of the server,
#                  and since when jobs may be claimed on it; see `postgres_failover`
#   owners         `limit_units` is the budget of the pool, if it has one
#   claims         who may work on a job
#   jobs           `epoch` is the owner that wrote `submitting`; `not_resubmitted_before` is set when its lease is over
#   purchases      every send of a job, also of those that were followed by another, whose tasks are `failed_tasks`
#   uploads        files that the service has
#   tellers        which stream of outcomes has an end in hand; see `postgres_telling`
#   queue          jobs that any worker is to do, until somebody has seen their ends; see `postgres_queue`
#   calls          callbacks on their way to the owner of the job; a crash of the server may lose them
#   pruned         what jobs cost that were removed, and the prices that they named; see `postgres_pruning`
#   budget, prices, holds: see `postgres_money`
TABLES = """
    CREATE FUNCTION evolink_timeline() RETURNS bigint LANGUAGE sql AS $$ SELECT TIMELINE $$;
    CREATE TABLE evolink_journal (
        version integer NOT NULL,
        ends bigint NOT NULL,
        timeline bigint NOT NULL DEFAULT evolink_timeline(),
        claims_from timestamptz NOT NULL DEFAULT '-infinity'
    ) WITH (fillfactor = 10);
    INSERT INTO evolink_journal VALUES (0, 0);
    CREATE SEQUENCE evolink_epochs;
    CREATE TABLE evolink_owners (
        epoch bigint PRIMARY KEY DEFAULT (evolink_timeline() << 40) + nextval('evolink_epochs'),
        name text NOT NULL,
        lease_until timestamptz NOT NULL,
        lease_seconds double precision NOT NULL,
        seconds_to_answer double precision NOT NULL,
        limit_units bigint
    ) WITH (fillfactor = 50);
    CREATE TABLE evolink_claims (
        key text COLLATE "C" PRIMARY KEY,
        epoch bigint NOT NULL,
        owner text NOT NULL
    );
    CREATE INDEX evolink_claims_by_epoch ON evolink_claims (epoch);
    CREATE TABLE evolink_jobs (
        key text COLLATE "C" PRIMARY KEY,
        state text NOT NULL CHECK (state IN
            ('planned', 'submitting', 'accepted', 'in_doubt',
             'completed', 'failed', 'cancelled', 'downloaded', 'abandoned')),
        model text NOT NULL,
        path text NOT NULL,
        body text NOT NULL,
        digest text NOT NULL,
        shape text NOT NULL,
        idempotency_key text,
        session text,
        epoch bigint,
        task_id text COLLATE "C",
        sent_at double precision,
        accepted_at double precision,
        ended_at double precision,
        expires_at double precision,
        estimated_seconds double precision,
        credits_reserved double precision,
        credits_used double precision,
        looks integer,
        lag double precision,
        urls text,
        files text,
        fault text,
        doubt text,
        end_number bigint,
        told_at double precision,
        missing_at double precision,
        not_resubmitted_before double precision,
        earlier_task_ids text
    );
    CREATE INDEX evolink_jobs_by_task ON evolink_jobs (task_id) WHERE task_id IS NOT NULL;
    CREATE INDEX evolink_jobs_open ON evolink_jobs (state, key)
        WHERE state IN ('planned', 'submitting', 'accepted', 'in_doubt');
    CREATE INDEX evolink_jobs_submitting ON evolink_jobs (epoch) WHERE state = 'submitting';
    CREATE INDEX evolink_jobs_by_end ON evolink_jobs (end_number) WHERE end_number IS NOT NULL;
    CREATE INDEX evolink_jobs_untold ON evolink_jobs (end_number) WHERE end_number IS NOT NULL AND told_at IS NULL;
    CREATE TABLE evolink_purchases (
        idempotency_key text COLLATE "C" PRIMARY KEY,
        key text COLLATE "C" NOT NULL,
        session text NOT NULL,
        sent_at double precision NOT NULL,
        late_task_ids text
    );
    CREATE INDEX evolink_purchases_by_key ON evolink_purchases (key);
    CREATE TABLE evolink_failed_tasks (task_id text COLLATE "C" PRIMARY KEY);
    CREATE TABLE evolink_uploads (
        sha256 text COLLATE "C" PRIMARY KEY,
        file_id text,
        url text NOT NULL,
        size_bytes bigint NOT NULL,
        mime_type text,
        uploaded_at double precision NOT NULL,
        expires_at double precision NOT NULL
    );
    CREATE TABLE evolink_tellers (end_number bigint PRIMARY KEY, epoch bigint NOT NULL);
    CREATE TABLE evolink_queue (
        key text COLLATE "C" PRIMARY KEY,
        due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        pauses integer NOT NULL DEFAULT 0,
        given_up text
    );
    CREATE INDEX evolink_queue_due ON evolink_queue (due_at, key) WHERE given_up IS NULL;
    CREATE UNLOGGED TABLE evolink_calls (
        epoch bigint NOT NULL,
        purchase text COLLATE "C" NOT NULL,
        task_id text NOT NULL,
        PRIMARY KEY (epoch, purchase)
    );
    CREATE TABLE evolink_pruned (
        shape text PRIMARY KEY,
        jobs bigint NOT NULL,
        spent double precision NOT NULL,
        price double precision
    );
"""
MIGRATIONS: tuple[str, ...] = (TABLES.replace("TIMELINE", TIMELINE) + MONEY + FACTS,)
"""Each entry takes the tables to the next version. Entries that were released must not be changed."""


async def migrate(connection: Connection) -> None:
    """Create the tables, or bring them to the current version. Other openings of the journal wait meanwhile.

    Raises:
        JournalError: A later version of this package wrote them.
    """
    if await _version(connection) == len(MIGRATIONS):
        return
    # For as long as it takes: tables may be long, and another process may be at it.
    with within(connection, None):
        async with transaction(connection, idle=LONG_IDLE):
            await run(connection, LOCK)
            await _migrate(connection, await _version(connection))


async def _version(connection: Connection) -> int:
    """Return the version of the tables; 0 if there are none."""
    [has_tables] = await run(connection, HAS_TABLES)
    version = int((await run(connection, VERSION))[0]["version"]) if has_tables["has_tables"] else 0
    if version > len(MIGRATIONS):
        raise of_later_version("the tables of the journal were")
    return version


async def _migrate(connection: Connection, version: int) -> None:
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        await connection.execute(statements.encode())
        await connection.execute("UPDATE evolink_journal SET version = %s", (number,))


async def prepare(connection: Connection) -> str:
    """Check the server, and create or migrate the tables. Return the channel of notifications.

    Raises:
        JournalError: As of `check_server` and `migrate`.
    """
    channel = await check_server(connection)
    await migrate(connection)
    await run(connection, NOTE_TIMELINE)
    return channel


async def check_server(connection: Connection) -> str:
    """Refuse a server that may lose what it has confirmed. Return the channel of notifications.

    Raises:
        JournalError: `synchronous_commit` or `fsync` is off; texts are not kept in UTF-8; or there is no schema.
    """
    [found] = await run(connection, SERVER)
    name, value = ("fsync", "off") if found["fsync"] == "off" else ("synchronous_commit", found["commits"])
    if value == "off" or (value == "local" and found["standbys"]):
        raise JournalError(
            f"the server of the journal may lose what it has confirmed: {name} is {value}",
            advice=f"Set {name} to 'on' for this database. A lost entry would buy a job twice.",
        )
    if found["encoding"] != "UTF8":
        raise JournalError(
            f"the database of the journal cannot keep all texts: its encoding is {found['encoding']}",
            advice="Make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.",
        )
    if found["channel"] is None:
        raise JournalError("the search path of the journal's address has no schema", advice="Create the schema first.")
    return str(found["channel"])
