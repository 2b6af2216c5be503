"""Claims in a shared journal that nobody let go of would keep a job from every other process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import attrs
import pytest

from evolink_async.errors import JournalError
from evolink_async.submitting.job_claims import JobClaims
from tests.kit import until

pytestmark = pytest.mark.anyio


@attrs.define(eq=False)
class Server:
    """A journal whose answers are lost: it knows of claims only what reaches it."""

    lease_seconds: float = 0.06
    claimed: set[str] = attrs.field(factory=set[str])
    refusals: int = 0
    is_lost: bool = True
    beats: int = 0
    renewal: Exception | None = None
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    released: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def claim(self, keys: Sequence[str], owner: str) -> dict[str, int]:
        """Hear of it, and answer never if that is lost."""
        self.asked.set()
        if not self.is_lost:
            return dict.fromkeys(keys, 1)
        return await asyncio.get_running_loop().create_future()

    async def renew(self, keys: Sequence[str], owner: str) -> Sequence[str]:
        """Keep all, unless that fails."""
        self.beats += 1
        if self.renewal is not None:
            raise self.renewal
        return keys

    async def release(self, keys: Sequence[str], owner: str) -> None:
        """Release, unless the connection is lost once more."""
        if self.refusals:
            self.refusals -= 1
            raise JournalError("no connection")
        self.claimed -= set(keys)
        self.released.set()


@asynccontextmanager
async def given_up(server: Server) -> AsyncIterator[None]:
    """A pool that has asked for a job and given up before the answer."""
    claims = JobClaims(cast("Any", server), lambda key, task_id: False)
    try:
        asking = asyncio.create_task(claims.take(["a"]))
        await server.asked.wait()
        asking.cancel()
        await asyncio.wait([asking])
        async with asyncio.timeout(10):
            yield
    finally:
        await claims.aclose()


async def test_a_claim_that_was_given_up_may_reach_the_server_after_its_release():
    """As over a slow connection: it is released again."""
    server = Server()
    async with given_up(server):
        await server.released.wait()
        server.claimed.add("a")
        while server.claimed:
            server.released.clear()
            await server.released.wait()


async def test_a_release_that_is_lost_is_repeated():
    """The claim would last as long as the lease of the whole pool."""
    server = Server(claimed={"a"}, refusals=2)
    async with given_up(server):
        await server.released.wait()
    assert not server.claimed


async def test_a_job_is_held_in_a_block():
    """As while it is looked up: nobody wants it yet, and every heartbeat finds that."""
    server = Server(is_lost=False)
    claims = JobClaims(cast("Any", server), lambda key, task_id: False)
    try:
        async with claims.holding(["a"]) as mine:
            assert mine == {"a"}
            await until(lambda: server.beats >= 4)
            assert not server.released.is_set()
        await server.released.wait()
    finally:
        await claims.aclose()


async def test_a_heartbeat_goes_on_after_an_exception_that_no_rule_expects():
    """Without heartbeats the lease would end, and nothing would be sent any more."""
    server = Server(renewal=OSError("a journal of the user's"))
    claims = JobClaims(cast("Any", server), lambda key, task_id: False)
    try:
        async with asyncio.timeout(10):
            await until(lambda: server.beats >= 3)
    finally:
        await claims.aclose()
