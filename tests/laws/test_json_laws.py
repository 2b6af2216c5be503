"""The law of reading: any bytes give the same answer with orjson and without."""

from __future__ import annotations

import json
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st

from evolink_async import json_text
from evolink_async.frozen import freeze, thaw
from evolink_async.json_text import Json, dump, parse
from tests.laws.effort import effort

NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
PIECES = st.sampled_from(
    [
        *b'{}[]:,"\\/ \n\t\x00-+.eE0159truefalsnNaIity',
        128,
        194,
        237,
        160,
        239,
        187,
        191,
        255,
        rb"\u",
        rb"\ud8",
        rb"\udc00",
        b"e99",
        b"999",
        b'"',
        b'"a":',
        b"1" * 18,
        b"1" * 19,
        b"null",
    ]
)
SOUP = st.lists(PIECES, max_size=30).map(lambda all_: b"".join(p if isinstance(p, bytes) else bytes([p]) for p in all_))


def answer(body: bytes) -> tuple[bool, str]:
    """Whether it was read, and what: by `repr`, which tells 1 from 1.0 and True."""
    try:
        return True, repr(parse(body))
    except ValueError:
        return False, ""


@effort(3)
@given(st.binary(max_size=60) | SOUP | VALUES.map(json.dumps).map(str.encode) | VALUES.map(dump))
@example(b"[-0, 1e400, 0e400, 1e-400]")
@example(rb'"\ud83d\ude00\ud83d"')
@example(b"123456789012345678e300")
def test_any_bytes_are_read_alike(body):
    """A value or a ValueError, with orjson and without, and nothing else."""
    as_installed = answer(body)
    with mock.patch.object(json_text, "_parse_fast", None):
        assert answer(body) == as_installed


@effort()
@given(VALUES)
def test_what_is_written_is_read_back(value: Json):
    """Every JSON value survives the wire, and freezing."""
    assert repr(parse(dump(value))) == repr(value)
    assert thaw(freeze(value)) == value
