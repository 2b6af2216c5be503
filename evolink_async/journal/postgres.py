"""The journal in PostgreSQL: many processes share it, on one machine or on many.

Each of them opens it as an owner with a lease; see `postgres_owner`. Its reads are in `postgres_reads`, the statements
in `postgres_statements` and `postgres_settling`. Import this module by its own path: it needs the extra `postgres`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import attrs

from ..errors import JournalClaimError, JournalError
from ..jobs import Accepted, Completed, Outcome, Unknown
from ..media import Upload
from .entries import Intent, end_of, settling_advice
from .postgres_answers import Answer
from .postgres_connections import Connection
from .postgres_lease import over
from .postgres_owner import PostgresOwner
from .postgres_settling import ACCEPT, ANSWER_LATE, Settling, settle
from .postgres_statements import (
    BUY_ANEW,
    DOUBT,
    MISSING,
    PLAN,
    REFRESH,
    REFUSE,
    SAVE,
    SUBMIT,
    TELL,
    UPLOAD,
    Write,
    end,
    put,
)
from .rows import column_of, columns_of, doubt_of

__all__ = ("PostgresJournal",)


class PostgresJournal(PostgresOwner):
    """The jobs in a PostgreSQL database. See `Journal` for what each call means.

    Args:
        url: The address, as `postgresql://user:password@host/database`. The tables are made in the first schema of the
            search path, so that `?options=-csearch_path%3Dfilms` gives a database a second journal.
        lease: Seconds for which a claim lasts without a heartbeat. After a crash, the jobs of a process are free for
            others when they have passed.
        patience: Seconds for which a server that is away is tried again.
        listen: Whether changes are told by LISTEN and NOTIFY. False behind a pooler that changes connections after each
            transaction: then changes are looked for every second, and no statement is prepared.

    Raises:
        ConfigurationError: The address cannot be read, or a number of seconds is not positive.
    """

    async def planned(self, intent: Intent) -> None:
        """Write the job, so that the tables show what is left to do."""
        await self._write(put(PLAN, intent, sent_at=None))

    async def submitting(self, intent: Intent) -> None:
        """Write the intent, and the purchase that it belongs to; claim the job, if nobody has it."""
        claim = self._claimed.get(intent.key, (self._open_lease().epoch, self._claimant))
        self._purchases[intent.key] = intent.idempotency_key
        self._sending[intent.idempotency_key] = claim[0]
        sent_at = self._sent_at[intent.key] = time.time()
        is_written = await self._write(put(SUBMIT, intent, sent_at=sent_at, owner=claim[1]))
        # It may have been claimed with this write: a process that stood still had lost it, and others had let it go.
        self._claimed.setdefault(intent.key, claim)
        if not is_written:
            raise JournalClaimError(f"the job {intent.key!r} has been accepted, or has ended; it is not sent again")

    async def refused(self, key: str) -> None:
        """Set the job back to planned."""
        await self._write(Write(REFUSE, {"key": key, "sent_at": self._sent_at.get(key)}))
        self._answered(key)

    async def accepted(self, accepted: Accepted) -> None:
        """Write the task id, whoever has the job by now: it was paid for."""
        snapshot, key = accepted.snapshot, accepted.key
        values = {
            "key": key,
            "purchase": self._purchases.get(key, ""),
            "task_id": accepted.task_id,
            "now": accepted.accepted_at,
            "estimated": snapshot.estimated_seconds,
            "credits": snapshot.credits_reserved,
        }
        self._recollection.note(Write(ACCEPT, values))
        await self._answers.write(Answer(ACCEPT, values))
        self._answered(key)

    async def late_answer(self, idempotency_key: str, task_id: str) -> bool:
        """Write the task id. The journal need not be open."""
        values = {"purchase": idempotency_key, "task_id": task_id, "now": time.time()}
        self._recollection.note(Write(ANSWER_LATE, values))
        is_taken = await self._answers.write(Answer(ANSWER_LATE, values))
        self.ends.fire()
        return is_taken

    async def missing(self, key: str, task_id: str) -> None:
        """Write that the service does not know the task."""
        await self._write(Write(MISSING, {"key": key, "task_id": task_id, "now": time.time()}))

    async def doubted(self, unknown: Unknown) -> None:
        """Write what is known of the doubt."""
        await self._write(Write(DOUBT, {"key": unknown.key, "doubt": doubt_of(unknown.error)}))
        self._answered(unknown.key)

    async def ended(self, outcome: Outcome) -> None:
        """Write how the task ended. Without a lease the job is claimed again, if nobody else has it."""
        if (ended := end_of(outcome)) is None:
            return
        await self._answers.write_again(ended.task_id)  # a job without its task has no end
        write = end(ended.key, ended.task_id, columns_of(ended))
        try:
            await self._write(write)
        except JournalClaimError:
            self._claimed.pop(outcome.key, None)
            await self._write(write)

    async def bought_anew(self, key: str, task_id: str) -> None:
        """Set the job back to planned."""
        await self._write(Write(BUY_ANEW, {"key": key, "task_id": task_id}))

    async def saved(self, completed: Completed) -> None:
        """Write where the files are."""
        await self._write(Write(SAVE, {"key": completed.key, "files": column_of(completed.saved)}))

    async def refreshed(self, completed: Completed) -> None:
        """Write the newer links."""
        links = {"urls": json.dumps(completed.urls), "expires_at": completed.expires_at}
        await self._write(Write(REFRESH, {"key": completed.key, **links}))

    async def uploaded(self, upload: Upload) -> None:
        """Write the upload in place of an older one."""
        # Without a digest it could not be found again.
        if upload.sha256 is not None:
            await self._write(Write(UPLOAD, attrs.asdict(upload)))

    def taken(self, outcome: Outcome) -> None:
        """Do nothing: a later run with the same jobs returns the outcome again."""

    async def mark_told(self, numbers: Sequence[int]) -> None:
        """Write the time."""
        await self._write(Write(TELL, {"numbers": list(numbers), "now": time.time()}))
        self._lent.difference_update(numbers)

    async def settled(self, key: str, how: str) -> None:
        """Set the job to accepted, planned or abandoned."""
        settling = Settling(key, how, time.time(), self._open_lease().epoch)
        tries = 0

        async def act(connection: Connection) -> tuple[bool, str | None]:
            nonlocal tries
            tries += 1
            return await settle(connection, settling, is_repeated=tries > 1)

        is_alive, refusal = await self._connections.run(act)
        if not is_alive:
            raise over(self._connections.place)
        if refusal is not None:
            advice = settling_advice(how, "ADDRESS")
            raise JournalError(f"{refusal} in {self._connections.place}", advice=advice)
        self.ends.fire()
