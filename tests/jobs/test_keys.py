"""Jobs: their keys, their digests, and an input refused before any of it is sent."""

from __future__ import annotations

import pickle

import pytest

from evolink_async.errors import ConfigurationError, DownloadError
from evolink_async.jobs import (
    Accepted,
    Completed,
    Failed,
    Job,
    KeyAssigner,
    Timing,
    Unknown,
    check_list,
    digest,
    duration_class,
)
from evolink_async.jobs.keys import KeySet
from evolink_async.params import RawParams
from evolink_async.task import Snapshot
from tests.kit import dance


@pytest.mark.parametrize("key", ["a", "shot-17", "ключ 1", "x" * 255, " ", "../x", "a/b"])
@pytest.mark.parametrize(
    "ending",
    ["", "\u3000", "\u00a0", "\u2003", "\u202f", "\u200b", "👩\u200d🚀", "❤\ufe0f", "\u0378", "\ue000", "\U0010ffff"],
)
def test_a_key_is_any_text_of_one_line(key, ending):
    """Spaces of other scripts, joined emoji, and what this version of Python does not know yet; 1 to 255 characters."""
    key = key[: 255 - len(ending)] + ending
    assert Job(key, dance()).key == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x" * 256,
        "a\nb",
        "a\x00b",
        "a\tb",
        "a\x1b[2J",
        "a\x7f",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "\ud800",
        "a\udcff",
        None,
        5,
        b"a",
        True,
        ["a"],
    ],
)
def test_other_keys_are_refused(key):
    """They would break logs, tables or file names."""
    with pytest.raises(ConfigurationError, match="1 to 255 characters, with no control character"):
        Job(key, dance())


def test_a_digest_is_stable():
    """The digest never changes, because journals of earlier versions hold it."""
    assert digest(dance()) == "aae3a21ade327d92"
    assert digest(dance()) == digest(dance()) != digest(dance(2))
    assert digest(RawParams("wan9", {"prompt": "A"})) == digest(RawParams("wan9", {"prompt": "A"}))


def test_keys_of_our_own_are_the_same_on_every_run():
    """Digest and ordinal among equal parameters, wherever the others stand."""
    first, second = (
        [keys.job(wish).key for wish in order]
        for keys, order in [
            (KeyAssigner(), [dance(1), dance(2), dance(1)]),
            (KeyAssigner(), [dance(2), dance(1), dance(1)]),
        ]
    )
    one, two = digest(dance(1)), digest(dance(2))
    assert first == [f"{one}-1", f"{two}-1", f"{one}-2"]
    assert second == [f"{two}-1", f"{one}-1", f"{one}-2"]


def test_a_key_given_twice_is_refused():
    """A key of the caller can also be equal to a made one."""
    keys = KeyAssigner()
    keys.job(Job("a", dance()))
    with pytest.raises(ConfigurationError, match="'a' was given twice"):
        keys.job(Job("a", dance(2)))
    made = keys.job(dance()).key
    with pytest.raises(ConfigurationError, match="twice"):
        keys.job(Job(made, dance()))


@pytest.mark.parametrize("wish", [None, "prompt", {"model": "wan2.6-reference-video"}, 5, ("a", 1)])
def test_what_is_no_job_is_refused(wish):
    """By its type, not by an AttributeError later."""
    with pytest.raises(ConfigurationError, match=type(wish).__name__):
        KeyAssigner().job(wish)


def test_a_list_is_refused_as_a_whole():
    """Every place is named, before anything is sent."""
    wishes = [Job("a", dance()), dance(), 5, Job("b", dance()), Job("a", dance()), Job("a", dance()), None]
    with pytest.raises(ConfigurationError) as caught:
        check_list(wishes)
    assert str(caught.value) == (
        "jobs[2] must be a Job, or the parameters of a model, not int; "
        "jobs[4] has the key 'a' of jobs[0]; give each job its own; "
        "jobs[5] has the key 'a' of jobs[0]; give each job its own; "
        "jobs[6] must be a Job, or the parameters of a model, not NoneType"
    )
    check_list(wishes[:2])
    check_list([])


def test_durations_are_learnt_by_model_quality_and_seconds():
    """Equal parameters have one class; raw parameters are read like any other body."""
    assert duration_class(dance(1)) == duration_class(dance(2)) == ("wan2.6-reference-video", "720p", None)
    assert duration_class(dance(duration=5, quality="1080p")) == ("wan2.6-reference-video", "1080p", 5)
    assert duration_class(RawParams("wan9", {"duration": 5})) == ("wan9", None, 5)


SNAPSHOT = Snapshot(task_id="t", state="completed", credits_reserved=5.0, extra={"a": [1, {"b": 2}]})
TIMING = Timing(accepted_at=1.0, finished_at=2.0, looks=3, lag=0.5)
COMPLETED = Completed(
    key="k", task_id="t", urls=("https://a/1", "https://a/2"), expires_at=9.0, snapshot=SNAPSHOT, timing=TIMING
)
VALUES = [
    COMPLETED,
    Accepted(key="k", task_id="t", snapshot=SNAPSHOT, accepted_at=1.0),
    Job("k", dance()),
    Job("k", RawParams("wan9", {"a": [1, {"b": None}]})),
    SNAPSHOT,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_survive_a_process_border(value):
    """Equal after pickling, and hashable."""
    again = pickle.loads(pickle.dumps(value))
    assert again == value
    assert repr(again) == repr(value)
    assert hash(again) == hash(value)


@pytest.mark.parametrize("outcome", [Failed, Unknown])
def test_outcomes_with_errors_survive_a_process_border(outcome):
    """The error with its attributes; errors are equal to themselves only."""
    again = pickle.loads(pickle.dumps(outcome("k", DownloadError("disk full", url="https://a/b"))))
    assert (again.key, again.error.url) == ("k", "https://a/b")


def test_what_a_completed_job_costs():
    """What was charged; what was held if that is not known; None if the service named neither."""
    with_charge = Snapshot(task_id="t", state="completed", credits_reserved=5.0, credits_used=0.0)
    silent = Snapshot(task_id="t", state="completed")
    results = [
        Completed(key="k", task_id="t", urls=("u",), expires_at=9.0, snapshot=snapshot, timing=TIMING).credits
        for snapshot in (SNAPSHOT, with_charge, silent)
    ]
    assert results == [5.0, 0.0, None]
    assert COMPLETED.url == "https://a/1"


def test_a_hundred_thousand_keys_are_told_apart():
    """Each is new once, and old ever after, however often the table has grown."""
    seen = KeySet()
    words = [f"shot-{number}" for number in range(100_000)]
    assert all(seen.add(word) for word in words)
    assert not any(seen.add(word) for word in words)
    assert all(word in seen for word in words)
    assert "shot-100000" not in seen


def test_no_key_makes_many_others_move():
    """A full table is rebuilt in one turn of the event loop, so none has more than a hundredth of the keys."""
    seen = KeySet()
    for number in range(100_000):
        seen.add(f"shot-{number}")
    assert max(table._count for table in seen._tables if table is not None) < 1000
