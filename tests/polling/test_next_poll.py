"""What follows a poll: the table of `next_poll`, decided without a clock or a network."""

from __future__ import annotations

import pickle

import attrs
import pytest

from evolink_async.errors import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    NotDeliveredError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    TaskNotFoundError,
    TransportError,
)
from evolink_async.frozen import FrozenMap
from evolink_async.polling import Schedule, WatchedTask
from evolink_async.polling.next_poll import MISSING_LINK_RETRIES, REFUSAL_RETRIES, Pacing, PollAgain, next_poll
from evolink_async.polling.outage_backoff import MAX_RETRY_AFTER
from evolink_async.polling.poll_trouble import PollTrouble
from evolink_async.polling.trouble_reports import TroubleReports
from evolink_async.settings import Cadence
from evolink_async.task import Snapshot, TaskFailure

CADENCE = Cadence()
PACING = Pacing(CADENCE, Schedule(CADENCE))


@attrs.define
class Nobody:
    """An account that is never asked."""

    busy: int = 0
    poll_many = None

    async def poll(self, task_id):
        raise AssertionError


@pytest.fixture
def entry() -> WatchedTask:
    """A task accepted at second 1000."""
    return WatchedTask("t", Nobody(), None, 1000.0, estimated=120.0)


def poll(entry: WatchedTask, seen, now: float = 1010.0, *, retry_early: bool = True):
    """One look's consequence."""
    entry.polled_at = now
    return next_poll(entry, seen, now, PACING, retry_early=retry_early)


def seen(state: str, **fields) -> Snapshot:
    """A poll answer with these fields."""
    return Snapshot(task_id="t", state=state, **fields)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_an_end_without_a_video_is_an_end(entry, state):
    """Links are not waited for; the time is noted."""
    entry.last_running_at = 1004.0
    last = seen(state)
    assert poll(entry, last) is last
    assert (entry.end_seen_at, entry.lag) == (1010.0, 6.0)


def test_a_completed_task_with_a_link_is_an_end(entry):
    """The lag of a task never seen before counts from its acceptance."""
    last = seen("completed", urls=("https://a/b.mp4",))
    assert poll(entry, last) is last
    assert entry.lag == 10.0


@pytest.mark.parametrize("state", ["pending", "processing", "queued", "expired?", "COMPLETED", "Failed"])
def test_any_other_word_means_still_going(entry, state):
    """By the schedule, and faults of the past are forgiven."""
    entry.trouble = PollTrouble(since=0.0, failures=2, refusals=2)
    step = poll(entry, seen(state))
    assert isinstance(step, PollAgain)
    assert CADENCE.min_interval <= step.delay <= CADENCE.first_look
    assert (entry.trouble, entry.last_running_at) == (None, 1010.0)


def test_a_new_estimate_is_taken_a_missing_one_keeps_the_old(entry):
    """The service may learn, or fall silent."""
    poll(entry, seen("processing", estimated_seconds=300.0))
    assert entry.estimated == 300.0
    poll(entry, seen("processing"))
    assert entry.estimated == 300.0


def test_progress_counts_when_it_moved(entry):
    """99 percent after ten seconds is polled again soon; the same 99 again does not count."""
    moved = poll(entry, seen("processing", progress_percent=50))
    stuck = poll(entry, seen("processing", progress_percent=50))
    assert moved.delay < stuck.delay


def test_a_completed_task_without_a_link_is_looked_at_again_a_few_times(entry):
    """Three times, ever later; then it is an answer we do not understand, never "completed"."""
    delays = [poll(entry, seen("completed")).delay for _ in range(MISSING_LINK_RETRIES)]
    assert delays == [2.0, 4.0, 8.0]
    last = poll(entry, seen("completed"))
    assert isinstance(last, ReplyError)
    assert last.task_id == "t"
    assert not last.may_resubmit


def test_an_odd_word_with_links_is_completed_when_it_is_said_again(entry):
    """One poll may show a state between two others; two that show the same links show a film."""
    odd = seen("wrapped", urls=("https://a/b.mp4",))
    assert poll(entry, odd).delay == CADENCE.min_interval
    last = poll(entry, odd, 1011.0)
    assert (last.state, last.urls, entry.end_seen_at) == ("completed", odd.urls, 1011.0)


def test_other_links_under_an_odd_word_are_news(entry):
    """What still changes is no end."""
    poll(entry, seen("wrapped", urls=("https://a/b.mp4",)))
    assert isinstance(poll(entry, seen("wrapped", urls=("https://a/b.mp4", "https://a/c.mp4"))), PollAgain)


def test_an_odd_word_with_an_error_is_believed_after_three_equal_polls_over_a_minute(entry):
    """Then it is an answer that we do not understand: the job is not bought again, and what it holds stays held."""
    odd = seen("blown", fault=TaskFailure(message="out of film"))
    times = [1000.0, 1020.0, 1040.0]
    assert all(isinstance(poll(entry, odd, at), PollAgain) for at in times)
    last = poll(entry, odd, 1060.0)
    assert isinstance(last, ReplyError)
    assert (last.task_id, last.may_resubmit) == ("t", False)
    assert "'blown'" in str(last)
    assert "out of film" in str(last)


@pytest.mark.parametrize("news", [seen("blown", progress_percent=40), seen("processing"), seen("bloated")])
def test_news_about_an_odd_word_begin_the_count_anew(entry, news):
    """Progress, a known word and another odd word all say that the task still lives."""
    odd = seen("blown", fault=TaskFailure(message="out of film"))
    for at in (1000.0, 1030.0):
        poll(entry, odd, at)
    poll(entry, news, 1050.0)
    assert isinstance(poll(entry, odd, 1061.0), PollAgain)


def test_after_a_day_without_a_usable_answer_a_task_is_given_up(entry):
    """Its job stays unfinished, and a later run takes it up."""
    error, day = ServerError(500, "no"), 24 * 3600.0
    assert isinstance(poll(entry, error, 1000.0), PollAgain)
    assert isinstance(poll(entry, error, 1000.0 + day - 1), PollAgain)
    last = poll(entry, error, 1000.0 + day)
    assert isinstance(last, ReplyError)
    assert not last.may_resubmit


def test_a_usable_answer_begins_the_day_anew(entry):
    """Also a late one."""
    error, day = ServerError(500, "no"), 24 * 3600.0
    poll(entry, error, 1000.0)
    poll(entry, seen("processing"), 1000.0 + day / 2)
    assert isinstance(poll(entry, error, 1000.0 + day), PollAgain)


@pytest.mark.parametrize("error_class", [AuthenticationError, AccessDeniedError])
def test_a_denied_look_is_repeated_three_times_over_max_interval(entry, error_class):
    """A key may be refused for a moment; still refused, the error ends the watching."""
    error = error_class(401, "no")
    delays = [poll(entry, error).delay for _ in range(REFUSAL_RETRIES)]
    assert sum(delays) >= CADENCE.max_interval
    assert poll(entry, error) is error


def test_a_poll_that_works_resets_earlier_denials(entry):
    """Counting begins anew."""
    for _ in range(REFUSAL_RETRIES):
        poll(entry, AuthenticationError(401, "no"))
    poll(entry, seen("processing"))
    assert isinstance(poll(entry, AuthenticationError(401, "no")), PollAgain)


@pytest.mark.parametrize("was_seen", [False, True])
def test_not_found_is_believed_after_three_answers_over_the_grace(entry, was_seen):
    """A task may not be visible yet. One that was seen alive is believed five times as long."""
    if was_seen:
        poll(entry, seen("processing"), 1000.0)
    error, grace = TaskNotFoundError(404, "no such task"), CADENCE.not_found_grace * (5 if was_seen else 1)
    assert isinstance(poll(entry, error, 2000.0), PollAgain)
    assert isinstance(poll(entry, error, 2000.0 + 10 * grace), PollAgain)  # only the second answer
    assert poll(entry, error, 2000.0 + 10 * grace + 1) is error


@pytest.mark.parametrize("proof", ["none", "accepted", "seen"])
def test_an_id_of_no_such_form_is_believed_at_once(entry, proof):
    """But for an id that came from the service: there it is as good as any "no such task"."""
    if proof == "seen":
        poll(entry, seen("processing"), 1000.0)
    entry.accepted_at = 1.7e9 if proof == "accepted" else None
    error = TaskNotFoundError(400, "invalid task ID format")
    assert (poll(entry, error, 2000.0) is error) == (proof == "none")


@pytest.mark.parametrize(
    ("error", "accepted_at", "count"),
    [
        (TaskNotFoundError(404, "no such task"), None, 1),
        (TaskNotFoundError(404, "no such task"), 1.7e9, 0),
        (TaskNotFoundError(404, "page", is_foreign=True), None, 0),
        (TaskNotFoundError(400, "invalid task ID format"), None, 0),
    ],
)
def test_that_an_id_may_be_mistyped_is_told_at_once(entry, error, accepted_at, count):
    """Once, while it is asked for again; not for a task that the service has accepted from here."""
    told: list[str] = []
    reports = TroubleReports()
    reports.report, entry.accepted_at = told.append, accepted_at
    for second in range(3):
        reports.note(entry, error, 2000.0 + second)
        poll(entry, error, 2000.0 + second)
    assert [line.startswith("the service does not know the task t;") for line in told] == [True] * count


def test_not_found_is_counted_from_the_first_answer_and_forgotten_by_a_snapshot(entry):
    """Within the grace there are more polls, however many say so."""
    error = TaskNotFoundError(404, "no such task")
    for second in range(10):
        assert isinstance(poll(entry, error, 2000.0 + second), PollAgain)
    poll(entry, seen("processing"), 2010.0)
    assert isinstance(poll(entry, error, 5000.0), PollAgain)


@pytest.mark.parametrize(
    "error_class", [AuthenticationError, AccessDeniedError, TaskNotFoundError, InsufficientCreditsError]
)
def test_what_something_on_the_way_says_never_ends_the_watching(entry, error_class):
    """A balancer's 404 or a login page's 401 is no word about the task or the key."""
    for attempt in range(50):
        step = poll(entry, error_class(404, "page", is_foreign=True), 2000.0 + 100 * attempt)
        assert isinstance(step, PollAgain)


@pytest.mark.parametrize(
    "error",
    [
        TransportError("reset"),
        NotDeliveredError("refused"),
        ReplyError("html"),
        RateLimitError(429, "x"),
        ServerError(500, "x"),
        ServerError(503, "x"),
        InvalidRequestError(400, "x"),
        InvalidRequestError(408, "x"),
        StatusError(302, "x"),
    ],
)
def test_everything_else_is_polled_again_without_end(entry, error):
    """Backing off by doubling from `min_interval` to `max_interval`, without end."""
    delays = [poll(entry, error).delay for _ in range(2000)]
    assert delays[:5] == [2.0, 4.0, 8.0, 16.0, 30.0]
    assert set(delays[5:]) == {30.0}


def test_without_early_retry_a_failed_poll_is_repeated_at_the_next_planned_time(entry):
    """A service that fails often is not asked more often for it, nor less often than a task that goes on."""
    turn = PACING.interval(entry, 1010.0)
    assert turn > 2.0
    assert poll(entry, ServerError(500, "x"), retry_early=False).delay == turn


@pytest.mark.parametrize(("misses", "is_alone"), [(0, False), (1, True), (2, False), (3, True)])
def test_a_task_that_batch_answers_do_not_tell_of_is_read_alone(entry, misses, is_alone):
    """Once for an answer that may have come too soon, for good from the second on (it is in no batch after that)."""
    entry.missing_rows = misses
    assert entry.is_missing_in_batches is is_alone


@pytest.mark.parametrize(("asked", "expected"), [(0.0, 2.0), (1.0, 2.0), (100.0, 100.0), (1e9, MAX_RETRY_AFTER)])
@pytest.mark.parametrize("error_class", [RateLimitError, ServerError, InvalidRequestError])
def test_retry_after_is_not_undercut(entry, error_class, asked, expected):
    """Whatever the status; beyond an hour it is taken for a mistake."""
    assert poll(entry, error_class(429, "x", retry_after=asked)).delay == expected


def test_the_first_poll_comes_by_first_look(entry):
    """However long the estimate."""
    entry.estimated = 86_400.0
    assert PACING.interval(entry, 1000.0) == CADENCE.first_look


@pytest.mark.parametrize("answer", [seen("processing"), seen("expired?", urls=("https://a/b.mp4",))])
def test_an_answer_is_as_old_as_its_poll(entry, answer):
    """What took six seconds to arrive is no news of this moment: a deadline after it deserves a poll of its own."""
    entry.polled_at = 1004.0
    assert isinstance(next_poll(entry, answer, 1010.0, PACING), PollAgain)
    assert entry.last_running_at == entry.known_running_at == 1004.0


@pytest.mark.parametrize("results", [("",), ({"video": None},), ((),), 7, None])
def test_an_error_about_a_missing_link_has_what_was_there(entry, results):
    """Whoever writes to the support has the last snapshot, the request id and what stood in place of the links."""
    last = seen("completed", request_id="req-9", extra=FrozenMap({"results": results}))
    told = [poll(entry, last) for _ in range(4)][-1]
    assert isinstance(told, ReplyError)
    assert (told.snapshot, told.results, told.request_id) == (last, results, "req-9")
    assert str(results)[:200] in str(told) or not results
    again = pickle.loads(pickle.dumps(told))
    assert (again.snapshot, again.results) == (last, results)
