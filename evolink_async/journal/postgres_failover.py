"""A failover of the server of a journal: what may be missing afterwards, and who knows it.

A standby that is promoted begins a new *timeline*. If it missed the last commits of its primary, as an asynchronous one
may, rows have gone back: a job that was sent or accepted looks as if it had never been sent, and a lease or a claim may
be missing. Whoever believed the rows would buy such a job twice. With a synchronous standby no commit is missing that
was confirmed, but nothing on the new server tells one case from the other. So the same rules hold for both:

1. An epoch contains the timeline on which it began, and is valid on no other. All leases end with the timeline, and no
   number is given twice, though the sequence may have gone back as well.
2. Whoever connects compares the timeline with the one that it has met before. A pool that meets a new one does nothing
   on it before it has written again what it remembers of its own purchases and tasks, and has taken over its claims
   under a new epoch, if its lease had certainly lasted until then: nobody else can have had them.
3. For the time of a lease after the change was first seen, nobody gets a claim that it did not have before. In this
   time all processes that live come back and write what they know. Leases of the old timeline are prolonged as long, so
   that a request under way goes on as the purchase that it is.
4. What is still claimed on the old timeline afterwards belongs to a process that did not come back. Each such job is in
   doubt, unless the journal has its task: it may have been sent after the last commit that the standby has.

One case is left: a process that dies with the primary, or stays away for longer than a lease, and whose *claim* was
lost as well. Only a synchronous standby, or a longer memory than that of a process, could tell of it. A server that is
restored from a backup made with pg_dump has no other timeline, and is not noticed.

The timeline is read from the name of the WAL file that is written. Every user may do so, and it is right as soon as the
server takes writes; `pg_control_checkpoint()` tells the old timeline until the first checkpoint has ended.
"""

# all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import attrs

from .postgres_claims import Lease, boot_seconds
from .postgres_connections import Connection, run, transaction
from .postgres_settling import ACCEPT, ANSWER_LATE, answer
from .postgres_statements import BUY_ANEW, DOUBT, END, NOTE_TIMELINE, REFUSE, RESTORE, SUBMIT, Write

MOST_JOBS = 10_000
"""Jobs that a process remembers: those that it wrote last. Only the last commits can be missing."""

# Claims that this process has let go of are not moved: it knows nothing of what came after.
MOVE = """
    WITH moved AS (
        UPDATE evolink_claims SET epoch = %(epoch)s WHERE epoch = ANY(%(before)s) AND key = ANY(%(asked)s) RETURNING key
    ), sending AS (
        UPDATE evolink_jobs SET epoch = %(epoch)s WHERE epoch = ANY(%(before)s) AND state = 'submitting'
    ), lost AS (
        INSERT INTO evolink_claims (key, epoch, owner)
        SELECT key, %(epoch)s, owner FROM unnest(%(keys)s::text[], %(owners)s::text[]) AS mine (key, owner) ORDER BY key
        ON CONFLICT DO NOTHING RETURNING key
    )
    SELECT key FROM moved UNION ALL SELECT key FROM lost
"""
LET_GO = "DELETE FROM evolink_claims WHERE epoch = ANY(%(before)s) AND key = ANY(%(asked)s)"
PURCHASES = "SELECT idempotency_key FROM evolink_purchases WHERE idempotency_key = ANY(%s)"
ROWS = "SELECT key, state, idempotency_key FROM evolink_jobs WHERE key = ANY(%s)"

_REMEMBERED = (SUBMIT, DOUBT, END, BUY_ANEW, ACCEPT, ANSWER_LATE)
_STATES: Mapping[str, str] = {SUBMIT: "submitting", ACCEPT: "accepted", DOUBT: "in_doubt", BUY_ANEW: "planned"}


class Recollection:
    """What a process has written of its purchases, job by job, so that it can write it again."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, tuple[Write, ...]] = OrderedDict()

    def note(self, write: Write) -> None:
        """Remember a write, or what follows from it."""
        is_late = write.query == ANSWER_LATE
        name = str(write.values["purchase" if is_late else "key"]) if write.query in (*_REMEMBERED, REFUSE) else ""
        if not name:
            return
        before = self._jobs.pop(name, ())
        if write.query in (SUBMIT, REFUSE):
            # The latest purchase alone: those before it have ended, and the writes of their ends are kept.
            before = tuple([one for one in before if one.query != SUBMIT])
        after = before if write.query == REFUSE else (*before, write)
        if after:
            self._jobs[name] = after
        if len(self._jobs) > MOST_JOBS:
            self._jobs.popitem(last=False)

    def jobs(self) -> dict[str, tuple[Write, ...]]:
        """Return the writes of each job, in their order."""
        return dict(self._jobs)

    def clear(self) -> None:
        """Forget all."""
        self._jobs.clear()


def missing_writes(
    writes: Sequence[Write], row: Mapping[str, object] | None, known_purchases: Collection[str]
) -> list[Write]:
    """Return what to write again of a job, in order. A write that changes nothing any more does no harm.

    Args:
        writes: What this process remembers of it.
        row: What the server has: `state` and `idempotency_key`. None if it knows no such job.
        known_purchases: The purchases that the server has. One of them that is not the job's any more was refused,
            settled or followed by another, so it is never written again.
    """
    purchase = next((write.values["idempotency_key"] for write in writes if write.query == SUBMIT), None)
    last = writes[-1]
    state = _STATES.get(last.query) or last.values.get("state")
    if row is not None and row["state"] == state and purchase in (None, row["idempotency_key"]):
        return []
    again = [attrs.evolve(write, query=RESTORE) if write.query == SUBMIT else write for write in writes]
    return [one for one in again if one.query != RESTORE or purchase not in known_purchases]


async def take_over(
    connection: Connection,
    lease: Lease,
    begin: Callable[[Connection], Awaitable[Lease]],
    claims: Mapping[str, str],
    asked: Sequence[str],
    recollection: Recollection,
    begun: list[int],
) -> tuple[Lease, frozenset[str] | None]:
    """Go over to a new timeline: as a new owner, with all that this process remembers.

    It is one transaction, so that no job is left half written again.

    Args:
        connection: To the server with the new timeline.
        lease: That of the old one.
        begin: Becomes an owner.
        claims: The keys that this process has claimed under that lease, and for whom.
        asked: Keys that it has asked for; it has heard no answer, so it has done nothing for them.
        recollection: What it has written.
        begun: The epochs that earlier tries have begun; that of this one is added. An answer that was lost may have
            been that all was written.

    Returns:
        The new lease, and the keys that are claimed under it. None if others may have had them meanwhile.
    """
    async with transaction(connection):
        await run(connection, NOTE_TIMELINE)
        newer = await begin(connection)
        values = {
            "before": [lease.epoch, *begun],
            "epoch": newer.epoch,
            "keys": list(claims),
            "owners": list(claims.values()),
        }
        values["asked"] = [*claims, *asked]
        begun.append(newer.epoch)
        # Only so can nobody else have had the claims. Otherwise what was not sent from here is free for others.
        is_certain = lease.is_certain(boot_seconds())
        moved = await run(connection, MOVE if is_certain else LET_GO, values)
        await _write_again(connection, recollection.jobs(), newer.epoch)
    return newer, frozenset(row["key"] for row in moved) if is_certain else None


async def _write_again(connection: Connection, jobs: Mapping[str, Sequence[Write]], epoch: int) -> None:
    purchases = [
        str(one.values["idempotency_key"]) for writes in jobs.values() for one in writes if one.query == SUBMIT
    ]
    known = {row["idempotency_key"] for row in await run(connection, PURCHASES, (purchases,))}
    rows = {row["key"]: row for row in await run(connection, ROWS, (list(jobs),))}
    for name, writes in jobs.items():
        for write in missing_writes(writes, rows.get(name), known):
            if write.query in (ACCEPT, ANSWER_LATE):
                await answer(connection, write.query, write.values)
            else:
                await run(connection, write.query, {**write.values, "epoch": epoch})
