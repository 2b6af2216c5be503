"""What a callback leads to, and what a task proves to be: the tables, decided without a network."""

from __future__ import annotations

import attrs
import pytest

from evolink_async import Snapshot
from evolink_async.errors import TaskNotFoundError
from evolink_async.journal import Bought
from evolink_async.pool import Callback
from evolink_async.pool.call_meaning import Ownership, Step, ownership_of, step_after

CALL = Callback("ev-1", "task-1", lambda key: key == "shot-1")
BOUGHT = Bought(key="shot-1", model="wan2.6", sent_at=1000.0, is_latest=True, is_unanswered=True)
ACCEPTED = attrs.evolve(BOUGHT, is_unanswered=False, task_id="task-1")
ENDED = attrs.evolve(BOUGHT, is_unanswered=False)
BOUGHT_AGAIN = attrs.evolve(BOUGHT, is_unanswered=False, is_latest=False)
TASK = Snapshot(task_id="task-1", state="completed", model="wan2.6", created_at=1001)


@pytest.mark.parametrize(
    ("bought", "is_under_way", "step", "without_task"),
    [
        (None, False, Step.NOTHING, Step.NOTHING),
        (attrs.evolve(BOUGHT, key="shot-2"), False, Step.NOTHING, Step.NOTHING),
        (BOUGHT, True, Step.WAIT, Step.WAIT),
        (BOUGHT, False, Step.READ, Step.NOTHING),
        (ACCEPTED, False, Step.HINT, Step.HINT),
        (attrs.evolve(ACCEPTED, task_id="another"), False, Step.HINT, Step.HINT),
        (ENDED, False, Step.NOTHING, Step.NOTHING),
        (BOUGHT_AGAIN, False, Step.READ, Step.NOTHING),
        (BOUGHT_AGAIN, True, Step.READ, Step.NOTHING),
    ],
)
def test_what_a_callback_leads_to(bought, is_under_way, step, without_task):
    """The table of `call_meaning`."""
    assert step_after(CALL, bought, is_under_way=is_under_way) is step
    assert step_after(attrs.evolve(CALL, task_id=None), bought, is_under_way=is_under_way) is without_task


@pytest.mark.parametrize(
    ("seen", "ownership"),
    [
        (TASK, Ownership.OURS),
        (attrs.evolve(TASK, state="failed"), Ownership.OURS),
        (attrs.evolve(TASK, created_at=940), Ownership.OURS),
        (attrs.evolve(TASK, created_at=939), Ownership.OTHER_TIME),
        (attrs.evolve(TASK, created_at=1101), Ownership.OTHER_TIME),
        (attrs.evolve(TASK, created_at=None), Ownership.OTHER_TIME),
        (attrs.evolve(TASK, model="wan2.7"), Ownership.OTHER_MODEL),
        (attrs.evolve(TASK, model=None), Ownership.OTHER_MODEL),
        (TaskNotFoundError(404, "no such task"), Ownership.UNREADABLE),
    ],
)
def test_what_a_task_proves_to_be(seen, ownership):
    """Only one of our model, made since a minute before the send and before now, settles a doubt."""
    assert ownership_of(seen, BOUGHT, 1100.0) is ownership


def test_equal_callbacks_are_one():
    """Whatever token they came with."""
    assert attrs.evolve(CALL, is_for=lambda _: False) == CALL
    assert len({CALL, attrs.evolve(CALL, is_for=lambda _: False), attrs.evolve(CALL, task_id=None)}) == 2
