"""What tells one job from another, and what differs between two."""

from __future__ import annotations

from evolink_async import Job, RawParams
from evolink_async.jobs import KeyAssigner, differing_fields, digest, identity
from evolink_async.json_text import Json
from tests.kit import dance


def test_a_callback_is_no_part_of_a_job():
    """Neither of its digest nor of the key that is made for it."""
    plain, called = dance(), dance(callback_url="https://example.com/called")
    assert identity(plain) == identity(called)
    assert "callback_url" not in identity(called)
    assert digest(plain) == digest(called)
    assert KeyAssigner().job(plain).key == KeyAssigner().job(called).key
    assert digest(RawParams("m", {"a": 1, "callback_url": "x"})) == digest(RawParams("m", {"a": 1}))
    assert Job("one", called).params == called


def test_other_parameters_are_another_job():
    """Every other field counts."""
    assert len({digest(params) for params in (dance(), dance(2), dance(duration=10))}) == 3


def test_the_fields_that_differ_are_named():
    """Those that one lacks, those with other values or other types, and those inside of objects by their path."""
    one: dict[str, Json] = {"a": 1, "b": {"x": 1, "y": [1, 2]}, "c": None, "same": "s"}
    other: dict[str, Json] = {"a": True, "b": {"x": 1, "y": [2, 1], "z": 0}, "d": 0, "same": "s"}
    assert differing_fields(one, other) == ("a", "b.y", "b.z", "c", "d")
    assert differing_fields(one, {"same": "s", **one}) == ()
    assert differing_fields({"a": {"x": 1}}, {"a": 1}) == ("a",)
