"""What an answer to a submit says of the service, noted for all jobs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from evolink_async.client import Move, OutageBrake, Session, Transport
from evolink_async.client.outage_brake import STRANGER_PATIENCE
from evolink_async.errors import (
    AccessDeniedError,
    AuthenticationError,
    EvolinkError,
    InterceptedError,
    InvalidRequestError,
    NotDeliveredError,
    RateLimitError,
    ServerError,
    SubmissionUnknownError,
)
from evolink_async.events import Event, SubmitsHalted, SubmitsLimited, SubmitsResumed
from evolink_async.settings import RetryPolicy
from evolink_async.submitting.circuit_breaker import CircuitBreakers
from evolink_async.submitting.concurrency_limit import KeyLimits
from evolink_async.submitting.key_choice import Turn
from evolink_async.submitting.service_facts import ServiceFacts
from evolink_async.submitting.submission_state import Submission
from evolink_async.task import Snapshot

POLICY = RetryPolicy()
SUBMITS = 4
ACCEPTED = Snapshot(task_id="t", state="pending")


class Noted:
    """Facts of a pool with one key, and what they led to."""

    def __init__(self, *, is_observed: bool = True) -> None:
        self.events: list[Event] = []
        self.session = Session(cast("Transport", None), "fingerpr", policy=POLICY)
        self.brake = OutageBrake(POLICY, SUBMITS)
        self.limits = KeyLimits([self.session], SUBMITS)
        circuits = CircuitBreakers(POLICY.refusals, POLICY.patience)
        self._facts = ServiceFacts(self.brake, self.limits, circuits, self.events.append if is_observed else None)

    def note(
        self,
        verdict: Snapshot | EvolinkError,
        key: str = "a",
        *,
        doubt: SubmissionUnknownError | None = None,
        is_trial: bool = False,
    ) -> None:
        """Note the answer to a submit of the job `key`."""
        submission = cast("Submission", SimpleNamespace(job=SimpleNamespace(key=key), model="m", doubt=doubt))
        self._facts.note(submission, Turn(self.session, (self.brake,) if is_trial else ()), verdict, sent_at=1.0)

    def slow(self) -> None:
        """A submit is not answered for long."""
        self._facts.note_slow()

    def trouble(self) -> None:
        """Three jobs are in trouble."""
        for key in "xyz":
            self.note(NotDeliveredError("no connection"), key)


@pytest.mark.parametrize(
    "verdict",
    [
        ACCEPTED,
        InvalidRequestError(400, "bad"),
        AuthenticationError(401, "no"),
        AccessDeniedError(403, "no", code="model_access_denied"),
        RateLimitError(429, "slow down", code="rate_limit_exceeded"),
        ServerError(503, "busy", code="service_unavailable"),
    ],
    ids=["accepted", "400", "401", "403", "429", "503"],
)
def test_an_answer_of_the_service_makes_it_known(verdict):
    """Whatever it says, the address is right: an outage of it is waited for as long as patience lasts."""
    noted = Noted()
    noted.note(verdict)
    assert noted.brake.patience == POLICY.patience


@pytest.mark.parametrize(
    "verdict",
    [
        InvalidRequestError(413, "a page", is_foreign=True),
        RateLimitError(429, "a page", is_foreign=True),
        InterceptedError(404, "a page", is_foreign=True),
        SubmissionUnknownError("a page", status=502),
        NotDeliveredError("no connection"),
    ],
    ids=["413", "429", "404", "502", "not delivered"],
)
def test_an_answer_of_something_on_the_way_does_not(verdict):
    """Anything answers at a wrong address."""
    noted = Noted()
    noted.note(verdict)
    assert noted.brake.patience == STRANGER_PATIENCE


@pytest.mark.parametrize(
    "verdict", [RateLimitError(429, "slow down"), ServerError(503, "busy", code="service_unavailable")]
)
def test_a_refusal_for_load_is_no_trouble(verdict):
    """It closes the key, and nothing else."""
    noted = Noted()
    for key in "abcdef":
        noted.note(verdict, key)
    assert noted.brake.is_open
    assert noted.session.refusal_for("m") is None
    assert noted.limits.limit < SUBMITS


def test_halting_and_resuming_are_each_told_once():
    """With what was met; stragglers add nothing."""
    noted = Noted()
    noted.trouble()
    noted.note(NotDeliveredError("straggler"), "w")
    for _ in range(SUBMITS + 2):
        noted.note(ACCEPTED, is_trial=True)
    told = [event for event in noted.events if not isinstance(event, SubmitsLimited)]
    assert [type(event) for event in told] == [SubmitsHalted, SubmitsResumed]
    assert isinstance(told[0], SubmitsHalted)
    assert isinstance(told[0].error, NotDeliveredError)


def test_a_word_about_an_earlier_send_is_no_trouble():
    """409 to a doubt that is sent again says that the service is there."""
    noted = Noted()
    conflict = SubmissionUnknownError("conflict", status=409, code="idempotency_conflict")
    for key in "abcdef":
        noted.note(conflict, key, doubt=SubmissionUnknownError("lost"))
    assert noted.brake.is_open
    for key in "abc":
        noted.note(conflict, key)
    assert not noted.brake.is_open


def test_a_refusal_of_a_trial_leaves_the_next_trial_its_place():
    """The service is there; the next job may find out more."""
    noted = Noted()
    noted.trouble()
    noted.brake.probed(10.0, is_answered=True)
    noted.brake.began()
    noted.note(InvalidRequestError(400, "bad"), is_trial=True)
    noted.brake.ended()
    assert noted.brake.move(10.0) is Move.TRIAL


def test_a_bar_is_noted_for_the_key():
    """No further job of the model goes with it."""
    noted = Noted()
    denied = AccessDeniedError(403, "no", code="key_model_not_allowed")
    noted.note(denied)
    assert noted.session.refusal_for("m") is denied
    assert noted.session.refusal_for("other") is None


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            NotDeliveredError("no connection to https://a.b (refused)"),
            "no connection to https://a.b (refused); jobs are",
        ),
        (InterceptedError(404, "a page", is_foreign=True), "HTTP 404: a page; jobs are tried for up to 30 s"),
        (ServerError(503, "busy", code="service_unavailable"), "HTTP 503 service_unavailable: busy; jobs are tried"),
        (RateLimitError(429, "slow down"), "HTTP 429: slow down; jobs are tried for up to 300 s"),
    ],
)
def test_the_first_failure_is_logged_where_nobody_observes(verdict, words, caplog):
    """At once and once: silence would look like a hang, and a line for each try would hide all others."""
    noted = Noted(is_observed=False)
    for key in "ab":
        noted.note(verdict, key)
    noted.note(ACCEPTED)
    noted.note(verdict, "c")
    assert [words in record.getMessage() for record in caplog.records] == [True]


def test_a_slow_answer_is_logged_where_nobody_observes(caplog):
    """Once, and not again when it has failed."""
    noted = Noted(is_observed=False)
    noted.slow()
    noted.slow()
    noted.note(NotDeliveredError("no connection"))
    assert [record.getMessage() for record in caplog.records] == [
        "no answer to a submit for 5 s; jobs are tried for up to 30 s"
    ]


def test_with_an_observer_the_application_decides_what_is_logged(caplog):
    """The events tell it all."""
    noted = Noted()
    noted.trouble()
    noted.slow()
    assert caplog.records == []


@pytest.mark.parametrize("verdict", [ACCEPTED, InvalidRequestError(400, "bad"), AuthenticationError(401, "no")])
def test_a_word_of_the_service_ends_trouble(verdict):
    """It accepts, or refuses for good: nothing keeps it from answering."""
    noted = Noted()
    noted.note(NotDeliveredError("no connection"))
    assert noted.brake.trouble is not None
    noted.note(verdict)
    assert noted.brake.trouble is None
