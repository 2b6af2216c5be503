"""The budget account never holds and spends more than its limit, except for the first job of a price class."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.budget import BudgetAccount, Ledger, price_class
from evolink_async.budget.account import Reserved, Wait
from evolink_async.errors import BudgetError


def taught(limit: float, **prices: float) -> BudgetAccount:
    """An account that knows prices."""
    return BudgetAccount(limit, Ledger(prices=prices))


def test_what_fits_is_held_and_what_does_not_is_refused():
    """Ten credits, jobs of four: two fit; the third waits while something may free credits, else it is refused."""
    budget_account = taught(10, clip=4)
    assert [budget_account.reserve(key, "clip", may_free=False) for key in "ab"] == [Reserved(4), Reserved(4)]
    assert isinstance(budget_account.reserve("c", "clip", may_free=True), Wait)
    refusal = budget_account.reserve("c", "clip", may_free=False)
    assert isinstance(refusal, BudgetError)
    assert (refusal.needed, refusal.left) == (4, 2)
    assert "2 credits left" in str(refusal)


def test_the_last_job_that_fits_is_admitted():
    """Exactly the limit is not too much."""
    budget_account = taught(8, clip=4)
    assert all(isinstance(budget_account.reserve(key, "clip", may_free=False), Reserved) for key in "ab")
    assert budget_account.left == 0


def test_the_price_of_a_class_is_learned_by_one_job_alone():
    """Until its price is known the others wait; then they hold that price."""
    budget_account = BudgetAccount(10, Ledger())
    assert budget_account.reserve("a", "clip", may_free=True) == Reserved(None)
    assert isinstance(budget_account.reserve("b", "clip", may_free=True), Wait)
    assert isinstance(budget_account.reserve("c", "film", may_free=True), Wait)
    budget_account.accepted("a", 6)
    assert isinstance(budget_account.reserve("b", "clip", may_free=True), Wait)
    assert budget_account.reserve("c", "film", may_free=True) == Reserved(None)


@pytest.mark.parametrize("end", ["released", "doubted"])
def test_a_failed_price_probe_lets_the_next_job_probe(end):
    """A refused or lost first job does not block its price class."""
    budget_account = BudgetAccount(10, Ledger())
    budget_account.reserve("a", "clip", may_free=True)
    getattr(budget_account, end)("a")
    assert budget_account.reserve("b", "clip", may_free=True) == Reserved(None)


def test_settling_takes_the_real_charge():
    """Held four, charged three; a failure gives all back; unknown charges cost what was held."""
    budget_account = taught(20, clip=4)
    for key in "abc":
        budget_account.reserve(key, "clip", may_free=False)
        budget_account.accepted(key, 4)
    budget_account.settled("a", 3)
    budget_account.released("b")
    budget_account.settled("c", None)
    assert budget_account.left == 20 - 3 - 4


def test_what_earlier_runs_used_counts():
    """Spent and held, with the prices they met."""
    budget_account = BudgetAccount(20, Ledger(spent=8, held={"old": 4}, prices={"clip": 4}))
    assert budget_account.left == 8
    budget_account.settled("old", 2)
    assert budget_account.left == 10
    assert budget_account.reserve("new", "clip", may_free=False) == Reserved(4)


def test_the_price_is_the_highest_ever_held():
    """A cheaper reservation later does not lower it."""
    budget_account = taught(100, clip=4)
    for key, held in (("a", 5), ("b", 3)):
        budget_account.reserve(key, "clip", may_free=False)
        budget_account.accepted(key, held)
    assert budget_account.reserve("c", "clip", may_free=False) == Reserved(5)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "accepted", "released", "doubted", "settled"]),
        st.sampled_from("abcdef"),
        st.sampled_from(["clip", "film"]),
    ),
    max_size=60,
)
PRICES = {"clip": 3.0, "film": 7.0}


@given(STEPS, st.integers(1, 40))
def test_the_limit_holds_whatever_happens(steps, limit):
    """In any order of events the service never holds and charges more than the limit, once prices are known."""
    budget_account = taught(limit, **PRICES)
    at_the_service: dict[str, float] = {}
    reserved: dict[str, str] = {}
    spent = 0.0
    for step, key, kind in steps:
        if step == "reserve" and key not in reserved and key not in at_the_service:
            if isinstance(budget_account.reserve(key, kind, may_free=True), Reserved):
                reserved[key] = kind
        elif step == "accepted" and key in reserved:
            at_the_service[key] = PRICES[reserved.pop(key)]
            budget_account.accepted(key, at_the_service[key])
        elif step == "doubted" and key in reserved:
            at_the_service[key] = PRICES[reserved.pop(key)]  # the worst case: it was accepted
            budget_account.doubted(key)
        elif step == "released" and key in {**reserved, **at_the_service}:
            reserved.pop(key, None)
            at_the_service.pop(key, None)
            budget_account.released(key)
        elif step == "settled" and key in at_the_service:
            spent += at_the_service.pop(key)
            budget_account.settled(key, None)
        assert spent + sum(at_the_service.values()) <= limit


def test_a_price_class_is_what_the_price_depends_on():
    """Model, quality, seconds, sound and inputs; not the prompt."""
    body: dict[str, Any] = {"model": "m", "prompt": "a", "quality": "720p", "duration": 5, "video_urls": ["x", "y"]}
    assert price_class(body) == price_class(body | {"prompt": "b", "video_urls": ["u", "v"], "seed": 3})
    changes: list[dict[str, Any]] = [{"model": "n"}, {"quality": "1080p"}, {"duration": 6}, {"video_urls": ["x"]}]
    for change in [*changes, {"image_start": "x"}]:
        assert price_class(body) != price_class(body | change)
