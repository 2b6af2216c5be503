"""The claims of a pool in a shared journal: taken before anything is done for a job, kept by a heartbeat, let go of.

What the journal makes of them is in `journal`; jobs that another process has are in `following`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager

from ..errors import JournalClaimError, JournalError
from ..jobs import Accepted
from ..journal import Journal

_log = logging.getLogger("evolink_async")

BEATS = 6
"""Heartbeats in the time of a lease."""


class JobClaims:
    """The jobs that this pool has in a shared journal.

    Args:
        journal: An open journal.
        is_wanted: Whether the pool still does something for a job, by its key and the id of its task, if there is one.

    Attributes:
        owner: The pool's name in the journal.
    """

    def __init__(self, journal: Journal, is_wanted: Callable[[str, str | None], bool]) -> None:
        self.owner: str = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self._journal = journal
        self._is_wanted = is_wanted
        self._tasks: dict[str, str | None] = {}
        self._idle: set[str] = set()
        self._held: Counter[str] = Counter()
        # Jobs that nobody here has, and the heartbeats that still release them.
        self._stray: dict[str, int] = {}
        self._is_closing = False
        self._heartbeat = asyncio.create_task(self._beat_for_ever(), name="evolink_async heartbeat")

    async def take(self, keys: Collection[str]) -> frozenset[str]:
        """Claim jobs; return those that this pool has now. Without a lease it has none.

        Raises:
            JournalError: The journal cannot be used.
        """
        # Not released while they are claimed anew.
        stray = {key: self._stray.pop(key) for key in keys if key in self._stray}
        try:
            claims = await self._journal.claim(list(keys), self.owner)
        except JournalClaimError:
            self._stray.update(stray)
            return frozenset()
        except BaseException:
            self._set_free(keys)  # the journal may have written them, or write them yet
            raise
        mine = frozenset(key for key, claim in claims.items() if isinstance(claim, int))
        for key in mine:
            self._tasks.setdefault(key, None)
        self._stray.update({key: beats for key, beats in stray.items() if key not in mine})
        self._idle -= mine
        return mine

    async def hold(self, keys: Collection[str]) -> frozenset[str]:
        """Claim jobs as `take`, and keep them until `let_go`, also while nothing is done for them."""
        self._held.update(keys)
        try:
            return await self.take(keys)
        except BaseException:
            self.let_go(keys)
            raise

    @asynccontextmanager
    async def holding(self, keys: Collection[str]) -> AsyncGenerator[frozenset[str]]:
        """Claim jobs as `take`, and keep them in a block: as long as nobody wants them, a heartbeat would let go."""
        mine = await self.hold(keys)
        try:
            yield mine
        finally:
            self.let_go(keys)

    def let_go(self, keys: Collection[str]) -> None:
        """Let go of jobs that were held: those for which nothing is done are released by the heartbeat."""
        self._held.subtract(keys)
        self._held = +self._held

    def accepted(self, accepted: Accepted) -> None:
        """Note the task of a job: the claim is kept while the task is watched."""
        if accepted.key in self._tasks:
            self._tasks[accepted.key] = accepted.task_id

    def sent(self, key: str) -> None:
        """Note a job that was to be sent: the journal may have claimed it with that, and it is let go of in the end."""
        self._tasks.setdefault(key, None)

    async def aclose(self) -> None:
        """Stop. The journal frees all claims when it is closed."""
        self._is_closing = True
        self._heartbeat.cancel()
        await asyncio.wait([self._heartbeat])

    async def _beat_for_ever(self) -> None:
        # A library of the journal may swallow the cancellation.
        while not self._is_closing:
            await asyncio.sleep(self._journal.lease_seconds / BEATS)
            try:
                await self._renew()
                await self._let_go()
            except Exception as error:  # noqa: BLE001  # without a heartbeat the lease ends
                # Nothing is sent once the lease may have ended; see `Journal.may_send`.
                is_expected = isinstance(error, JournalError)
                _log.warning(
                    "the claims of this pool were not renewed: %s", error, exc_info=None if is_expected else error
                )

    async def _renew(self) -> None:
        asked = dict(self._tasks)
        lost = asked.keys() - set(await self._journal.renew(list(asked), self.owner))
        if not lost:
            return
        again = await self.take(lost)
        _log.warning(
            "this process was away for longer than its lease; of its %d jobs, others have %d",
            len(lost),
            len(lost - again),
        )
        await self._drop(lost - again)

    async def _let_go(self) -> None:
        """Release the jobs for which nothing has been done since the last heartbeat."""
        idle = {key for key in self._tasks if not self._is_needed(key)}
        # Not at once: a job may be on its way from who has submitted it to who waits for it.
        gone, self._idle = idle & self._idle, idle - self._idle
        stray = {key: beats for key, beats in self._stray.items() if key not in self._tasks}
        self._stray = {key: beats - 1 for key, beats in stray.items() if beats > 1}
        await self._drop(gone | stray.keys())

    def _is_needed(self, key: str) -> bool:
        return self._held[key] > 0 or self._is_wanted(key, self._tasks[key])

    async def _drop(self, keys: Collection[str]) -> None:
        for key in keys:
            self._tasks.pop(key, None)
        if keys:
            try:
                await self._journal.release(list(keys), self.owner)
            except Exception:
                self._set_free(keys)
                raise

    def _set_free(self, keys: Collection[str]) -> None:
        """Release jobs with every heartbeat of a lease: what was given up on its way may reach the server later."""
        self._stray.update(dict.fromkeys(keys, BEATS))
