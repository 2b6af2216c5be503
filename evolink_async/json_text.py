"""Strict reading and compact writing of JSON, with the same results with and without orjson.

The keys of the vendor's JSON are in `wire`, immutable values in `frozen`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias, cast

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

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

# orjson reads integers beyond 64 bits as floats, so a body with a long number is read by the standard library.
_LONG_NUMBER = re.compile(rb"\d{19}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Json:
    """Read one JSON text in UTF-8.

    Raises:
        ValueError: The text is not JSON, or has NaN, an infinite number, a lone surrogate or more than 400 levels.
    """
    try:
        parser = _parse_slowly if _parse_fast is None or _LONG_NUMBER.search(body) else _parse_fast
        value: Json = parser(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # Counting brackets is cheap, and nearly every body has too few of them to be too deep.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return value


def _parse_slowly(body: bytes) -> Json:
    value = cast("Json", json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite))
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
        ValueError: The value holds NaN or an infinite number.
    """
    return _writer.encode(value).encode("utf-8")
