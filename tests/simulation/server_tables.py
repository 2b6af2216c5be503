"""The tables of a PostgreSQL journal in memory, and which statement of the library does what to them.

A statement is looked up by its text, so that the library's own code runs down to the SQL. What each does is in
`server_claims`, `server_facts`, `server_jobs`, `server_reads` and `server_money`; a test compares it with a real
server.

One statement after the other, each a whole: what two that run at the same time do to each other is not shown here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

Row: TypeAlias = dict[str, Any]
Values: TypeAlias = "Mapping[str, Any] | Sequence[Any]"
Statement: TypeAlias = "Callable[[Tables, Any], list[Row]]"

STATEMENTS: dict[str, Statement] = {}
"""What each statement of the library does, by its text."""

COLUMNS = (
    *("key", "state", "model", "path", "body", "digest", "shape", "idempotency_key", "session", "epoch", "task_id"),
    *("sent_at", "accepted_at", "ended_at", "expires_at", "estimated_seconds", "credits_reserved", "credits_used"),
    *("looks", "lag", "urls", "files", "fault", "doubt", "end_number", "told_at", "missing_at"),
    *("not_resubmitted_before", "earlier_task_ids"),
)
"""Of a job."""


def statement(*queries: str) -> Callable[[Statement], Statement]:
    """Let a function stand for statements."""

    def register(function: Statement) -> Statement:
        for query in queries:
            assert query not in STATEMENTS, query
            STATEMENTS[query] = function
        return function

    return register


@attrs.define(eq=False)
class Owner:
    """A row of owners."""

    name: str
    lease_until: float
    seconds_to_answer: float
    limit_units: int | None
    per_minute: float | None = None


@attrs.define(eq=False)
class FactRow:
    """What was told last of a scope, and who may try the service."""

    version: int
    state: str
    told_at: float
    epoch: int | None = None
    held_until: float = float("-inf")


@attrs.define(eq=False)
class Hold:
    """What is held of the budget for a job."""

    shape: str
    units: int
    at_least: int = 0
    named: int | None = None
    is_stuck: bool = False
    is_learner: bool = False
    epoch: int | None = None
    ticket: int | None = None


@attrs.frozen
class Price:
    """The highest price of a class, and whether what its tasks reserve is believed."""

    model: str
    units: int
    is_believed: bool | None = None


@attrs.define(eq=False)
class Budget:
    """The row of the budget. What is held is the sum of all holds."""

    spent: int
    grants: int = 0
    waited_until: float = float("-inf")
    kept_units: int = 0
    kept_for: str = ""
    kept_until: float = float("-inf")


class Tables:
    """All rows.

    Args:
        now: The server's clock, in Unix seconds.
        notify: Called with what a change is about, when it is done.

    Attributes:
        on_change: Called before a job changes: with its row as it was, or None, and the row as it will be.
        trigger: Called after the state or the credits of a job have changed, with the row as it was, or None.
    """

    def __init__(self, now: Callable[[], float], notify: Callable[[str], None]) -> None:
        self.now = now
        self.notify = notify
        self.jobs: dict[str, Row] = {}
        self.owners: dict[int, Owner] = {}
        self.claims: dict[str, tuple[int, str]] = {}
        self.calls: dict[tuple[int, str], str] = {}
        self.failed_tasks: set[str] = set()
        self.purchases: dict[str, Row] = {}
        self.uploads: dict[str, Row] = {}
        self.tellers: dict[int, int] = {}
        self.budget: Budget | None = None
        self.prices: dict[str, Price] = {}
        self.earlier_prices: dict[str, float] = {}
        self.earlier_spent = 0
        self.holds: dict[str, Hold] = {}
        self.facts: dict[str, FactRow] = {}
        self.rates: dict[str, float] = {}
        self.ends = 0
        self.epochs = 0
        self.on_change: Callable[[Row | None, Row], None] = lambda _, __: None
        self.trigger: Callable[[Row | None, Row], None] = lambda _, __: None

    def run(self, query: str, values: Any) -> list[Row]:
        """Run a statement and return its rows."""
        return STATEMENTS[query](self, values)

    def is_alive(self, epoch: int | None) -> bool:
        """Whether the lease of an owner lasts."""
        owner = self.owners.get(epoch or 0)
        return owner is not None and owner.lease_until > self.now()

    def is_free(self, key: str, epoch: int) -> bool:
        """Whether an owner may write about a job: its lease lasts, and no other has the job."""
        return self.is_alive(epoch) and self.claims.get(key, (epoch, ""))[0] == epoch

    def put(self, key: str, **changes: Any) -> None:
        """Change the row of a job, or make it; the money follows."""
        before = self.jobs.get(key)
        after = (before or dict.fromkeys(COLUMNS)) | {"key": key} | changes
        self.on_change(before, after)
        self.jobs[key] = after
        if changes.keys() & {"state", "credits_reserved", "credits_used"}:
            self.trigger(before, after)

    def keep_money(self, key: str) -> None:
        """Keep what the task of a job reserved, as a price of its class, and what it was charged."""
        row = self.jobs[key]
        self.earlier_spent += round((row["credits_used"] or 0.0) * 10_000)
        if (price := max(row["credits_reserved"] or 0.0, row["credits_used"] or 0.0)) > 0:
            self.earlier_prices[row["shape"]] = max(price, self.earlier_prices.get(row["shape"], 0.0))

    def next_end(self) -> int:
        """Count an outcome."""
        self.ends += 1
        return self.ends

    def of_task(self, task_id: str | None) -> Iterator[Row]:
        """Return the jobs with a task."""
        return (row for row in self.jobs.values() if task_id is not None and row["task_id"] == task_id)


def appended(text: str | None, item: str, *, once: bool = False) -> str:
    """Return a JSON array with one more item."""
    items: list[str] = json.loads(text or "[]")
    return json.dumps(items if once and item in items else [*items, item])
