"""Keys that are refused: their jobs go elsewhere, and they come back when they are well again."""

from __future__ import annotations

import asyncio

import attrs
import pytest

import evolink_async as ev
from evolink_async.client import key_health
from evolink_async.errors import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    RateLimitError,
)
from evolink_async.events import Event, KeyRestored, KeySuspended
from evolink_async.journal import Intent, MemoryJournal
from evolink_async.models import Wan26TextToVideo
from evolink_async.settings import Budget
from tests.kit import PATIENT, as_failed, dance, error_of, jobs, turns, until
from tests.servers import reset
from tests.submitting.small_vendor import FIRST, SECOND, Post, SmallVendor, page, pool_of, refusal, small_vendor

pytestmark = pytest.mark.anyio

EMPTY = refusal(402, "insufficient_quota", "no credits left")
REVOKED = refusal(401, "invalid_token", "no such key")
NO_MODEL = refusal(403, "model_access_denied", "not this model")


async def outcomes_of(pool: ev.SessionPool, count: int) -> list[ev.Outcome]:
    """Run jobs `shot-1` to `shot-<count>`."""
    return [outcome async for outcome in pool.run(jobs(count))]


def are_completed(outcomes: list[ev.Outcome]) -> bool:
    """Whether each is."""
    return all(isinstance(outcome, ev.Completed) for outcome in outcomes)


def empty_account(vendor: SmallVendor, key: str = FIRST) -> None:
    """Leave a key without credits until `credits_left` says otherwise."""
    vendor.credits_left[key] = 0.0
    vendor.on_post = lambda post: EMPTY if vendor.credits_left.get(post.key, 1.0) <= 0 else None


# --- coming back


async def test_a_key_comes_back_by_itself_after_a_top_up(monkeypatch):
    """When a job wants it and the time has passed: one read of the credits, then one job, then all."""
    monkeypatch.setattr(key_health, "CHECK_SECONDS", 0.02)
    events: list[Event] = []
    async with small_vendor() as vendor, pool_of(vendor, observer=events.append) as pool:
        empty_account(vendor)
        assert {type(error_of(outcome)) for outcome in await outcomes_of(pool, 3)} == {InsufficientCreditsError}
        vendor.credits_left[FIRST] = 100.0
        while not are_completed(await outcomes_of(pool, 3)):
            await asyncio.sleep(0.001)
    told = [type(event) for event in events if isinstance(event, KeySuspended | KeyRestored)]
    assert told == [KeySuspended, KeyRestored]


async def test_a_key_without_credits_is_not_tried(monkeypatch):
    """The credits are read now and then, and nothing is sent as long as there are none."""
    monkeypatch.setattr(key_health, "CHECK_SECONDS", 0.01)
    async with small_vendor() as vendor, pool_of(vendor) as pool:
        empty_account(vendor)
        while len(vendor.reads) < 3:
            [outcome] = await outcomes_of(pool, 1)
            assert isinstance(error_of(outcome), InsufficientCreditsError)
            await asyncio.sleep(0.001)
    assert len(vendor.posts) == 1


async def test_nothing_is_asked_before_the_time():
    """A minute is long: jobs that come meanwhile fail without any request."""
    async with small_vendor() as vendor, pool_of(vendor) as pool:
        empty_account(vendor)
        await outcomes_of(pool, 1)
        vendor.credits_left[FIRST] = 100.0
        outcomes = await outcomes_of(pool, 30)
        assert {type(error_of(outcome)) for outcome in outcomes} == {InsufficientCreditsError}
        assert pool.unfinished() == ()
    assert (len(vendor.posts), vendor.reads) == (1, [])


@pytest.mark.parametrize("refused", [1, 4, 12])
async def test_retry_keys_brings_a_key_back_at_once(refused):
    """Without waiting, after however many jobs were refused."""
    async with small_vendor() as vendor, pool_of(vendor, submits=4) as pool:
        empty_account(vendor)
        await outcomes_of(pool, refused)
        vendor.credits_left[FIRST] = 100.0
        await pool.retry_keys()
        assert are_completed(await outcomes_of(pool, 12))


async def test_a_top_up_after_many_refusals_at_once_is_no_reason_to_wait():
    """Eight jobs are refused side by side. That they were is forgotten with the suspension, in the circuit too."""
    async with small_vendor() as vendor, pool_of(vendor, submits=8) as pool:
        gate = asyncio.Event()

        async def refuse_together(_: Post) -> bytes | None:
            if len(vendor.posts) == 8:
                gate.set()
            await gate.wait()
            return EMPTY if vendor.credits_left[FIRST] <= 0 else None

        vendor.credits_left[FIRST] = 0.0
        vendor.on_post = refuse_together
        outcomes = await outcomes_of(pool, 8)
        assert {type(error_of(outcome)) for outcome in outcomes} == {InsufficientCreditsError}
        assert len(vendor.posts) == 8
        vendor.credits_left[FIRST] = 100.0
        await pool.retry_keys()
        assert are_completed(await outcomes_of(pool, 8))


async def test_a_restored_key_lets_one_job_find_out(monkeypatch):
    """A read of credits that goes well proves little: a key that is refused again costs one POST, not many."""
    events: list[Event] = []
    async with small_vendor() as vendor, pool_of(vendor, submits=4, observer=events.append) as pool:
        vendor.on_post = lambda _: REVOKED
        await outcomes_of(pool, 1)
        await pool.retry_keys()
        outcomes = await outcomes_of(pool, 20)
        assert {type(error_of(outcome)) for outcome in outcomes} == {AuthenticationError}
        assert len(vendor.posts) == 2
        vendor.on_post = lambda _: None
        await pool.retry_keys()
        assert are_completed(await outcomes_of(pool, 20))
    told = [type(event) for event in events if isinstance(event, KeySuspended | KeyRestored)]
    assert told == [KeySuspended, KeyRestored, KeySuspended, KeyRestored]


async def test_retry_keys_of_healthy_keys_asks_nothing():
    """There is nothing to find out."""
    async with small_vendor() as vendor, pool_of(vendor, keys=2) as pool:
        await pool.retry_keys()
        assert are_completed(await outcomes_of(pool, 4))
    assert vendor.reads == []


async def test_a_key_comes_back_while_another_one_works(monkeypatch):
    """A suspended key is tried although its jobs have another key to go to."""
    monkeypatch.setattr(key_health, "CHECK_SECONDS", 0.001)
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=2) as pool:
        empty_account(vendor)
        await outcomes_of(pool, 4)
        vendor.credits_left[FIRST] = 100.0
        vendor.posts.clear()
        for _ in range(10):
            assert are_completed(await outcomes_of(pool, 10))
    assert vendor.with_key(FIRST)


# --- one key, and the others


async def test_a_refused_key_costs_the_other_nothing():
    """Every job is bought with the other key, in the same run."""
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=4) as pool:
        empty_account(vendor)
        assert are_completed(await outcomes_of(pool, 20))
    assert len(vendor.with_key(FIRST)) <= 4
    assert sorted(vendor.paid) == list(range(1, 21))


async def test_a_key_in_back_off_holds_no_permit():
    """With one submit at once, a key that asks for a minute does not keep the other from its jobs."""
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=1, retry=ev.RetryPolicy()) as pool:
        vendor.on_post = lambda post: refusal(429, Retry_After=60) if post.key == FIRST else None
        assert are_completed(await outcomes_of(pool, 20))
    assert len(vendor.with_key(FIRST)) == 1
    assert len(vendor.with_key(SECOND)) == 20


async def test_a_key_that_is_full_does_not_slow_the_other():
    """The limit of submits at once is learned for each key."""
    limits: list[int] = []
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=4) as pool:
        vendor.on_post = lambda post: refusal(429) if post.key == FIRST else None
        outcomes = await outcomes_of(pool, 40)
        limits.append(pool.stats().submits_limit)
    assert are_completed(outcomes)
    assert limits == [4]


async def test_a_wait_beyond_patience_sends_the_jobs_to_the_other_key():
    """A day is too long; with one key only the jobs come back with that refusal."""
    async with small_vendor() as vendor:
        vendor.on_post = lambda post: refusal(429, Retry_After=86400) if post.key == FIRST else None
        async with pool_of(vendor, keys=2) as pool:
            assert are_completed(await outcomes_of(pool, 20))
        async with pool_of(vendor, keys=1) as pool:
            outcomes = await outcomes_of(pool, 20)
            assert pool.unfinished() == ()
    assert {type(error_of(outcome)) for outcome in outcomes} == {RateLimitError}


@pytest.mark.parametrize("status", [429, 503])
async def test_a_straggler_does_not_make_jobs_sit_out_a_day(status):
    """One submit is asked to wait for a day, and one sent before is accepted after that: the others come back now."""
    async with small_vendor() as vendor, pool_of(vendor, submits=2) as pool:
        refused = asyncio.Event()
        ask = refusal(status, "rate_limit_exceeded", Retry_After=86400)

        async def on_post(post: Post) -> bytes | None:
            if post.take != 1:
                return ask
            await refused.wait()
            return None

        vendor.on_post = on_post
        task = asyncio.create_task(outcomes_of(pool, 10))
        await until(lambda: pool.stats().faults == 1)
        refused.set()
        async with asyncio.timeout(20):
            outcomes = await task
    assert len(outcomes) == 10


async def test_a_bar_on_one_model_leaves_the_key_its_other_models():
    """The job goes to another key, and the key goes on with what it may."""
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=2) as pool:
        vendor.on_post = lambda post: NO_MODEL if post.key == FIRST and post.take < 100 else None
        assert are_completed(await outcomes_of(pool, 20))
        assert len(vendor.with_key(FIRST)) <= 2
        other = Wan26TextToVideo(prompt="A person dancing, take 100")
        await asyncio.gather(*(pool.submit(other, key=f"other-{number}") for number in range(4)))
    assert 100 in vendor.with_key(FIRST)


@pytest.mark.parametrize("is_well", [False, True])
async def test_a_bar_that_has_rested_is_tried_by_one_job(monkeypatch, is_well):
    """The others wait for its answer: accepted, all go; refused, they are told and not sent."""
    monkeypatch.setattr(key_health, "CHECK_SECONDS", 0.1)
    answers = asyncio.Event()

    async def on_post(_: Post) -> bytes | None:
        await answers.wait()
        return None if is_well else NO_MODEL

    async with small_vendor() as vendor, pool_of(vendor, submits=8) as pool:
        vendor.on_post = lambda _: NO_MODEL
        assert not are_completed(await outcomes_of(pool, 1))
        assert pool._engine is not None
        [session] = pool._engine.sessions
        await until(lambda: session.refusal_for(dance().model) is None)
        vendor.on_post = on_post
        task = asyncio.create_task(outcomes_of(pool, 8))
        await until(lambda: pool.stats().waiting == 8 and len(vendor.posts) > 1)
        assert len(vendor.posts) == 2
        answers.set()
        assert are_completed(await task) == is_well
        assert len(vendor.posts) == 1 + (8 if is_well else 1)


@pytest.mark.parametrize("policy", [{"resubmit": "never"}, {"attempts": 1}])
@pytest.mark.parametrize("answer", [REVOKED, NO_MODEL])
async def test_a_refusal_of_one_key_is_not_the_last_try_of_a_job(policy, answer):
    """Another key certainly has not sent it yet, whatever the policy says of sending again."""
    async with small_vendor() as vendor, pool_of(vendor, keys=2, retry=attrs.evolve(PATIENT, **policy)) as pool:
        vendor.on_post = lambda _: answer if len(vendor.posts) == 1 else None
        assert are_completed(await outcomes_of(pool, 1))
        assert sorted(post.key for post in vendor.posts) == sorted((FIRST, SECOND))


async def test_bars_of_every_key_fail_the_jobs_until_retry_keys():
    """The account may be given the model later."""
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=2) as pool:
        vendor.on_post = lambda _: NO_MODEL
        outcomes = await outcomes_of(pool, 20)
        assert {type(error_of(outcome)) for outcome in outcomes} == {AccessDeniedError}
        assert len(vendor.posts) <= 4
        vendor.on_post = lambda _: None
        await pool.retry_keys()
        assert are_completed(await outcomes_of(pool, 20))


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_no_credits_under_any_status_suspend_the_key(status):
    """Under a 5xx the job itself is in doubt, too."""
    async with small_vendor() as vendor, pool_of(vendor, submits=1) as pool:
        vendor.on_post = lambda _: refusal(status, "insufficient_quota")
        outcomes = await outcomes_of(pool, 10)
        assert len(vendor.posts) == 1
        assert [type(outcome) for outcome in outcomes].count(ev.Unknown) == (status >= 500)
        assert len(outcomes) == 10


# --- who is not sent


async def test_a_doubt_of_a_suspended_key_is_not_sent_and_holds_no_permit():
    """It belongs to that account. With one submit at once the jobs of the other key go on."""
    policy = ev.RetryPolicy(resubmit="same_key", base=0.01, cap=0.02, patience=2, grace=1)
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=1, retry=policy) as pool:
        vendor.on_post = lambda post: None if post.key == SECOND else (reset if len(vendor.posts) == 1 else REVOKED)
        outcomes = {outcome.key: outcome for outcome in await outcomes_of(pool, 20)}
        [doubt] = [outcome for outcome in outcomes.values() if isinstance(outcome, ev.Unknown)]
        sent = len(vendor.posts)
        assert isinstance((await outcomes_of(pool, 1))[0], ev.Unknown)
        assert len(vendor.posts) == sent
    assert doubt.key == "shot-1"
    assert are_completed([outcome for key, outcome in outcomes.items() if key != "shot-1"])
    assert vendor.with_key(SECOND).count(1) == 0


async def test_a_job_before_its_turn_is_not_sent_with_a_key_that_was_suspended_meanwhile():
    """With one submit at once the second job waits while the first is refused."""
    async with small_vendor() as vendor, pool_of(vendor, submits=1) as pool:
        vendor.on_post = lambda _: REVOKED
        outcomes = await outcomes_of(pool, 5)
        assert pool.unfinished() == ()
    assert vendor.takes == [1]
    assert {type(error_of(outcome)) for outcome in outcomes} == {AuthenticationError}


class SlowJournal(MemoryJournal):
    """A journal in memory that writes the intent of one job only when it is let."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.is_asked = asyncio.Event()
        self.may_write = asyncio.Event()

    async def submitting(self, intent: Intent) -> None:
        """Write down that a job is about to be sent."""
        if intent.key == self.key:
            self.is_asked.set()
            await self.may_write.wait()
        await super().submitting(intent)


@pytest.mark.parametrize(
    "answer", [REVOKED, EMPTY, NO_MODEL, refusal(429, Retry_After=3600)], ids=["401", "402", "model", "429"]
)
async def test_what_was_learned_while_the_journal_wrote_holds(answer):
    """The turn was given, and the key was refused before the job was sent: it is not sent with that key."""
    journal = SlowJournal("shot-2")
    async with small_vendor() as vendor, pool_of(vendor, submits=2, journal=journal) as pool:
        go = asyncio.Event()

        async def on_post(_: Post) -> bytes:
            await go.wait()
            return answer

        vendor.on_post = on_post
        task = asyncio.create_task(outcomes_of(pool, 2))
        await journal.is_asked.wait()
        await until(lambda: len(vendor.posts) == 1)
        go.set()
        await until(lambda: pool.stats().faults == 1)
        journal.may_write.set()
        outcomes = await task
        assert pool.unfinished() == ()
    assert vendor.takes == [1]
    assert {type(outcome) for outcome in outcomes} == {ev.Failed}


# --- learners and prices


async def test_while_a_learner_is_out_no_other_request_begins():
    """The answer names the price; until then nobody knows what is affordable."""
    async with small_vendor() as vendor, pool_of(vendor, submits=4, budget=Budget(credits=1000)) as pool:
        go = asyncio.Event()

        async def on_post(_: Post) -> None:
            await go.wait()

        vendor.on_post = on_post
        task = asyncio.create_task(outcomes_of(pool, 10))
        await until(lambda: vendor.posts)
        await turns(200)
        assert len(vendor.posts) == 1
        go.set()
        assert are_completed(await task)


async def test_a_price_that_rises_while_jobs_wait_makes_them_wait_for_credits_again():
    """Three at 10 fit into 30; at 20 the third has to wait until the others have ended, and cost less."""
    async with small_vendor() as vendor, pool_of(vendor, submits=1, budget=Budget(credits=30)) as pool:
        vendor.are_tasks_held, vendor.used = True, 1.0

        def on_post(post: Post) -> None:
            vendor.price = 10.0 if len(vendor.posts) == 1 else 20.0

        vendor.on_post = on_post
        task = asyncio.create_task(outcomes_of(pool, 3))
        await until(lambda: len(vendor.paid) == 2)
        await turns(200)
        assert len(vendor.posts) == 2
        assert pool.stats().waiting == 1
        vendor.are_tasks_held = False
        assert are_completed(await task)
    assert len(vendor.paid) == 3


# --- the circuit


async def test_a_circuit_tells_no_job_of_another():
    """A refusal quotes the prompt of the job that it was about; who was not sent is told just that."""
    policy = ev.RetryPolicy(base=0.01, cap=0.05, patience=5, refusals=3)
    async with small_vendor() as vendor, pool_of(vendor, submits=1, retry=policy) as pool:
        vendor.on_post = lambda post: refusal(404, "model_not_found", f"no such model for take {post.take}!")
        outcomes = [as_failed(outcome) for outcome in await outcomes_of(pool, 10)]
    assert vendor.takes == [1, 2, 3]
    for outcome in outcomes:
        take = int(outcome.key.partition("-")[2])
        assert isinstance(outcome.error, InvalidRequestError)
        if take <= 3:
            assert f"take {take}!" in str(outcome.error)
        else:
            assert "not sent" in str(outcome.error)
            assert "take" not in f"{outcome.error} {outcome.error!r} {vars(outcome.error)}"
            assert outcome.error.request_id is None


async def test_a_page_opens_no_circuit():
    """What stands before the service says nothing of a model."""
    policy = ev.RetryPolicy(base=0.01, cap=0.05, patience=5, refusals=2)
    async with small_vendor() as vendor, pool_of(vendor, submits=1, retry=policy) as pool:
        vendor.on_post = lambda post: page(413) if post.take <= 5 else None
        outcomes = await outcomes_of(pool, 8)
    assert sum(isinstance(outcome, ev.Failed) for outcome in outcomes) == 5
    assert len(vendor.paid) == 3


async def test_a_call_for_one_job_meets_a_suspended_key():
    """`submit` raises the refusal, as a copy of its own."""
    async with small_vendor() as vendor, pool_of(vendor) as pool:
        vendor.on_post = lambda _: REVOKED
        errors: list[AuthenticationError] = []
        for number in (1, 2, 3):
            with pytest.raises(AuthenticationError) as told:
                await pool.submit(dance(number))
            errors.append(told.value)
    assert len({id(error) for error in errors}) == 3
    assert vendor.takes == [1]
