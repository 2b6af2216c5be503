"""Brakes of several processes that tell each other what they learn: together they are one brake."""

from __future__ import annotations

import json
import math

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evolink_async.client import Move, OutageBrake, OutageState, read_outage
from evolink_async.client.outage_brake import JOBS_IN_TROUBLE
from tests.client.test_outage_brake import POLICY, TRIALS, closed_brake, half_open_brake, known_brake, trouble


def told(brake: OutageBrake, now: float, *, later: float = 0.0) -> OutageState:
    """What other processes read of a brake some seconds later."""
    return read_outage(json.loads(json.dumps(attrs.asdict(brake.state(now))))).aged(later)


class Others:
    """A brake for each process. Whatever one learns is heard by the others at once; `whole` learns all of it."""

    def __init__(self, count: int) -> None:
        self.whole = known_brake()
        self.brakes = [known_brake() for _ in range(count)]
        self.now = 1000.0
        self.jobs = 0

    def play(self, act: str, number: int) -> None:
        """Let one process, and the one that stands for all, do the same."""
        brake = self.brakes[number % len(self.brakes)]
        before = brake.changes
        self.jobs += 1
        for one in (self.whole, brake):
            self.act(one, act)
        if brake.changes != before:
            for other in self.brakes:
                if other is not brake:
                    other.heard(told(brake, self.now), self.now, has_news=False)

    def act(self, brake: OutageBrake, act: str) -> None:
        """Do what may be done now."""
        move = brake.move(self.now)
        if move is Move.PROBE:
            brake.began()
            brake.probed(self.now, is_answered=act != "lost")
        elif move in (Move.TRIAL, Move.ANY):
            if move is Move.TRIAL:
                brake.began()
            if act == "accepted":
                brake.accepted(self.now, self.now - 0.5)
            else:
                is_trial, doubt = move is Move.TRIAL, act == "lost"
                trouble(brake, f"job {self.jobs}", self.now, doubt=doubt, trial=is_trial)
            brake.ended()


ACTS = st.tuples(st.sampled_from(["accepted", "lost", "undelivered"]), st.integers(0, 9), st.floats(0, 40))


@given(st.integers(2, 4), st.lists(ACTS, max_size=60))
@example(2, [("accepted", 0, 0.0), ("lost", 0, 0.0)] * 2 + [("lost", 0, 0.0)])
def test_processes_that_hear_each_other_are_as_one(count, acts):
    """Each may send at any time what one brake over all their requests would let it send."""
    others = Others(count)
    for act, number, pause in acts:
        others.now += pause
        others.play(act, number)
        for at in (others.now, others.now + 1, others.now + 100):
            moves = {brake.move(at) for brake in others.brakes}
            # To the rounding of a float: a time that is told is a difference.
            nearly = {others.whole.move(at + shift) for shift in (-1e-6, 0, 1e-6)}
            assert moves <= nearly
        for brake in others.brakes:
            assert abs(brake.changes_at(others.now) - others.whole.changes_at(others.now)) < 1e-6 or math.isinf(
                others.whole.changes_at(others.now)
            )


def test_troubles_of_different_processes_count_together():
    """With one trouble each, three processes know of an outage."""
    brakes = [known_brake() for _ in range(JOBS_IN_TROUBLE)]
    for number, brake in enumerate(brakes):
        trouble(brake, f"job {number}", 1.0, doubt=True)
    for brake in brakes[1:]:
        brakes[0].heard(told(brake, 1.0), 1.0, has_news=True)
    assert not brakes[0].is_open
    for brake in brakes[1:]:
        changes = brake.changes
        brake.heard(told(brakes[0], 1.0), 1.0, has_news=True)
        assert not brake.is_open
        assert brake.changes == changes, "it repeats nothing"


def test_an_acceptance_anywhere_takes_older_troubles_away():
    """What was sent before it is no sign of an outage, in whichever process."""
    one, other = known_brake(), known_brake()
    for key in "ab":
        one.troubled(key, ConnectionError(), 5.0, is_trial=False, is_new_doubt=True, asked=None, sent_at=4.0)  # type: ignore[arg-type]  # any error
    other.heard(told(one, 5.0), 5.0, has_news=False)
    other.accepted(7.0, 6.0)
    one.heard(told(other, 7.0), 7.0, has_news=False)
    trouble(one, "c", 8.0)
    assert one.is_open


def test_a_process_that_may_not_try_asks_first():
    """For the probe as for the trial; while it waits, nothing is given up."""
    brake = closed_brake()
    brake.may_try = False
    assert brake.move(0.5) is Move.NOTHING
    assert brake.move(1.0) is Move.ASK
    other = known_brake()
    other.may_try = False
    other.heard(told(half_open_brake(), 1.0), 1.0, has_news=False)
    assert other.move(1.0) is Move.ASK
    other.may_try = True
    assert other.move(1.0) is Move.TRIAL


def test_what_is_heard_late_has_aged():
    """A pause that was told 10 s ago is over 10 s earlier; the outage is older by as much."""
    brake, other = closed_brake(), known_brake()
    other.heard(told(brake, 0.0, later=0.75), 50.0, has_news=False)
    assert other.move(50.2) is Move.NOTHING
    assert other.move(50.25) is Move.PROBE
    assert other.changes_at(50.0) == pytest.approx(50.25)


def test_an_untold_closing_is_not_undone_by_what_was_told_before():
    """The others hear of it next."""
    brake = closed_brake()
    brake.heard(told(known_brake(), 0.0), 0.0, has_news=True)
    assert not brake.is_open
    brake.heard(told(known_brake(), 0.0), 0.0, has_news=False)
    assert brake.is_open


def test_of_two_outages_the_longer_pause_and_the_more_doubts_hold():
    """If two processes find out at the same time."""
    long, short = half_open_brake(), half_open_brake()
    for brake, asked in ((long, 10.0), (short, None)):
        brake.began()
        trouble(brake, "trial", 2.0, doubt=True, trial=True, asked=asked)
        brake.ended()
    short_pause = short.changes_at(2.0)
    long.heard(told(short, 2.0), 2.0, has_news=True)
    assert long.changes_at(2.0) >= short_pause
    assert long.state(2.0).doubts == 1


def test_the_words_of_the_trouble_are_told_once():
    """However often they are passed on."""
    brake = closed_brake()
    for _ in range(3):
        other = known_brake()
        other.heard(told(brake, 0.0), 0.0, has_news=False)
        brake = other
    assert str(brake.error(0.0).trouble) == "no connection (met by another process)"


def test_states_of_other_versions_are_read():
    """What is missing is as in good times, what is not known is passed over."""
    assert read_outage({"is_open": False, "colour": "red"}) == OutageState(is_open=False)


def test_good_times_are_not_told():
    """Acceptances without trouble before them cost nothing."""
    brake = known_brake()
    for number in range(TRIALS):
        brake.accepted(float(number), number - 0.5)
    assert brake.changes == 0
    assert POLICY.patience == brake.patience
