"""Strict reading and compact writing of JSON, with the same results with and without orjson.

The keys of the vendor's JSON are in `wire`, immutable values in `frozen`.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

__all__ = ("BYTE_ORDER_MARK", "MAX_DEPTH", "Json", "dump", "parse", "parse_noting_repeats", "parse_reply")

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_DEPTH = 400
"""Levels of nesting that are read; the deepest documented reply has five."""


def _find_fast_parser() -> Callable[[bytes], Any] | None:
    try:
        import orjson
    except ImportError:
        # The extra `fast` is not installed.
        return None
    return orjson.loads


_parse_fast = _find_fast_parser()

# orjson reads integers beyond 64 bits as floats, so a body with a long number is read by the standard library. Found
# in two passes in C: a regular expression takes twice as long as all of the parsing.
_LONG_NUMBER = b"0" * 19
_DIGITS_AS_ZEROS = bytes(b"0"[0] if byte in b"0123456789" else b" "[0] for byte in range(256))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Json:
    """Read one JSON text in UTF-8.

    Raises:
        ValueError: The text is not JSON, or has NaN, an infinite number, a lone surrogate or more than 400 levels.
    """
    try:
        parser = _parse_fast
        if parser is None or _LONG_NUMBER in body.translate(_DIGITS_AS_ZEROS):
            parser = _parse_slowly
        value: Json = parser(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # Counting brackets is cheap, and nearly every body has too few of them to be too deep.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return value


def parse_noting_repeats(body: bytes) -> tuple[Json, tuple[str, ...]]:
    """Read one JSON text as `parse` does, and find the names that stand twice in one object.

    Always by the standard library, so that the messages are the same with and without orjson, which finds no repeats.

    Returns:
        The value, with the last of equal names, and the repeated names.

    Raises:
        ValueError: See `parse`. A `json.JSONDecodeError` or `UnicodeDecodeError` tells the place.
    """
    repeated: dict[str, None] = {}

    def collect(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.update(dict.fromkeys(name for name, count in counts.items() if count > 1))
        return found

    try:
        value = _parse_slowly(body, collect)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return value, tuple(repeated)


def parse_reply(body: bytes) -> Json:
    """Read one JSON text as `parse` does, and forgive what costs a detail only.

    A byte order mark is skipped. A lone surrogate, and a byte that is not of the encoding, become U+FFFD; NaN, infinite
    numbers and integers of thousands of digits become null. UTF-16 and UTF-32 are read too.

    Raises:
        ValueError: The text is not JSON, or nested too deeply.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    if not body or body.isspace():
        raise ValueError("it is empty")
    try:
        return parse(body)
    except ValueError:
        # Rare, so that reading a second time costs nothing that matters.
        return _parse_tolerantly(body)


def _parse_tolerantly(body: bytes) -> Json:
    try:
        text = body.decode(json.detect_encoding(body), "replace")
        value = cast(
            "Json",
            json.loads(text, parse_constant=_as_null, parse_float=_finite_or_null, parse_int=_readable_or_null),
        )
        if _depth(value) > MAX_DEPTH:
            raise ValueError("nested too deeply")
        return _without_surrogates(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError:
        # Python's own words name a line and a column of a text that nobody sees.
        raise ValueError("it is not JSON") from None


def _as_null(_: str) -> None:
    return None


def _finite_or_null(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _readable_or_null(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:  # Python reads no more than 4,300 digits
        return None


def _without_surrogates(value: Json) -> Json:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {str(_without_surrogates(name)): _without_surrogates(item) for name, item in value.items()}
    return value


def _parse_slowly(body: bytes, collect: Callable[[list[tuple[str, Json]]], dict[str, Json]] | None = None) -> Json:
    text = body.decode("utf-8")
    # One reader for all replies: `json.loads` makes one for each, in 2 us.
    reader = _reader if collect is None else _Reader(object_pairs_hook=collect)
    value = cast("Json", reader.decode(text))
    if _SURROGATE.search(body):
        # Raises UnicodeEncodeError, a ValueError, for a lone surrogate, which orjson refuses too.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is out of range")
    return number


def _integer(digits: str) -> int:
    try:
        return int(digits)
    # Python's own words are about a setting of the interpreter.
    except ValueError:
        raise ValueError(f"a number has {len(digits)} digits, more than are read") from None


_Reader = partial(json.JSONDecoder, parse_constant=_refuse, parse_float=_finite, parse_int=_integer)
_reader = _Reader()


def _depth(value: Json) -> int:
    level, depth = [value], 0
    # Level by level: recursion would fail on the very values that this is to find.
    while level:
        depth += 1
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return depth


# Never orjson: the digest of a body makes the keys of jobs, so its bytes must not depend on what is installed.
_writer = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dump(value: object) -> bytes:
    """Write a value as compact JSON in UTF-8, with its keys in their order.

    Raises:
        ValueError: The value holds NaN, an infinite number, itself, or a text with a lone surrogate, which UTF-8 cannot
            hold.
        TypeError: The value holds what JSON cannot.
    """
    return _writer.encode(value).encode("utf-8")
