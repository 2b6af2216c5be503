"""The brake on paid requests: decided on numbers alone, without waiting."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.client import Move, OutageBrake
from evolink_async.client.outage_brake import DOUBTS, PROBES, STRANGER_PATIENCE
from evolink_async.errors import NotDeliveredError, OutageError, SubmissionUnknownError
from evolink_async.settings import RetryPolicy

POLICY = RetryPolicy(base=1, cap=16, patience=243)
TRIALS = 4
LOST = SubmissionUnknownError("no answer")


def known_brake(policy: RetryPolicy = POLICY, trials: int = TRIALS) -> OutageBrake:
    """An open brake before a service that has answered once."""
    brake = OutageBrake(policy, trials)
    brake.answered()
    return brake


def trouble(
    brake: OutageBrake, key: str, now: float, *, doubt: bool = False, trial: bool = False, asked: float | None = None
) -> None:
    """A paid request of the job `key` is in trouble."""
    error = LOST if doubt else NotDeliveredError("no connection")
    brake.troubled(key, error, now, is_trial=trial, is_new_doubt=doubt, asked=asked)


def closed_brake(policy: RetryPolicy = POLICY, trials: int = TRIALS, *, now: float = 0.0) -> OutageBrake:
    """A brake that three jobs in trouble have closed at `now`."""
    brake = known_brake(policy, trials)
    for key in "abc":
        trouble(brake, key, now)
    return brake


def half_open_brake(policy: RetryPolicy = POLICY, trials: int = TRIALS) -> OutageBrake:
    """A brake that was closed at 0 and whose first probe was answered at 1."""
    brake = closed_brake(policy, trials)
    brake.began()
    brake.probed(1.0, is_answered=True)
    return brake


def fail_trial(brake: OutageBrake, now: float, *, doubt: bool = True, asked: float | None = None) -> None:
    """A trial of a half-open brake is in trouble."""
    brake.began()
    trouble(brake, f"trial at {now}", now, doubt=doubt, trial=True, asked=asked)
    brake.ended()


def next_probe(brake: OutageBrake, now: float) -> float:
    """When a closed brake next asks for a probe."""
    due = brake.changes_at(now)
    return due if brake.move(due) is Move.PROBE else brake.changes_at(due)


# --- closing


def test_it_closes_at_the_third_job_in_trouble():
    """Two jobs in trouble change nothing."""
    brake = known_brake()
    for key in "ab":
        trouble(brake, key, 0.0)
        assert brake.move(0.0) is Move.ANY
    trouble(brake, "c", 0.0)
    assert not brake.is_open
    assert brake.move(0.0) is Move.NOTHING


def test_many_troubles_of_the_same_jobs_do_not_close_it():
    """A firewall that refuses one prompt is no outage."""
    brake = known_brake()
    for _ in range(10):
        for key in "ab":
            trouble(brake, key, 0.0)
    assert brake.is_open


def test_an_acceptance_between_begins_the_count_anew():
    """Three jobs in trouble have to follow each other without an acceptance."""
    brake = known_brake()
    for key in "ab":
        trouble(brake, key, 0.0)
    brake.accepted(0.0)
    for key in "cd":
        trouble(brake, key, 0.0)
    assert brake.is_open
    trouble(brake, "e", 0.0)
    assert not brake.is_open


def test_stragglers_in_trouble_change_nothing():
    """Requests that were under way when it closed are no news: no longer closing, no doubt counted."""
    brake = closed_brake()
    for number in range(20):
        trouble(brake, f"straggler {number}", 0.9, doubt=True, asked=10.0)
    assert brake.changes_at(0.9) == 1.0
    assert brake.move(1.0) is Move.PROBE


# --- probes


def test_a_probe_is_due_after_the_base():
    """Nothing may be sent before."""
    brake = closed_brake()
    assert brake.move(0.99) is Move.NOTHING
    assert brake.changes_at(0.5) == 1.0
    assert brake.move(1.0) is Move.PROBE


def test_there_is_one_probe_at_a_time():
    """While it is under way nothing else may be sent."""
    brake = closed_brake()
    brake.began()
    assert brake.move(1.0) is Move.NOTHING
    assert brake.changes_at(1.0) == math.inf


def test_an_answered_probe_allows_a_trial():
    """The service itself has answered."""
    assert half_open_brake().move(1.0) is Move.TRIAL


def test_three_unanswered_probes_allow_a_trial_too():
    """A service may take paid requests although reads fail."""
    brake, now = closed_brake(), 0.0
    for number in range(PROBES):
        now = brake.changes_at(now)
        assert brake.move(now) is Move.PROBE, number
        brake.began()
        brake.probed(now, is_answered=False)
    assert brake.move(now) is Move.TRIAL


def test_probes_come_at_growing_intervals():
    """The time between two tries doubles up to the cap."""
    brake, now, waits = closed_brake(), 0.0, list[float]()
    for number in range(12):
        due = next_probe(brake, now)
        waits.append(round(due - now, 2))
        now = due
        brake.began()
        # Every third leads to a trial, which is in trouble at once.
        brake.probed(now, is_answered=False)
        if (number + 1) % PROBES == 0:
            fail_trial(brake, now, doubt=False)
    assert waits[:3] == [1, 2, 4]
    assert max(waits) == POLICY.cap
    assert waits == sorted(waits)


def test_after_a_trial_in_trouble_three_probes_are_needed_again():
    """Unanswered probes of an earlier round do not count."""
    brake = closed_brake()
    now = 0.0
    for _ in range(PROBES):
        now = brake.changes_at(now)
        brake.began()
        brake.probed(now, is_answered=False)
    fail_trial(brake, now, doubt=False)
    now = next_probe(brake, now)
    brake.began()
    brake.probed(now, is_answered=False)
    assert brake.move(now) is Move.NOTHING


# --- trials


def test_there_is_one_trial_at_a_time():
    """While it is under way nothing else may be sent."""
    brake = half_open_brake()
    brake.began()
    assert brake.move(1.0) is Move.NOTHING
    assert brake.changes_at(1.0) == math.inf


def test_a_trial_in_trouble_closes_it_for_longer_each_time():
    """The number of tries counts, although each probe was answered."""
    brake, now, waits = half_open_brake(), 1.0, list[float]()
    for _ in range(6):
        fail_trial(brake, now, doubt=False)
        due = next_probe(brake, now)
        waits.append(round(due - now, 2))
        now = due
        brake.began()
        brake.probed(now, is_answered=True)
    assert waits == [2, 4, 8, 16, 16, 16]


def test_a_trial_that_ends_without_evidence_hands_its_place_on():
    """It was withdrawn or refused for load: the next one may go at once, and nothing has become longer."""
    brake = half_open_brake()
    brake.began()
    brake.ended()
    assert brake.move(1.0) is Move.TRIAL
    fail_trial(brake, 1.0, doubt=False)
    assert brake.changes_at(1.0) == 3.0


def test_as_many_acceptances_in_a_row_as_trials_open_it():
    """Before that one paid request at a time goes."""
    brake = half_open_brake()
    for _ in range(TRIALS - 1):
        brake.began()
        brake.accepted(2.0)
        brake.ended()
        assert brake.move(2.0) is Move.TRIAL
    brake.began()
    brake.accepted(2.0)
    brake.ended()
    assert brake.move(2.0) is Move.ANY


def test_a_trouble_between_begins_the_row_anew():
    """Acceptances have to follow each other."""
    brake = half_open_brake()
    for _ in range(TRIALS - 1):
        brake.accepted(2.0)
    fail_trial(brake, 2.0, doubt=False)
    brake.began()
    brake.probed(10.0, is_answered=True)
    brake.accepted(10.0)
    assert not brake.is_open


def test_it_forgets_an_outage_that_is_over():
    """The next outage begins with the base again, and with no doubt."""
    brake = half_open_brake()
    for _ in range(3):
        fail_trial(brake, 1.0)
    brake.probed(100.0, is_answered=True)
    for _ in range(TRIALS):
        brake.accepted(100.0)
    assert brake.is_open
    for key in "xyz":
        trouble(brake, key, 200.0)
    assert brake.changes_at(200.0) == 201.0
    brake.probed(201.0, is_answered=True)
    fail_trial(brake, 201.0)
    assert brake.move(201.0 + POLICY.patience / 3**4) is Move.PROBE


def test_retuned_it_needs_the_new_number_of_acceptances():
    """`Limits.submits` may change during an outage."""
    brake = half_open_brake()
    brake.retune(1)
    brake.accepted(2.0)
    assert brake.is_open


# --- doubts


def test_each_doubt_of_a_trial_closes_it_for_longer():
    """After the d-th doubt for at least patience / 3**(5 - d)."""
    policy = RetryPolicy(base=0.01, cap=0.02, patience=243)
    brake, now = half_open_brake(policy), 1.0
    for doubt in range(1, DOUBTS):
        fail_trial(brake, now)
        due = brake.changes_at(now)
        assert due - now == pytest.approx(policy.patience / 3 ** (DOUBTS - doubt))
        assert brake.move(due) is Move.PROBE
        now = due
        brake.began()
        brake.probed(now, is_answered=True)


def test_the_fifth_doubt_is_past_patience():
    """Whatever the clock says."""
    brake = half_open_brake()
    for _ in range(DOUBTS - 1):
        fail_trial(brake, 1.0)
        assert brake.move(1.0) is Move.NOTHING
        brake.probed(1.0, is_answered=True)
    fail_trial(brake, 1.0)
    assert brake.move(1.0) is Move.GIVE_UP


def test_a_doubt_that_is_met_again_is_not_counted():
    """With `same_key` an open doubt is sent as a trial: it risks nothing new."""
    brake = half_open_brake()
    for _ in range(3 * DOUBTS):
        brake.began()
        brake.troubled("a", LOST, 1.0, is_trial=True, is_new_doubt=False, asked=None)
        brake.ended()
    assert brake.move(1.0) is Move.NOTHING
    assert brake.changes_at(1.0) == 1.0 + POLICY.cap


def test_a_later_doubt_closes_it_for_an_hour_at_most():
    """However long an outage was, a back end that lives on finds out within an hour that it is over."""
    brake, now = half_open_brake(), 1.0
    for doubt in range(1, 4 * DOUBTS):
        fail_trial(brake, now)
        due = now + 3600.0
        assert brake.move(due) is Move.PROBE, f"after doubt {doubt}"
        now = due
        brake.began()
        brake.probed(now, is_answered=True)


# --- patience


def test_patience_counts_from_the_first_closing():
    """Later tries do not begin it anew."""
    policy = RetryPolicy(base=1, cap=16, patience=250)
    brake, now = half_open_brake(policy), 1.0
    while now < policy.patience - policy.cap:
        fail_trial(brake, now, doubt=False)
        now = brake.changes_at(now)
        brake.began()
        brake.probed(now, is_answered=True)
    fail_trial(brake, now, doubt=False)
    assert brake.move(policy.patience - 0.01) is Move.NOTHING
    assert brake.changes_at(policy.patience - 0.01) == policy.patience
    assert brake.move(policy.patience) is Move.GIVE_UP


def test_an_acceptance_gives_the_whole_patience_back():
    """It counts from the next trouble on."""
    brake = half_open_brake(RetryPolicy(base=1000, cap=1000, patience=243))
    brake.accepted(200.0)
    fail_trial(brake, 210.0, doubt=False)
    assert brake.move(210.0 + 242) is Move.NOTHING
    assert brake.move(210.0 + 243) is Move.GIVE_UP


def test_a_straggler_that_is_accepted_gives_patience_back():
    """The service took something after the closing."""
    brake = closed_brake(RetryPolicy(base=1000, cap=1000, patience=100))
    brake.accepted(50.0)
    assert brake.move(149.0) is Move.NOTHING
    assert brake.move(150.0) is Move.GIVE_UP


def test_a_stranger_gets_little_patience():
    """The address may be wrong: 30 seconds, or patience if that is less."""
    for patience, expected in ((300.0, STRANGER_PATIENCE), (10.0, 10.0)):
        brake = OutageBrake(RetryPolicy(base=1000, cap=1000, patience=patience), TRIALS)
        for key in "abc":
            trouble(brake, key, 0.0)
        assert brake.patience == expected
        assert brake.changes_at(0.0) == expected
        assert brake.move(expected - 0.01) is Move.NOTHING
        assert brake.move(expected) is Move.GIVE_UP


@pytest.mark.parametrize("how", ["answered", "accepted", "probed"])
def test_who_has_answered_once_is_no_stranger(how):
    """A refusal, an acceptance or an answered probe is enough, and it is not forgotten."""
    brake = OutageBrake(POLICY, TRIALS)
    if how == "answered":
        brake.answered()
    elif how == "accepted":
        brake.accepted(0.0)
    for key in "abc":
        trouble(brake, key, 0.0)
    if how == "probed":
        assert brake.patience == STRANGER_PATIENCE
        brake.probed(1.0, is_answered=True)
    assert brake.patience == POLICY.patience


def test_an_unanswered_probe_makes_nobody_known():
    """What answers may stand before the service."""
    brake = OutageBrake(POLICY, TRIALS)
    for key in "abc":
        trouble(brake, key, 0.0)
    brake.probed(1.0, is_answered=False)
    assert brake.patience == STRANGER_PATIENCE


def test_past_patience_calls_fail_at_once_and_probe_when_due():
    """No timer is left; the first call after the cap finds out, and a trial follows a probe that is answered."""
    brake = closed_brake()
    now = POLICY.patience + 100
    assert brake.move(now) is Move.PROBE
    brake.began()
    brake.probed(now, is_answered=False)
    assert brake.move(now) is Move.GIVE_UP
    due = next_probe(brake, now)
    assert due - now <= POLICY.cap
    brake.began()
    brake.probed(due, is_answered=True)
    assert brake.move(due) is Move.TRIAL


def test_past_patience_no_number_of_unanswered_probes_allows_a_trial():
    """Only an answer does."""
    brake, now = closed_brake(), POLICY.patience + 1
    for _ in range(3 * PROBES):
        brake.began()
        brake.probed(now, is_answered=False)
        assert brake.move(now) is Move.GIVE_UP
        now = next_probe(brake, now)


def test_an_acceptance_ends_giving_up():
    """Who calls next waits again."""
    brake = closed_brake()
    now = POLICY.patience + 100
    brake.probed(now, is_answered=True)
    brake.began()
    brake.accepted(now)
    brake.ended()
    assert brake.move(now) is Move.TRIAL
    fail_trial(brake, now, doubt=False)
    assert brake.move(now) is Move.NOTHING


def test_the_error_tells_what_was_met_and_how_long():
    """Its cause is the last trouble, of whichever job."""
    brake = closed_brake()
    trouble(brake, "straggler", 5.0, doubt=True)
    error = brake.error(250.0)
    assert isinstance(error, OutageError)
    assert error.trouble is LOST
    assert error.may_resubmit
    assert "250 s" in str(error)
    assert "no answer" in str(error)


# --- Retry-After


@pytest.mark.parametrize(("asked", "expected"), [(None, 1.0), (0.0, 1.0), (7.0, 7.0), (16.0, 16.0), (1e12, 16.0)])
def test_a_retry_after_lengthens_the_closing_up_to_the_cap(asked, expected):
    """It never shortens it."""
    brake = known_brake()
    for key in "ab":
        trouble(brake, key, 0.0)
    trouble(brake, "c", 0.0, asked=asked)
    assert brake.changes_at(0.0) == expected


def test_a_retry_after_on_a_trial_lengthens_the_closing():
    """The same rule as for those that closed it."""
    brake = half_open_brake()
    fail_trial(brake, 1.0, doubt=False, asked=10.0)
    assert brake.changes_at(1.0) == 11.0


# --- whatever happens

HAPPENINGS = ("trouble", "doubt", "accept", "refuse", "withdraw", "straggler", "straggler accepted")


@given(
    policy=st.builds(
        RetryPolicy,
        base=st.floats(0.01, 2.0),
        cap=st.floats(2.0, 60.0),
        patience=st.floats(1.0, 600.0),
    ),
    trials=st.integers(1, 8),
    story=st.lists(
        st.tuples(st.sampled_from(HAPPENINGS), st.floats(0.0, 50.0), st.booleans(), st.none() | st.floats(0, 100)),
        max_size=150,
    ),
)
def test_whatever_happens_an_outage_costs_few_doubts(policy, trials, story):
    """Trials go one at a time; in no span of patience are more than five of them in doubt before the brake opens."""
    brake, now, doubts = known_brake(policy, trials), 0.0, list[float]()
    for number, (happening, wait, is_answered, asked) in enumerate(story):
        now += wait
        move = brake.move(now)
        assert (move is Move.ANY) is brake.is_open
        assert brake.changes_at(now) > now
        if happening.startswith("straggler"):
            _straggle(brake, f"job {number}", now, happening)
        elif move is Move.PROBE:
            brake.began()
            assert brake.move(now) is Move.NOTHING
            brake.probed(now, is_answered=is_answered)
        elif move is Move.TRIAL:
            brake.began()
            assert brake.move(now) is Move.NOTHING, "two trials at once"
            _end_of_trial(brake, f"job {number}", now, happening, asked)
            brake.ended()
            doubts += [now] if happening == "doubt" else []
        elif move is Move.ANY:
            _end_of_request(brake, f"job {number}", now, happening, asked)
        if brake.is_open:
            doubts.clear()
        recent = [at for at in doubts if at > now - policy.patience * 0.999]
        assert len(recent) <= DOUBTS


def _straggle(brake: OutageBrake, key: str, now: float, happening: str) -> None:
    before = (brake.move(now), brake.changes_at(now))
    if happening == "straggler accepted":
        brake.accepted(now)
    elif not brake.is_open:
        trouble(brake, key, now, doubt=True)
        assert (brake.move(now), brake.changes_at(now)) == before


def _end_of_trial(brake: OutageBrake, key: str, now: float, happening: str, asked: float | None) -> None:
    if happening in ("trouble", "doubt"):
        trouble(brake, key, now, doubt=happening == "doubt", trial=True, asked=asked)
        assert brake.move(now) is Move.NOTHING
    else:
        _end_of_request(brake, key, now, happening, asked)


def _end_of_request(brake: OutageBrake, key: str, now: float, happening: str, asked: float | None) -> None:
    if happening in ("trouble", "doubt"):
        trouble(brake, key, now, doubt=happening == "doubt", asked=asked)
    elif happening == "accept":
        brake.accepted(now)
    elif happening == "refuse":
        brake.answered()


# --- what is told of trouble


def told(brake: OutageBrake) -> tuple[int, float] | None:
    """How often it was tried, and until when it is."""
    trouble = brake.trouble
    return None if trouble is None else (trouble.tries, trouble.until)


def test_trouble_is_told_with_its_tries_and_its_end():
    """From the first failure on, probes counted; until patience ends, counted from the closing."""
    brake = known_brake()
    assert told(brake) is None
    trouble(brake, "a", 5.0)
    assert told(brake) == (1, 5.0 + POLICY.patience)
    trouble(brake, "b", 6.0)
    trouble(brake, "c", 7.0)
    brake.began()
    brake.probed(8.0, is_answered=False)
    assert told(brake) == (4, 7.0 + POLICY.patience)


@pytest.mark.parametrize("end", ["accepted", "judged"])
def test_trouble_ends_with_an_acceptance_or_a_judgement(end):
    """And a later failure begins a new count."""
    brake = known_brake()
    trouble(brake, "a", 5.0)
    if end == "accepted":
        brake.accepted(6.0)
    else:
        brake.judged()
    assert told(brake) is None
    trouble(brake, "b", 50.0)
    assert told(brake) == (1, 50.0 + POLICY.patience)


def test_a_slow_answer_and_a_refusal_for_load_close_nothing():
    """They are told, and counted when they have ended."""
    brake = known_brake()
    for _ in range(9):
        brake.delayed(NotDeliveredError("no answer yet"), 1.0, has_ended=False)
    assert told(brake) == (1, 1.0 + POLICY.patience)
    for _ in range(9):
        brake.delayed(NotDeliveredError("slow down"), 1.0)
    assert told(brake) == (9, 1.0 + POLICY.patience)
    assert brake.move(2.0) is Move.ANY


def test_a_stranger_is_waited_for_briefly():
    """The time that is told is the time that jobs wait."""
    brake = OutageBrake(POLICY, TRIALS)
    trouble(brake, "a", 5.0)
    assert told(brake) == (1, 5.0 + STRANGER_PATIENCE)
