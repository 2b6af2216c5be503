"""Removes jobs from a journal file that ended long ago. What they cost stays counted.

A job that was removed is not known any more: run again, it is bought again. The same for a server is in
`postgres_pruning`. One condition in SQL decides which jobs stay, so that it holds in the transaction that removes.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import attrs

from ..errors import ConfigurationError
from .doubts import check_exists
from .file import check_is_whole, has_log
from .file_errors import read_error
from .read_only import connect
from .rows import COST
from .schema import MISSING_SINCE
from .statements import GIVEN
from .writer import Writer

BATCH = 1000
"""Jobs that are looked at in one transaction: some milliseconds."""
ENDED = "('completed', 'downloaded', 'failed', 'cancelled', 'abandoned')"
"""The states of jobs that may be removed. All others may cost something still, or wait for somebody."""
DELIVERED = "('completed', 'downloaded')"
"""The states of jobs that were charged."""


@attrs.frozen(kw_only=True)
class Pruning:
    """Which jobs are removed.

    Attributes:
        before: Unix seconds: only jobs that ended earlier.
        untold: Also jobs whose ends no `pool.outcomes()` has told, as of a program that never uses it.
        is_trial: Count only; nothing is changed.

    Raises:
        ConfigurationError: `before` is not a time.
    """

    before: float
    untold: bool = False
    is_trial: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.before > 0:
            raise ConfigurationError(f"jobs end after 1970, not before {self.before!r}")


@attrs.frozen(kw_only=True)
class Pruned:
    """What was removed, or would be; and of the jobs that ended as long ago, why the others stay.

    Attributes:
        removed: Jobs that were removed.
        untold: Stay, because no `pool.outcomes()` has told their ends.
        unpriced: Stay, because a budget holds credits for them, as when the service named no price.
        late: Stay, because a paid task is kept beside them that is not theirs.
        in_use: Stay, because a process works with them now, or is to: a queue has them for a worker.
    """

    removed: int = 0
    untold: int = 0
    unpriced: int = 0
    late: int = 0
    in_use: int = 0

    def plus(self, counts: Counter[str]) -> Pruned:
        """Add what one batch has counted, by the names of these fields."""
        return Pruned(**{name: getattr(self, name) + counts[name] for name in Pruned.__annotations__})


def verdict(
    *, late: str, in_use: str = "false", held: str = "false", told: str = "told_at IS NOT NULL", untold: str = ":untold"
) -> str:
    """Return the SQL for what becomes of an ended job: the name of a field of `Pruned`.

    Args:
        late: Condition: a paid task is kept beside one of its purchases.
        in_use: Condition: a process has it, or is to have it.
        held: Condition: a budget holds credits for it.
        told: Condition: a stream of outcomes has told it.
        untold: The argument for `Pruning.untold`.
    """
    return f"""
        CASE WHEN {in_use} THEN 'in_use' WHEN {late} THEN 'late' WHEN {held} THEN 'unpriced'
            WHEN state IN {DELIVERED} AND credits_reserved IS NULL AND credits_used IS NULL THEN 'unpriced'
            WHEN NOT ({told} OR {untold}) THEN 'untold' ELSE 'removed' END
    """


_OLD = f"rowid > :after AND rowid <= :last AND state IN {ENDED} AND ended_at < :before"
_LAST = "SELECT max(rowid) FROM (SELECT rowid FROM jobs WHERE rowid > ? ORDER BY rowid LIMIT ?)"
_LATE = "EXISTS (SELECT 1 FROM purchases WHERE purchases.key = jobs.key AND late_task_ids IS NOT NULL)"
_PAGE = f"SELECT key, {verdict(late=_LATE)} FROM jobs WHERE {_OLD}"
# What the ledger reads of jobs, for each price class; see `statements.SPENT` and `PRICES`.
_KEEP_MONEY = f"""
    INSERT INTO pruned (shape, jobs, spent, price)
    SELECT shape, count(*),
        sum({COST}),
        max(max(coalesce(credits_reserved, 0), coalesce(credits_used, 0)))
            FILTER (WHERE credits_reserved IS NOT NULL OR credits_used IS NOT NULL)
    FROM jobs WHERE key IN {GIVEN} GROUP BY shape
    ON CONFLICT (shape) DO UPDATE SET jobs = jobs + excluded.jobs, spent = spent + excluded.spent,
        price = coalesce(max(price, excluded.price), price, excluded.price)
"""
_REMOVALS = (f"DELETE FROM purchases WHERE key IN {GIVEN}", f"DELETE FROM jobs WHERE key IN {GIVEN}")


async def prune_file(path: Path, pruning: Pruning) -> Pruned:
    """Remove jobs from a file in small transactions. Cancelled, it has removed a part.

    Args:
        path: The journal file; no other process may have it open, unless nothing is removed.
        pruning: Which jobs.

    Raises:
        ConfigurationError: The file does not exist, or is empty.
        JournalError: The file is not a journal, or another process has it open.
    """
    check_exists(path)
    if pruning.is_trial:
        return _count(path, pruning)
    writer = Writer(str(path))
    await writer.open()
    try:
        pruned, after = Pruned(), 0
        while (last := await writer.write(partial(_end_of_page, after=after))) is not None:
            pruned = pruned.plus(await writer.write(partial(_prune_page, values=_values(pruning, after, last))))
            after = last
        return pruned
    finally:
        await writer.aclose()


def _end_of_page(connection: sqlite3.Connection, after: int) -> int | None:
    [last] = connection.execute(_LAST, (after, BATCH)).fetchone()
    return last if last is None else int(last)


def _values(pruning: Pruning, after: int, last: int) -> dict[str, object]:
    return {"after": after, "last": last, "before": pruning.before, "untold": pruning.untold}


def _prune_page(connection: sqlite3.Connection, values: Mapping[str, object]) -> Counter[str]:
    """Remove what may be removed of a page of rows; return how many jobs there are of each verdict."""
    found: list[tuple[str, str]] = connection.execute(_PAGE, values).fetchall()
    removed = json.dumps([key for key, verdict in found if verdict == "removed"])
    for query in (_KEEP_MONEY, *_REMOVALS):
        connection.execute(query, (removed,))
    return Counter([verdict for _, verdict in found])


def _count(path: Path, pruning: Pruning) -> Pruned:
    """Count over a connection that changes nothing, also in a file that a process uses."""
    had_log = has_log(str(path.resolve()))
    try:
        with closing(connect(path)) as connection:
            # A file that no run has opened since there are these columns has no late tasks, and its ends count as told.
            is_new = check_is_whole(connection, str(path), had_log=had_log) >= MISSING_SINCE
            late = "SELECT key FROM purchases WHERE late_task_ids IS NOT NULL" if is_new else "SELECT 1 WHERE false"
            told = "told_at IS NOT NULL" if is_new else "true"
            kinds = verdict(late=f"key IN ({late})", told=told)
            query = f"SELECT {kinds} AS verdict, count(*) FROM jobs WHERE {_OLD} GROUP BY 1"
            return Pruned().plus(Counter(dict(connection.execute(query, _values(pruning, 0, 1 << 62)).fetchall())))
    except sqlite3.Error as error:
        raise read_error(error, str(path)) from None
