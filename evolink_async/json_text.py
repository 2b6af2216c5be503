"""JSON as a strict reader sees it, the same with orjson as without; and frozen JSON values.

No key of the vendor's is known here; that is `wire`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias, cast

__all__ = (
    "MAX_DEPTH",
    "Json",
    "dump",
    "parse",
)

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

MAX_DEPTH = 400
"""Deepest nesting read; the deepest documented reply has five levels."""


def _find_fast_parser() -> Callable[[bytes], Any] | None:
    try:
        import orjson
    except ImportError:  # the extra `fast` is not installed
        return None
    return orjson.loads


_parse_fast = _find_fast_parser()

# orjson reads whole numbers beyond 64 bits as floats; such bodies go the slow way.
_LONG_NUMBER = re.compile(rb"\d{19}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Json:
    """Read one JSON text of UTF-8.

    Raises:
        ValueError: Not JSON; or NaN, an infinite number, a lone surrogate, more than 400 levels.
    """
    try:
        parser = _parse_slowly if _parse_fast is None or _LONG_NUMBER.search(body) else _parse_fast
        value: Json = parser(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return value


def _parse_slowly(body: bytes) -> Json:
    value = cast("Json", json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite))
    if _SURROGATE.search(body):
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # UnicodeEncodeError is a ValueError
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
    while level:
        depth += 1
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return depth


_writer = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dump(value: object) -> bytes:
    """Write a value as compact UTF-8 JSON with keys in the order given: the same bytes with and without orjson."""
    return _writer.encode(value).encode("utf-8")
