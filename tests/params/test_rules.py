"""Each rule alone: the values it accepts, its messages for others, and its description."""

from __future__ import annotations

import math
from typing import Any

import pytest

from evolink_async.media import LocalMedia, MediaRule
from evolink_async.params import (
    Between,
    CallbackUrl,
    Flag,
    Length,
    OneOf,
    Size,
    Url,
    Urls,
    VoiceBindings,
    shown,
    voice_target,
)
from evolink_async.params.json_faults import MAX_DEPTH, json_faults

URL = "https://example.com/a.mp4"
CLIP = MediaRule(kind="video", formats=("mp4",), max_bytes=1)
FILE = LocalMedia("clips/a.mp4")
RULES = [
    *(Length(3), Length(3, cut=True), Between(2, 10), Between(2, 30, also=(-1,)), OneOf("a", "b"), OneOf(5, 10)),
    *(Flag(), Url(), Urls(1, 2), CallbackUrl(), Size(768 * 768, 1440 * 1440, 4), VoiceBindings(2)),
    *(Url(CLIP), Urls(1, 2, CLIP), VoiceBindings(2, CLIP)),
]
TAKEN = [
    *((Length(3), "图图图"), (Length(3), ""), (Length(3, cut=True), "abcd")),
    *((Between(2, 10), 2), (Between(2, 10), 10), (Between(2, 30, also=(-1,)), -1)),
    *((OneOf("a", "b"), "b"), (OneOf(5, 10), 10), (Flag(), False), (Url(), "http://example.com")),
    *((Urls(1, 2), (URL,)), (Urls(1, 2), (URL, URL)), (VoiceBindings(2), {"image1": URL, "video12": URL})),
    *((Url(CLIP), FILE), (Url(CLIP), URL), (Urls(1, 2, CLIP), (FILE, URL)), (VoiceBindings(2, CLIP), {"image1": FILE})),
    *((CallbackUrl(), URL), (CallbackUrl(), URL + "a" * (2048 - len(URL)))),
    *((Size(768 * 768, 1440 * 1440, 4), size) for size in ("768x768", "1440x1440", "512x2048", "2048x512")),
]
REFUSED = [
    (Length(3), "abcd", "must be up to 3 characters, not 4 @ x"),
    (Between(2, 10), 11, "must be 2 to 10, not 11 @ x"),
    (Between(2, 10), 10**200, "must be 2 to 10, not a number of 665 bits @ x"),
    (Between(2, 30, also=(-1,)), 0, "must be 2 to 30, or -1, not 0 @ x"),
    (OneOf("a", "b", "c"), "d", "must be a, b or c, not 'd' @ x"),
    (OneOf("a"), "d", "must be a, not 'd' @ x"),
    (OneOf(5, 10), 6, "must be 5 or 10, not 6 @ x"),
    (Url(), "a.mp4", "must be an http or https URL, not 'a.mp4' @ x"),
    (
        Url(),
        "https://m\u00fcnchen.de/\u00e9",
        "must be an http or https URL, not 'https://m\u00fcnchen.de/\u00e9' "
        "(its host must be written in Punycode, as xn--...) @ x",
    ),
    (Url(), URL + " ", f"must be an http or https URL, not '{URL} ' (' ' must be percent-encoded) @ x"),
    (Url(CLIP), "a.mp4", "must be an http or https URL or a file as pathlib.Path, not 'a.mp4' @ x"),
    (Url(CLIP), "ftp://a/b", "must be an http or https URL or a local file, not 'ftp://a/b' @ x"),
    (Url(CLIP), "", "must be an http or https URL or a local file, not '' @ x"),
    (Urls(1, 1, CLIP), (FILE, FILE), "must be 1 URL, not 2 @ x"),
    (Urls(1, 2), (), "must be 1 to 2 URLs, not 0 @ x"),
    (Urls(1, 1), (URL, URL), "must be 1 URL, not 2 @ x"),
    (Urls(1, 2), (URL, ""), "must be an http or https URL, not '' @ x[1]"),
    (CallbackUrl(), "http://example.com", "must be an https URL, not 'http://example.com' @ x"),
    (CallbackUrl(), "https://10.0.0.1/hook", "must have a public host, not '10.0.0.1' @ x"),
    (CallbackUrl(), URL + "a" * (2049 - len(URL)), "must be up to 2048 characters, not 2049 @ x"),
    (Size(768 * 768, 1440 * 1440, 4), "1024", "must be WIDTHxHEIGHT as in 1024x768, not '1024' @ x"),
    (Size(768 * 768, 1440 * 1440, 4), "767x768", "must have 589824 to 2073600 pixels in all, not 589056 @ x"),
    (Size(768 * 768, 1440 * 1440, 4), "0x0", "must have 589824 to 2073600 pixels in all, not 0 @ x"),
    (Size(768 * 768, 1440 * 1440, 4), "2049x512", "must have a ratio of 1:4 to 4:1, not 2049x512 @ x"),
    (VoiceBindings(1), {"image1": URL, "image2": URL}, "must be up to 1 voices, not 2 @ x"),
    (VoiceBindings(2), {"image01": URL}, "must be named image1, video2 and so on @ x.image01"),
    (VoiceBindings(2), {"image1": ""}, "must be an http or https URL, not '' @ x.image1"),
]
OTHER_TYPES = [
    (Length(3), 5, "must be text, not 5 @ x"),
    (Length(3), "\ud800", "must be Unicode that can be sent, not text with lone surrogates @ x"),
    (Between(2, 10), True, "must be a whole number, not true @ x"),
    (Between(2, 10), 5.0, "must be a whole number, not 5.0 @ x"),
    (Between(2, 10), math.nan, "must be a whole number, not nan @ x"),
    (Between(2, 10), "5", "must be a whole number, not '5' @ x"),
    (OneOf("a"), None, "must be text, not null @ x"),
    (OneOf(5, 10), False, "must be a whole number, not false @ x"),
    (Flag(), 1, "must be true or false, not 1 @ x"),
    (Flag(), "true", "must be true or false, not 'true' @ x"),
    (Url(), b"https://a", "must be text, not a Python bytes @ x"),
    (Url(), FILE, "must be text, not a Python LocalMedia @ x"),
    (Urls(1, 2), (FILE,), "must be text, not a Python LocalMedia @ x[0]"),
    (Url(CLIP), LocalMedia("a\ud800"), "must be a file whose name a system can write, not 'a\\ud800' @ x"),
    (Urls(1, 2, CLIP), (FILE, 5), "must be text, not 5 @ x[1]"),
    (VoiceBindings(1, CLIP), {"image1": b""}, "must be text, not a Python bytes @ x.image1"),
    (Urls(1, 2), URL, f"must be a list of URLs, not '{URL}' @ x"),
    (Urls(1, 2), [URL, None], "must be text, not null @ x[1]"),
    (CallbackUrl(), {}, "must be text, not an object @ x"),
    (Size(1, 2, 4), [], "must be text, not a list @ x"),
    (VoiceBindings(2), [], "must be an object of URLs, not a list @ x"),
    (VoiceBindings(2), {"image1": 5, 2: URL}, "must be text, not 5 @ x.image1; must have text as keys, not 2 @ x"),
    (VoiceBindings(2), {"image\ud800": URL}, "must have Unicode that can be sent as keys, not 'image\\ud800' @ x"),
]


@pytest.mark.parametrize(("rule", "value"), TAKEN)
def test_a_value_within_the_limits_has_no_fault(rule, value):
    """Values at the limits are accepted."""
    assert [*rule.type_faults(value, "x"), *rule.faults(value, "x")] == []


@pytest.mark.parametrize(("rule", "value", "fault"), REFUSED)
def test_a_fault_says_the_limit_the_value_and_the_place(rule, value, fault):
    """A value of the right type beyond the limits has exactly one fault, in full."""
    assert not [*rule.type_faults(value, "x")]
    assert [str(each) for each in rule.faults(value, "x")] == [fault]


@pytest.mark.parametrize(("rule", "value", "faults"), OTHER_TYPES)
def test_nothing_is_coerced(rule, value, faults):
    """A value of another type has a fault about its type, even if it is similar to a valid one."""
    assert "; ".join(map(str, rule.type_faults(value, "x"))) == faults


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_rule_describes_itself_on_one_line(rule):
    """A description fits into a table cell, and a rule can be compared and hashed."""
    assert rule.describe()
    assert "\n" not in rule.describe()
    assert hash(rule) == hash(rule)


@pytest.mark.parametrize(
    "word", ["image0", "image01", "image", "audio1", "Image1", "image1 ", "image1\n", "image-1", ""]
)
def test_a_voice_is_bound_by_kind_and_number(word):
    """Only `image` or `video` and a number without leading zero name a reference."""
    assert voice_target("video12") == ("video", 12)
    assert voice_target(word) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (math.inf, "must be a finite number, not inf @ x"),
        ({"a": [math.nan]}, "must be a finite number, not nan @ x.a[0]"),
        ({1: 2}, "must have text as keys, not 1 @ x"),
        ({"a": {"\udfff": {}}}, "must have Unicode that can be sent as keys, not '\\udfff' @ x.a"),
        ({"a": {"b": {1}}}, "must be JSON, not a Python set @ x.a.b"),
        (10**400, "must be within the range of a double, not a number of 1329 bits @ x"),
    ],
)
def test_what_is_no_json_is_named_with_its_place(value, fault):
    """A value that JSON cannot hold is found at any depth."""
    assert [str(each) for each in json_faults(value, "x")] == [fault]


def test_endless_nesting_is_found():
    """A list that holds itself is a fault, not a RecursionError."""
    endless: list[Any] = []
    endless.append(endless)
    (fault,) = json_faults(endless, "")
    assert fault.what == f"must not nest deeper than {MAX_DEPTH} levels"


def test_long_text_is_shown_shortened():
    """A message stays short and printable for every value."""
    assert shown("a" * 1000) == repr("a" * 60) + "..."
