"""Which tasks a status request asks for: batches, trust in the batch route, outages, and the retry budget."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from evolink_async.errors import (
    AuthenticationError,
    InvalidRequestError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    TransportError,
)
from evolink_async.polling import WatchedTask
from evolink_async.polling.account_queue import RETRY_TOKENS, AccountQueue
from evolink_async.polling.batch_route import FAILURE_LIMIT, FAILURES, MAX_BATCH, RETRY_AFTER_SECONDS, BatchRoute
from evolink_async.polling.outage_backoff import OUTAGE
from evolink_async.settings import Cadence
from evolink_async.task import Snapshot

CADENCE = Cadence()
PENDING = Snapshot(task_id="t", state="pending")


@pytest.fixture
def queue() -> AccountQueue:
    """An account that may be asked for many tasks."""
    return AccountQueue(CADENCE, batches=True)


def watched(task_id: str, since: float) -> WatchedTask:
    """A task of an account that the queue does not use."""
    account: Any = None
    return WatchedTask(task_id, account, None, since)


def ready(queue: AccountQueue) -> float:
    """When the queue has something to ask for, which it has."""
    assert queue.ready_at is not None
    return queue.ready_at


def fill(queue: AccountQueue, dues: list[float], *, since: float = 0.0) -> list[WatchedTask]:
    """Put tasks with these due times into a queue."""
    entries = [watched(f"t{number}", since) for number in range(len(dues))]
    for entry, due in zip(entries, dues, strict=True):
        queue.put(entry, due, 0.1)
    return entries


# --- what one request asks for


def test_a_batch_is_filled_up_with_what_is_due_next(queue):
    """One task is due and a batch asks for fifty: the next due ones within a third of `max_interval`."""
    entries = fill(queue, [100.0 + number * 0.1 for number in range(80)])
    assert [entry.task_id for entry in queue.take(100.0)] == [entry.task_id for entry in entries[:MAX_BATCH]]
    assert len(queue) == 80 - MAX_BATCH


def test_what_is_due_much_later_does_not_come_along(queue):
    """A poll that early would tell nothing."""
    fill(queue, [100.0, 109.9, 110.2])
    assert len(queue.take(100.0)) == 2
    assert queue.ready_at == pytest.approx(110.2)


def test_what_was_seen_a_moment_ago_stays_where_it_is(queue):
    """`min_interval` holds for tasks that come along too."""
    first, second = fill(queue, [100.0, 101.0])
    second.last_running_at = 99.5
    assert queue.take(100.0) == [first]
    assert queue.ready_at == pytest.approx(101.0)


def test_nothing_is_asked_for_before_it_is_due(queue):
    """However many tasks are in the queue."""
    fill(queue, [100.0 + number for number in range(60)])
    assert queue.take(99.9) == []
    assert queue.ready_at == pytest.approx(100.0)


def test_a_task_to_be_read_alone_is(queue):
    """It is polled alone when it is due, and is in no batch."""
    alone, *others = fill(queue, [100.0, 100.1, 100.2])
    alone.reported_end = "completed"
    assert queue.take(100.3) == [alone]
    queue.put(alone, 100.15, 0.1)
    assert queue.take(100.3) == others


def test_an_account_that_may_not_be_asked_for_many_is_not():
    """Tasks of an unknown key, or `batch="never"`."""
    for queue in (
        AccountQueue(CADENCE, batches=False),
        AccountQueue(attrs.evolve(CADENCE, batch="never"), batches=True),
    ):
        fill(queue, [100.0, 100.0])
        assert len(queue.take(100.0)) == 1


def test_demand_is_the_sum_over_tasks(queue):
    """Put, moved and dropped; what is being asked for still counts."""
    first, second, third = fill(queue, [100.0, 100.0, 100.0])
    queue.put(first, 105.0, 0.5)
    assert queue.demand == pytest.approx(0.7)
    queue.drop(second)
    assert queue.demand == pytest.approx(0.6)
    assert queue.take(100.0)[0] is third
    assert queue.demand == pytest.approx(0.6)


# --- outages


def test_an_outage_is_found_out_about_by_one_request_at_a_time():
    """After some faults in a row all requests wait, longer each time; after one answer all go on at once.

    Requests that were under way together do not lengthen the wait.
    """
    queue = AccountQueue(CADENCE, batches=False)
    fill(queue, [100.0] * 300)
    for _ in range(OUTAGE + 10):
        assert queue.take(100.0)
    for _ in range(OUTAGE + 10):
        queue.record_answer(TransportError("x"), 100.0, is_batch=False)
    outage = queue.outage
    assert outage.is_outage
    waits, now = [], 100.0
    for _ in range(8):
        waits.append(ready(queue) - now)
        now = ready(queue)
        assert queue.take(now)
        assert queue.ready_at is None  # nobody else, until this one is back
        assert queue.take(now) == []
        queue.record_answer(TransportError("x"), now, is_batch=False)
    assert waits == pytest.approx([2, 4, 8, 16, 30, 30, 30, 30])
    now = ready(queue)
    assert queue.take(now)
    queue.record_answer(PENDING, now, is_batch=False)
    assert not queue.outage.is_outage
    assert ready(queue) <= now


def test_a_retry_after_holds_for_the_whole_account(queue):
    """Also when an answer to an earlier request comes in meanwhile."""
    fill(queue, [100.0] * 3)
    queue.take(100.0)
    queue.put(watched("u", 0.0), 100.0, 0.1)
    queue.record_answer(RateLimitError(429, "x", retry_after=7.0), 100.0, is_batch=False)
    assert queue.ready_at == 107.0
    queue.record_answer(PENDING, 100.0, is_batch=False)
    assert queue.ready_at == 107.0
    assert queue.take(106.9) == []


def test_a_refused_key_or_a_missing_task_is_no_outage(queue):
    """The service answered."""
    fill(queue, [100.0] * 20)
    for _ in range(3 * OUTAGE):
        queue.record_answer(AuthenticationError(401, "x"), 100.0, is_batch=False)
    assert not queue.outage.is_outage


def test_early_retries_take_tokens_that_answers_add(queue):
    """Five early retries are free; after that one for twenty answers, so failures add 5 % of requests at most."""
    assert [queue.take_retry_token() for _ in range(int(RETRY_TOKENS) + 2)] == [True] * int(RETRY_TOKENS) + [False] * 2
    for _ in range(21):
        queue.record_answer(PENDING, 100.0, is_batch=False)
    assert [queue.take_retry_token(), queue.take_retry_token()] == [True, False]


# --- whether the route for many is used


@pytest.fixture
def route() -> BatchRoute:
    """A route that was not tried yet."""
    return BatchRoute(allowed=True)


@pytest.mark.parametrize(
    "error", [StatusError(404, "x"), StatusError(405, "x"), ServerError(501, "x"), ReplyError("x")]
)
def test_a_missing_or_malformed_batch_route_is_never_used_again(route, error):
    """Single reads take over for good."""
    assert route.record_failure(error, 100.0)
    assert not route.is_open(1e12)
    assert route.off


STRAYS = [
    *(StatusError(status, "page", is_foreign=True) for status in (302, 401, 403, 404, 405)),
    ServerError(501, "page", is_foreign=True),
    ReplyError("page", is_foreign=True),
]


@pytest.mark.parametrize("error", STRAYS)
def test_a_stray_page_says_nothing_of_a_route_that_has_worked(route, error):
    """It counts as a failure: the next batch is tried as before, and many in a row only pause the route."""
    route.record_answer(50)
    assert not route.record_failure(error, 100.0)
    assert route.is_open(100.0)
    route.record_answer(50)
    for _ in range(FAILURE_LIMIT - 1):
        assert not route.record_failure(error, 100.0)
        route.record_single_poll(works=True)
    assert route.record_failure(error, 100.0)
    assert not route.is_open(100.0 + RETRY_AFTER_SECONDS - 1)
    assert not route.record_failure(error, 100.0 + RETRY_AFTER_SECONDS)
    assert route.off is None


@pytest.mark.parametrize("error", [StatusError(404, "no route"), StatusError(405, "no"), ReplyError("wrong rows")])
def test_the_service_itself_ends_a_route_that_has_worked(route, error):
    """It says that there is no such route, or names tasks that nobody asked for."""
    route.record_answer(50)
    assert route.record_failure(error, 100.0)
    assert route.off


@pytest.mark.parametrize("error", [StatusError(404, "page", is_foreign=True), ReplyError("page", is_foreign=True)])
def test_a_page_in_place_of_a_route_that_never_worked_ends_it(route, error):
    """A balancer may not know the route."""
    assert route.record_failure(error, 100.0)
    assert route.off


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 413, 422])
def test_a_batch_route_that_refuses_is_paused(route, status):
    """One of the ids may have been at fault; whether the key is refused is for a single read to say."""
    assert route.record_failure(InvalidRequestError(status, "x"), 100.0)
    assert not route.is_open(100.0 + RETRY_AFTER_SECONDS - 1)
    assert route.is_open(100.0 + RETRY_AFTER_SECONDS)


FAULTS = [TransportError("x"), ServerError(500, "x"), ServerError(503, "x")]


@pytest.mark.parametrize("error", FAULTS)
def test_a_batch_route_that_fails_where_single_reads_work_is_paused(route, error):
    """Three failures, a single read that works, one more failure."""
    for _ in range(FAILURES):
        assert route.is_open(100.0)
        assert not route.record_failure(error, 100.0)
    assert not route.is_open(100.0)
    route.record_single_poll(works=True)
    assert route.is_open(100.0)
    assert route.record_failure(error, 100.0)
    assert not route.is_open(100.0 + RETRY_AFTER_SECONDS - 1)
    assert route.is_open(100.0 + RETRY_AFTER_SECONDS)


@pytest.mark.parametrize("error", FAULTS)
def test_a_proven_batch_route_may_fail_longer_before_it_is_paused(route, error):
    """A storm may fail a few reads in a row by chance; afterwards it has to prove itself anew."""
    route.record_answer(50)
    for number in range(1, FAILURE_LIMIT):
        assert not route.record_failure(error, 100.0)
        if number == FAILURES:
            assert not route.is_open(100.0)
            route.record_single_poll(works=True)
        assert route.is_open(100.0)
    assert route.record_failure(error, 100.0)
    for _ in range(FAILURES):
        assert not route.record_failure(error, 100.0 + RETRY_AFTER_SECONDS)
    route.record_single_poll(works=True)
    assert route.record_failure(error, 100.0 + RETRY_AFTER_SECONDS)


@pytest.mark.parametrize("error", FAULTS)
def test_an_outage_of_the_service_does_not_pause_the_batch_route(route, error):
    """Single reads fail as well: batches go on to be tried, and are used at once when it is over."""
    for _ in range(20):
        for _ in range(FAILURES):
            assert not route.record_failure(error, 100.0)
        assert not route.is_open(100.0)
        route.record_single_poll(works=False)
        assert route.is_open(100.0)
    route.record_answer(50)
    assert not route.record_failure(error, 100.0)


@pytest.mark.parametrize("status", [408, 425, 429])
def test_429_does_not_count_against_the_batch_route(route, status):
    """However often."""
    for _ in range(100):
        assert not route.record_failure(StatusError(status, "x"), 100.0)
        assert route.is_open(100.0)


def test_an_end_is_believed_once_a_single_read_has_confirmed_one(route):
    """If the single read disagrees, batches are not used again."""
    assert not route.is_trusted
    route.confirm("completed", "completed")
    assert route.is_trusted
    route.confirm("completed", "processing")
    assert not route.is_open(1e12)


def test_the_fill_is_what_requests_told_of_lately(route):
    """It rises with batches and falls with single reads, so the price of a poll is its present cost."""
    for _ in range(60):
        route.record_answer(50)
    assert route.fill > 49
    for _ in range(60):
        route.record_fill(1)
    assert route.fill < 1.1


def test_once_an_end_was_confirmed_reported_ends_are_not_polled_singly(queue):
    """A thousand tasks that ended at once are not read one by one: the first that is settles it for all."""
    entries = fill(queue, [100.0] * 10)
    for entry in entries:
        entry.reported_end = "completed"
    assert len(queue.take(100.0)) == 1
    queue.route.confirm("completed", "completed")
    assert len(queue.take(100.0)) == 9
