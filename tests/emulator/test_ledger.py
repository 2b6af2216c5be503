"""The ledger: credits are conserved, and double payments are visible."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.emulator import HandClock, PaidTask, VendorLedger
from evolink_async.emulator.service.ledger import OverdrawnError

bookings = st.lists(
    st.tuples(st.floats(0, 60), st.floats(0, 1), st.floats(0, 500), st.floats(0, 50), st.sampled_from("abc")),
    max_size=40,
)


@given(bookings)
def test_credits_are_conserved(steps):
    """Balance + reserved + charged equals the initial credits, whatever is booked and whenever it is read."""
    clock = HandClock()
    ledger = VendorLedger(200.0, clock.now)
    accepted = 0
    for reserved, share, lasts, pause, key in steps:
        free = ledger.balance
        paid = PaidTask(f"task-{accepted}", key, "body")
        with suppress(OverdrawnError):
            ledger.book(paid, reserved=reserved, charge=reserved * share, ends_at=clock.now() + lasts)
            accepted += 1
            assert round(reserved, 4) <= free
        assert ledger.balance >= 0
        assert math.isclose(ledger.balance + ledger.reserved + ledger.charged, 200.0, abs_tol=1e-9)
        clock.advance(pause)
    clock.advance(1000)
    assert ledger.reserved == 0
    assert ledger.unfinished == 0
    assert ledger.accepted == accepted == len(ledger.paid_tasks)
    assert sorted(t for tasks in ledger.tasks_by_key.values() for t in tasks) == sorted(
        paid.task_id for paid in ledger.paid_tasks
    )


def test_a_hold_is_settled_without_a_poll():
    """At the end of a completed task its charge is kept and the rest of the hold is released."""
    clock = HandClock()
    ledger = VendorLedger(100.0, clock.now)
    ledger.book(PaidTask("a", None, "x"), reserved=60.0, charge=12.5, ends_at=clock.now() + 10)
    ledger.book(PaidTask("b", None, "x"), reserved=20.0, charge=0.0, ends_at=clock.now() + 20)
    assert (ledger.balance, ledger.reserved, ledger.charged) == (20.0, 80.0, 0.0)
    clock.advance(10)
    assert (ledger.balance, ledger.reserved, ledger.charged) == (67.5, 20.0, 12.5)
    clock.advance(10)
    assert (ledger.balance, ledger.reserved, ledger.charged) == (87.5, 0.0, 12.5)
    assert ledger.unfinished_peak == 2


def test_paying_twice_is_visible():
    """Two tasks under one key, or for one body, are listed together."""
    ledger = VendorLedger(10.0, HandClock().now)
    for task_id in ("a", "b"):
        ledger.book(PaidTask(task_id, "key", "digest"), reserved=1.0, charge=1.0, ends_at=math.inf)
    assert ledger.tasks_by_key == {"key": ("a", "b")}
    assert ledger.tasks_by_body == {"digest": ("a", "b")}
    assert "accepted=2" in repr(ledger)


def test_a_refused_booking_leaves_no_trace():
    """A booking above the balance changes nothing."""
    ledger = VendorLedger(1.0, HandClock().now)
    with pytest.raises(OverdrawnError, match=r"2\.0, 1\.0"):
        ledger.book(PaidTask("a", "key", "x"), reserved=2.0, charge=2.0, ends_at=math.inf)
    assert (ledger.accepted, ledger.balance, dict(ledger.tasks_by_key)) == (0, 1.0, {})
