"""Who has claimed which jobs of a journal in PostgreSQL: owners, their leases, and what becomes of the jobs of one.

All times are the server's. The rules that keep two owners apart:

1. An owner is a row with a lease. It is renewed while it lasts, and never afterwards.
2. A write locks the row of its owner, and is refused without it, or after its lease.
3. An owner whose lease has ended is deleted by whoever sees it, under the same lock, together with its claims. What it
   was submitting is in doubt from then on.

So a claim that is there is valid, and a write of an owner that is over cannot come after it.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import attrs

from .postgres_connections import Connection, run, transaction
from .postgres_silence import passing
from .postgres_statements import ME, NOTIFY, WAITS

MARGIN = 0.1
"""The part of a lease that is kept for clocks that do not run alike."""
ROUNDS = 20
"""How often in a row a claim may meet claims that are under way: a round waits for them."""
REMOVAL_LIMITS: Final = """
    SELECT set_config('idle_in_transaction_session_timeout', '10s', true), set_config('lock_timeout', '10s', true)
"""
"""How long a removal stays open that its process left behind: over a slow line a statement takes seconds. And how long
it waits for a lock, which an index in the making holds for hours: its connection is needed."""

BEGIN = """
    INSERT INTO evolink_owners (name, lease_seconds, seconds_to_answer, limit_units, submits_per_minute, lease_until)
    SELECT *, clock_timestamp() + make_interval(secs => seconds)
    FROM (VALUES (%s::text, %s::float8, %s::float8, %s::bigint, %s::float8)) AS new (name, seconds) RETURNING epoch
"""
RENEW = """
    UPDATE evolink_owners SET lease_until = clock_timestamp() + make_interval(secs => %s)
    WHERE epoch = %s AND lease_until > clock_timestamp() AND epoch >> 40 = evolink_timeline() RETURNING epoch
"""
END = "UPDATE evolink_owners SET lease_until = least(lease_until, clock_timestamp()) WHERE epoch = %s RETURNING epoch"
# In order, so that two claims of the same keys do not wait for each other in a circle. Not DO UPDATE, which would lock
# the claims of others.
CLAIM = f"""
    WITH {ME}, {WAITS}, mine AS (
        INSERT INTO evolink_claims (key, epoch, owner)
        SELECT key, me.epoch, %(owner)s FROM me, unnest(%(keys)s::text[]) AS key
        WHERE NOT EXISTS (SELECT FROM waits) ORDER BY key
        ON CONFLICT (key) DO NOTHING RETURNING key, epoch, owner
    )
    SELECT key, epoch, owner FROM mine
    UNION ALL SELECT key, epoch, owner FROM evolink_claims WHERE key = ANY(%(keys)s)
    UNION ALL SELECT key, 0, 'a process from before the failover' FROM unnest(%(keys)s::text[]) AS key
        WHERE EXISTS (SELECT FROM waits) AND NOT EXISTS (SELECT FROM evolink_claims AS other WHERE other.key = key.key)
    UNION ALL SELECT NULL, epoch, NULL FROM me
"""
FAILED_OVER = (
    "the server of the journal has failed over since a process claimed this job that did not come back; a task may have"
    " been accepted and charged, and what the journal had of it is missing"
)
"""Message of the doubt about a job that may have been sent after the last commit that a new server has."""
# A release may arrive late, when the job is being sent: then the claim stays, and is let go of later. Who writes it
# at this moment is waited for, and the next statement sees what was written.
LOCK_CLAIMS = "SELECT key FROM evolink_claims WHERE key = ANY(%s) AND epoch = %s AND owner = %s ORDER BY key FOR UPDATE"
RELEASE = """
    DELETE FROM evolink_claims AS claim WHERE key = ANY(%s) AND epoch = %s AND owner = %s AND NOT EXISTS (
        SELECT FROM evolink_jobs AS job
        WHERE job.key = claim.key AND job.state = 'submitting' AND job.epoch = claim.epoch
    )
"""
# A lease that lasts longer than any that is given was given before the clock of the server went back, or by a server
# whose clock was ahead. It counts from now: its process has renewed it at most a moment ago, so that it knows of less.
SET_RIGHT = """
    WITH longest AS (
        SELECT clock_timestamp() + make_interval(secs => coalesce(max(lease_seconds), 30)) AS until FROM evolink_owners
    ), waits AS (
        UPDATE evolink_journal SET claims_from = until FROM longest WHERE claims_from > until + interval '1 s'
    ), set_right AS (
        UPDATE evolink_owners SET lease_until = until FROM longest WHERE lease_until > until + interval '1 s'
    )
    SELECT EXISTS (SELECT FROM evolink_owners WHERE lease_until <= clock_timestamp()) AS has_ended
"""
# Those that are being renewed at this moment are waited for, and looked at again. Nobody before a failover is noted.
ENDED = """
    SELECT epoch FROM evolink_owners
    WHERE lease_until <= clock_timestamp() AND (SELECT timeline FROM evolink_journal) = evolink_timeline()
    ORDER BY epoch FOR UPDATE
"""
# A statement of its own, because it must see what those owners wrote while they were waited for. What was claimed
# before a failover may have been sent, though nothing tells of it: without a row, only the key of such a job is known.
DOUBT = f"""
    WITH over AS (
        SELECT epoch, extract(epoch FROM lease_until) + seconds_to_answer AS answered_by
        FROM evolink_owners WHERE epoch = ANY(%(epochs)s)
    ), freed AS (
        DELETE FROM evolink_claims WHERE epoch = ANY(%(epochs)s) RETURNING key, epoch
    ), untold AS (
        DELETE FROM evolink_tellers WHERE epoch = ANY(%(epochs)s)
    ), unheard AS (
        DELETE FROM evolink_calls AS call WHERE NOT EXISTS (
            SELECT FROM evolink_owners AS other WHERE other.epoch = call.epoch AND other.epoch <> ALL(%(epochs)s)
        )
    ), suspect AS (
        SELECT freed.key, answered_by, job.key IS NULL AS is_bare
        FROM freed JOIN over USING (epoch) LEFT JOIN evolink_jobs AS job ON job.key = freed.key
        WHERE freed.epoch >> 40 <> evolink_timeline() AND coalesce(state, 'planned') = 'planned'
    ), lost AS (
        SELECT *, row_number() OVER (ORDER BY sent_at, key) AS number FROM (
            SELECT key, sent_at, answered_by, '{{}}'::jsonb AS what
            FROM evolink_jobs JOIN over USING (epoch) WHERE state = 'submitting'
            UNION ALL SELECT key, NULL, answered_by, jsonb_build_object('message', '{FAILED_OVER}') FROM suspect
        ) AS each
    ), counted AS (
        UPDATE evolink_journal SET ends = ends + (SELECT count(*) FROM lost) WHERE EXISTS (SELECT FROM lost)
        RETURNING ends - (SELECT count(*) FROM lost) AS before
    ), doubted AS (
        UPDATE evolink_jobs AS job SET state = 'in_doubt', end_number = before + number, told_at = NULL,
            doubt = (what || jsonb_build_object('idempotency_key', idempotency_key, 'sent_at', lost.sent_at))::text,
            not_resubmitted_before = answered_by
        FROM lost, counted WHERE job.key = lost.key AND job.state IN ('planned', 'submitting') RETURNING job.key
    ), bare AS (
        INSERT INTO evolink_jobs (key, state, model, path, body, digest, shape, doubt, end_number,
            not_resubmitted_before)
        SELECT key, 'in_doubt', '', '', '{{}}', '', '', what::text, before + number, lost.answered_by
        FROM lost JOIN suspect USING (key), counted WHERE is_bare ON CONFLICT DO NOTHING
    ), deleted AS (
        DELETE FROM evolink_owners WHERE epoch = ANY(%(epochs)s)
    )
    SELECT count(*) AS doubts FROM doubted
"""
# After it: what such an owner was submitting holds its credits as a doubt by now.
RELEASE_CREDITS = "SELECT evolink_release_owners(%s::bigint[])"


def boot_seconds() -> float:
    """Return seconds of a clock that goes on while the machine sleeps, where the system has one."""
    clock = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@attrs.frozen
class Lease:
    """The lease of an owner, as far as this process may rely on it.

    Attributes:
        epoch: The number of the owner.
        sent_at: `boot_seconds` before the request was sent that made or renewed it: the server counts from later.
        seconds: How long it lasts.
    """

    epoch: int
    sent_at: float
    seconds: float

    def is_certain(self, at: float) -> bool:
        """Whether it certainly lasts, at a time of `boot_seconds`."""
        return at < self.sent_at + self.seconds * (1 - MARGIN)


async def begin(
    connection: Connection,
    name: str,
    seconds: float,
    seconds_to_answer: float,
    limit_units: int | None = None,
    submits_per_minute: float | None = None,
) -> Lease:
    """Become an owner. Repeated after a lost connection, it leaves an owner without claims, whose lease ends.

    Args:
        connection: To the server.
        name: Of the owner, for messages.
        seconds: How long the lease lasts.
        seconds_to_answer: See `Journal`.
        limit_units: The budget of the owner; None without one.
        submits_per_minute: The rate of the owner; None without one.
    """
    sent_at = boot_seconds()
    [row] = await run(connection, BEGIN, (name, seconds, seconds_to_answer, limit_units, submits_per_minute))
    return Lease(row["epoch"], sent_at, seconds)


async def renewed(connection: Connection, lease: Lease) -> Lease | None:
    """Renew a lease; return None if it has ended."""
    sent_at = boot_seconds()
    is_alive = await run(connection, RENEW, (lease.seconds, lease.epoch))
    return attrs.evolve(lease, sent_at=sent_at) if is_alive else None


async def claim(
    connection: Connection, keys: Sequence[str], owner: str, epoch: int
) -> dict[str, tuple[int, str]] | None:
    """Claim keys; return who has each of them, as epoch and owner. None if the lease of this epoch has ended."""
    found: dict[str, tuple[int, str]] = {}
    left: list[str] = sorted(set(keys))
    for _ in range(ROUNDS):
        if not left:
            return found
        rows = await run(connection, CLAIM, {"keys": left, "owner": owner, "epoch": epoch})
        if all(row["key"] is not None for row in rows):
            return None
        found.update({row["key"]: (row["epoch"], row["owner"]) for row in rows if row["key"] is not None})
        # Another claim of the same key was under way: this statement does not see it yet, the next one does.
        left = [key for key in left if key not in found]
    if left:
        raise passing("the server does not tell who has the jobs")
    return found


async def release(connection: Connection, keys: Sequence[str], owner: str, epoch: int) -> None:
    """Delete claims of an owner, but for those of jobs that are being sent."""
    values = list(keys), epoch, owner
    async with transaction(connection):
        await run(connection, LOCK_CLAIMS, values)
        await run(connection, RELEASE, values)


async def remove_ended_owners(connection: Connection) -> bool:
    """Delete the owners whose leases have ended, with their claims; set what they were submitting to in doubt.

    Returns:
        Whether there were any.
    """
    [found] = await run(connection, SET_RIGHT)
    if not found["has_ended"]:
        return False
    async with transaction(connection, idle=REMOVAL_LIMITS):
        epochs = [row["epoch"] for row in await run(connection, ENDED)]
        if epochs:
            await run(connection, DOUBT, {"epochs": epochs})
            await run(connection, RELEASE_CREDITS, (epochs,))
            await run(connection, NOTIFY)
    return bool(epochs)


async def end(connection: Connection, epoch: int) -> None:
    """End the lease of an owner now."""
    await run(connection, END, (epoch,))
    await remove_ended_owners(connection)
