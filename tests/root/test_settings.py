"""Every number in the settings: which values are refused, and that the message names the field."""

from __future__ import annotations

import math
import pickle

import attrs
import pytest

from evolink_async import settings as limits
from evolink_async.client import HttpOptions
from evolink_async.errors import ConfigurationError
from evolink_async.settings import Cadence, Limits, RetryPolicy

CLASSES = (*(cls for cls in vars(limits).values() if isinstance(cls, type) and attrs.has(cls)), HttpOptions)
KINDS = {"int": int, "float": float}
NUMBERS = [
    (cls, field.name, KINDS[field.type]) for cls in CLASSES for field in attrs.fields(cls) if field.type in KINDS
]
IDS = [f"{cls.__name__}.{name}" for cls, name, _ in NUMBERS]
MAY_BE_NONE_AT_ALL = [(RetryPolicy, "rebuy")]
"""Counts that may be 0."""
WRONG = [math.nan, math.inf, -math.inf, 0, 0.0, -1, -0.5, True, False, "5", None, [], 1 + 0j]


def test_every_number_is_tried():
    """The lists below cover all fields of all settings but the switches, words and objects."""
    assert {Limits, Cadence, RetryPolicy, HttpOptions} <= set(CLASSES)
    assert len(NUMBERS) >= 20


@pytest.mark.parametrize(("cls", "name", "kind"), NUMBERS, ids=IDS)
def test_what_is_no_positive_number_is_refused_by_name(cls, name, kind):
    """No NaN, no infinity, no text, no bool for a number; the message names class and field."""
    for value in WRONG:
        if (cls, name) in MAY_BE_NONE_AT_ALL and value == 0 and type(value) is int:
            continue
        with pytest.raises(ConfigurationError, match=rf"{cls.__name__}\.{name} must be"):
            cls(**{name: value})


@pytest.mark.parametrize(("cls", "name", "kind"), NUMBERS, ids=IDS)
def test_counts_are_whole_and_times_may_be_tiny(cls, name, kind):
    """One is the least of a count, and 2.0 is none; a hundredth of a second is a legal time."""
    if kind is int:
        with pytest.raises(ConfigurationError, match=name):
            cls(**{name: 2.0})
        assert getattr(cls(**({"submits": 1} | {name: 1})) if cls is Limits else cls(**{name: 1}), name) == 1
    else:
        smaller = {"min_interval": 0.001} if cls is Cadence and name != "min_interval" else {}
        assert getattr(cls(**smaller, **{name: 0.01}), name) == 0.01


def test_numbers_must_agree():
    """Submits are a part of requests, the shortest interval is not the longest."""
    with pytest.raises(ConfigurationError, match=r"Limits\.submits \(9\).*Limits\.requests \(8\)"):
        Limits(submits=9, requests=8)
    with pytest.raises(ConfigurationError, match=r"Cadence\.min_interval \(2\).*Cadence\.max_interval \(1\)"):
        Cadence(min_interval=2, max_interval=1)
    assert Limits(submits=8, requests=8).requests == 8
    assert Cadence(min_interval=1, max_interval=1).max_interval == 1


@pytest.mark.parametrize("word", ["", "always", "NEVER", None, True, 5, ["never"]])
def test_resubmit_is_one_of_three_words(word):
    """Anything else is refused, with the three named."""
    with pytest.raises(ConfigurationError, match=r"RetryPolicy\.resubmit .* if_undelivered, same_key or never"):
        RetryPolicy(resubmit=word)


@pytest.mark.parametrize("cls", CLASSES)
def test_settings_are_frozen_values(cls):
    """Equal, hashable, picklable, not changeable; by keyword, but for the credits of a budget."""
    required = {field.name: 1 for field in attrs.fields(cls) if field.default is attrs.NOTHING}
    settings = cls(**required)
    assert settings == cls(**required) == pickle.loads(pickle.dumps(settings))
    assert hash(settings) == hash(cls(**required))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(settings, attrs.fields(cls)[0].name, 1)
    with pytest.raises(TypeError):
        cls(*([1] * (len(required) + 1)))


def test_the_proxy_is_not_shown():
    """Its URL may hold a password."""
    assert "secret" not in repr(HttpOptions(proxy="http://user:secret@proxy.example:3128"))


def test_a_number_beyond_all_bounds_is_refused():
    """By a ConfigurationError, not an OverflowError."""
    with pytest.raises(ConfigurationError, match="requests"):
        Limits(requests=10**400)
