"""The verdicts on answers to submits and polls, compared with tables that repeat the rules."""

from __future__ import annotations

import pytest

from evolink_async.errors import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InterceptedError,
    InvalidRequestError,
    NotDeliveredError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    SubmissionUnknownError,
    TaskCancelledError,
    TaskFailedError,
    TaskNotFoundError,
    TransportError,
)
from evolink_async.task import Snapshot, TaskFailure
from evolink_async.wire import (
    bars_model,
    is_refused_for_load,
    is_trouble,
    may_send_again,
    on_poll,
    on_submit,
    suspends_key,
    task_error,
)
from tests.vendor_samples import TASK_ID, answer, body, names

OWN_WORDS = body("error-new-500")
PAGE = b"<html>busy</html>"


BY_STATUS = {
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AccessDeniedError,
    404: InvalidRequestError,
    429: RateLimitError,
}
AUTHORS = {
    "own words": (OWN_WORDS, {"x-request-id": "r"}),
    "own request id": (PAGE, {"x-oneapi-request-id": "r"}),
    "a page": (PAGE, {"x-request-id": "r"}),
    "foreign JSON": (b'{"error": "upstream_timeout"}', {"x-request-id": "r"}),
    "nothing": (b"", {"x-request-id": "r"}),
}
"""Authors of an answer: the first two are the service, the others are foreign."""
INTERCEPTED = {401, 403, 404, 405, 407, 410, 421, 426, 451}
NOT_PASSED_ON = INTERCEPTED | {400, 401, 403, 404, 405, 407, 410, 411, 413, 414, 415, 421, 422, 426, 431, 451}


def submit_class(status: int, author: str) -> type:
    """Return the class of the verdict by the submit table."""
    if status in (408, 409, 425, 499) or not 400 <= status < 500:
        return SubmissionUnknownError
    if not author.startswith("own") and status in INTERCEPTED:
        return InterceptedError
    if author.startswith("own") or status == 429 or status in NOT_PASSED_ON:
        return BY_STATUS.get(status, InvalidRequestError)
    return SubmissionUnknownError


@pytest.mark.parametrize("author", AUTHORS)
def test_submit(author):
    """Every status from every author gives one class; only certain refusals count as refusals."""
    content, headers = AUTHORS[author]
    for status in range(300, 600):
        verdict = on_submit(answer(content, status, headers), now=0)
        assert type(verdict) is submit_class(status, author), status
        assert isinstance(verdict, StatusError | SubmissionUnknownError)
        assert verdict.request_id == "r"
        assert verdict.status == status
        if isinstance(verdict, SubmissionUnknownError):
            assert not verdict.may_resubmit
            assert verdict.code == ("internal_error" if author == "own words" else None)
            assert not may_send_again(verdict, "if_undelivered")
        else:
            assert verdict.is_foreign is not author.startswith("own")


@pytest.mark.parametrize(
    ("error", "is_accepted"),
    [
        ({"code": "service_unavailable", "message": "x"}, False),
        ({"code": 503, "message": "x", "type": "service_unavailable_error"}, False),
        ({"code": "no_available_channel", "message": "x"}, False),
        ({"code": "rate_limit_exceeded", "message": "x"}, False),
        ({"code": "upstream_error", "message": "x", "type": "service_unavailable_error"}, None),
        ({"code": 503, "message": "x"}, None),
        ({"message": "Service Unavailable"}, None),
        ("upstream_timeout", None),
    ],
)
def test_a_503_is_no_refusal_but_in_the_services_own_words(error, is_accepted):
    """The status alone proves nothing. The type decides only if the code is not a word."""
    verdict = on_submit(answer({"error": error}, 503), now=0)
    assert type(verdict) is (SubmissionUnknownError if is_accepted is None else ServerError)
    assert may_send_again(verdict, "if_undelivered") is (is_accepted is False)


@pytest.mark.parametrize("status", [200, 400, 403, 429, 500, 503])
@pytest.mark.parametrize("code", ["idempotency_conflict", "paid_outcome_unknown"])
def test_some_codes_leave_a_doubt_under_any_status(code, status):
    """These codes are about an earlier send with the same idempotency key."""
    verdict = on_submit(answer({"error": {"code": code, "message": "x"}}, status), now=0)
    assert isinstance(verdict, SubmissionUnknownError)
    assert verdict.code == code


@pytest.mark.parametrize("status", sorted(NOT_PASSED_ON))
def test_trouble_on_the_way_is_sent_again_and_a_refusal_on_the_way_is_not(status):
    """A balancer may have a backend a second later; a body that is too long stays too long."""
    verdict = on_submit(answer(PAGE, status), now=0)
    assert isinstance(verdict, StatusError)
    assert isinstance(verdict, InterceptedError) is (status in INTERCEPTED)
    assert may_send_again(verdict, "if_undelivered") is (status in INTERCEPTED)
    assert is_trouble(verdict, is_repeated=False) is (status in INTERCEPTED)
    assert not is_refused_for_load(verdict)
    assert not may_send_again(verdict, "never")
    assert not suspends_key(verdict)
    assert not bars_model(verdict)


@pytest.mark.parametrize("code", ["model_access_denied", "key_model_not_allowed"])
def test_a_key_without_access_to_a_model_keeps_the_others(code):
    """The key is barred from this model, and not suspended."""
    verdict = on_submit(answer({"error": {"code": code, "message": "x"}}, 403), now=0)
    assert isinstance(verdict, StatusError)
    assert bars_model(verdict)
    assert not suspends_key(verdict)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
@pytest.mark.parametrize("name", names("submit-*"))
def test_a_submit_answered_with_a_task_is_accepted(name, status):
    """Every 2xx with a task counts as accepted."""
    verdict = on_submit(answer(body(name), status), now=0)
    assert isinstance(verdict, Snapshot)
    assert verdict.task_id == TASK_ID


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize(
    "content", [b"", PAGE, b"{", {}, {"id": None}, {"id": 5}, {"success": False, "code": 1}, OWN_WORDS, [{"id": "a"}]]
)
def test_a_submit_answered_with_2xx_and_no_task_is_unknown(content, status):
    """An error object under HTTP 200 is in doubt too, because it does not say that no task exists."""
    verdict = on_submit(answer(content, status), now=0)
    assert isinstance(verdict, SubmissionUnknownError)
    assert verdict.status == status


@pytest.mark.parametrize("code", ["idempotency_conflict", "paid_outcome_unknown"])
def test_a_conflict_keeps_its_code(code):
    """The policy `same_key` decides by the code."""
    verdict = on_submit(answer({"error": {"code": code, "message": "x"}}, 409), now=0)
    assert isinstance(verdict, SubmissionUnknownError)
    assert verdict.code == code
    assert not may_send_again(verdict, "if_undelivered")
    assert not may_send_again(verdict, "never")
    assert may_send_again(verdict, "same_key") is (code == "paid_outcome_unknown")


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (NotDeliveredError("x"), True),
        (RateLimitError(429, "x"), True),
        (ServerError(503, "x"), True),
        (InterceptedError(404, "x", is_foreign=True), True),
        (AuthenticationError(401, "x"), False),
        (InsufficientCreditsError(402, "x"), False),
        (AccessDeniedError(403, "x"), False),
        (TaskNotFoundError(404, "x"), False),
        (InvalidRequestError(400, "x"), False),
        (TransportError("x"), False),
        (SubmissionUnknownError("x"), False),
        (ReplyError("x"), False),
    ],
)
def test_what_may_be_sent_again(error, again):
    """Submits that were certainly not accepted; "never" allows none, "same_key" also allows unknown submits."""
    assert may_send_again(error, "if_undelivered") is again
    assert may_send_again(error, "never") is False
    assert may_send_again(error, "same_key") is (again or isinstance(error, SubmissionUnknownError))


POLL_CLASSES = {
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AccessDeniedError,
    404: TaskNotFoundError,
    429: RateLimitError,
}


@pytest.mark.parametrize("author", AUTHORS)
def test_poll(author):
    """Every status gives an error value with the task id and its author; `on_poll` does not raise."""
    content, headers = AUTHORS[author]
    for status in range(300, 600):
        verdict = on_poll(answer(content, status, headers), task_id="t", now=0)
        default = StatusError if status < 400 else InvalidRequestError if status < 500 else ServerError
        is_gone = status == 410 and author.startswith("own")
        expected = TaskNotFoundError if is_gone else POLL_CLASSES.get(status, default)
        if not author.startswith("own") and status in INTERCEPTED:
            expected = InterceptedError
        assert type(verdict) is expected, status
        assert verdict.task_id == "t"
        assert verdict.is_foreign is not author.startswith("own")


def test_an_invalid_task_id_is_a_task_that_is_not_known():
    """The code `invalid_task_id` under HTTP 400 counts as not found."""
    verdict = on_poll(answer({"error": {"code": "invalid_task_id", "message": "x"}}, 400), task_id="t", now=0)
    assert isinstance(verdict, TaskNotFoundError)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        PAGE,
        b"{",
        {},
        [],
        {"id": "other", "status": "completed"},
        {"id": TASK_ID},
        {"status": 5},
        {"status": "failed"},
    ],
)
def test_a_poll_answered_with_something_else_is_a_reply_error(content):
    """HTML, truncated JSON, another task and a missing state are read errors, so the task is polled again."""
    verdict = on_poll(answer(content), task_id=TASK_ID, now=0)
    assert isinstance(verdict, ReplyError)
    assert verdict.task_id == TASK_ID


@pytest.mark.parametrize("name", names("task-*"))
def test_a_poll_answered_with_the_task_is_a_snapshot(name):
    """This holds for every sample of a task."""
    assert isinstance(on_poll(answer(body(name)), task_id=TASK_ID, now=0), Snapshot)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, None, True),
        (402, "insufficient_quota", True),
        (402, 402, True),
        (403, None, False),
        (403, 403, False),
        (403, "model_access_denied", False),
        (403, "key_model_not_allowed", False),
        (403, "permission_denied", False),
        (403, "key_disabled", True),
        (403, "key_expired", True),
        (403, "ip_restricted", True),
        (403, "invalid_token", True),
        (403, "user_disabled", True),
        (400, "key_disabled", False),
        (404, None, False),
        (429, None, False),
        (429, "insufficient_quota", True),
        (500, None, False),
        (500, "insufficient_quota", True),
        (503, "insufficient_quota", True),
    ],
)
def test_what_suspends_a_key(status, code, expected):
    """401, 402, the 403 codes about the key itself, and `insufficient_quota` under any status suspend it."""
    assert suspends_key(StatusError(status, "x", code=code)) is expected


@pytest.mark.parametrize("status", [401, 402, 403, 429, 500])
def test_what_stands_before_the_service_suspends_no_key(status):
    """Whatever its answer looks like."""
    assert suspends_key(StatusError(status, "x", code="insufficient_quota", is_foreign=True)) is False


@pytest.mark.parametrize(
    ("error", "is_for_load"),
    [
        (RateLimitError(429, "x"), True),
        (RateLimitError(429, "a page", is_foreign=True), True),
        (ServerError(503, "x", code="no_available_channel"), True),
        (RateLimitError(429, "x", code="insufficient_quota"), False),
        (ServerError(503, "x", code="insufficient_quota"), False),
        (InterceptedError(404, "x", is_foreign=True), False),
        (InsufficientCreditsError(402, "x"), False),
        (NotDeliveredError("x"), False),
        (SubmissionUnknownError("x", status=503), False),
    ],
)
def test_what_is_refused_for_load(error, is_for_load):
    """429 and the 503 of the service's own words; not what means that there are no credits."""
    assert is_refused_for_load(error) is is_for_load
    assert not (is_for_load and is_trouble(error, is_repeated=False))


@pytest.mark.parametrize(
    ("error", "is_trouble_at_first", "is_trouble_when_repeated"),
    [
        (NotDeliveredError("x"), True, True),
        (InterceptedError(403, "x", is_foreign=True), True, True),
        (SubmissionUnknownError("reset"), True, True),
        (SubmissionUnknownError("x", status=200), True, True),
        (SubmissionUnknownError("x", status=302), True, True),
        (SubmissionUnknownError("x", status=408), True, True),
        (SubmissionUnknownError("x", status=425), True, True),
        (SubmissionUnknownError("x", status=499), True, True),
        (SubmissionUnknownError("x", status=500), True, True),
        (SubmissionUnknownError("x", status=502), True, True),
        # A word about the earlier send of the same purchase: the service is there.
        (SubmissionUnknownError("x", status=409), True, False),
        (SubmissionUnknownError("x", status=409, code="idempotency_conflict"), True, False),
        (SubmissionUnknownError("x", status=409, code="paid_outcome_unknown"), True, False),
        (SubmissionUnknownError("x", status=400, code="idempotency_conflict"), True, False),
        (SubmissionUnknownError("x", status=500, code="paid_outcome_unknown"), True, True),
        (RateLimitError(429, "x"), False, False),
        (ServerError(503, "x"), False, False),
        (InvalidRequestError(400, "x"), False, False),
        (InvalidRequestError(413, "x", is_foreign=True), False, False),
        (AuthenticationError(401, "x"), False, False),
        (InsufficientCreditsError(402, "x"), False, False),
        (AccessDeniedError(403, "x"), False, False),
    ],
)
def test_what_is_trouble(error, is_trouble_at_first, is_trouble_when_repeated):
    """No connection, trouble on the way, and every doubt, but for a word about an earlier send of the purchase."""
    assert is_trouble(error, is_repeated=False) is is_trouble_at_first
    assert is_trouble(error, is_repeated=True) is is_trouble_when_repeated


@pytest.mark.parametrize("error", [TransportError("x"), ReplyError("x"), SubmissionUnknownError("x", status=401)])
def test_what_is_no_refusal_suspends_no_key(error):
    """Errors other than refusals do not suspend a key."""
    assert suspends_key(error) is False


CODES = [
    "content_policy_violation",
    "invalid_parameters",
    "image_processing_error",
    "image_dimension_mismatch",
    "request_cancelled",
    "generation_failed_no_content",
    "service_error",
    "generation_timeout",
    "resource_exhausted",
    "quota_exceeded",
    "service_unavailable",
    "resource_not_found",
    "unknown_error",
]  # Source: https://docs.evolink.ai/en/api-manual/task-management/error-codes (read 2026-11-20)


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_a_failed_task_has_its_advice(code):
    """The advice differs from the default of the class."""
    snapshot = Snapshot(task_id="t", state="failed", fault=TaskFailure(code=code, message="because"))
    error = task_error(snapshot)
    assert type(error) is TaskFailedError
    assert (error.code, error.task_id, error.snapshot) == (code, "t", snapshot)
    assert error.advice != TaskFailedError.advice
    assert code in str(error)
    assert "because" in str(error)


def test_the_advice_of_each_code_is_another():
    """13 codes give 13 different sentences."""
    faults = [TaskFailure(code=code) for code in CODES]
    advice = {task_error(Snapshot(task_id="t", state="failed", fault=fault)).advice for fault in faults}
    assert len(advice) == len(CODES) == 13


def test_the_service_s_own_suggestion_comes_first():
    """The suggestion of the service replaces the advice from the table."""
    fault = TaskFailure(code="service_error", suggestion="Use PNG.")
    assert task_error(Snapshot(task_id="t", state="failed", fault=fault)).advice == "Use PNG."


@pytest.mark.parametrize("fault", [None, TaskFailure(), TaskFailure(code="brand_new"), TaskFailure(message="oops")])
def test_a_failure_without_a_known_code_still_has_advice(fault):
    """The advice is the default of the class."""
    error = task_error(Snapshot(task_id="t", state="failed", fault=fault))
    assert error.advice == TaskFailedError.advice
    assert error.may_resubmit


def test_a_cancelled_task_is_no_failure():
    """A cancelled task gives `TaskCancelledError`."""
    error = task_error(Snapshot(task_id="t", state="cancelled"))
    assert type(error) is TaskCancelledError
    assert "cancelled" in str(error)
