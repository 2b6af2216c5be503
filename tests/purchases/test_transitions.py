"""The table of states is what a journal file does, and what the page shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

import attrs
import pytest

from evolink_async import Completed, Failed, Job, Unknown
from evolink_async.errors import JournalError, SubmissionUnknownError, TaskCancelledError, TaskFailedError
from evolink_async.jobs import Accepted, Timing
from evolink_async.journal.entries import Intent
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.purchases import RecordState, Transition, diagram, sources, target
from evolink_async.purchases.transitions import TRANSITIONS
from evolink_async.task import Snapshot
from tests.kit import dance

pytestmark = pytest.mark.anyio

JOB = Job("shot", dance())
INTENT = Intent(
    key="shot",
    model="m",
    path="/p",
    body=b"{}",
    digest="d",
    idempotency_key="ev-1",
    session="s",
    price_class="m",
)
SNAPSHOT = Snapshot(task_id="task-1", state="completed", urls=("https://a/b.mp4",))
COMPLETED = Completed(
    key="shot",
    task_id="task-1",
    urls=SNAPSHOT.urls,
    expires_at=2.0,
    snapshot=SNAPSHOT,
    timing=Timing(accepted_at=0.0, finished_at=1.0, looks=1, lag=0.0),
)
FAILED = TaskFailedError("no", snapshot=attrs.evolve(SNAPSHOT, state="failed"))
CANCELLED = TaskCancelledError("no", snapshot=attrs.evolve(SNAPSHOT, state="cancelled"))
ACTS: dict[Transition, Callable[[SqliteJournal], Awaitable[object]]] = {
    Transition.PUT_OFF: lambda journal: journal.planned(attrs.evolve(INTENT, idempotency_key="", session="")),
    Transition.SENT: lambda journal: journal.submitting(INTENT),
    Transition.REFUSED: lambda journal: journal.refused("shot"),
    Transition.LOST: lambda journal: journal.doubted(Unknown("shot", SubmissionUnknownError("lost", key="shot"))),
    Transition.ACCEPTED: lambda journal: journal.accepted(
        Accepted(key="shot", task_id="task-1", snapshot=attrs.evolve(SNAPSHOT, state="pending"), accepted_at=1.0)
    ),
    Transition.FOUND: lambda journal: journal.settled("shot", "task-1"),
    Transition.BUY_AGAIN: lambda journal: journal.settled("shot", "resubmit"),
    Transition.GIVE_UP: lambda journal: journal.settled("shot", "abandon"),
    Transition.COMPLETED: lambda journal: journal.ended(COMPLETED),
    Transition.FAILED: lambda journal: journal.ended(Failed("shot", FAILED, "task-1")),
    Transition.CANCELLED: lambda journal: journal.ended(Failed("shot", CANCELLED, "task-1")),
    Transition.BUY_ANEW: lambda journal: journal.bought_anew("shot", "task-1"),
    Transition.SAVED: lambda journal: journal.saved(COMPLETED),
}
"""What a pool calls when it happens."""


async def state_after(path: str, before: RecordState, event: Transition) -> str:
    """The state of a job in a file that had it in the state `before` when something happened."""
    journal = SqliteJournal(path)
    await journal.open()
    try:
        if before != RecordState.NEW:
            await journal.submitting(INTENT)
            _write(path, before)
        try:
            await ACTS[event](journal)
        except JournalError:
            pass  # the other way to say that it may not happen
    finally:
        await journal.aclose()
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT state FROM jobs WHERE key = 'shot'").fetchone()
    return row[0] if row is not None else RecordState.NEW


def _write(path: str, state: RecordState) -> None:
    has_task = state in (
        RecordState.ACCEPTED,
        RecordState.COMPLETED,
        RecordState.DOWNLOADED,
        RecordState.FAILED,
        RecordState.CANCELLED,
    )
    # A task that the service has forgotten may be settled; that it may not be settled otherwise is tested in `journal`.
    missing = 1.0 if state == RecordState.ACCEPTED else None
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        values = (state, "task-1" if has_task else None, missing)
        connection.execute("UPDATE jobs SET state = ?, task_id = ?, missing_at = ?", values)


@pytest.mark.parametrize("event", Transition)
@pytest.mark.parametrize("before", RecordState)
async def test_a_journal_does_what_the_table_says(tmp_path, before, event):
    """From every state every event leads where the table leads, or nowhere."""
    after = await state_after(str(tmp_path / "j.db"), before, event)
    assert after == (target(event) if before in TRANSITIONS[event][0] else before)


def test_only_a_failed_task_is_followed_by_another():
    """It costs nothing. What completed, or was given up, is an end: a further try is a new job, under another key."""
    assert not [event for event in Transition if RecordState.ABANDONED in sources(event)]
    assert [event for event in Transition if RecordState.COMPLETED in sources(event)] == [Transition.SAVED]
    failed = {RecordState.FAILED, RecordState.CANCELLED}
    assert [event for event in Transition if failed & set(sources(event))] == [Transition.BUY_ANEW]


def test_a_job_is_sent_again_only_where_that_is_no_second_purchase():
    """Unsent, or with the same idempotency key while its answer is open."""
    assert set(TRANSITIONS[Transition.SENT][0]) == {
        RecordState.NEW,
        RecordState.PLANNED,
        RecordState.SUBMITTING,
        RecordState.IN_DOUBT,
    }


def test_the_drawing_has_every_event():
    """One line each, with the states."""
    lines = diagram().splitlines()
    assert [line.split("  ")[0] for line in lines] == list(Transition)
    assert lines[2].split()[-3:] == ["submitting", "->", "planned"]
