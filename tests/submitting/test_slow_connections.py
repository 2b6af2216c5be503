"""Connections that take long: until the first byte leaves nothing is bought, so a send can still be taken back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

import evolink_async as ev
from evolink_async.errors import JournalClaimError
from evolink_async.journal import MemoryJournal
from tests.kit import PATIENT, dance, jobs, turns, until
from tests.submitting.small_vendor import SmallVendor, pool_of, small_vendor

pytestmark = pytest.mark.anyio


class Resolver:
    """Looks up the address of the vendor, when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def __call__(self, host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        """Answer, after a wait."""
        self.asked.set()
        await self.answers.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
async def resolver(monkeypatch) -> AsyncIterator[Resolver]:
    """A resolver that waits until it is told to answer."""
    one = Resolver()
    # On the loop, as uvloop never asks the module `socket`.
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", one)
    yield one
    one.answers.set()


@pytest.fixture
async def vendor() -> AsyncIterator[SmallVendor]:
    """A vendor; `named` gives a pool its name instead of its address."""
    async with small_vendor() as vendor:
        yield vendor


def named(vendor: SmallVendor, **settings: Any) -> ev.SessionPool:
    """A pool that has to look up the address of the vendor."""
    return pool_of(vendor, base_url=vendor.listener.url.replace("127.0.0.1", "localhost"), **settings)


async def let_go(pool: ev.SessionPool, resolver: Resolver, how: str) -> asyncio.Task[Any]:
    """Begin to send a job, and let go of it while the address is looked up; what is still to end then."""
    if how == "cancel":
        call = asyncio.create_task(pool.submit(dance()))
        await until(resolver.asked.is_set)
        call.cancel()
        await asyncio.wait([call])
        return asyncio.create_task(asyncio.sleep(0))
    stream = pool.run(jobs(1))
    await stream.__aenter__()
    await until(resolver.asked.is_set)
    if how == "aclose":
        return asyncio.create_task(stream.aclose())
    stream.drain()
    return asyncio.create_task(outcomes(stream))


async def outcomes(stream: ev.OutcomeStream) -> list[ev.Outcome]:
    """All outcomes of a run."""
    return [outcome async for outcome in stream]


@pytest.mark.parametrize("how", ["cancel", "aclose", "drain"])
async def test_nothing_leaves_once_everybody_has_let_go(vendor, resolver, how):
    """The connection was still being made: no POST, no purchase, no doubt, and no send is counted."""
    async with named(vendor) as pool:
        ending = await let_go(pool, resolver, how)
        await turns()
        resolver.answers.set()
        await until(lambda: pool.stats().submitting == 0)
        told = await ending
        assert [type(outcome) for outcome in told or ()] == ([ev.Failed] if how == "drain" else [])
        assert (vendor.posts, pool.unfinished()) == ([], ())
        assert (pool.stats().submits, pool.stats().faults) == (0, 0)


async def test_nothing_leaves_once_the_pool_is_closing(vendor, resolver):
    """Its owner still waits, and is told that nothing was sent."""
    async with named(vendor, retry=attrs.evolve(PATIENT, grace=20)) as pool:
        call = asyncio.create_task(pool.submit(dance()))
        await until(resolver.asked.is_set)
        closing = asyncio.create_task(pool.aclose())
        await turns()
        resolver.answers.set()
        await closing
        with pytest.raises(ev.ConfigurationError, match="withdrawn before it was sent"):
            await call
        assert (vendor.posts, pool.unfinished()) == ([], ())


async def test_another_owner_may_come_while_it_connects(vendor, resolver):
    """One lets go, another one wants the same job: it is sent once."""
    async with named(vendor) as pool:
        await (await let_go(pool, resolver, "aclose"))
        other = asyncio.create_task(pool.submit(jobs(1)[0].params, key=jobs(1)[0].key))
        await turns()
        resolver.answers.set()
        assert (await other).task_id
        assert (vendor.takes, vendor.paid) == ([1], [1])
        assert pool.stats().submits == 1


async def test_a_pool_closed_while_it_connects_leaves_no_doubt(vendor, resolver, tmp_path):
    """Not a byte was sent: the jobs are planned, in the journal too, and the same input buys each of them once."""
    settings: dict[str, Any] = {"journal": tmp_path / "journal.db", "retry": attrs.evolve(PATIENT, grace=0.01)}
    async with named(vendor, **settings) as pool:
        stream = pool.run(jobs(4))
        await stream.__aenter__()
        await until(lambda: resolver.asked.is_set() and pool.stats().submits == 4)
    assert (vendor.posts, pool.unfinished()) == ([], ())
    resolver.answers.set()
    async with pool_of(vendor, **settings) as pool:
        assert {type(outcome) async for outcome in pool.run(jobs(4))} == {ev.Completed}
    assert sorted(vendor.takes) == sorted(vendor.paid) == [1, 2, 3, 4]


class Leased(MemoryJournal):
    """A journal whose claims end."""

    def __init__(self, *answers: bool) -> None:
        super().__init__()
        self.left = list(answers)

    def may_send(self, purchase: str = "") -> bool:
        """Whether they have not ended."""
        return self.left.pop(0) if purchase and len(self.left) > 1 else self.left[0]


@pytest.mark.parametrize(("answers", "connections"), [((False,), 0), ((True, False), 1)])
async def test_nothing_leaves_past_the_lease(vendor, answers, connections):
    """The clock is read before a connection is opened, and again right before the first byte."""
    async with pool_of(vendor, journal=Leased(*answers)) as pool:
        with pytest.raises(JournalClaimError, match="nothing was sent"):
            await pool.submit(dance())
        await until(lambda: vendor.listener.accepted == connections)
        assert (vendor.posts, pool.unfinished()) == ([], ())
