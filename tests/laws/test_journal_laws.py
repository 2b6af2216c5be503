"""The laws of a journal, whatever is written into it in whatever order, and whenever its owner dies.

The diagram in `evolink_async.journal` is the model: a plain dict of states beside each real journal.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from pathlib import Path

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evolink_async import (
    Accepted,
    Completed,
    Failed,
    Job,
    Snapshot,
    SubmissionUnknownError,
    TaskNotFoundError,
    Unknown,
)
from evolink_async.errors import JournalConflictError, JournalError
from evolink_async.jobs import Outcome, SavedFile, Timing, body_digest
from evolink_async.journal import Intent, Known, MemoryJournal
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.task import TaskFailure, TaskState
from evolink_async.wire import encode_submit, task_error
from tests.kit import as_completed, dance, error_of
from tests.laws.effort import machine_effort

KEYS = st.sampled_from([f"shot-{number}" for number in range(4)])
FINAL = ("completed", "failed", "cancelled", "abandoned")


@attrs.define
class Entry:
    """What the model knows of a job."""

    state: str
    take: int
    idempotency_key: str = ""
    task_id: str = ""
    has_doubt: bool = False
    """Whether the purchase under way was in doubt before, and is being sent again under its key."""
    outcome: Outcome | None = None
    is_told: bool = False
    is_missing: bool = False
    """Whether the service no longer knows the task."""

    @property
    def job_params(self):
        """The parameters it was sent with."""
        return dance(self.take)


class JournalLaws(RuleBasedStateMachine):
    """A memory journal beside the model: a job is forgotten once its outcome is delivered."""

    forgets = True

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.jobs: dict[str, Entry] = {}
        self.buys: dict[str, set[str]] = {}
        self.journal = self.new_journal()
        self.runner.run(self.journal.open())

    def new_journal(self):
        """The journal under test."""
        return MemoryJournal()

    def teardown(self) -> None:
        """Close, at the end of an example."""
        self.runner.run(self.journal.aclose())
        self.runner.close()

    def do(self, call) -> None:
        """Make one call to its end."""
        self.runner.run(call)

    def known(self, key: str, take: int) -> Known | JournalConflictError | None:
        """What the journal knows of a job."""
        found: dict = self.runner.run(self.journal.known([Job(key, dance(take))]))
        assert found.keys() <= {key}
        return found.get(key)

    def state(self, key: str) -> str:
        """The state of a job; `planned` for an unknown one."""
        return self.jobs[key].state if key in self.jobs else "planned"

    def in_state(self, key: str, *states: str) -> bool:
        """Whether a job is in one of these states."""
        return self.state(key) in states

    # --- what the submitter does

    @rule(key=KEYS, take=st.integers(1, 2))
    def submit(self, key: str, take: int) -> None:
        """Ask first, as the submitter does: only what is not known is begun, under a key of its own."""
        known = self.known(key, take)
        if isinstance(known, JournalConflictError):
            assert self.jobs[key].take != take
        if known is not None:
            return
        assert self.in_state(key, "planned"), "a second purchase was allowed"
        self.begin(key, Entry("submitting", take, f"ev-{uuid.uuid4().hex}"))

    @rule(key=KEYS)
    def submit_again_under_the_same_key(self, key: str) -> None:
        """A doubt may be sent again, under its own idempotency key; it stays one until it is answered."""
        if self.in_state(key, "in_doubt"):
            known = self.known(key, self.jobs[key].take)
            assert isinstance(known, Known)
            assert isinstance(known.standing, Unknown)
            assert known.standing.error.idempotency_key == self.jobs[key].idempotency_key
            self.begin(key, attrs.evolve(self.jobs[key], state="submitting", has_doubt=True))

    def begin(self, key: str, entry: Entry) -> None:
        """Write the intent."""
        self.do(self.journal.submitting(intent_of(key, entry)))
        self.jobs[key] = entry
        self.buys.setdefault(key, set()).add(entry.idempotency_key)

    @rule(key=KEYS)
    def send_once_more(self, key: str) -> None:
        """A send that ended without a doubt may be followed by another of the same purchase."""
        if self.in_state(key, "submitting"):
            self.do(self.journal.submitting(intent_of(key, self.jobs[key])))

    @rule(key=KEYS)
    def refused(self, key: str) -> None:
        """Only said of a purchase that never was in doubt."""
        if self.in_state(key, "submitting") and not self.jobs[key].has_doubt:
            self.do(self.journal.refused(key))
            self.jobs[key].state = "planned"

    @rule(key=KEYS)
    def accepted(self, key: str) -> None:
        """The service named a task."""
        if self.in_state(key, "submitting"):
            task_id = f"task-{uuid.uuid4().hex}"
            snapshot = Snapshot(task_id=task_id, state="pending", estimated_seconds=90.0, credits_reserved=23.8)
            self.do(self.journal.accepted(Accepted(key=key, task_id=task_id, snapshot=snapshot, accepted_at=1e9)))
            self.jobs[key].state, self.jobs[key].task_id = "accepted", task_id

    @rule(key=KEYS)
    def doubted(self, key: str) -> None:
        """The service was not understood."""
        if self.in_state(key, "submitting"):
            entry = self.jobs[key]
            error = SubmissionUnknownError("lost", key=key, idempotency_key=entry.idempotency_key, status=502)
            self.do(self.journal.doubted(Unknown(key, error)))
            entry.state = "in_doubt"

    @rule(key=KEYS)
    def answered_late(self, key: str) -> None:
        """Somebody else learned of the task: taken while none is known, else kept aside."""
        entry = self.jobs.get(key)
        if entry is None or not entry.idempotency_key:
            return
        task_id = f"task-{uuid.uuid4().hex}"
        is_taken = self.runner.run(self.journal.late_answer(entry.idempotency_key, task_id))
        assert is_taken == self.in_state(key, "submitting", "in_doubt")
        if is_taken:
            entry.state, entry.task_id = "accepted", task_id

    # --- what the engine does

    @rule(key=KEYS)
    def missing(self, key: str) -> None:
        """Said of any task; only an accepted job can miss its own."""
        if key in self.jobs:
            self.do(self.journal.missing(key, "task-of-nobody"))
            self.do(self.journal.missing(key, self.jobs[key].task_id))
            self.jobs[key].is_missing |= self.in_state(key, "accepted")

    @rule(key=KEYS, state=st.sampled_from(["completed", "failed", "cancelled"]))
    def ended(self, key: str, state: str) -> None:
        """Called for any job; only an accepted one can end."""
        entry = self.jobs.get(key)
        if entry is None or (self.forgets and entry.state != "accepted"):
            return
        outcome = outcome_of(key, entry.task_id or "task-of-nobody", state)
        self.do(self.journal.ended(outcome))
        if entry.state == "accepted":
            entry.state, entry.outcome = state, outcome

    @rule(key=KEYS)
    def given_up(self, key: str) -> None:
        """Our watching ended and the task did not: it stays accepted."""
        if self.in_state(key, "accepted"):
            self.journal.taken(Failed(key, JournalError("not an end"), self.jobs[key].task_id))

    @rule(key=KEYS)
    def told(self, key: str) -> None:
        """The caller has the outcome."""
        if self.in_state(key, "completed", "failed", "cancelled") and self.jobs[key].outcome is not None:
            self.journal.taken(self.jobs[key].outcome)
            self.jobs[key].is_told = True
            if self.forgets:
                del self.jobs[key]

    @rule(key=KEYS)
    def saved(self, key: str) -> None:
        """The files of a completed job are on the disk; said of any other, it changes nothing."""
        entry = self.jobs.get(key)
        if entry is None:
            return
        files = (SavedFile(Path(f"/videos/{key}.mp4"), 1000, "0" * 64, 1),)
        outcome = outcome_of(key, entry.task_id or "task-of-nobody", "completed")
        is_completed = entry.state == "completed"
        outcome = attrs.evolve(as_completed(entry.outcome if is_completed else outcome), saved=files)
        self.do(self.journal.saved(outcome))
        if is_completed:
            entry.outcome = outcome

    # --- what the user does

    @rule(key=KEYS, how=st.sampled_from(["resubmit", "abandon", "task-found"]))
    def settled(self, key: str, how: str) -> None:
        """Only a doubt can be settled, and what is missing; a job in any other state is left as it is."""
        is_missing = self.in_state(key, "accepted") and self.jobs[key].is_missing
        if not self.in_state(key, "in_doubt") and not is_missing:
            with pytest.raises(JournalError, match="in doubt"):
                self.do(self.journal.settled(key, how))
            return
        how = how if how != "task-found" else f"task-{uuid.uuid4().hex}"
        self.do(self.journal.settled(key, how))
        entry = self.jobs[key]
        if how == "resubmit":
            # The purchase is over, so that nothing is known of it any more.
            entry.state, entry.task_id, entry.is_missing, entry.idempotency_key = "planned", "", False, ""
        elif how == "abandon":
            entry.state = "abandoned"
            if self.forgets:
                del self.jobs[key]
        else:
            entry.state, entry.task_id, entry.is_missing = "accepted", how, False

    # --- what must hold

    @rule(key=KEYS)
    def nothing_bought_is_sent_again(self, key: str) -> None:
        """The journal refuses an intent for a job that was accepted or has ended, and does not change."""
        if self.in_state(key, "accepted") or (not self.forgets and self.in_state(key, *FINAL)):
            entry = attrs.evolve(self.jobs[key], idempotency_key=f"ev-{uuid.uuid4().hex}")
            with pytest.raises(JournalError, match="not sent again"):
                self.do(self.journal.submitting(intent_of(key, entry)))

    @invariant()
    def what_was_bought_is_known(self) -> None:
        """A job that may have been paid for is never one that may be sent; its standing is its own."""
        for key, entry in self.jobs.items():
            known = self.known(key, entry.take)
            if entry.state == "planned":
                assert known is None
                continue
            assert isinstance(known, Known)
            assert known.session == "5e551019"
            self.check_standing(entry, known)
            assert isinstance(self.known(key, entry.take + 10), JournalConflictError)

    def check_standing(self, entry: Entry, known: Known) -> None:
        """The journal and the model agree."""
        standing = known.standing
        match entry.state:
            case "submitting" | "in_doubt":
                assert isinstance(standing, Unknown)
                assert standing.error.idempotency_key == entry.idempotency_key
            case "accepted":
                assert isinstance(standing, Accepted)
                assert standing.task_id == entry.task_id
            case "abandoned":
                assert isinstance(standing, Failed)
                assert isinstance(standing.error, TaskNotFoundError if entry.is_missing else SubmissionUnknownError)
            case _ if self.forgets:
                assert isinstance(standing, Accepted), "not told yet: it is looked at again"
            case "completed":
                assert isinstance(standing, Completed)
                assert (
                    attrs.evolve(standing, resumed=False, snapshot=as_completed(entry.outcome).snapshot)
                    == entry.outcome
                )
            case _:
                found, error = error_of(standing), error_of(entry.outcome)
                assert type(found) is type(error)
                assert getattr(found, "code", None) == getattr(error, "code", None)
                assert found.advice == error.advice

    @invariant()
    def the_unfinished_are_listed(self) -> None:
        """All that is accepted or in doubt, each once, and nothing that has ended or was refused."""
        listed = {job.key: job for job in self.journal.unfinished()}
        assert len(listed) == len(self.journal.unfinished())
        for key, entry in self.jobs.items():
            if entry.state == "accepted":
                assert listed[key].task_id == entry.task_id
            elif entry.state == "in_doubt" or (entry.has_doubt and entry.state == "submitting"):
                assert isinstance(listed[key], Unknown)
            elif entry.state == "planned" or (entry.state in FINAL and not self.forgets):
                assert key not in listed

    @invariant()
    def tasks_have_owners(self) -> None:
        """A task under way is found by its id."""
        for key, entry in self.jobs.items():
            if entry.state == "accepted":
                owner = self.runner.run(self.journal.owner([entry.task_id]))[entry.task_id]
                assert (owner.standing.key, owner.session) == (key, "5e551019")


class SqliteJournalLaws(JournalLaws):
    """A file beside the model: it survives its owner, and no state leaves a final one."""

    forgets = False

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        super().__init__()

    def new_journal(self) -> SqliteJournal:
        """The file, as the next owner opens it."""
        return SqliteJournal(Path(self.folder.name) / "run.db")

    def teardown(self) -> None:
        """Close, and take the file away."""
        super().teardown()
        self.folder.cleanup()

    @rule()
    def reopen(self) -> None:
        """An orderly end and a new beginning."""
        self.do(self.journal.aclose())
        self.what_was_bought_is_known()  # reading goes on to work
        self.go_on()

    @rule()
    def crash(self) -> None:
        """The owner dies between two entries: what was written is all there is, and its copy opens at once."""
        self.folder = copied(self.folder, self.journal, self.runner)
        self.go_on()

    def go_on(self) -> None:
        """Open what is there; a job that was being submitted is in doubt."""
        self.journal = self.new_journal()
        self.do(self.journal.open())
        for entry in self.jobs.values():
            if entry.state == "submitting":
                entry.state, entry.has_doubt = "in_doubt", True

    @precondition(lambda self: self.jobs)
    @rule()
    def every_key_ever_used_is_kept(self) -> None:
        """No purchase is forgotten, also when the job was bought anew."""
        rows = self.journal._reader.rows("SELECT key, idempotency_key FROM purchases")
        kept: dict[str, set[str]] = {}
        for row in rows:
            kept.setdefault(row["key"], set()).add(row["idempotency_key"])
        assert kept == self.buys


def copied(
    folder: tempfile.TemporaryDirectory, journal: SqliteJournal, runner: asyncio.Runner
) -> tempfile.TemporaryDirectory:
    """The files as they are at this moment, which is what a process that is killed now leaves behind."""
    copy = tempfile.TemporaryDirectory()
    contents = {file.name: file.read_bytes() for file in Path(folder.name).iterdir() if not file.name.endswith("-shm")}
    for name, content in contents.items():
        (Path(copy.name) / name).write_bytes(content)
    runner.run(journal.aclose())
    folder.cleanup()
    return copy


def intent_of(key: str, entry: Entry) -> Intent:
    """What the submitter would write."""
    body = encode_submit(entry.job_params, entry.idempotency_key).body
    assert body is not None
    return Intent(
        key=key,
        model="wan2.6-reference-video",
        path="/v1/videos/generations",
        body=body,
        digest=body_digest(body),
        idempotency_key=entry.idempotency_key,
        session="5e551019",
        price_class="any",
    )


def outcome_of(key: str, task_id: str, state: str) -> Completed | Failed:
    """An end of a task."""
    fault = TaskFailure(code="service_error", message="no", suggestion="again") if state == TaskState.FAILED else None
    snapshot = Snapshot(task_id=task_id, state=state, urls=("https://example.com/v.mp4",), fault=fault)
    if state != TaskState.COMPLETED:
        return Failed(key, task_error(snapshot), task_id)
    timing = Timing(accepted_at=1e9, finished_at=1e9 + 90, looks=3, lag=0.5)
    return Completed(
        key=key, task_id=task_id, urls=snapshot.urls, expires_at=1e9 + 86400, snapshot=snapshot, timing=timing
    )


TestMemoryJournalLaws = JournalLaws.TestCase
TestMemoryJournalLaws.settings = machine_effort(0.4)
TestSqliteJournalLaws = SqliteJournalLaws.TestCase
TestSqliteJournalLaws.settings = machine_effort(0.1)
