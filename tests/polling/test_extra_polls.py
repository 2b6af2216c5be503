"""Somebody's deadline passes while polls are under way: a last poll is sent for him, or he is told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import pytest

from evolink_async.errors import EvolinkError, RateLimitError, ServerError, TransportError
from evolink_async.polling import Schedule, WatchedTask, Watchlist
from evolink_async.polling.outage_backoff import OUTAGE
from evolink_async.polling.watchlist import PollResult
from evolink_async.settings import Cadence
from evolink_async.task import Snapshot

CADENCE = Cadence(batch="never")


@attrs.define(eq=False)
class Account:
    """An account whose answers the test makes."""

    busy: int = 0

    async def poll(self, task_id: str) -> Snapshot | EvolinkError:
        """Never called."""
        raise AssertionError

    async def poll_many(self, task_ids: Sequence[str]) -> Mapping[str, Snapshot] | EvolinkError:
        """Never called: what an account has asked holds for all its tasks."""
        raise AssertionError


@attrs.define
class Polls:
    """A watchlist without a poller, and the time."""

    now: float = 1000.0
    tasks: Watchlist = attrs.field(init=False)
    told: list[str] = attrs.field(factory=list[str])

    def __attrs_post_init__(self) -> None:
        self.tasks = Watchlist(CADENCE, Schedule(CADENCE), lambda: self.now, lambda due: None)

    def watch(self, task_id: str, account: Account) -> WatchedTask:
        """Watch a task that is due."""
        return self.tasks.watch(task_id, account, lambda entry, seen: None, within=0.0)

    def send(self) -> WatchedTask:
        """Send the next status request, which is due."""
        queue, at = self.tasks.next_queue()
        assert queue is not None
        assert at <= self.now
        [entry] = queue.take(self.now)
        entry.polls, entry.polled_at = entry.polls + 1, self.now
        return entry

    def answer(self, entry: WatchedTask, seen: Snapshot | EvolinkError) -> None:
        """Let the answer to a status request come a second later."""
        self.now += 1
        self.tasks.apply_answer(self.tasks._queue_of(entry), [entry], seen)

    def poll_once(self, entry: WatchedTask) -> bool:
        """Somebody's time is up."""
        return self.tasks.poll_once(entry, lambda: self.told.append(entry.task_id))


@pytest.fixture
def polls() -> Polls:
    return Polls()


@pytest.mark.parametrize("refusal", [RateLimitError(429, "x", retry_after=25), ServerError(503, "x", retry_after=3600)])
def test_a_deadline_while_a_poll_is_under_way_does_not_wait_as_long_as_its_answer_asks(polls, refusal):
    """The answer asks to wait, so there is no last poll; polls go on after the time asked for."""
    polls.watch("task", Account())
    entry = polls.send()
    assert polls.poll_once(entry)
    polls.answer(entry, refusal)
    assert polls.told == ["task"]
    assert polls.tasks.next_queue()[1] >= polls.now + refusal.retry_after


def test_a_deadline_does_not_wait_as_long_as_the_answer_about_another_task_asks(polls):
    """The last poll was not sent yet when the service asked to wait."""
    account = Account()
    polls.watch("other", account)
    under_way = polls.send()
    entry = polls.watch("task", account)
    assert polls.poll_once(entry)
    polls.answer(under_way, RateLimitError(429, "x", retry_after=25))
    assert polls.told == ["task"]
    assert not polls.poll_once(entry)


def test_a_deadline_does_not_wait_for_the_end_of_an_outage(polls):
    """An outage without a word of how long it takes is found with a poll that was under way at the deadline."""
    account = Account()
    for number in range(OUTAGE):
        polls.watch(f"task-{number}", account)
    *first, entry = [polls.send() for _ in range(OUTAGE)]
    assert polls.poll_once(entry)
    for other in first:
        polls.answer(other, TransportError("down"))
    assert polls.told == []
    polls.answer(entry, TransportError("down"))
    assert polls.told == [entry.task_id]


def test_what_one_account_asks_ends_no_last_poll_of_another(polls):
    """Its last poll is sent, and what that shows is told."""
    polls.watch("one", Account())
    of_one = polls.send()
    polls.watch("two", Account())
    of_two = polls.send()
    assert polls.poll_once(of_two)
    polls.answer(of_one, RateLimitError(429, "x", retry_after=25))
    polls.answer(of_two, Snapshot(task_id="two", state="processing"))
    assert polls.told == []
    assert polls.send() is of_two
    polls.answer(of_two, Snapshot(task_id="two", state="processing"))
    assert polls.told == ["two"]


def test_a_last_poll_under_way_is_waited_for_though_the_service_asks_to_wait(polls):
    """It may still bring the end of the task."""
    account, ends = Account(), list[PollResult]()
    entry = polls.tasks.watch("task", account, lambda _, seen: ends.append(seen), within=0.0)
    assert polls.poll_once(entry)
    assert polls.send() is entry
    polls.watch("other", account)
    polls.answer(polls.send(), RateLimitError(429, "x", retry_after=25))
    assert polls.told == []
    last = Snapshot(task_id="task", state="failed")
    polls.answer(entry, last)
    assert (ends, polls.told) == ([last], ["task"])


def test_a_batch_that_misses_a_task_leaves_its_deadline_not_waiting(polls):
    """The service has asked to wait meanwhile, so that the task is not polled alone."""
    account = Account()
    polls.watch("task", account)
    entry = polls.send()
    polls.watch("other", account)
    other = polls.send()
    assert polls.poll_once(entry)
    polls.answer(other, RateLimitError(429, "x", retry_after=25))
    polls.tasks.apply_answer(polls.tasks._queue_of(entry), [entry], {})
    assert polls.told == ["task"]
