"""What an outage of the service costs, who is told of it, and how a pool comes out of it: on real connections."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

import evolink_async as ev
from evolink_async.errors import InterceptedError, NotDeliveredError, OutageError, SubmissionUnknownError
from evolink_async.events import Event, SubmitsHalted, SubmitsResumed
from evolink_async.journal import Found, MemoryJournal
from tests.kit import dance, jobs, open_pool, own_tasks, turns, until
from tests.servers import free_port, hang, reset
from tests.submitting.small_vendor import CALM, HASTY, Answer, Post, SmallVendor, page, pool_of, refusal, small_vendor

pytestmark = pytest.mark.anyio

SUBMITS = 4
MOST_DOUBTS = SUBMITS + 3 + 5
JOBS = 40
QUICK = ev.RetryPolicy(base=0.01, cap=0.05, patience=30, grace=1)
SHORT = ev.RetryPolicy(base=0.01, cap=0.02, patience=0.1, grace=1)
DOUBTS: dict[str, Answer] = {
    "502 with a page": page(502),
    "503 with a page": page(503),
    "524 with a page": page(524),
    "504 with a page": page(504),
    "500 in the service's words": refusal(500, "internal_error"),
    "302 to a login page": page(302, Location="https://login.example/"),
    "200 with a login page": page(200),
    "reset after the request": reset,
    "no answer": hang,
}
REFUSED: dict[str, Answer] = {"404 of a balancer": page(404), "403 of a firewall": page(403)}
ALL = DOUBTS | REFUSED


class Outage:
    """Paid requests meet a fault until so many reads were answered, or until it is switched off.

    Attributes:
        met: Requests that met it.
        is_on: Whether it goes on.
    """

    def __init__(self, vendor: SmallVendor, fault: Answer, *, reads: int | None = None, after: int = 2) -> None:
        self.met: list[Post] = []
        self.is_on = True
        self._vendor = vendor
        self._fault = fault
        self._reads = reads
        self._after = after
        vendor.on_post, vendor.on_read = self._post, self._read

    def _post(self, post: Post) -> Answer:
        if not self.is_on or len(self._vendor.posts) <= self._after:
            return None
        self.met.append(post)
        return self._fault

    def _read(self, _key: str) -> Answer:
        if self._reads is not None and len(self._vendor.reads) >= self._reads:
            self.is_on = False
        return None


async def run(pool: ev.SessionPool, count: int = JOBS) -> tuple[list[ev.Outcome], Exception | None]:
    """Read a run to its end; returns the outcomes, and what it raised."""
    outcomes: list[ev.Outcome] = []
    try:
        async for outcome in pool.run(jobs(count)):
            outcomes.append(outcome)
    except OutageError as error:
        return outcomes, error
    return outcomes, None


def time_outs(fault: Answer) -> ev.HttpOptions:
    """Short ones for a vendor that says nothing."""
    return HASTY if fault is hang else CALM


def of_kind(outcomes: list[ev.Outcome], kind: type) -> list[ev.Outcome]:
    """The outcomes of a class."""
    return [outcome for outcome in outcomes if isinstance(outcome, kind)]


@pytest.mark.parametrize("fault", ALL.values(), ids=ALL)
async def test_an_outage_within_patience_costs_few_doubts(fault):
    """Those in doubt were sent once; all the others are bought when it is over, each once, in the same run."""
    events: list[Event] = []
    settings: dict[str, Any] = {"retry": QUICK, "http": time_outs(fault), "observer": events.append}
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, **settings) as pool:
        outage = Outage(vendor, fault, reads=3)
        outcomes, error = await run(pool)
    assert error is None
    assert not outage.is_on
    assert len(outcomes) == JOBS
    unknown = of_kind(outcomes, ev.Unknown)
    assert len(of_kind(outcomes, ev.Completed)) == JOBS - len(unknown)
    met = [post.take for post in outage.met]
    is_doubt = fault in DOUBTS.values()
    assert {f"shot-{take}" for take in met if is_doubt} <= {outcome.key for outcome in unknown}
    assert len(unknown) == len(met) * is_doubt or fault is hang  # of which a slow machine may add some
    assert len(met) <= MOST_DOUBTS
    assert vendor.paid_twice == []
    told = [type(event) for event in events if isinstance(event, SubmitsHalted | SubmitsResumed)]
    # Who hurries a vendor that says nothing may halt once more, on a slow machine, when it is over.
    assert told == [SubmitsHalted, SubmitsResumed] * (len(told) // 2 if fault is hang else 1)
    assert told


@pytest.mark.parametrize("fault", ALL.values(), ids=ALL)
async def test_a_run_in_a_longer_outage_ends_with_outage_error(fault):
    """After its last outcome. The jobs stay planned; on the same journal the same input then buys the rest, once."""
    journal = MemoryJournal()
    async with small_vendor() as vendor:
        outage = Outage(vendor, fault)
        settings: dict[str, Any] = {"retry": SHORT, "http": time_outs(fault), "journal": journal}
        async with pool_of(vendor, submits=SUBMITS, **settings) as pool:
            outcomes, error = await run(pool)
            doubts = {known.key for known in pool.unfinished()}
        assert isinstance(error, OutageError)
        assert error.may_resubmit
        assert error.trouble is not None
        failed = of_kind(outcomes, ev.Failed)
        assert failed
        assert all(outcome.error.may_resubmit for outcome in failed if isinstance(outcome, ev.Failed))
        assert {outcome.key for outcome in of_kind(outcomes, ev.Unknown)} == doubts
        assert len(outage.met) <= MOST_DOUBTS or fault in REFUSED.values()
        outage.is_on = False
        async with pool_of(vendor, submits=SUBMITS, journal=journal) as pool:
            outcomes, error = await run(pool)
    assert error is None
    assert {outcome.key for outcome in of_kind(outcomes, ev.Unknown)} == doubts
    assert len(of_kind(outcomes, ev.Completed)) == JOBS - len(doubts)
    assert len(set(vendor.takes)) == JOBS
    posts_of_doubts = [post for post in vendor.posts if f"shot-{post.take}" in doubts]
    assert len(posts_of_doubts) == len(doubts)


class Stuck(MemoryJournal):
    """A journal that does not answer the first question about a job."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._stuck = {key}

    async def known(self, jobs: Sequence[ev.Job]) -> dict[str, Found]:
        """Wait, once, until the question is taken back."""
        if stuck := self._stuck & {job.key for job in jobs}:
            self._stuck -= stuck
            await asyncio.Event().wait()
        return await super().known(jobs)


async def test_a_job_that_an_outage_kept_from_being_sent_is_told_so():
    """Also one that the run had only begun with: it says what ended the run, not that somebody withdrew it."""
    async with small_vendor() as vendor:
        Outage(vendor, page(404))
        async with pool_of(vendor, submits=SUBMITS, retry=SHORT, journal=Stuck("shot-6")) as pool:
            outcomes, error = await run(pool)
    assert isinstance(error, OutageError)
    [begun] = [outcome for outcome in outcomes if outcome.key == "shot-6"]
    assert isinstance(begun, ev.Failed)
    assert isinstance(begun.error, OutageError)
    assert begun.error is not error


@pytest.mark.parametrize("fault", REFUSED.values(), ids=REFUSED)
async def test_the_same_pool_goes_on_after_an_outage(fault):
    """Calls fail at once while it lasts; afterwards the first one that may probe finds out."""
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=SHORT) as pool:
        outage = Outage(vendor, fault)
        _, error = await run(pool)
        assert isinstance(error, OutageError)
        outage.is_on = False
        # It says when it tries again, not how soon: the time between two tries is at most `cap`.
        while isinstance(error, OutageError):
            await asyncio.sleep(0.001)
            outcomes, error = await run(pool)
    assert len(of_kind(outcomes, ev.Completed)) == JOBS


@pytest.mark.parametrize("fault", [page(502), page(404), reset], ids=["502", "404", "reset"])
async def test_single_calls_in_an_outage_raise_outage_error(fault):
    """`submit` and `generate` tell it as an exception; nothing was sent for them."""
    # Past patience one call after each pause may probe, and be a trial if the probe is answered: none does here.
    seldom = attrs.evolve(SHORT, base=30.0, cap=30.0)
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=seldom) as pool:
        Outage(vendor, fault)
        await run(pool)
        before = len(vendor.posts)
        with pytest.raises(OutageError) as told:
            await pool.submit(dance(900))
        with pytest.raises(OutageError):
            await pool.generate(dance(901))
        assert told.value.may_resubmit
        assert len(vendor.posts) == before
        assert not {known.key for known in pool.unfinished()} & {"900", "901"}


async def test_no_listener_at_all_is_an_outage(emulator):
    """Nothing is delivered, so nothing is in doubt; every job comes back as planned."""
    events: list[Event] = []
    url = f"http://127.0.0.1:{free_port()}"
    async with open_pool(emulator, base_url=url, retry=SHORT, observer=events.append) as pool:
        outcomes, error = await run(pool)
        assert pool.unfinished() == ()
    assert isinstance(error, OutageError)
    assert isinstance(error.trouble, NotDeliveredError)
    assert {type(outcome) for outcome in outcomes} == {ev.Failed}
    assert sum(isinstance(event, SubmitsHalted) for event in events) == 1


async def test_polls_and_downloads_go_on_in_an_outage():
    """Accepted tasks are collected although no paid request is sent."""
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=QUICK) as pool:
        vendor.are_tasks_held = True
        outage = Outage(vendor, page(404), after=4)
        task = asyncio.create_task(run(pool))
        await until(lambda: outage.met and pool.stats().in_flight == 4)
        vendor.are_tasks_held = False
        await until(lambda: pool.stats().completed == 4)
        assert outage.is_on
        outage.is_on = False
        outcomes, error = await task
    assert error is None
    assert len(of_kind(outcomes, ev.Completed)) == JOBS


@pytest.mark.parametrize("status", [403, 404])
async def test_a_firewall_that_refuses_one_prompt_stops_that_job_alone(status):
    """It ends with `InterceptedError`; the others complete, nothing is halted, and the run ends as usual."""
    events: list[Event] = []
    async with small_vendor() as vendor, pool_of(vendor, submits=2, observer=events.append) as pool:
        vendor.on_post = lambda post: page(status) if post.take == 7 else None
        outcomes, error = await run(pool)
    assert error is None
    [intercepted] = of_kind(outcomes, ev.Failed)
    assert isinstance(intercepted, ev.Failed)
    assert intercepted.key == "shot-7"
    assert isinstance(intercepted.error, InterceptedError)
    assert intercepted.error.may_resubmit
    assert len(of_kind(outcomes, ev.Completed)) == JOBS - 1
    assert not [event for event in events if isinstance(event, SubmitsHalted)]


async def test_a_firewall_that_refuses_many_prompts_stops_these_alone():
    """They close the brake now and then. As others are accepted all the time, it is no outage: no run ends early."""
    intercepted = set(range(3, JOBS, 3))
    policy = attrs.evolve(QUICK, patience=3)
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=policy) as pool:
        vendor.on_post = lambda post: page(403) if post.take in intercepted else None
        outcomes, error = await run(pool)
    assert error is None
    failed = of_kind(outcomes, ev.Failed)
    assert {outcome.key for outcome in failed} == {f"shot-{take}" for take in intercepted}
    assert {type(outcome.error) for outcome in failed if isinstance(outcome, ev.Failed)} == {InterceptedError}
    assert len(of_kind(outcomes, ev.Completed)) == JOBS - len(intercepted)
    # Three meetings each, and some more while the others are accepted.
    assert max(vendor.takes.count(take) for take in intercepted) <= 6


async def test_a_doubt_is_sent_again_as_a_trial_with_the_same_key():
    """With `same_key` an outage leaves nothing in doubt once it is over, and no job has a second idempotency key."""
    policy = ev.RetryPolicy(resubmit="same_key", base=0.01, cap=0.05, patience=2, grace=1)
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=policy) as pool:
        Outage(vendor, page(502), reads=3)
        outcomes, error = await run(pool)
    assert error is None
    assert len(of_kind(outcomes, ev.Completed)) == JOBS
    assert len({post.purchase for post in vendor.posts}) == JOBS


async def test_an_outage_of_one_key_leaves_the_other_key_alone():
    """The jobs go with the other key, and no run ends early."""
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=SUBMITS, retry=QUICK) as pool:
        vendor.on_post = lambda post: page(502) if post.key == "sk-first" else None
        outcomes, error = await run(pool)
    assert error is None
    unknown = of_kind(outcomes, ev.Unknown)
    assert len(of_kind(outcomes, ev.Completed)) == JOBS - len(unknown)
    assert len(unknown) <= MOST_DOUBTS


async def test_a_trial_goes_with_another_key_than_the_one_that_failed():
    """While one key is out and the other is not, the first trial that goes with the other ends the outage for it."""
    async with small_vendor() as vendor, pool_of(vendor, keys=2, submits=6, retry=QUICK) as pool:
        # The first round fails with both keys, so that all are stopped.
        vendor.on_post = lambda post: page(502) if post.key == "sk-first" or len(vendor.posts) <= 6 else None
        outcomes, error = await run(pool)
    assert error is None
    assert len(outcomes) == JOBS
    # Each of the two brakes may find out once more that the first key is out.
    assert len(of_kind(outcomes, ev.Unknown)) <= 6 + 3 + 5


async def test_the_error_is_told_to_each_caller_as_a_copy():
    """One that is raised twice would collect the tracebacks of strangers."""
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=SHORT) as pool:
        Outage(vendor, page(404))
        outcomes, error = await run(pool)
    errors = [outcome.error for outcome in outcomes if isinstance(outcome, ev.Failed)]
    assert len({id(one) for one in [*errors, error]}) == len(errors) + 1


async def test_a_doubt_names_its_own_job():
    """What is told of an outage is about many; what is told of a doubt is about one."""
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=SHORT) as pool:
        Outage(vendor, page(502))
        outcomes, _ = await run(pool)
    purchases = {f"shot-{post.take}": post.purchase for post in vendor.posts}
    for outcome in of_kind(outcomes, ev.Unknown):
        assert isinstance(outcome, ev.Unknown)
        assert isinstance(outcome.error, SubmissionUnknownError)
        assert (outcome.error.key, outcome.error.idempotency_key) == (outcome.key, purchases[outcome.key])


async def test_closing_in_an_outage_leaves_nothing_running():
    """Neither a probe under way nor a timer for the next try outlives the pool."""
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=QUICK) as pool:
        vendor.on_post, vendor.on_read = (lambda _: page(404)), (lambda _: hang)
        task = asyncio.create_task(run(pool))
        await until(lambda: vendor.reads)
        await pool.aclose()
        with pytest.raises(ev.ConfigurationError):
            await task
        assert own_tasks() == set()
        assert pool.stats().requests == 0
    sent = len(vendor.posts), len(vendor.reads)
    await turns(100)
    assert (len(vendor.posts), len(vendor.reads)) == sent


async def test_a_trial_that_is_withdrawn_hands_its_place_on():
    """Its caller has gone; the next job finds out in its stead."""
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=QUICK) as pool:
        outage = Outage(vendor, page(404), after=0)
        calls = [asyncio.create_task(pool.submit(dance(number), key=f"shot-{number}")) for number in range(8)]
        await until(lambda: len(outage.met) >= SUBMITS + 1)
        for call in calls[:-1]:
            call.cancel()
        await asyncio.wait(calls[:-1])
        outage.is_on = False
        assert (await calls[-1]).task_id


@pytest.mark.parametrize("count", [10, 100])
async def test_many_calls_at_once_are_met_with_one_outage(count):
    """Calls that are not a run wait side by side, and each is told; the service sees as few requests as from a run."""
    async with small_vendor() as vendor, pool_of(vendor, submits=SUBMITS, retry=SHORT) as pool:
        outage = Outage(vendor, page(502), after=0)
        calls = (pool.submit(dance(number), key=f"shot-{number}") for number in range(count))
        ends = await asyncio.gather(*calls, return_exceptions=True)
        doubts = {known.key for known in pool.unfinished()}
    assert {type(end) for end in ends} <= {OutageError, SubmissionUnknownError}
    assert len(outage.met) == len(doubts) <= MOST_DOUBTS
