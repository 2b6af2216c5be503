"""The law of the agenda: it does what a sorted list would do, only faster."""

from __future__ import annotations

import math

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evolink_async.polling.timing_wheel import TimingWheel
from tests.laws.effort import machine_effort

WIDTH = 0.05
SOON = st.floats(0, 3) | st.integers(0, 60).map(lambda n: n * WIDTH)


@attrs.define(eq=False)
class Entry:
    """Something that stands in an agenda."""

    name: int
    bucket: int | None = None


class AgendaAndList(RuleBasedStateMachine):
    """An agenda beside a plain dict of due times."""

    def __init__(self) -> None:
        super().__init__()
        self.wheel: TimingWheel[Entry] = TimingWheel(WIDTH)
        self.entries = [Entry(number) for number in range(8)]
        self.due: dict[Entry, float] = {}
        self.now = 0.0

    @rule(number=st.integers(0, 7), delay=SOON)
    def put(self, number: int, delay: float) -> None:
        """Enter something, or move it, also back to where it stood before."""
        entry = self.entries[number]
        self.wheel.put(entry, self.now + delay)
        self.due[entry] = self.now + delay

    @rule(number=st.integers(0, 7))
    def drop(self, number: int) -> None:
        """Take something out, whether it is in or not."""
        self.wheel.drop(self.entries[number])
        self.due.pop(self.entries[number], None)

    @rule(step=SOON)
    def time_passes(self, step: float) -> None:
        """The clock never goes back."""
        self.now += step

    @rule()
    def take_all_that_is_due(self) -> None:
        """Each entry once, none early, none left a bucket after it was due, the earliest bucket first."""
        taken: list[Entry] = []
        while (entry := self.wheel.take(self.now)) is not None:
            assert entry in self.due, "was not in, or came twice"
            taken.append(entry)
            assert entry.bucket is None
            due = self.due.pop(entry)
            assert due <= self.now + 1e-9, "came early"
            assert all(other >= due - WIDTH - 1e-9 for other in self.due.values()), "not the earliest bucket first"
        assert all(due > self.now - WIDTH - 1e-9 for due in self.due.values()), "left behind"

    @rule()
    def take_one(self) -> None:
        """One at a time, between other changes."""
        entry = self.wheel.take(self.now)
        if entry is not None:
            assert self.due.pop(entry) <= self.now + 1e-9

    @precondition(lambda self: self.due)
    @rule()
    def jump_to_the_next(self) -> None:
        """What the agenda names as the next due time is one at which something can be taken."""
        due = self.wheel.next_due()
        assert due is not None
        assert min(self.due.values()) - 1e-9 <= due <= min(self.due.values()) + WIDTH + 1e-9
        if due >= self.now:
            self.now = due
        entry = self.wheel.take(self.now)
        assert entry is not None
        del self.due[entry]

    @invariant()
    def sizes_agree(self) -> None:
        """Empty agendas have no next due time."""
        assert len(self.wheel) == len(self.due)
        assert (self.wheel.next_due() is None) == (not self.due)


AgendaAndList.TestCase.settings = machine_effort(0.5)
TestAgenda = AgendaAndList.TestCase


def test_a_thousand_moves_leave_one_entry():
    """Moving writes a number; the stale places never come out."""
    wheel: TimingWheel[Entry] = TimingWheel(WIDTH)
    entry = Entry(1)
    for step in [*range(1000), *range(1000, 0, -1), *range(500)]:
        wheel.put(entry, step * WIDTH)
    assert len(wheel) == 1
    assert wheel.take(math.nextafter(499 * WIDTH, 0) - WIDTH) is None
    assert wheel.take(500 * WIDTH) is entry
    assert wheel.take(1e6) is None
    assert wheel.next_due() is None
