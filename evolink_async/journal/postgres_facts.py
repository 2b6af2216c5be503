"""Facts and slots of all processes that share a journal in PostgreSQL; see `facts`. All times are the server's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..concurrency import Signal
from .facts import Fact, LentChunk
from .postgres_connections import Connection, Connections, run
from .postgres_silence import within
from .postgres_statements import CHANNEL

ABOUT_FACTS = "facts"
"""What a notification says when only a fact has changed."""
FACT_SECONDS = 10.0
"""For which a process waits for an answer about facts."""
PLACE_SECONDS = 10.0
"""For which a process has the place of a scope, unless it keeps it."""

# A place is taken as long as `held_until` lies ahead and the owner `epoch` has its lease. A rate has a row for each
# key: the next slot that nobody has.
FACTS = """
    ALTER TABLE evolink_owners ADD COLUMN submits_per_minute double precision;
    CREATE TABLE evolink_facts (
        scope text COLLATE "C" PRIMARY KEY,
        version bigint NOT NULL,
        state text NOT NULL,
        told_at timestamptz NOT NULL,
        epoch bigint,
        held_until timestamptz NOT NULL DEFAULT '-infinity'
    ) WITH (fillfactor = 50);
    CREATE TABLE evolink_rates (
        scope text COLLATE "C" PRIMARY KEY,
        next_at timestamptz NOT NULL
    ) WITH (fillfactor = 10);
"""
HELD = f"""(fact.held_until > clock_timestamp()
    AND fact.held_until <= clock_timestamp() + interval '{PLACE_SECONDS + 1} s' AND EXISTS (
        SELECT FROM evolink_owners AS other WHERE other.epoch = fact.epoch AND other.lease_until > clock_timestamp()
    ))"""
# Others see no place in the hands of an owner whose lease is over, so it gets none: two would try at the same time.
IS_ALIVE = """EXISTS (
        SELECT FROM evolink_owners AS mine WHERE mine.epoch = %(epoch)s AND mine.lease_until > clock_timestamp()
    )"""
NOTIFY_FACTS = f"pg_notify({CHANNEL}, '{ABOUT_FACTS}')"
READ = """
    SELECT scope, version, state, greatest(0, extract(epoch FROM clock_timestamp() - told_at))::float8 AS age
    FROM evolink_facts WHERE scope = ANY(%(scopes)s)
"""
TELL = f"""
    WITH told AS (
        INSERT INTO evolink_facts AS fact (scope, version, state, told_at)
        VALUES (%(scope)s, 1, %(state)s, clock_timestamp())
        ON CONFLICT (scope) DO UPDATE SET version = fact.version + 1, state = excluded.state, told_at = excluded.told_at
        WHERE CASE WHEN {HELD} THEN fact.epoch = %(epoch)s
            ELSE fact.version = %(version)s END
        RETURNING version
    )
    SELECT version, {NOTIFY_FACTS} FROM told
"""  # noqa: S608  # all names are constants of this package
# In order, so that two processes do not wait for each other in a circle. A place that was taken meanwhile drops out.
TAKE = f"""
    WITH free AS (
        SELECT scope FROM evolink_facts AS fact
        WHERE scope = ANY(%(scopes)s) AND (epoch = %(epoch)s OR NOT {HELD}) AND {IS_ALIVE}
        ORDER BY scope FOR UPDATE OF fact
    )
    UPDATE evolink_facts AS fact
    SET epoch = %(epoch)s, held_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    FROM free WHERE fact.scope = free.scope AND (SELECT count(*) FROM free) = cardinality(%(scopes)s)
    RETURNING fact.scope
"""  # noqa: S608  # all names are constants of this package
KEEP = f"""
    UPDATE evolink_facts SET held_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    WHERE scope = ANY(%(scopes)s) AND epoch = %(epoch)s AND held_until > clock_timestamp() AND {IS_ALIVE}
    RETURNING scope
"""  # noqa: S608  # all names are constants of this package
LEAVE = f"""
    WITH gone AS (
        UPDATE evolink_facts SET epoch = NULL, held_until = '-infinity'
        WHERE scope = ANY(%(scopes)s) AND epoch = %(epoch)s RETURNING scope
    )
    SELECT {NOTIFY_FACTS} FROM gone LIMIT 1
"""  # noqa: S608  # all names are constants of this package
LIMIT_RATE = "UPDATE evolink_owners SET submits_per_minute = %(per_minute)s WHERE epoch = %(epoch)s"
# A slot that was missed by a little is lent all the same: who asks for the next ones may have been busy.
# This one statement does not wait for the disk. All pools with a key write the same row, and each would hold it for a
# commit: then no more slots are lent in a second than there are commits. A server that crashes forgets at most what it
# has lent in its last second, so that slots are lent twice, which the service refuses; nothing is sent without an
# intent, and that is on the disk.
AHEAD = 10
"""Seconds, and slots of each pool, that are lent ahead at most. What is further ahead was lent by another clock."""
LEND = f"""
    WITH unsynced AS (SELECT set_config('synchronous_commit', 'off', true)), pools AS (
        SELECT 60 / min(submits_per_minute) AS gap, count(*) AS pools FROM evolink_owners
        WHERE submits_per_minute IS NOT NULL AND lease_until > clock_timestamp()
    ), lent AS (
        INSERT INTO evolink_rates AS rate (scope, next_at)
        SELECT %(scope)s, clock_timestamp() + make_interval(secs => %(count)s * gap) FROM pools WHERE gap IS NOT NULL
        ON CONFLICT (scope) DO UPDATE SET next_at = make_interval(secs => %(count)s * (SELECT gap FROM pools))
            + CASE WHEN rate.next_at BETWEEN clock_timestamp() - make_interval(secs => %(late)s)
                AND clock_timestamp() + (SELECT make_interval(secs => {AHEAD} * (1 + pools * gap)) FROM pools)
                THEN rate.next_at ELSE clock_timestamp() END
        RETURNING next_at
    )
    SELECT extract(epoch FROM next_at - clock_timestamp())::float8 - %(count)s * gap AS delay, gap, pools
    FROM lent, pools, unsynced
"""  # noqa: S608  # all names are constants of this package
LATE_SECONDS = 0.25
"""A slot that was missed by less than this is lent."""


class PostgresFacts:
    """The `SharedFacts` of one pool.

    Args:
        connections: To the server.
        epoch: Returns the number of this owner, which changes when its lease was lost.

    Attributes:
        changed: Fired when another process may have told something.
        patience: See `SharedFacts`.
        per_minute: What this pool allows each key.
    """

    def __init__(self, connections: Connections, epoch: Callable[[], int]) -> None:
        self.changed: Signal = Signal()
        self.patience: float | None = None
        self.per_minute: float | None = None
        self._connections = connections
        self._epoch = epoch

    async def read(self, scopes: Sequence[str]) -> list[Fact]:
        """Read the rows."""
        rows = await self._run(READ, {"scopes": list(scopes)})
        return [
            Fact(scope=row["scope"], version=row["version"], state=json.loads(row["state"]), age=row["age"])
            for row in rows
        ]

    async def tell(self, scope: str, state: Mapping[str, Any], version: int) -> int | None:
        """Write the row."""
        values = {"scope": scope, "state": json.dumps(state), "version": version, "epoch": self._epoch()}
        rows = await self._run(TELL, values)
        return rows[0]["version"] if rows else None

    async def take_place(self, scopes: Sequence[str]) -> bool:
        """Write who has it, if nobody does."""
        return len(await self._run(TAKE, self._about(scopes))) == len(scopes)

    async def keep_place(self, scopes: Sequence[str]) -> list[str]:
        """Write how long."""
        return [row["scope"] for row in await self._run(KEEP, self._about(scopes))]

    async def leave_place(self, scopes: Sequence[str]) -> None:
        """Write that nobody has it."""
        await self._run(LEAVE, self._about(scopes))

    async def limit_rate(self, per_minute: float | None) -> None:
        """Write it beside the owner."""
        self.per_minute = per_minute
        await self._run(LIMIT_RATE, {"per_minute": per_minute, "epoch": self._epoch()})

    async def lend(self, scope: str, count: int) -> LentChunk | None:
        """Take the slots off the row."""
        rows = await self._run(LEND, {"scope": scope, "count": count, "late": LATE_SECONDS})
        return LentChunk(**rows[0]) if rows else None

    def _about(self, scopes: Sequence[str]) -> dict[str, Any]:
        return {"scopes": list(scopes), "epoch": self._epoch(), "seconds": PLACE_SECONDS}

    async def _run(self, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        # Before all others: behind a burst of reads a fact would come too late.
        return await self._connections.run(
            lambda one: self._brief(one, query, values), patience=self.patience, is_urgent=True
        )

    async def _brief(self, connection: Connection, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        # Nothing is locked for long here, and jobs wait for slots.
        with within(connection, FACT_SECONDS if self.patience is None else max(1.0, self.patience)):
            return await run(connection, query, values)
