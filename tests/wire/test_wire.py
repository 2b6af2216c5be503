"""Requests to bytes and replies to values: nothing is coerced, nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from evolink_async.errors import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InterceptedError,
    InvalidRequestError,
    ParamsError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    TaskNotFoundError,
)
from evolink_async.frozen import thaw
from evolink_async.models import Wan26ReferenceVideo
from evolink_async.params import RawParams
from evolink_async.task import Snapshot, TaskFailure
from evolink_async.wire import (
    Credits,
    decode_batch,
    decode_credits,
    decode_error,
    decode_task,
    encode_credits,
    encode_poll,
    encode_submit,
    retry_after,
    vendor_error,
)
from tests.vendor_samples import FOLDER, TASK_ID, answer, body, names, sample

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


# --- values to requests


def test_a_submit_is_these_bytes():
    """The body of a small job, byte for byte: compact UTF-8 in the order of the vendor's page, defaults left out."""
    params = Wan26ReferenceVideo(prompt="Ein Bär „tanzt“", video_urls=["https://example.com/a.mp4"], shot_type="multi")
    request = encode_submit(params, "ev-0123456789abcdef")
    assert (
        request.body
        == (
            '{"model":"wan2.6-reference-video","prompt":"Ein Bär „tanzt“",'
            '"video_urls":["https://example.com/a.mp4"],"aspect_ratio":"16:9","quality":"720p",'
            '"model_params":{"shot_type":"multi"}}'
        ).encode()
    )
    assert (request.method, request.path, request.kind) == ("POST", "/v1/videos/generations", "submit")
    assert request.headers == {"Content-Type": "application/json", "Idempotency-Key": "ev-0123456789abcdef"}
    assert encode_submit(params, "ev-0123456789abcdef") == request


def test_a_raw_body_is_sent_as_it_is():
    """`RawParams` keep their order, their endpoint and their odd values."""
    request = encode_submit(RawParams("wan9", {"z": 1.0, "a": [None, True], "ü": "é"}, path="/v1/x"), "k" * 16)
    assert request.path == "/v1/x"
    assert request.body == '{"model":"wan9","z":1.0,"a":[null,true],"ü":"é"}'.encode()


@pytest.mark.parametrize("task_id", [TASK_ID, "a", "A.b_c:d-e", "...", "x" * 128])
def test_a_poll_asks_for_one_task(task_id):
    """GET, the id in the path as it is, no body."""
    request = encode_poll(task_id)
    assert (request.kind, request.method, request.body) == ("poll", "GET", None)
    assert request.path == f"/v1/tasks/{task_id}"


BAD_IDS = ["", ".", "..", "a/b", "../credits", "a b", "a\n", "a?b", "a#b", "a%2Fb", "ä", "x" * 129, "a\x00", "a\\b"]
NO_IDS: list[Any] = [None, 17, True, ["a"], {}, *BAD_IDS]


@pytest.mark.parametrize("task_id", BAD_IDS)
def test_a_poll_of_an_invalid_id_is_refused(task_id):
    """No id can change the path of the request or add a query."""
    with pytest.raises(ParamsError, match="@ task_id"):
        encode_poll(task_id)


def test_credits_have_a_path_of_their_own():
    """GET, no body."""
    assert (encode_credits().method, encode_credits().path) == ("GET", "/v1/credits")


# --- tasks

TASKS: dict[str, Any] = {
    "submit-wan2.6-reference-video": {"state": "pending", "estimated_seconds": 120.0, "credits_reserved": 5.0},
    "submit-wan2.6-reference-video-flash": {"state": "pending", "model": "wan2.6-reference-video-flash"},
    "submit-wan2.6-image-to-video-flash": {"state": "pending", "model": "wan2.6-image-to-video-flash"},
    "submit-wan2.7-reference-video": {"state": "pending", "model": "wan2.7-reference-video", "progress_percent": 0},
    "task-pending": {"state": "pending", "is_final": False, "urls": (), "fault": None},
    "task-processing": {"state": "processing", "is_final": False, "progress_percent": 45},
    "task-completed": {
        "state": "completed",
        "is_final": True,
        "urls": ("https://files.evolink.ai/result/film.mp4?sig=a%2Fb%3D&e=1",),
    },
    "task-completed-newest": {
        "urls": ("https://media.evolink.ai/one.mp4", "https://media.evolink.ai/two.mp4"),
        "credits_used": 42.84,
        "credits_reserved": 47.6,
        "request_id": "req-from-the-body",
    },
    "task-failed": {
        "is_final": True,
        "fault": TaskFailure(code="content_policy_violation", message="The prompt was refused.", type="task_error"),
    },
    "task-failed-with-suggestion": {
        "fault": TaskFailure(
            code="image_processing_error",
            message="Cannot read the image.",
            type="task_error",
            suggestion="Convert it to PNG.",
        )
    },
    "task-failed-silent": {"state": "failed", "is_final": True, "fault": None},
    "task-failed-null": {"state": "failed", "is_final": True, "fault": None},
    "task-cancelled": {"state": "cancelled", "is_final": True},
    "task-queued": {"state": "queued", "is_final": False},
}


def test_every_sample_of_a_task_is_read():
    """The table above has all of them, and each file is named in the list of sources."""
    assert sorted(TASKS) == names("submit-*") + names("task-*")
    sources = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(stem.split("-")[0] in sources for stem in names("*"))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_read(name):
    """The fields of the vendor's own examples arrive under our names."""
    snapshot = decode_task(answer(body(name)))
    assert (snapshot.task_id, snapshot.created_at) == (TASK_ID, 1757169743)
    assert {field: getattr(snapshot, field) for field in TASKS[name]} == TASKS[name]
    assert decode_task(answer(body(name)), asked=TASK_ID) == snapshot


@pytest.mark.parametrize("name", TASKS)
def test_what_we_have_no_field_for_is_kept(name):
    """Every entry of a reply is in a field or, unchanged, in `extra`."""
    row = sample(name)
    snapshot = decode_task(answer(body(name)))
    known = {"id", "status", "model", "progress", "created", "results", "error", "request_id"}
    assert set(row) - set(snapshot.extra) <= known
    assert all(thaw(value) == row[field] for field, value in snapshot.extra.items())
    assert {"task_info", "type"} <= set(snapshot.extra)


def test_a_submit_without_a_state_is_pending_a_poll_without_one_is_an_error():
    """The id of a paid task is kept; the answer to a poll without a state is an error."""
    assert decode_task(answer({"id": "a"})).state == "pending"
    with pytest.raises(ReplyError, match="no status") as caught:
        decode_task(answer({"id": "a"}), asked="a")
    assert caught.value.task_id == "a"


def test_the_answer_to_a_poll_needs_no_id_but_must_not_have_another():
    """An answer without an id is about the polled task; an answer about another task is an error."""
    assert decode_task(answer({"status": "processing"}), asked="a").task_id == "a"
    with pytest.raises(ReplyError, match="asked for a, got b"):
        decode_task(answer({"id": "b", "status": "completed"}), asked="a")


LINK = "https://x.example/a.mp4"


@pytest.mark.parametrize(
    "stray",
    [
        {"status": "error", "message": "upstream connect error"},
        {"status": "failed", "error": {"code": "service_unavailable", "message": "gateway is busy"}},
        {"status": "Expired", "message": "your session has expired, log in"},
        {"status": "rejected", "results": [LINK]},
        {"status": "cancelled"},
        {"status": "success", "data": None},
        {"status": "completed", "results": []},
        {"status": "unavailable", "error": {"message": "no backend"}},
    ],
)
def test_an_end_without_an_id_is_none(stray):
    """Something on the way says `failed` or `success` of itself; of a task it is said under its id, or with links."""
    with pytest.raises(ReplyError, match="without an id"):
        decode_task(answer(stray), asked="a")
    named = decode_task(answer({"id": "a", **stray}), asked="a")
    assert named.is_final or named.fault is not None


@pytest.mark.parametrize(
    "plain",
    [{"status": "completed", "results": [LINK]}, {"status": "done", "results": [LINK]}]
    + [{"status": word} for word in ("pending", "processing", "queued", "ok")]
    + [{"status": "processing", "error": {"message": "x"}}, {"status": "published", "results": [LINK], "error": {}}],
)
def test_what_ends_no_task_without_a_video_needs_no_id(plain):
    """That a task goes on, or its links, are believed as before."""
    assert decode_task(answer(plain), asked="a").state == decode_task(answer({"id": "a", **plain}), asked="a").state


FAULT = {"code": "upstream_timeout", "message": "no answer from upstream"}
FAILURES: list[dict[str, Any]] = [
    {"status": "error", "error": FAULT},
    {"status": "error"},
    {"status": "Cancelled", "error": None},
    {"error": FAULT},
    {"error": "upstream_timeout"},
    {"success": False, "code": 504, "msg": "no answer"},
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_submit_that_failed_under_a_foreign_id_is_no_task(failure):
    """The id is that of a gateway's request: the task, which may be paid for, has another."""
    with pytest.raises(ReplyError, match="under the id '9f1c2d'"):
        decode_task(answer({"id": "9f1c2d", **failure}))


@pytest.mark.parametrize("failure", FAILURES)
def test_a_submit_that_failed_under_an_id_of_the_service_is_a_task(failure):
    """The id of a paid task is kept, whatever else is told."""
    assert decode_task(answer({"id": TASK_ID, **failure})).task_id == TASK_ID


@pytest.mark.parametrize("healthy", [{}, {"error": None}, {"error": {}}, {"success": True}, {"status": "completed"}])
def test_a_submit_that_tells_of_no_failure_may_have_any_id(healthy):
    """The form of ids is nowhere promised."""
    assert decode_task(answer({"id": "9f1c2d", **healthy})).task_id == "9f1c2d"


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b'{"id": "task-unified-17', b"[]", b'"a"', b"null", b"17", b"\xff", {}, {"status": "pending"}]
    + [{"id": task_id} for task_id in NO_IDS],
)
def test_a_submit_without_a_readable_id_is_no_task(content):
    """A task without a valid id cannot be polled."""
    response = answer(content, headers={"x-request-id": "req-1"})
    with pytest.raises(ReplyError) as caught:
        decode_task(response)
    assert caught.value.request_id == "req-1"
    assert caught.value.status == 200
    assert caught.value.excerpt == response.excerpt
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


WRONG: dict[str, Any] = {
    "model": [17, None, ["wan"], {}, True],
    "progress": ["45", 45.0, -1, 101, True, None, [], 10**30],
    "created": ["1757169743", 1757169743.0, True, None, {}],
    "results": [{}, 5, None, [5], [""], [None], [["x"]]],
    "error": ["oops", 5, ["x"], True, None],
    "request_id": [5, None, {}],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_field_of_a_wrong_type_is_kept_not_coerced(name, value):
    """The field counts as missing, and is unchanged in `extra`."""
    wrong = decode_task(answer({"id": "a", "status": "completed", name: value}), asked="a")
    without = decode_task(answer({"id": "a", "status": "completed"}))
    assert thaw(wrong.extra[name]) == value
    assert type(thaw(wrong.extra[name])) is type(value)
    fields = [field.name for field in Snapshot.__attrs_attrs__ if field.name != "extra"]
    assert {field: getattr(wrong, field) for field in fields} == {field: getattr(without, field) for field in fields}


@pytest.mark.parametrize("value", ["120", True, None, -1, [], {}, 1e300, 10**40])
def test_amounts_are_numbers_of_a_sane_size_or_missing(value):
    """Credits and seconds that are text, negative or absurd are ignored; the reply keeps them."""
    row = {
        "id": "a",
        "task_info": {"estimated_time": value},
        "usage": {"credits_reserved": value, "credits_used": value},
    }
    snapshot = decode_task(answer(row))
    assert snapshot.estimated_seconds is snapshot.credits_reserved is snapshot.credits_used is None
    assert thaw(snapshot.extra) == {"task_info": row["task_info"], "usage": row["usage"]}


@pytest.mark.parametrize("holder", [None, 5, "x", [], True])
def test_holders_of_a_wrong_type_are_kept(holder):
    """`task_info` and `usage` need not be objects."""
    snapshot = decode_task(answer({"id": "a", "task_info": holder, "usage": holder}))
    assert snapshot.estimated_seconds is None
    assert thaw(snapshot.extra) == {"task_info": holder, "usage": holder}


# --- request ids


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-request-id": "a"}, "a"),
        ({"x-oneapi-request-id": "b"}, "b"),
        ({"x-request-id": "a", "x-oneapi-request-id": "b"}, "a"),
        ({"x-request-id": "", "x-oneapi-request-id": "b"}, "b"),
        ({}, None),
    ],
)
def test_the_request_id_is_in_one_of_two_headers(headers, expected):
    """Snapshots and errors carry it for support."""
    assert decode_task(answer({"id": "a"}, headers=headers)).request_id == expected
    assert decode_error(answer(b"", 500, headers), now=0).request_id == expected


def test_a_request_id_in_the_body_is_second_best():
    """The id of the header is used; that of the body is kept in `extra`."""
    snapshot = decode_task(answer({"id": "a", "request_id": "body"}, headers={"x-request-id": "head"}))
    assert snapshot.request_id == "head"
    assert snapshot.extra["request_id"] == "body"
    assert decode_error(answer(body("error-new-402"), 402), now=0).request_id == "req-in-error"


# --- errors

CLASSES = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AccessDeniedError,
    404: TaskNotFoundError,
    413: InvalidRequestError,
    429: RateLimitError,
    500: ServerError,
    502: ServerError,
    503: ServerError,
}


@pytest.mark.parametrize("name", names("error-new-*") + names("error-old-*"))
def test_both_generations_of_errors_are_read(name):
    """The class by the status, the code as it came: a word on newer routes, a number on older ones."""
    status, stated = int(name[-3:]), sample(name)["error"]
    error = decode_error(answer(body(name), status), now=0, asked="task-1")
    assert type(error) is CLASSES[status]
    assert (error.status, error.code, error.message) == (status, stated["code"], stated["message"])
    assert type(error.code) is (str if "new" in name else int)
    assert (error.param, error.task_id) == (stated.get("param"), "task-1")
    assert str(error).startswith(f"HTTP {status} {stated['code']}: {stated['message']}")


def test_other_formats_of_errors_are_read():
    """`error` as a word, and the flag `success: false`."""
    word = decode_error(answer(body("error-word-401"), 401), now=0)
    assert (type(word), word.code, word.message) == (AuthenticationError, "invalid_token", "The token has expired")
    flag = decode_error(answer(body("error-flag-403"), 403), now=0)
    assert (flag.code, flag.message) == ("ip_restricted", "This address may not use the key")


def test_every_status_has_a_class():
    """Also for a page in place of JSON, whose beginning becomes the message."""
    own_header = {"x-oneapi-request-id": "req-1"}
    for status in range(300, 600):
        error = decode_error(answer(b"<html>nginx</html>", status, own_header), now=0, asked="task-1")
        default = StatusError if status < 400 else InvalidRequestError if status < 500 else ServerError
        assert type(error) is CLASSES.get(status, default), status
        assert (error.status, error.message, error.code) == (status, "a web page answered: nginx", None)


@pytest.mark.parametrize("content", [b"<html>nginx</html>", b"", b'{"error": "upstream_timeout"}', b'{"detail": "x"}'])
def test_what_stands_before_the_service_speaks_neither_of_keys_nor_of_tasks(content):
    """A page with 401, 403 or 404 is no word about the key or the task; every other class follows from the status."""
    intercepted = {401, 403, 404, 405, 407, 410, 421, 426, 451}
    for status in range(300, 600):
        error = decode_error(answer(content, status), now=0, asked="task-1")
        default = StatusError if status < 400 else InvalidRequestError if status < 500 else ServerError
        assert type(error) is (InterceptedError if status in intercepted else CLASSES.get(status, default)), status
        assert error.is_foreign


def test_a_redirect_names_where_it_led():
    """A redirect is never followed; the message shows its target, so a wrong base URL can be found."""
    error = decode_error(answer(b"", 308, {"location": "https://elsewhere.example"}), now=0)
    assert type(error) is StatusError
    assert "https://elsewhere.example" in str(error)


@pytest.mark.parametrize(
    "error",
    [{"code": True, "message": 5}, {"code": 1.5, "message": None}, {"code": ["x"], "message": ""}, {"code": None}],
)
def test_odd_values_in_an_error_are_not_coerced(error):
    """A code is text or a whole number, a message is text; else they are missing."""
    read = decode_error(answer({"error": error | {"param": 5, "request_id": 5}}, 400), now=0)
    assert (read.code, read.param, read.request_id) == (None, None, None)
    assert isinstance(read.message, str)
    assert read.message


@pytest.mark.parametrize(
    ("content", "ours"),
    [
        (b"", False),
        (b"<html>", False),
        ({}, False),
        ([], False),
        ("error", False),
        ({"error": {}}, False),
        ({"error": None}, False),
        ({"error": ""}, False),
        ({"error": {"type": "x"}}, True),
        ({"success": True}, False),
        ({"message": "Service Unavailable"}, False),
        ({"error": {"code": None}}, True),
        ({"error": {"message": "x"}}, True),
        ({"error": "x"}, False),
        ({"error": "x", "error_description": "y"}, True),
        ({"success": False}, False),
        ({"success": False, "msg": "x"}, True),
    ],
)
def test_the_service_is_told_from_a_proxy(content, ours):
    """Only the formats of the service count as its refusal."""
    assert (vendor_error(answer(content, 503)) is not None) is ours


def test_an_excerpt_is_short_and_readable():
    """At most 500 bytes, whatever they are."""
    assert len(answer(b"\xff" * 10_000).excerpt) == 500
    assert len(answer("ä".encode() * 10_000).excerpt) == 250


# --- Retry-After


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": " 5 "}, 5.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "999999999999"}, 999999999999.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "0.5"}, 0.0005),
        ({"retry-after-ms": "250", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "0", "retry-after": "2"}, 2.0),
        ({"retry-after-ms": "9500", "retry-after": "9"}, 9.5),
        ({"retry-after-ms": "100, 300\n200"}, 0.3),
        ({"retry-after": "1\n2"}, 2.0),
        ({"retry-after": "2, 2"}, 2.0),
        ({"retry-after": "7,3"}, 7.0),
        ({"retry-after": "120, 30"}, 120.0),
        ({"retry-after": "soon, 3"}, 3.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT, Sat, 21 Nov 2026 12:01:10 GMT"}, 90.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT, 5"}, 90.0),
        ({"retry-after": "100\nSat, 21 Nov 2026 12:01:30 GMT"}, 100.0),
        ({"retry-after": "Saturday, 21-Nov-26 12:01:30 GMT, 7"}, 90.0),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Saturday, 21-Nov-26 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Sat, 21 Nov 2026 13:01:30 +0100"}, 90.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "5s"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "\uff15"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 99 Nov 2026 99:99:99 GMT"}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers, expected):
    """Seconds, milliseconds, HTTP dates, the longest of several; a date in the past is 0, nonsense is None."""
    assert retry_after(headers, NOON) == expected
    assert decode_error(answer(b"", 429, headers), now=NOON).retry_after == expected


# --- credits


def test_credits_are_read():
    """An account with a limited key, and one whose key has no limit of its own."""
    assert decode_credits(answer(body("credits"))) == Credits(remaining=123.5, used=76.5, key_remaining=40.0)
    assert decode_credits(answer(body("credits-unlimited"))).key_remaining is None
    assert decode_credits(answer({"data": {"user": {"remaining_credits": 0}}})) == Credits(
        remaining=0.0, used=0.0, key_remaining=None
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        [],
        {},
        {"data": None},
        {"data": {"user": None}},
        {"data": {"user": {}}},
        {"data": {"user": {"remaining_credits": "123.5"}}},
        {"data": {"user": {"remaining_credits": True}}},
        {"data": {"user": {"remaining_credits": None}}},
        {"data": {"user": {"remaining_credits": [1]}}},
        {"data": {"user": {"remaining_credits": 10**400}}},
        b'{"data": {"user": {"remaining_credits": NaN}}}',
        b'{"data": {"user": {"remaining_credits": 1e999}}}',
    ],
)
def test_credits_of_another_structure_are_refused(content):
    """Money is not coerced: text, booleans, null and infinities are a `ReplyError`."""
    with pytest.raises(ReplyError, match="unknown structure"):
        decode_credits(answer(content))


PLAIN_CREDITS = b'{"data": {"user": {"remaining_credits": 5, "used_credits": 1}, "token": {"remaining_credits": 2}}}'


@pytest.mark.parametrize(
    ("content", "used", "left"),
    [
        (b"\xef\xbb\xbf" + PLAIN_CREDITS, 1.0, 2.0),
        (PLAIN_CREDITS.replace(b'"token": {', b'"token": {"token_name": "\\ud83d", '), 1.0, 2.0),
        (PLAIN_CREDITS.replace(b'"token": {', b'"token": {"token_name": "caf\xe9", '), 1.0, 2.0),
        (PLAIN_CREDITS.replace(b'{"data"', b'{"x": NaN, "data"'), 1.0, 2.0),
        (PLAIN_CREDITS.replace(b'credits": 1', b'credits": null'), 0.0, 2.0),
        (PLAIN_CREDITS.replace(b'credits": 1', b'credits": 1e999'), 0.0, 2.0),
        (PLAIN_CREDITS.replace(b'"remaining_credits": 2', b'"unlimited_credits": true'), 1.0, None),
        (
            PLAIN_CREDITS.replace(b'"remaining_credits": 2', b'"remaining_credits": 0, "unlimited_credits": 1'),
            1.0,
            None,
        ),
        (PLAIN_CREDITS.replace(b'"remaining_credits": 2', b'"remaining_credits": "2"'), 1.0, None),
        (PLAIN_CREDITS.replace(b'{"remaining_credits": 2}', b"[]"), 1.0, None),
    ],
)
def test_an_odd_detail_of_the_credits_costs_that_detail(content, used, left):
    """A suspended key comes back after a top-up as long as the answer says what the account has left."""
    assert decode_credits(answer(content)) == Credits(remaining=5.0, used=used, key_remaining=left)


# --- tolerant reading


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Completed", "completed"),
        ("SUCCEEDED", "completed"),
        (" done ", "completed"),
        ("canceled", "cancelled"),
        ("Aborted", "cancelled"),
        ("expired", "failed"),
        ("rejected", "failed"),
        ("Failure", "failed"),
        ("rendering", "rendering"),
    ],
)
def test_final_words_are_read_without_case_and_spelling(word, state):
    """Known synonyms map to a final state; other words are kept as the state. `extra` keeps the original word."""
    snapshot = decode_task(answer({"id": TASK_ID, "status": word}), asked=TASK_ID)
    assert snapshot.state == state
    assert snapshot.is_final is (state in ("completed", "failed", "cancelled"))
    assert word == state or snapshot.extra["status"] == word


REASON = {"code": "content", "message": "no cats"}


@pytest.mark.parametrize(
    ("status", "error", "fault"),
    [
        ("failed", [REASON], TaskFailure(**REASON)),
        ("failed", ["no cats"], TaskFailure(message="no cats")),
        ("failed", [], None),
        ("failed", [REASON, REASON], None),
        ("processing", [REASON], None),
    ],
)
def test_a_list_of_one_reason_is_that_reason(status, error, fault):
    """Any other list stays in `extra`, and so does one of a task that goes on."""
    snapshot = decode_task(answer({"id": TASK_ID, "status": status, "error": error}), asked=TASK_ID)
    assert snapshot.fault == fault
    assert ("error" in snapshot.extra) is (fault is None)


@pytest.mark.parametrize(
    ("results", "urls"),
    [
        (["https://a/1.mp4", None], ("https://a/1.mp4",)),
        ([{"url": "https://a/1.mp4"}, {"url": None}], ("https://a/1.mp4",)),
        ("https://a/1.mp4", ("https://a/1.mp4",)),
        ({"url": "https://a/1.mp4"}, ("https://a/1.mp4",)),
        ([["https://a/1.mp4"], 5, "https://a/2.mp4"], ("https://a/2.mp4",)),
    ],
)
def test_one_odd_item_costs_itself(results, urls):
    """Only the odd item is dropped. `extra` keeps the original list."""
    snapshot = decode_task(answer({"id": TASK_ID, "status": "completed", "results": results}), asked=TASK_ID)
    assert snapshot.urls == urls
    assert thaw(snapshot.extra["results"]) == results


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbf{"id": "%s", "status": "processing"}',
        b'{"id": "%s", "status": "processing", "progress": NaN}',
        b'{"id": "%s", "status": "processing", "progress": 1e999}',
        b'{"id": "%s", "status": "processing", "note": "half an emoji \\ud83d"}',
        b'{"id": "%s", "status": "processing", "progress": ' + b"9" * 5000 + b"}",
        b'{"id": "%s", "status": "processing", "created": -' + b"1" * 4301 + b"}",
        b'{"id": "%s", "status": "processing", "note": "gr\xfcn"}',
        b'{"id": "%s", "status": "processing", "note": "cut \xe2\x82"}',
        b'{"id": "%s", "status": "processing", "note": "\xed\xa0\xbd"}',
    ],
    ids=[
        "a byte order mark",
        "NaN",
        "too large a number",
        "a lone surrogate",
        "a number of 5,000 digits",
        "one just beyond what Python reads",
        "latin-1",
        "half a character",
        "a surrogate in UTF-8",
    ],
)
def test_what_costs_a_detail_does_not_cost_the_answer(content):
    """An unreadable value is dropped or replaced, and the task is still read."""
    snapshot = decode_task(answer(content.replace(b"%s", TASK_ID.encode())), asked=TASK_ID)
    assert (snapshot.task_id, snapshot.state, snapshot.progress_percent) == (TASK_ID, "processing", None)
    assert "\ufffd" in snapshot.extra.get("note", "\ufffd")


def test_a_retry_after_date_is_read_against_the_replys_own_clock():
    """The `Date` header is the reference, because the local clock can be wrong."""
    headers = {"date": "Sat, 21 Nov 2026 13:00:00 GMT", "retry-after": "Sat, 21 Nov 2026 13:00:06 GMT"}
    assert retry_after(headers, 0.0) == 6.0


def test_a_row_that_names_no_task_costs_that_row():
    """Null, a text, a row without an id: the others are read. A row of a wrong task still discredits the answer."""
    rows = [
        None,
        "text",
        {"status": "pending"},
        {"id": None, "status": "pending"},
        {"id": "t-1", "status": "processing"},
    ]
    assert list(decode_batch(answer({"data": rows}), asked=["t-1", "t-2"])) == ["t-1"]
    for wrong in ("t-9", 5):
        with pytest.raises(ReplyError, match=f"a row about '{wrong}'"):
            decode_batch(answer({"data": [*rows, {"id": wrong, "status": "failed"}]}), asked=["t-1", "t-2"])


@pytest.mark.parametrize(
    ("state", "fault"), [("failed", "boom"), ("cancelled", "boom"), ("processing", None), ("odd", None)]
)
def test_an_error_that_is_a_bare_text_is_the_reason_of_an_end(state, fault):
    """While a task goes on it proves nothing, and stays as it is."""
    snapshot = decode_task(answer({"id": "t", "status": state, "error": "boom"}), asked="t")
    assert (snapshot.fault.message if snapshot.fault else None) == fault
    assert snapshot.extra.get("error") == (None if fault else "boom")
    blank = decode_task(answer({"id": "t", "status": "failed", "error": " "}), asked="t")
    assert blank.fault is None
