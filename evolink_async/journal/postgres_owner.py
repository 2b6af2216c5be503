"""One opening of a journal in PostgreSQL: the owner with its lease, and the writes that carry its epoch.

What the owners of a journal are to each other is in `postgres_claims`, what is written about jobs in `postgres`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..budget import units_of
from ..concurrency import Signal
from ..errors import BudgetError, ConfigurationError, JournalClaimError, JournalError
from .entries import Untold
from .postgres_answers import Answers
from .postgres_budget import LIMIT, PostgresBudget, count_money
from .postgres_calls import pass_calls, take_calls
from .postgres_claims import Lease, claim, end, release
from .postgres_connections import Connection, Connections, run
from .postgres_facts import ABOUT_FACTS, PostgresFacts
from .postgres_lease import ENDING_SECONDS, PostgresLease, over
from .postgres_listener import Listener
from .postgres_reads import ENDS
from .postgres_schema import prepare
from .postgres_silence import within
from .postgres_statements import ABOUT_MONEY, Write
from .postgres_telling import LET_GO, TAKE
from .rows import untold_of

CLOSING_SECONDS = 10.0
"""For which closing waits for writes, if the server is away."""


class PostgresOwner(PostgresLease):
    """The calls of `Journal` about opening and claims; see `PostgresJournal` for the arguments.

    Args:
        url: The address.
        lease: Seconds.
        patience: Seconds.
        listen: Whether to use LISTEN.

    Raises:
        ConfigurationError: The address cannot be read, or a number of seconds is not positive.
    """

    is_shared: bool = True

    def __init__(self, url: str, *, lease: float = 30.0, patience: float = 300.0, listen: bool = True) -> None:
        if not (lease > 0 and patience > 0):
            raise ConfigurationError(f"lease and patience must be seconds above 0, not {lease!r} and {patience!r}")
        super().__init__(Connections(url, patience=patience, prepares=listen), lease)
        self.ends: Signal = Signal()
        self.calls: Signal = Signal()
        self._money = Signal()
        self._listens = listen
        self._writes: set[asyncio.Task[dict[str, Any]]] = set()
        self._answers = Answers(self._carried_out)
        self._lent: set[int] = set()
        self._listener: Listener | None = None
        self._taking: asyncio.Task[list[Untold]] | None = None
        self._is_leaving = False
        self._letting_go = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._connections.place}>"

    async def open(self) -> None:
        """Connect, create or migrate the tables, and become an owner.

        Raises:
            JournalError: The server cannot be reached, may lose what it has confirmed, or refuses.
        """
        if self._lease is not None:
            raise JournalError("this journal is open in another pool", advice="Give each pool a journal of its own.")
        self._limit_units = self._facts.per_minute = self._facts.patience = None
        await self._connections.open()
        try:
            channel = await self._connections.run(prepare, patience=0)
            await self._remove_ended_owners()
            [before] = await self._rows(ENDS)
            self._ends_before = before["ends"]
            self._lease = await self._begin()
        except BaseException:
            await self._connections.aclose()
            raise
        self._claimed.clear()
        self._recollection.clear()
        self._listener = Listener(self._connections, channel, self._told, listens=self._listens)

    def _told(self, text: str | None) -> None:
        """Wake those for whom a notification is; all, if there may have been one that was not heard."""
        if text is None or text == ABOUT_FACTS:
            self._facts.changed.fire()
        if not text or text == ABOUT_MONEY:
            self._money.fire()
        if not text:
            self.ends.fire()
        if text is None or (self._lease is not None and text == str(self._lease.epoch)):
            self.calls.fire()

    def shared_facts(self) -> PostgresFacts:
        """Return what all pools of this journal tell each other."""
        return self._facts

    async def shared_account(self, limit: float, most_per_job: float | None) -> PostgresBudget:
        """Keep a budget with all pools that have one in this journal; the strictest limit holds for all of them."""
        lease, self._limit_units = self._open_lease(), units_of(limit)
        await self._connections.run(count_money)
        await self._connections.run(lambda one: run(one, LIMIT, (self._limit_units, lease.epoch)))
        most = None if most_per_job is None else units_of(most_per_job)
        account = PostgresBudget(self._connections, lambda: self._open_lease().epoch, self._money, most)
        await account.refresh()
        return account

    def hurry(self) -> None:
        """Try a server that is away for `CLOSING_SECONDS` with each call."""
        self._connections.hurry(CLOSING_SECONDS)

    async def aclose(self) -> None:
        """Write what was requested, and free all claims."""
        listener, lease = self._listener, self._lease
        self._listener = self._lease = None
        if listener is None or lease is None:
            return
        self._ending = lease
        await listener.aclose()
        await self._stop_removing()
        with suppress(JournalError, TimeoutError):  # told below
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._answers.write_again(patience=ENDING_SECONDS)
        if self._writes:
            await asyncio.wait(list(self._writes), timeout=CLOSING_SECONDS)
        self._answers.say()
        try:
            await self._said_last(lambda one: end(one, self._now(lease.epoch)))
        finally:
            self._ending = None
            await self._connections.aclose()

    # --- claims

    async def claim(self, keys: Sequence[str], owner: str) -> dict[str, int | str]:
        """Claim keys that nobody has, or whose owner's lease has ended."""
        lease, wanted = self._open_lease(), list(keys)
        self._claimant = owner
        self._asking.append(wanted)  # what the server has claimed, and whose answer was lost
        try:
            found = await self._claim(wanted, owner, lease)
            has_others = any(epoch != self._now(lease.epoch) for epoch, _ in found.values())
            if has_others and await self._remove_ended_owners():
                found = await self._claim(wanted, owner, lease)
        finally:
            self._asking.remove(wanted)
        mine = {key: claim for key, claim in found.items() if claim[0] == self._now(lease.epoch)}
        self._claimed |= mine
        return {key: epoch if (epoch, owner) == mine.get(key, ()) else name for key, (epoch, name) in found.items()}

    async def _claim(self, keys: Sequence[str], owner: str, lease: Lease) -> dict[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] | None = {}
        epoch = 0
        while epoch != self._now(lease.epoch):  # again after a failover, as the claims may have been moved
            epoch = self._now(lease.epoch)
            found = await self._connections.run(lambda one: claim(one, keys, owner, self._now(lease.epoch)))
        if found is None:
            raise over(self._connections.place)
        return found

    async def release(self, keys: Sequence[str], owner: str) -> None:
        """Delete the claims."""
        lease, given = self._open_lease(), list(keys)

        async def act(connection: Connection) -> None:
            with within(connection, self._renewing_seconds):  # the heartbeat waits for it
                await release(connection, given, owner, self._now(lease.epoch))

        await self._connections.run(act)
        for key in given:
            if self._claimed.get(key, (0, owner))[1] == owner:
                self._claimed.pop(key, None)

    # --- the ends that a stream tells

    async def take_untold(self, after: int = 0, limit: int = 100) -> list[Untold]:
        """Lend the first ends that no stream has to the one of this pool, whatever it has read before."""
        # To its end, though this call may be cancelled: what was lent is known then, and can be given back.
        self._taking = asyncio.create_task(self._take_untold(limit), name="evolink_async journal")
        return await asyncio.shield(self._taking)

    async def _take_untold(self, limit: int) -> list[Untold]:
        await self._let_go()
        # What is lent to this pool and not in its hand was lent in an answer that was lost.
        values = {"limit": limit, "epoch": self._open_lease().epoch, "held": list(self._lent)}
        while True:
            rows = await self._connections.run(lambda one: run(one, TAKE, values))
            mine = [untold_of(row, self._ends_before) for row in rows if row["is_mine"]]
            if mine or not rows:
                self._lent.update(one.number for one in mine)
                return mine
            if not rows[0]["is_alive"]:
                raise over(self._connections.place)

    async def leave_untold(self) -> None:
        """Let others have the ends that were lent to the stream of this pool."""
        if self._taking is not None:
            await asyncio.wait([self._taking], timeout=CLOSING_SECONDS)
            # What it may have been lent nevertheless is let go of with the rest.
            self._taking.cancel()
            await asyncio.wait([self._taking])
        self._is_leaving = True
        await self._let_go(patience=ENDING_SECONDS)

    async def _let_go(self, patience: float | None = None) -> None:
        # If the server is away, the next heartbeat or the next stream does it. Never beside a stream that takes ends.
        async with self._letting_go:
            if self._is_leaving:
                epoch = self._open_lease().epoch

                async def act(connection: Connection) -> None:
                    with within(connection, self._renewing_seconds):  # the heartbeat waits for it
                        await run(connection, LET_GO, (epoch,))

                await self._connections.run(act, patience=patience)
                self._lent.clear()
                self._is_leaving = False

    async def renew(self, keys: Sequence[str], owner: str) -> frozenset[str]:
        """Renew the lease of all claims. If it has ended, a new one begins, and no key is claimed."""
        mine = await super().renew(keys, owner)
        # What takes longer is done at the next heartbeat, or to its end beside it: the next renewal does not wait.
        with suppress(JournalError, TimeoutError):
            async with asyncio.timeout(self._renewing_seconds):
                await self._let_go(patience=0)
                await self._answers.write_again(patience=0)
        return mine

    # --- callbacks

    async def pass_calls(self, tasks: Mapping[str, str]) -> None:
        """Write the calls beside the claims of their jobs."""
        await self._connections.run(lambda one: pass_calls(one, tasks))

    async def take_calls(self) -> dict[str, str]:
        """Take the calls for this owner."""
        epoch = self._open_lease().epoch
        return await self._connections.run(lambda one: take_calls(one, epoch))

    # --- writes with an epoch

    async def _write(self, write: Write) -> bool:
        """Make a write for a job, with the epoch under which the job was claimed.

        Returns:
            Whether something was changed.

        Raises:
            JournalClaimError: That epoch is over, or another owner has the job.
            BudgetError: The job may not be sent with what the budget holds for it.
        """
        lease = self._open_lease()
        epoch, _ = self._claimed.get(write.values.get("key", ""), (lease.epoch, ""))
        report = await self._requested(write, epoch)
        if not report["is_alive"]:
            raise over(self._connections.place)
        if not report["is_free"]:
            raise JournalClaimError(f"another process has the job {write.values['key']!r}")
        if not report.get("is_covered", True):
            raise BudgetError("the credits held for the job are not enough any more", needed=0.0, left=0.0)
        return bool(report["is_done"])

    async def _requested(self, write: Write, epoch: int = 0) -> dict[str, Any]:
        """Run a write to its end, whether or not this call is cancelled; return what it reports."""

        async def act(connection: Connection) -> dict[str, Any]:
            [report] = await run(connection, write.query, {**write.values, "epoch": self._now(epoch)})
            if report["is_done"]:
                self._recollection.note(write)
            return report

        self._open_lease()
        return await self._carried_out(act)

    async def _carried_out(
        self, act: Callable[[Connection], Awaitable[dict[str, Any]]], *, patience: float | None = None
    ) -> dict[str, Any]:
        task = asyncio.create_task(self._connections.run(act, patience=patience), name="evolink_async journal")
        self._writes.add(task)
        task.add_done_callback(self._written)
        return await asyncio.shield(task)

    def _written(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._writes.discard(task)
        self._money.fire()
        if not task.cancelled() and task.exception() is None and "told" in task.result():
            self.ends.fire()
