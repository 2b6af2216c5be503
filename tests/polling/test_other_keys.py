"""A key that made a task may be refused while another key of the pool can read it: a paid task is not given up."""

from __future__ import annotations

from typing import Any, cast

import attrs
import pytest

from evolink_async import AccessDeniedError, AuthenticationError, Completed, Failed, SessionPool
from evolink_async.client import Session
from evolink_async.client.accounts import OwnSession
from evolink_async.errors import NotDeliveredError, RateLimitError, TaskNotFoundError
from evolink_async.task import Snapshot
from tests.kit import FAST, dance, error_of, jobs, until
from tests.servers import reply
from tests.submitting.small_vendor import FIRST, SECOND, SmallVendor, pool_of, refusal, small_vendor

pytestmark = pytest.mark.anyio

DENIALS = {"a revoked key": (401, "unauthorized"), "a disabled key": (403, "key_disabled"), "403": (403, "forbidden")}


def revoke(vendor: SmallVendor, key: str, status: int = 401, code: str = "unauthorized") -> None:
    """Answer nothing but a refusal to one key from now on."""
    vendor.on_poll = lambda asked: refusal(status, code) if asked == key else None
    vendor.on_read = vendor.on_poll


@pytest.fixture
async def vendor():
    """A vendor whose tasks run on."""
    async with small_vendor() as one:
        one.are_tasks_held = True
        yield one


def both(vendor: SmallVendor, **more: Any) -> SessionPool:
    """A pool with two keys."""
    return pool_of(vendor, keys=2, **more)


@pytest.mark.parametrize(("status", "code"), DENIALS.values(), ids=DENIALS)
async def test_another_key_reads_the_task_of_a_refused_one(vendor, status, code):
    """The wait goes on with the other key, and the revoked one is not asked before each poll."""
    async with both(vendor) as pool:
        accepted = await pool.submit(dance())
        [post] = vendor.posts
        revoke(vendor, post.key, status, code)
        other = ({FIRST, SECOND} - {post.key}).pop()
        running = pool.watch(accepted.task_id)
        await anext(running)
        await until(lambda: vendor.polls.count(other) > 3)
        assert vendor.polls.count(post.key) < 3
        vendor.are_tasks_held = False
        assert [seen.state async for seen in running][-1] == "completed"


async def test_also_after_a_restart(vendor, tmp_path):
    """The journal names the key that made the task; whether that one may still read is not known."""
    async with both(vendor, journal=tmp_path / "jobs.db") as pool:
        await pool.submit(jobs(1)[0].params, key="shot-1")
    revoke(vendor, vendor.posts[0].key)
    vendor.are_tasks_held = False
    async with both(vendor, journal=tmp_path / "jobs.db") as pool:
        assert (await pool.poll("task-1-1")).is_final
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, Completed)
    assert vendor.paid == [1]


async def test_a_key_that_does_not_know_the_task_proves_nothing(vendor):
    """Only a 200 counts: with a 404 of the other key the denial is what ends the wait, after its repeats."""
    async with both(vendor) as pool:
        accepted = await pool.submit(dance())
        owner = vendor.posts[0].key
        vendor.on_poll = lambda key: refusal(401, "unauthorized") if key == owner else refusal(404, "task_not_found")
        with pytest.raises(AuthenticationError):
            await pool.wait(accepted.task_id)
        assert vendor.polls.count(owner) == 4


async def test_no_task_is_given_up_while_the_other_key_has_no_usable_answer(vendor):
    """A denial and an outage: the other key may read the task once the outage is over."""
    async with both(vendor, cadence=attrs.evolve(FAST, batch="never")) as pool:
        accepted = await pool.submit(dance())
        owner, vendor.are_tasks_held = vendor.posts[0].key, False

        def answer(key: str) -> bytes | None:
            if key == owner:
                return refusal(403, "forbidden")
            return reply(b"bad gateway", 502) if len(vendor.polls) < 20 else None

        vendor.on_poll = answer
        assert (await pool.wait(accepted.task_id)).task_id == accepted.task_id
        assert len(vendor.polls) >= 20


async def test_when_every_key_is_refused_the_wait_ends(vendor):
    """It is no reason to wait for ever."""
    async with both(vendor) as pool:
        running = pool.run(jobs(1))
        vendor.on_poll = lambda _: refusal(403, "forbidden")
        [outcome] = [outcome async for outcome in running]
        assert isinstance(outcome, Failed)
        assert isinstance(error_of(outcome), AccessDeniedError)


async def test_a_task_of_unknown_key_goes_on_when_its_key_is_revoked(vendor):
    """The key that answered first is denied later, and another one reads the task."""
    async with both(vendor) as pool:
        running = pool.watch("task-elsewhere")
        vendor._prices["task-elsewhere"] = 10.0
        await anext(running)
        first = vendor.polls[0]
        revoke(vendor, first)
        await until(lambda: vendor.polls[-1] != first)
        vendor.are_tasks_held = False
        assert [seen.state async for seen in running][-1] == "completed"


class Told:
    """A session that answers what it is told to."""

    def __init__(self) -> None:
        self.busy, self.asked = 0, 0
        self.answers: list[object] = []

    async def poll_many(self, _: object) -> object:
        """Answer the next one."""
        self.asked += 1
        return self.answers.pop(0)


SHOWN = {"t": Snapshot(task_id="t", state="processing", model=None)}
DENIED = AuthenticationError(401, "no")


async def test_batches_are_asked_of_the_key_that_reads_them():
    """A batch without rows counts of the key that made the tasks, not of another; a key that is well again is used."""
    owner, other, third = Told(), Told(), Told()
    account = OwnSession(cast("Session", owner), cast("list[Session]", [other, third]))  # all that it needs of one
    owner.answers, other.answers, third.answers = [{}, DENIED, SHOWN], [{}], [SHOWN, RateLimitError(429, "slow"), {}]
    assert await account.poll_many(["t"]) == {}
    assert await account.poll_many(["t"]) == SHOWN
    assert (owner.asked, other.asked, third.asked) == (2, 1, 1)
    assert isinstance(await account.poll_many(["t"]), RateLimitError)
    assert await account.poll_many(["t"]) == SHOWN
    assert owner.asked == 3
    owner.answers, other.answers, third.answers = [DENIED], [TaskNotFoundError(404, "no")], [NotDeliveredError("no")]
    assert isinstance(await account.poll_many(["t"]), NotDeliveredError)
