"""The law of replies: any bytes give a Snapshot or one of our errors, and no value is coerced."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.errors import EvolinkError, ReplyError, StatusError, SubmissionUnknownError
from evolink_async.frozen import FrozenMap, thaw
from evolink_async.json_text import parse_reply
from evolink_async.task import Snapshot, TaskFailure
from evolink_async.wire import Response, on_batch, on_poll, on_submit
from tests.kit import soak
from tests.laws.effort import effort
from tests.vendor_samples import TASK_ID, body, names, sample

SAMPLES = [body(name) for name in names("*")]
ROWS = [sample(name) for name in names("*")]
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, -0.0, 1e300, 10**30, 2**63, "", "0", "text", "ä\u0000", TASK_ID, "../x",
    "x" * 200, [], [None], ["https://a/b.mp4"], [["a"]], {}, {"a": 1}, {"code": 5, "message": None},
    {"estimated_time": "9"},
    "completed", "failed", "expired", [1, 2.5, "x"],
]  # fmt: skip
KNOWN = ["id", "status", "model", "progress", "created", "results", "error", "task_info", "usage", "request_id", "data"]
SPLICES = [
    b"", b"NaN", b"1e999", b"-Infinity", b"[" * 500, b"{" * 20, b"\xff", b"\xed\xa0\x80", rb'"\ud800"', b"\x00",
    b"null", b"true", b"<html>", b"}", b'"', b"1" * 5000, b"," * 3, b"\xef\xbb\xbf",
]  # fmt: skip
PAGES = [
    b"", b"<html><body>502 Bad Gateway</body></html>", b"OK", b"null", b"[]", b"17", b'"text"', b"[" * 100_000,
    b'{"a":' * 10_000, b"[" * 390 + b"]" * 390, bytes(range(256)), b"\x1f\x8b\x08\x00garbage", b"1e999", b"\xfe\xff",
]  # fmt: skip
STATUSES = [*[200] * 12, 201, 202, 204, 206, 299, 301, 302, 304, 307, 308, 400, 401, 402, 403, 404, 408, 409, 418, 425]
STATUSES += [429, 429, 500, 502, 503, 503, 504, 520, 599]
HEADERS = [
    {},
    {"x-request-id": "r-1"},
    {"x-oneapi-request-id": "r-2", "retry-after": "5"},
    {"retry-after": "Sat, 21 Nov 2026 12:00:00 GMT"},
    {"retry-after": "soon", "retry-after-ms": "-1"},
    {"location": "https://elsewhere.example/", "content-type": "text/html"},
]


def spoilt_values(dice: random.Random) -> bytes:
    """A sample with some fields of another type, some gone, some new."""
    row = dict(dice.choice(ROWS))
    for _ in range(dice.randint(1, 4)):
        field = dice.choice(KNOWN) if dice.random() < 0.8 else dice.choice(["extra", "", "ä", "task_id"])
        holder = row.get(field)
        if isinstance(holder, dict) and holder and dice.random() < 0.6:
            row[field] = holder | {dice.choice([*holder]): dice.choice(ODD)}
        elif dice.random() < 0.2:
            row.pop(field, None)
        else:
            row[field] = dice.choice(ODD)
    return json.dumps(row, ensure_ascii=dice.random() < 0.5).encode()


def spoilt_bytes(dice: random.Random) -> bytes:
    """A sample cut off, with bytes changed, or with something foreign in the middle."""
    raw = bytearray(dice.choice(SAMPLES))
    if dice.random() < 0.3:
        del raw[dice.randrange(len(raw)) :]
    for _ in range(dice.randint(0, 3)):
        place = dice.randrange(len(raw) + 1)
        if dice.random() < 0.5:
            raw[place:place] = dice.choice(SPLICES)
        else:
            raw[place : place + dice.randint(0, 5)] = bytes([dice.randrange(256)])
    return bytes(raw)


def some_json(dice: random.Random) -> bytes:
    """Any JSON, made of the vendor's own field names."""
    value: Any = dice.choice(ODD)
    for _ in range(dice.randint(0, 4)):
        value = {dice.choice(KNOWN): value, dice.choice(KNOWN): dice.choice(ODD)} if dice.random() < 0.7 else [value]
    return json.dumps(value).encode()


def bodies(count: int, seed: int) -> Iterator[tuple[bytes, int, dict[str, str]]]:
    """So many answers of a fixed seed: body, status, headers."""
    dice = random.Random(seed)
    makers = [spoilt_values, spoilt_bytes, some_json]
    for number in range(count):
        raw = PAGES[number // 100 % len(PAGES)] if number % 100 == 0 else makers[number % 3](dice)
        yield raw, dice.choice(STATUSES), dice.choice(HEADERS)


FIELDS = {
    "model": ("model", str),
    "progress_percent": ("progress", int),
    "created_at": ("created", int),
}
AMOUNTS = {
    "estimated_seconds": ("task_info", "estimated_time"),
    "credits_reserved": ("usage", "credits_reserved"),
    "credits_used": ("usage", "credits_used"),
}


def check_snapshot(snapshot: Snapshot, response: Response, asked: str | None) -> None:
    """Every field holds exactly what the reply said or nothing, and then `extra` has it."""
    row = parse_reply(response.body)
    assert isinstance(row, dict)
    assert snapshot.task_id == row.get("id", asked)
    assert type(snapshot.state) is str
    assert (
        snapshot.state == row.get("status")
        or (asked is None and snapshot.state == "pending")
        or (snapshot.is_final and snapshot.extra["status"] == row["status"])
    )
    for field, (name, kind) in FIELDS.items():
        value = getattr(snapshot, field)
        if value is None:
            assert name not in row or thaw(snapshot.extra[name]) == row[name]
        else:
            assert type(value) is kind
            assert value is row[name] or value == row[name]
            assert type(row[name]) is kind
    for field, (holder, name) in AMOUNTS.items():
        value, inside = getattr(snapshot, field), row.get(holder)
        stated = inside.get(name) if isinstance(inside, dict) else None
        assert value is None or (type(value) is float and type(stated) in (int, float) and value == stated)
        assert holder not in row or thaw(snapshot.extra[holder]) == row[holder]
    assert type(snapshot.urls) is tuple
    assert list(snapshot.urls) == row.get("results", []) or thaw(snapshot.extra["results"]) == row["results"]
    assert all(type(url) is str and url for url in snapshot.urls)
    assert snapshot.request_id is None or type(snapshot.request_id) is str
    check_fault(snapshot, row)
    assert type(snapshot.extra) is FrozenMap
    unread = set(row) - {"id", "status", "model", "progress", "created", "results", "error", "request_id"}
    assert all(thaw(snapshot.extra[name]) == row[name] for name in unread)


def check_fault(snapshot: Snapshot, row: dict[str, Any]) -> None:
    """The text of a fault is exactly what the service sent."""
    stated = row.get("error")
    if snapshot.fault is None:
        assert "error" not in row or thaw(snapshot.extra["error"]) == stated
        return
    assert type(snapshot.fault) is TaskFailure
    if isinstance(stated, list):  # of one reason, which is that of a failure
        assert snapshot.state in ("failed", "cancelled")
        [stated] = stated
    if isinstance(stated, str):
        assert snapshot.state in ("failed", "cancelled")
        assert snapshot.fault == TaskFailure(message=stated)
        return
    for name, value in attrs.asdict(snapshot.fault).items():
        assert value is None or (type(value) is str and stated is not None and stated[name] == value)


def check_error(verdict: EvolinkError, response: Response) -> None:
    """An error shows itself as text and holds what helps, in the right types."""
    assert str(verdict)
    if isinstance(verdict, StatusError):
        assert verdict.status == response.status
        assert isinstance(verdict.message, str)
        assert verdict.code is None or type(verdict.code) in (str, int)
        assert verdict.param is None or type(verdict.param) is str
        assert verdict.retry_after is None or verdict.retry_after >= 0
    else:
        assert isinstance(verdict, ReplyError | SubmissionUnknownError)
        assert len(verdict.excerpt.encode()) <= 3 * 500  # a byte that is no UTF-8 is shown by a sign of three


def check(raw: bytes, status: int, headers: dict[str, str]) -> int:
    """Judge one answer both ways; how often it was a task."""
    tasks = 0
    response = Response(status=status, headers=headers, body=raw)
    for verdict, asked in (
        (on_submit(response, now=1.8e9), None),
        (on_poll(response, task_id=TASK_ID, now=1.8e9), TASK_ID),
    ):
        if isinstance(verdict, Snapshot):
            tasks += 1
            assert 200 <= status < 300
            check_snapshot(verdict, response, asked)
        else:
            expected = (StatusError, SubmissionUnknownError) if asked is None else (StatusError, ReplyError)
            assert isinstance(verdict, expected)
            check_error(verdict, response)
    return tasks


@pytest.mark.parametrize("count", [8_000, soak(100_000)])
def test_any_reply_is_a_snapshot_or_an_error(count):
    """Spoilt samples, foreign JSON, pages, truncations, bad UTF-8, endless nesting, under every kind of status."""
    tasks = sum(check(*answer) for answer in bodies(count, seed=20261121))
    assert count / 10 < tasks < count  # enough of either kind to mean something


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text() | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KNOWN) | st.text(), inner, max_size=6),
    max_leaves=15,
)
TASKS = st.fixed_dictionaries({"id": st.just(TASK_ID) | VALUES}, optional=dict.fromkeys(KNOWN[1:], VALUES))


@effort()
@given(
    st.binary(max_size=200) | VALUES.map(json.dumps).map(str.encode) | TASKS.map(json.dumps).map(str.encode),
    st.sampled_from(STATUSES) | st.integers(200, 599),
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-request-id", "location"]), st.text()),
)
def test_random_replies_are_a_snapshot_or_an_error(raw, status, headers):
    """Any bytes, any status, any text in a header."""
    check(raw, status, headers)


OTHER_ID = "task-unified-1757169743-another1"


def batches(count: int, seed: int) -> Iterator[bytes]:
    """So many answers about two tasks: rows as the service sends them, spoilt ones, and what is no list at all."""
    dice = random.Random(seed)
    for number in range(count):
        rows = [spoilt_values(dice) if dice.random() < 0.5 else dice.choice(SAMPLES) for _ in range(dice.randint(0, 3))]
        rows = [row.replace(TASK_ID.encode(), OTHER_ID.encode()) if dice.random() < 0.5 else row for row in rows]
        honest = b'{"data": [' + b", ".join(rows) + b"]}"
        yield honest if number % 4 else dice.choice([some_json(dice), spoilt_bytes(dice), *PAGES])


@pytest.mark.parametrize("count", [3_000, soak(20_000)])
def test_any_batch_reply_is_about_the_tasks_asked_for_or_an_error(count):
    """A row gives the same snapshot as a single read of that task; no other task is in the result."""
    told = 0
    for raw in batches(count, seed=5):
        response = Response(status=200, headers={}, body=raw)
        verdict = on_batch(response, asked={TASK_ID, OTHER_ID}, now=1.8e9)
        if isinstance(verdict, EvolinkError):
            check_error(verdict, response)
            continue
        parsed: Any = parse_reply(raw)
        rows = {row["id"]: row for row in parsed["data"] if isinstance(row, dict) and row.get("id") is not None}
        assert set(verdict) <= set(rows) <= {TASK_ID, OTHER_ID}
        for task_id, snapshot in verdict.items():
            alone = Response(status=200, headers={}, body=json.dumps(rows[task_id]).encode())
            assert on_poll(alone, task_id=task_id, now=1.8e9) == snapshot
            told += 1
    assert told > count / 20
