"""Whether a key may submit: decided on numbers alone, without waiting."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.client import Session, Transport
from evolink_async.client.key_health import CHECK_SECONDS, LONGEST_CHECK_SECONDS, KeyHealth
from evolink_async.client.session import KEY_CHECK_SECONDS
from evolink_async.errors import AccessDeniedError, InsufficientCreditsError, RateLimitError, ServerError, StatusError
from evolink_async.settings import RetryPolicy
from evolink_async.wire import Request, Response

POLICY = RetryPolicy(base=1, cap=16, patience=300)
EMPTY = InsufficientCreditsError(402, "no credits", code="insufficient_quota")
DENIED = AccessDeniedError(403, "not this model", code="model_access_denied")


def longest(bound: float) -> float:
    """Jitter that takes nothing off."""
    return bound


def shortest(_bound: float) -> float:
    """Jitter that leaves nothing."""
    return 0.0


def healthy_key(policy: RetryPolicy = POLICY) -> KeyHealth:
    """A key of which nothing bad is known."""
    return KeyHealth(policy, longest)


def too_many(asked: float | None = None) -> RateLimitError:
    """A refusal for load."""
    return RateLimitError(429, "slow down", retry_after=asked)


class Refusing:
    """A service that refuses every poll with 401, and reads of credits with a status of their own."""

    def __init__(self) -> None:
        self.reads = 0
        self.status = 503

    async def send(self, request: Request) -> Response:
        """Answer a request."""
        is_read = request.kind == "credits"
        self.reads += is_read
        return Response(status=self.status if is_read else 401, headers={}, body=b'{"error": {"code": "no"}}')


@pytest.mark.anyio
async def test_a_clock_that_is_set_back_keeps_no_key_from_being_checked():
    """Polls that are refused make a read of credits a minute, by the clock that nobody sets."""
    service, wall, now = Refusing(), [1e9], [0.0]
    session = Session(cast("Transport", service), "", policy=POLICY, clock=lambda: wall[0], now=lambda: now[0])
    await session.poll("task-1")
    await session.poll("task-1")
    assert service.reads == 1
    wall[0], now[0], service.status = wall[0] - 86400, now[0] + KEY_CHECK_SECONDS, 401
    await session.poll("task-1")
    assert service.reads == 2
    assert session.health.suspended is not None


# --- suspended


def test_a_suspended_key_refuses_every_model():
    """With the refusal that suspended it."""
    key = healthy_key()
    assert key.refusal("m", 0.0, is_idle=True) is None
    assert key.suspend(EMPTY, 0.0)
    assert key.refusal("m", 0.0, is_idle=True) is EMPTY
    assert key.refusal("other", 1e9, is_idle=False) is EMPTY


def test_a_second_refusal_is_no_news():
    """Jobs under way meet the same refusal; the first one decides when the key is tried again."""
    key = healthy_key()
    key.suspend(EMPTY, 0.0)
    assert not key.suspend(EMPTY, 59.0)
    assert key.is_check_due(CHECK_SECONDS)


def test_it_is_checked_after_a_minute():
    """Not before, and never while it may submit."""
    key = healthy_key()
    assert not key.is_check_due(1e9)
    key.suspend(EMPTY, 100.0)
    assert not key.is_check_due(100.0 + CHECK_SECONDS - 0.01)
    assert key.is_check_due(100.0 + CHECK_SECONDS)


def test_a_check_puts_the_next_one_off():
    """A key that stays suspended is checked once a minute."""
    key = healthy_key()
    key.suspend(EMPTY, 0.0)
    key.put_off_check(60.0)
    assert not key.is_check_due(119.0)
    assert key.is_check_due(120.0)


def test_each_relapse_doubles_the_time_up_to_an_hour():
    """A key that seems well, and is refused again when a job tries it, is left alone for longer."""
    key, now, waits = healthy_key(), 0.0, list[float]()
    for _ in range(9):
        key.suspend(EMPTY, now)
        wait = next(second for second in range(4000) if key.is_check_due(now + second))
        waits.append(wait)
        now += wait
        key.lift()
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert LONGEST_CHECK_SECONDS == 3600


def test_an_acceptance_forgets_relapses():
    """The key was well in between."""
    key = healthy_key()
    for now in (0.0, 100.0, 300.0):
        key.suspend(EMPTY, now)
        key.lift()
    key.accepted()
    key.suspend(EMPTY, 1000.0)
    assert key.is_check_due(1000.0 + CHECK_SECONDS)


def test_a_lifted_key_is_on_trial_until_a_job_is_accepted():
    """One job finds out whether it is well again."""
    key = healthy_key()
    key.suspend(EMPTY, 0.0)
    key.lift()
    assert key.refusal("m", 0.0, is_idle=True) is None
    assert key.is_on_trial
    key.accepted()
    assert not key.is_on_trial


def test_a_key_that_was_not_suspended_is_never_on_trial():
    """`retry_keys` costs a healthy key nothing."""
    key = healthy_key()
    key.lift()
    assert not key.is_on_trial


# --- barred


def test_a_bar_is_for_one_model():
    """The key submits jobs of other models."""
    key = healthy_key()
    key.bar("m", DENIED, 0.0)
    assert key.refusal("m", 1.0, is_idle=False) is DENIED
    assert key.refusal("other", 0.0, is_idle=False) is None
    assert key.suspended is None


def test_bars_are_forgotten_on_request():
    """The account may have been given the model meanwhile."""
    key = healthy_key()
    key.bar("m", DENIED, 0.0)
    key.forget_bars()
    assert key.refusal("m", 0.0, is_idle=True) is None


def test_a_bar_rests_and_each_relapse_doubles_the_time():
    """One odd answer bars no key for the life of a pool; jobs that were under way with it count once."""
    key, now, waits = healthy_key(), 0.0, list[float]()
    for _ in range(8):
        for later in (0.0, 1.0, 59.0):
            key.bar("m", DENIED, now + later)
        waits.append(next(second for second in range(4000) if not key.refusal("m", now + second, is_idle=True)))
        now += waits[-1]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    key.unbar("m")
    key.bar("m", DENIED, now)
    assert key.refusal("m", now + CHECK_SECONDS - 1, is_idle=True) is DENIED
    assert key.refusal("m", now + CHECK_SECONDS, is_idle=True) is None


def test_one_job_tries_a_model_again():
    """The others wait for what it finds out. A job that was sent before is not the one."""
    key = healthy_key()
    key.began("m", "earlier")
    assert not key.is_tried("m")
    key.bar("m", DENIED, 0.0)
    key.began("m", "trial")
    key.ended("m", "earlier")
    assert key.is_tried("m")
    assert not key.is_tried("other")
    key.ended("m", "trial")
    assert not key.is_tried("m")


# --- refused for load


def test_a_refusal_for_load_closes_the_key_for_its_own_back_off():
    """It is no refusal of the jobs that wait."""
    key = healthy_key()
    key.refused_for_load(too_many(), sent_at=0.0, now=10.0)
    assert key.opens_at == 11.0
    assert key.refusal("m", 10.0, is_idle=True) is None


def test_a_burst_counts_once():
    """What was sent before the key was closed is one reason to wait, not ten."""
    key = healthy_key()
    for number in range(10):
        key.refused_for_load(too_many(), sent_at=number / 100, now=1.0 + number / 100)
    assert key.opens_at == 2.0


def test_each_burst_doubles_the_back_off_up_to_the_cap():
    """A request sent after the closing, and refused too, is another burst."""
    key, now, waits = healthy_key(), 0.0, list[float]()
    for _ in range(7):
        key.refused_for_load(ServerError(503, "busy"), sent_at=now, now=now)
        waits.append(key.opens_at - now)
        now = key.opens_at + 0.5
    assert waits == [1, 2, 4, 8, 16, 16, 16]


def test_an_acceptance_begins_the_back_off_anew():
    """The next burst waits for the base."""
    key = healthy_key()
    key.refused_for_load(too_many(), sent_at=0.0, now=0.0)
    key.refused_for_load(too_many(), sent_at=2.0, now=2.0)
    key.accepted()
    key.refused_for_load(too_many(), sent_at=10.0, now=10.0)
    assert key.opens_at == 11.0


@pytest.mark.parametrize("jitter", [longest, shortest])
@pytest.mark.parametrize("asked", [0.001, 1.0, 59.0, 299.0])
def test_a_retry_after_is_never_undercut(asked, jitter):
    """A little is added, so that many processes do not return at the same moment."""
    key = KeyHealth(POLICY, jitter)
    key.refused_for_load(too_many(asked), sent_at=0.0, now=0.0)
    assert asked <= key.opens_at <= asked + POLICY.base


@pytest.mark.parametrize("asked", [0.0, None])
def test_a_retry_after_of_nothing_leaves_the_own_back_off(asked):
    """0, which a date in the past gives too, does not speed us up."""
    key = healthy_key()
    for now in (0.0, 20.0, 40.0):
        key.refused_for_load(too_many(asked), sent_at=now, now=now)
    assert key.opens_at == 44.0


def test_each_refusal_of_a_burst_may_ask_for_longer():
    """The longest time asked for holds."""
    key = healthy_key()
    for number, asked in enumerate((5.0, 50.0, 20.0)):
        key.refused_for_load(too_many(asked), sent_at=0.0, now=1.0 + number / 100)
    assert key.opens_at == pytest.approx(1.01 + 50.0 + POLICY.base)


def test_an_acceptance_does_not_shorten_what_was_asked():
    """A straggler of before the refusal says nothing of the time after it."""
    key = healthy_key()
    key.refused_for_load(too_many(60.0), sent_at=0.0, now=1.0)
    key.accepted()
    assert key.opens_at >= 61.0


# --- when nobody waits for it


@pytest.mark.parametrize("is_idle", [True, False])
def test_a_key_that_asks_for_more_than_patience_leaves_the_choice(is_idle):
    """Jobs go to other keys, or come back; the last part within patience is waited for."""
    key, refusal = healthy_key(), too_many(1000.0)
    key.refused_for_load(refusal, sent_at=0.0, now=0.0)
    assert key.refusal("m", 0.0, is_idle=is_idle) is refusal
    assert key.refusal("m", 750.0, is_idle=False) is None
    assert key.refusal("m", 1001.0, is_idle=is_idle) is None


def test_a_straggler_accepted_does_not_bring_back_a_key_that_asks_for_too_long():
    """A wait of a day is a wait of a day: jobs are not to sit it out."""
    key, refusal = healthy_key(), too_many(86400.0)
    key.refused_for_load(refusal, sent_at=0.5, now=1.0)
    key.accepted()
    assert key.refusal("m", 2.0, is_idle=False) is not None


def test_patience_runs_out_only_while_no_task_is_running():
    """The end of a running task makes room, so while one runs there is something to wait for."""
    key, now = healthy_key(), 0.0
    while now <= POLICY.patience:
        key.refused_for_load(too_many(), sent_at=now, now=now)
        now = key.opens_at
    key.refused_for_load(too_many(), sent_at=now, now=now)
    assert key.refusal("m", now, is_idle=False) is None
    assert isinstance(key.refusal("m", now, is_idle=True), RateLimitError)


def test_patience_counts_since_the_last_acceptance():
    """A service that is full most of the time takes a job now and then."""
    key, now = healthy_key(), 0.0
    while now <= 2 * POLICY.patience:
        key.refused_for_load(too_many(), sent_at=now, now=now)
        now = key.opens_at
        key.accepted()
    key.refused_for_load(too_many(), sent_at=now, now=now)
    assert key.refusal("m", now, is_idle=True) is None


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(("suspend", "lift", "load", "accept", "bar", "wait")),
            st.floats(0, 400),
            st.none() | st.floats(0, 1e6),
        ),
        max_size=60,
    )
)
def test_whatever_happens_what_was_asked_is_obeyed(steps):
    """A key is never open before a time that the service has asked for, and a refusal is one that it has given."""
    key, now, least, given_by_service = healthy_key(), 0.0, 0.0, list[StatusError]([EMPTY, DENIED])
    for what, wait, asked in steps:
        now += wait
        match what:
            case "suspend":
                key.suspend(EMPTY, now)
            case "lift":
                key.lift()
            case "load":
                given_by_service.append(too_many(asked))
                key.refused_for_load(too_many(asked), sent_at=now, now=now)
                least = max(least, now + (asked or 0.0))
            case "accept":
                key.accepted()
            case "bar":
                key.bar("m", DENIED, now)
        assert key.opens_at >= least
        refusal = key.refusal("m", now, is_idle=True)
        assert refusal is None or type(refusal) in {type(one) for one in given_by_service}
        assert not (key.suspended and key.is_on_trial)


# --- what other processes learned


def test_a_key_that_another_process_had_suspended_refuses():
    """It is checked after the same time."""
    key = healthy_key()
    assert key.heard_suspended(EMPTY, 0, 10.0, is_news=True)
    assert not key.heard_suspended(EMPTY, 0, 10.0, is_news=True)
    assert key.refusal("m", 10.0, is_idle=True) is EMPTY
    assert not key.is_check_due(10.0 + CHECK_SECONDS - 1)
    assert key.is_check_due(10.0 + CHECK_SECONDS)
    assert key.changes == 0, "it is not told again"


def test_a_pool_that_opens_checks_before_it_believes():
    """It may have been opened because the account has credits again."""
    key = healthy_key()
    key.heard_suspended(EMPTY, 3, 10.0, is_news=False)
    assert key.is_check_due(10.0)


def test_what_seems_well_elsewhere_is_checked_here():
    """A key that is not suspended stays as it is."""
    key = healthy_key()
    key.heard_lifted(5.0)
    assert key.refusal("m", 5.0, is_idle=True) is None
    key.suspend(EMPTY, 6.0)
    key.heard_lifted(7.0)
    assert key.is_check_due(7.0)


def test_a_pause_after_a_refusal_for_load_holds_for_all():
    """With jitter of each process's own; a shorter one changes nothing."""
    key = healthy_key()
    key.heard_refused(too_many(20), 20.0, 100.0)
    assert key.opens_at == 120.0 + POLICY.base
    key.heard_refused(too_many(20), 5.0, 100.0)
    assert key.opens_at == 120.0 + POLICY.base


@pytest.mark.parametrize(("asked", "is_told"), [(None, True), (0.5, True), (30.0, True)])
def test_a_long_pause_is_told(asked, is_told):
    """One of a second or more."""
    key = healthy_key()
    key.refused_for_load(too_many(asked), 0.5, 1.0)
    assert bool(key.changes) == is_told


def test_a_short_pause_is_not_told():
    """It is over before others have heard of it."""
    key = KeyHealth(POLICY, shortest)
    key.refused_for_load(too_many(), 0.5, 1.0)
    assert key.changes == 0


def test_a_key_is_told_to_be_well_when_a_job_was_accepted():
    """Not when it only seems so: two processes would make each other try it again and again."""
    key = healthy_key()
    key.suspend(EMPTY, 0.0)
    assert (key.changes, key.unproven) == (1, EMPTY)
    key.accepted()  # one that was under way
    key.lift()
    assert (key.changes, key.unproven) == (1, EMPTY)
    key.accepted()
    assert (key.changes, key.unproven) == (2, None)
    key.accepted()
    assert key.changes == 2
