"""Every row of the submit table, against a server that really misbehaves."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from evolink_async import (
    AccessDeniedError,
    AuthenticationError,
    Completed,
    Failed,
    HttpOptions,
    InsufficientCreditsError,
    InvalidRequestError,
    Job,
    Limits,
    NotDeliveredError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    SubmissionUnknownError,
    Unknown,
)
from evolink_async.emulator import Emulator, faults
from tests.kit import KEY, PATIENT, arrivals, as_completed, dance, error_of, jobs, open_pool
from tests.servers import free_port

pytestmark = pytest.mark.anyio

HASTY = HttpOptions(submit_timeout=0.3, connect_timeout=0.2, allow_private_results=True)


async def outcome_of(emulator: Emulator, **settings):
    """The outcome of one job through `pool.run`."""
    async with open_pool(emulator, **settings) as pool:
        return [outcome async for outcome in pool.run(jobs(1))]


UNKNOWN = {
    "refused at the socket": faults.REFUSE,
    "reset before it was accepted": faults.DROP_BEFORE_ACCEPT,
    "reset after it was accepted": faults.DROP_AFTER_ACCEPT,
    "no answer, not accepted": faults.HANG_BEFORE_ACCEPT,
    "no answer, accepted": faults.HANG_AFTER_ACCEPT,
    "answer cut in the middle": faults.cut(20),
    "answer byte by byte": faults.slow_loris(0.05),
    "answer without end": faults.endless(50_000_000),
    "answer that unpacks to 64 MiB": faults.gzip_bomb(64 << 20),
    "200 with a page": faults.HTML_200,
    "200 with half a JSON": faults.NOT_JSON,
    "200 without id": faults.missing("id"),
    "200 with a null id": faults.nulled("id"),
    "200 with an id that is none": faults.extra({"id": "../../credits"}),
    "200 with an id that is a number": faults.extra({"id": 17}),
    "500 in the service's words": faults.error(500),
    "500 after it was accepted": faults.reply_after_accept(500, '{"error":{"code":"internal_error","message":"oops"}}'),
    "502 with a page": faults.reply(502, "<html>bad gateway</html>", content_type="text/html"),
    "503 with a page": faults.reply(503, "<html>busy</html>", content_type="text/html"),
    "504 empty": faults.reply(504),
    "301": faults.redirect(301, "/v1/videos/generations"),
    "307": faults.redirect(307, "/v1/videos/generations"),
    "308 to another host": faults.redirect(308, "https://elsewhere.example/v1/videos/generations"),
    "304": faults.reply(304),
    "408": faults.error(408),
    "409 idempotency_conflict": faults.error(409, code="idempotency_conflict"),
    "409 paid_outcome_unknown": faults.error(409, code="paid_outcome_unknown"),
    "425": faults.error(425),
}


@pytest.mark.parametrize("fault", UNKNOWN.values(), ids=UNKNOWN)
async def test_what_may_have_been_paid_is_unknown_and_sent_once(emulator, fault):
    """One POST, one `Unknown` that carries what helps to find the task, and it is still known afterwards."""
    emulator.faults.on("submit", faults.ALWAYS, fault)
    async with open_pool(emulator, http=HASTY) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, Unknown), outcome
    assert isinstance(outcome.error, SubmissionUnknownError)
    assert outcome.error.key == "shot-1"
    assert outcome.error.sent_at is not None
    assert not outcome.error.may_resubmit
    [received] = [request for request in emulator.received if request.kind == "submit"]
    assert outcome.error.idempotency_key == received.headers["Idempotency-Key"]
    assert pool.unfinished() == (outcome,)
    assert emulator.ledger.accepted <= 1


REFUSED = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AccessDeniedError,
    404: InvalidRequestError,
    405: InvalidRequestError,
    410: InvalidRequestError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    418: InvalidRequestError,
    422: InvalidRequestError,
    451: InvalidRequestError,
}


@pytest.mark.parametrize("generation", ["new", "old"])
@pytest.mark.parametrize("status", REFUSED)
async def test_a_refusal_fails_at_once(emulator, status, generation):
    """One POST, nothing paid, the service's own words in an error of the right class."""
    emulator.faults.on("submit", faults.ALWAYS, faults.error(status, generation=generation, message="because"))
    [outcome] = await outcome_of(emulator)
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is REFUSED[status]
    assert outcome.error.message == "because"
    assert outcome.error.request_id
    assert emulator.ledger.accepted == 0
    assert len(emulator.received) == 1


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        (faults.error(429), RateLimitError),
        (faults.error(429, generation="old", headers={"Retry-After": "0.02"}), RateLimitError),
        (faults.error(503), ServerError),
    ],
    ids=["429", "429 with Retry-After", "503 in the service's words"],
)
async def test_a_refusal_for_now_is_sent_again_with_the_same_key_and_body(emulator, fault, last):
    """Three refusals, then accepted: one paid task, four POSTs alike."""
    emulator.faults.on("submit", range(1, 4), fault)
    [outcome] = await outcome_of(emulator, retry=attrs.evolve(PATIENT, patience=60))
    assert isinstance(outcome, Completed)
    posts = [request for request in emulator.received if request.kind == "submit"]
    assert len(posts) == 4
    assert len({(post.headers["Idempotency-Key"], post.body) for post in posts}) == 1
    assert emulator.ledger.accepted == 1

    emulator.faults.on("submit", faults.ALWAYS, fault)
    [outcome] = await outcome_of(emulator, retry=RetryPolicy(base=0.001, cap=0.001, attempts=3))
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is last
    assert emulator.ledger.accepted == 1


async def test_retry_after_is_obeyed_between_submits(emulator):
    """No POST comes earlier than the service asked."""
    emulator.faults.on("submit", 1, faults.error(429, headers={"Retry-After-Ms": "150"}))
    [outcome] = await outcome_of(emulator)
    assert isinstance(outcome, Completed)
    first, second = arrivals(emulator, "submit")
    assert second - first >= 0.15


async def test_a_retry_after_beyond_the_patience_ends_the_attempts(emulator):
    """Retry-After: a day, with 5 s of patience, is a failure now, not tomorrow."""
    emulator.faults.on("submit", faults.ALWAYS, faults.error(429, headers={"Retry-After": "86400"}))
    [outcome] = await outcome_of(emulator)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RateLimitError)
    assert outcome.error.retry_after == 86400


async def test_never_means_once(emulator):
    """`resubmit="never"` reports even a 429."""
    emulator.faults.on("submit", faults.ALWAYS, faults.error(429))
    [outcome] = await outcome_of(emulator, retry=RetryPolicy(resubmit="never"))
    assert isinstance(outcome, Failed)
    assert len(emulator.received) == 1


@pytest.mark.parametrize("idempotency", [True, False])
async def test_same_key_settles_what_is_unknown(idempotency):
    """With `same_key` a lost reply is asked for again: with a service that honours the key nothing is paid twice."""
    async with Emulator(speed=1000, idempotency=idempotency) as emulator:
        emulator.faults.on("submit", range(1, 3), faults.DROP_AFTER_ACCEPT)
        policy = RetryPolicy(resubmit="same_key", base=0.01, cap=0.02)
        [outcome] = await outcome_of(emulator, retry=policy)
        assert isinstance(outcome, Completed)
        posts = [request for request in emulator.received if request.kind == "submit"]
        assert len({(post.headers["Idempotency-Key"], post.body) for post in posts}) == 1
        assert emulator.ledger.accepted == (1 if idempotency else 3)


async def test_same_key_waits_while_the_first_call_is_still_open(emulator):
    """`paid_outcome_unknown` is an invitation to present the same key again."""
    emulator.faults.on("submit", 1, faults.error(409, code="paid_outcome_unknown"))
    [outcome] = await outcome_of(emulator, retry=RetryPolicy(resubmit="same_key", base=0.01, cap=0.02))
    assert isinstance(outcome, Completed)


async def test_a_doubt_is_not_cleared_by_a_later_refusal(emulator):
    """Lost reply, then 402 to the repeat: the first may be paid, so the job stays unknown."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    emulator.faults.on("submit", 2, faults.error(402))
    [outcome] = await outcome_of(emulator, retry=RetryPolicy(resubmit="same_key", base=0.01, cap=0.02))
    assert isinstance(outcome, Unknown)
    assert emulator.ledger.accepted == 1


async def test_same_key_never_repeats_a_conflict(emulator):
    """`idempotency_conflict` means that our key stands for something else: asking again cannot help."""
    emulator.faults.on("submit", faults.ALWAYS, faults.error(409, code="idempotency_conflict"))
    [outcome] = await outcome_of(emulator, retry=RetryPolicy(resubmit="same_key", base=0.01, cap=0.02))
    assert isinstance(outcome, Unknown)
    assert len(emulator.received) == 1


async def test_no_connection_is_not_delivered_and_tried_again(emulator):
    """No listener: as many attempts as allowed, then a failure that may be resubmitted."""
    url = f"http://127.0.0.1:{free_port()}"
    policy = RetryPolicy(attempts=3, base=0.001, cap=0.002)
    [outcome] = await outcome_of(emulator, base_url=url, retry=policy)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, NotDeliveredError)
    assert outcome.error.may_resubmit
    assert emulator.received == []


async def test_a_service_that_comes_back_is_reached(emulator):
    """Connections fail until the service is up; then the job runs and is paid for once."""
    port = free_port()
    retry = attrs.evolve(PATIENT, attempts=1000, patience=60)
    async with open_pool(emulator, base_url=f"http://127.0.0.1:{port}", retry=retry) as pool:
        waiting = asyncio.create_task(pool.generate(dance()))
        while pool.stats().faults < 2:
            await asyncio.sleep(0)
        async with Emulator(speed=1000, port=port) as late:
            assert (await waiting).url
            assert late.ledger.accepted == 1


async def test_an_outage_costs_probes_not_a_storm(emulator):
    """64 jobs against a service that refuses everything: far fewer requests than jobs times attempts."""
    emulator.faults.on("submit", faults.ALWAYS, faults.error(503))
    policy = RetryPolicy(attempts=10, base=0.02, cap=0.02, patience=0.2)
    async with open_pool(emulator, retry=policy) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(64))]
    assert all(isinstance(outcome, Failed) for outcome in outcomes)
    assert len(outcomes) == 64
    assert len(emulator.received) <= 64 + 64  # one try each, and some probes; not 640


@pytest.mark.parametrize("status", [401, 402])
async def test_a_suspended_key_hands_its_jobs_to_the_others(status):
    """The first key is refused once; every job is made with the second, and paid for once."""
    async with Emulator(speed=1000, api_keys=(KEY, "sk-second")) as emulator:
        emulator.faults.on("submit", 1, faults.error(status))
        async with open_pool(emulator, api_key=[KEY, "sk-second"]) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(6))]
        assert all(isinstance(outcome, Completed) for outcome in outcomes)
        assert emulator.ledger.accepted == 6
        assert len([request for request in emulator.received if request.kind == "submit"]) == 7


async def test_when_every_key_is_suspended_no_job_is_sent(emulator):
    """After the first 402, jobs not yet sent fail without a request."""
    emulator.faults.on("submit", faults.ALWAYS, faults.error(402))
    async with open_pool(emulator) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(50))]
    assert len(outcomes) == 50
    assert all(isinstance(error_of(outcome), InsufficientCreditsError) for outcome in outcomes)
    assert len(emulator.received) <= 8  # those that were under way together


@pytest.mark.parametrize(
    ("code", "submits"), [("key_disabled", 1), ("model_access_denied", 1), ("permission_denied", 2)]
)
async def test_only_a_403_about_the_key_benches_it(emulator, code, submits):
    """A key that may not use a model sends no more jobs of that model; any other 403 says nothing of the next job."""
    emulator.faults.on("submit", 1, faults.error(403, code=code))
    async with open_pool(emulator) as pool:
        for number in (1, 2):
            try:
                await pool.submit(dance(number))
            except AccessDeniedError as error:
                assert error.code == code
    assert len(emulator.received) == submits


async def test_one_key_is_one_purchase_while_it_is_unfinished(emulator):
    """The same key, twice at once and once more later: one POST; with other parameters: a conflict."""
    async with open_pool(emulator) as pool:
        first, second = await asyncio.gather(*(pool.submit(dance(), key="shot") for _ in range(2)))
        assert first == second
        assert (await pool.submit(dance(), key="shot")).task_id == first.task_id
        with pytest.raises(Exception, match="other parameters"):
            await pool.submit(dance(2), key="shot")
        [outcome] = [outcome async for outcome in pool.run([Job("shot", dance())])]
        assert as_completed(outcome).task_id == first.task_id
    assert emulator.ledger.accepted == 1


async def test_a_retry_after_outlives_the_success_of_another_job(emulator):
    """One job is asked to wait 0.5 s; another succeeds meanwhile; no submit is sent before that time is over."""
    emulator.faults.on("submit", 1, faults.error(429, headers={"Retry-After": "0.5"}))
    emulator.faults.on("submit", 2, faults.delay(0.1))
    async with open_pool(emulator) as pool:
        first, second = (asyncio.create_task(pool.submit(dance(number))) for number in (1, 2))
        await second
        await pool.submit(dance(3))
        await first
    assert arrivals(emulator, "submit")[2] >= 0.5


@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_beyond_patience_is_asked_of_one_job_and_holds_for_all(emulator, status):
    """At most the submits under way together are sent; the other jobs come back without a request."""
    refusal = faults.error(status, code="rate_limit_exceeded", headers={"Retry-After": "20"})
    emulator.faults.on("submit", faults.ALWAYS, refusal)
    async with open_pool(emulator) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(100))]
    assert len(outcomes) == 100
    assert {type(outcome) for outcome in outcomes} == {Failed}
    assert len(emulator.received) <= Limits().submits
