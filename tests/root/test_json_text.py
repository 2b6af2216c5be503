"""Strict reading of JSON, with the same results with and without orjson; immutable values."""

from __future__ import annotations

import copy
import json
import math
import pickle
from typing import Any

import pytest

from evolink_async import json_text
from evolink_async.frozen import FrozenMap, freeze, thaw
from evolink_async.json_text import MAX_DEPTH, dump, parse, parse_reply


@pytest.fixture(params=["as installed", "standard library"])
def reader(request, monkeypatch):
    """`parse`, with orjson if there is one, and without."""
    if request.param == "standard library":
        monkeypatch.setattr(json_text, "_parse_fast", None)
    return parse


REFUSED = {
    "nothing": b"",
    "blanks": b" \n",
    "HTML": b"<html></html>",
    "half an object": b'{"id": "task',
    "two values": b"1 2",
    "a comma too many": b"[1,]",
    "single quotes": b"{'a': 1}",
    "a comment": b"[1] // x",
    "NaN": b"NaN",
    "NaN inside": b'{"a": [NaN]}',
    "Infinity": b"Infinity",
    "-Infinity": b"[-Infinity]",
    "1e999": b"1e999",
    "-1e999 inside": b'{"a": -1e999}',
    "an exponent without end": b"1e" + b"9" * 30,
    "just above a double": b"1.8e308",
    "a lone high surrogate": rb'"\ud800"',
    "a lone low surrogate": rb'["\uDfff"]',
    "surrogates in the wrong order": rb'"\udc00\ud800"',
    "a lone surrogate as key": rb'{"\ud800": 1}',
    "an encoded surrogate": b'"\xed\xa0\x80"',
    "bad UTF-8": b'"\xff"',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "a control character": b'"a\nb"',
    "a NUL": b'"a\x00b"',
    "a NUL behind": b"1\x00",
    "no-break space": b"\xc2\xa01",
    "a leading zero": b"01",
    "a leading plus": b"+1",
    "a bare point": b"1.",
    "a bad escape": rb'"\x41"',
    "digits without end": b"1" * 10_000,
    "100,000 open lists": b"[" * 100_000,
    "100,000 lists": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "one level too many": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_not_json_is_a_value_error(reader, body):
    """Never a RecursionError, never an infinity, never half a character."""
    with pytest.raises(ValueError, match=r".+"):
        reader(body)


READ: dict[bytes, Any] = {
    b"null": None,
    b" [true, false] ": [True, False],
    b"0": 0,
    b"-0": 0,
    b"1": 1,
    b"1.0": 1.0,
    b"1e5": 100_000.0,
    b"1E-2": 0.01,
    b"1e-999": 0.0,
    b"0e999": 0.0,
    b"5e-324": 5e-324,
    b"1.7976931348623157e308": 1.7976931348623157e308,
    b"9007199254740993": 9007199254740993,
    b"18446744073709551616": 18446744073709551616,
    b"-9223372036854775809": -9223372036854775809,
    b"1" + b"0" * 30: 10**30,
    b"0.1234567890123456789012345": 0.1234567890123456789012345,
    '"ä漢😀"'.encode(): "ä漢😀",
    rb'"\u00e4\ud83d\ude00\n\/"': "ä😀\n/",
    rb'"\\ud800"': r"\ud800",
    b'{"a": 1, "b": 2, "a": 3}': {"a": 3, "b": 2},
    b'{"": {"": []}}': {"": {"": []}},
    b'"' + b"[" * 1000 + b'"': "[" * 1000,
}


@pytest.mark.parametrize("body", READ, ids=lambda body: body[:24])
def test_json_is_read(reader, body):
    """Whole numbers stay whole and exact at any length; of a key given twice the last counts."""
    value = reader(body)
    assert value == READ[body]
    assert type(value) is type(READ[body])


def test_the_deepest_nesting_allowed_is_read(reader):
    """400 levels, wide or narrow."""
    assert reader(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert reader(b"[" + b"[]," * 5000 + b"{}]")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1.5, None, True]}, '{"b":1,"a":[1.5,null,true]}'),
        ("ä漢😀\u2028\x7f", '"ä漢😀\u2028\x7f"'),
        ('\n"\\/', '"\\n\\"\\\\/"'),
        (10**30, "1" + "0" * 30),
        (0.1, "0.1"),
    ],
)
def test_json_is_written_compactly(value, text):
    """UTF-8, keys in the order given, no escape that is not needed."""
    assert dump(value) == text.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf], "\ud800", {"a": {1, 2}}, object(), b"x"])
def test_what_is_no_json_is_not_written(value):
    """A value that JSON cannot hold raises, because the service would read it as another one."""
    with pytest.raises((ValueError, TypeError)):
        dump(value)


NESTED = {"a": [1, {"b": [None, "x"]}], "c": {}, "d": []}


def test_freezing_and_thawing():
    """Lists become tuples, objects maps that cannot change; thawing gives plain JSON back."""
    frozen = freeze(NESTED)
    assert frozen == FrozenMap(NESTED)
    assert frozen["a"][1]["b"] == (None, "x")
    assert thaw(frozen) == NESTED
    assert type(thaw(frozen)) is dict
    assert freeze(frozen) is frozen
    assert json.loads(dump(thaw(frozen))) == NESTED


def test_a_map_around_a_fresh_dictionary_is_frozen_when_asked():
    """The same value as one that was frozen at once, and what it gives out cannot be changed."""
    lazy = FrozenMap.around(copy.deepcopy(NESTED))
    assert lazy["a"][1]["b"] == (None, "x")
    assert lazy["a"] is lazy["a"]
    assert lazy == FrozenMap(NESTED)
    assert hash(lazy) == hash(FrozenMap(NESTED))
    assert thaw(lazy) == NESTED
    assert repr(lazy) == repr(FrozenMap(NESTED))
    assert pickle.loads(pickle.dumps(FrozenMap.around(copy.deepcopy(NESTED)))) == lazy


def test_a_frozen_map_is_a_value():
    """Equal to any mapping of the same items, hashed without regard to order, picklable, shown as a dict."""
    one, two = FrozenMap({"a": 1, "b": [2]}), FrozenMap({"b": [2], "a": 1})
    assert one == two
    assert hash(one) == hash(two)
    assert one != FrozenMap({"a": 1})
    assert FrozenMap({"a": 1}) == {"a": 1}
    assert pickle.loads(pickle.dumps(FrozenMap(NESTED))) == FrozenMap(NESTED)
    assert hash(pickle.loads(pickle.dumps(FrozenMap(NESTED)))) == hash(FrozenMap(NESTED))
    assert repr(FrozenMap({"a": 1})) == "{'a': 1}"
    assert list(FrozenMap()) == []


def test_a_frozen_map_cannot_change():
    """It changes neither by its own methods nor by the mapping that it was made of."""
    source: dict[str, Any] = {"a": [1]}
    frozen = FrozenMap(source)
    source["a"].append(2)
    source["b"] = 3
    assert frozen == {"a": (1,)}
    with pytest.raises(TypeError):
        frozen["a"] = 1  # type: ignore[index]  # what is tested
    with pytest.raises(TypeError):
        del frozen["a"]  # type: ignore[attr-defined]  # what is tested
    with pytest.raises(AttributeError):
        frozen.b = 1  # type: ignore[attr-defined]  # what is tested


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_a_reply_in_another_unicode_encoding_is_read(encoding):
    """As RFC 4627 allowed; strict reading stays with UTF-8."""
    assert parse_reply('{"id":"grün"}'.encode(encoding)) == {"id": "grün"}
