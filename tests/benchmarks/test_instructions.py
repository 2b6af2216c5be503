"""What the gate of instructions decides; the counting itself is a session of its own."""

from __future__ import annotations

import pytest

from benchmarks.counted import ROWS, slowed
from benchmarks.instructions import TURN, Baseline, a_tenth, functions_that_grew, grown, load, table

BASELINE = Baseline(
    made_on={"python": "3.11.0"},
    instructions={"submit": 1_000_000, "poll": 2_000_000},
    bytecodes={"submit": {"a.py:f": 10, "a.py:g": 20}, "poll": {}},
)


def test_a_row_fails_above_its_share_and_not_below():
    assert grown(BASELINE, {"submit": 1_050_000, "poll": 1_000_000}) == []
    assert grown(BASELINE, {"submit": 1_050_001, "poll": 2_200_000}) == ["submit", "poll"]


def test_a_new_row_has_nothing_to_be_compared_with():
    assert grown(BASELINE, {"upload": 5}) == []
    assert "upload" in table(BASELINE, {"upload": 500})


def test_the_functions_that_grew_most_come_first():
    now = {"a.py:f": 50, "a.py:g": 5, "b.py:new": 20} | {f"c.py:{name}": 1 for name in range(20)}
    told = functions_that_grew(BASELINE.bytecodes["submit"], now)
    assert told[:3] == [("a.py:f", 40), ("b.py:new", 20), ("c.py:0", 1)]
    assert len(told) == 10


def test_the_stored_baseline_has_every_row():
    stored = load()
    assert stored is not None
    assert tuple(stored.instructions) == tuple(stored.bytecodes) == ROWS


def test_a_slowed_step_does_its_work_once_and_a_tenth_more():
    assert a_tenth(BASELINE)["poll"] * TURN * 10 == pytest.approx(2_000_000, rel=0.01)
    done: list[int] = []
    slowed(lambda: done.append(1), 3)()
    assert done == [1]
