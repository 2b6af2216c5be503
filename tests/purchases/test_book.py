"""The book: one purchase under a key, owners who let go, ends that count once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async import Accepted, Job, Unknown
from evolink_async.errors import SubmissionUnknownError
from evolink_async.purchases import Book, End, Purchase, withdrawn
from evolink_async.task import Snapshot
from tests.kit import as_failed, dance


def purchase(key: str = "a", number: int = 1) -> Purchase:
    """A purchase of a job."""
    return Purchase(job=Job(key, dance()), idempotency_key=f"ev-{number}")


def test_a_purchase_stands_under_its_key_until_it_leaves():
    """One at a time."""
    book, first = Book[Purchase](), purchase()
    book.enter(first)
    assert book.find("a") is first
    book.leave(first, 0.0)
    assert book.find("a") is None


def test_a_purchase_that_leaves_late_does_not_take_its_successor_along():
    """It was withdrawn, and a new one entered before its task came to its end."""
    book, first, second = Book[Purchase](), purchase(number=1), purchase(number=2)
    book.enter(first)
    book.enter(second)
    book.leave(first, 0.0)
    assert book.find("a") is second


def test_an_owner_that_lets_go_twice_takes_nothing_from_another():
    """The other still wants it."""
    bought, one, other = purchase(), object(), object()
    bought.owners |= {one, other}
    assert not bought.release(one)
    assert not bought.release(one)
    assert bought.is_wanted
    assert bought.release(other)


def test_what_is_under_way_is_not_withdrawn():
    """Its answer may name a task that was paid for."""
    bought, owner = purchase(), object()
    bought.owners.add(owner)
    bought.under_way = True
    assert not bought.release(owner)
    assert not bought.is_wanted


def test_what_is_told_is_read_from_the_purchase():
    """A doubt stays a doubt, whatever was cancelled."""
    bought = purchase()
    assert as_failed(bought.standing()).error.may_resubmit
    bought.doubt = SubmissionUnknownError("lost", key="a")
    assert isinstance(bought.standing(), Unknown)


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_withdrawn_job_that_another_call_has_sent_is_not_to_be_submitted_again(is_taken):
    """Nothing paid is told as unsent."""
    assert withdrawn("a", is_taken=is_taken).error.may_resubmit is not is_taken


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "task-1"]), st.sampled_from(["task-1", "task-2"]))))
def test_an_end_has_its_effects_once(ends):
    """Whoever sees it, in whatever order: a job's end is new once, a task is charged once."""
    book = Book[Purchase]()
    seen = [(key, task, book.ended(key, task)) for key, task in ends]
    for what in {(key, task) for key, task, _ in seen}:
        news = [end.is_new for key, task, end in seen if (key, task) == what]
        assert sum(news) <= 1
        assert what[0] == what[1] or news[0]
    for task in {task for _, task, _ in seen}:
        assert [end.is_charged for _, other, end in seen if other == task] == [True] + [False] * (
            sum(other == task for _, other, _ in seen) - 1
        )


def test_who_waits_for_a_bare_id_after_the_job_was_told_brings_no_new_end():
    """It has been counted under the job's key."""
    book = Book[Purchase]()
    assert not book.has_ended("a", "task-1")
    assert book.ended("a", "task-1") == End(is_new=True, is_charged=True)
    assert book.has_ended("a", "task-1")
    assert not book.has_ended("b", "task-1")
    assert book.ended("task-1", "task-1") == End(is_new=False, is_charged=False)


def test_a_task_is_fresh_for_a_while_after_its_purchase():
    """By monotonic seconds; what is older is forgotten, so that few are kept of 100,000."""
    book, first = Book[Purchase](10.0), purchase()
    book.enter(first)
    first.accepted = Accepted(
        key="a", task_id="t-1", snapshot=Snapshot(task_id="t-1", state="pending"), accepted_at=0.0
    )
    book.leave(first, 100.0)
    assert book.fresh.age("t-1", 109.5) == 9.5
    assert book.fresh.age("t-1", 110.0) is None
    assert book.fresh.age("t-2", 100.0) is None
    for number in range(1000):
        book.fresh.add(f"later-{number}", 100.0 + number)
    assert len(book.fresh) <= 11
