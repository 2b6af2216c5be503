"""JSON as a strict reader sees it, the same with orjson as without; and frozen JSON values.

No key of the vendor's is known here; that is `wire`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

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


class FrozenMap(Mapping[str, Any]):
    """A mapping that cannot change, can be hashed when its values can, and survives pickling."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any] | None = None) -> None:
        self._items: dict[str, Any] = {name: freeze(value) for name, value in (items or {}).items()}

    @classmethod
    def around(cls, items: dict[str, Any]) -> FrozenMap:
        """Take over a dictionary that nobody else holds; what lies deeper is frozen when somebody asks for it."""
        made = cls.__new__(cls)
        made._items = items
        return made

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # the values are JSON of any shape
        value = self._items[name]
        if isinstance(value, dict | list):  # only in one made by `around`
            value = self._items[name] = freeze(cast("object", value))
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[type[FrozenMap], tuple[dict[str, Any]]]:
        return FrozenMap, (self._items,)


NOTHING_MORE = FrozenMap()


def frozen(items: Mapping[str, Any]) -> FrozenMap:
    """Make a mapping unchangeable; one that is so already, or empty, costs nothing."""
    if not items:
        return NOTHING_MORE
    return items if isinstance(items, FrozenMap) else FrozenMap(items)


def freeze(value: object) -> Any:  # noqa: ANN401  # as above
    """Turn lists into tuples and mappings into `FrozenMap`, at every level."""
    if isinstance(value, Mapping):
        return value if isinstance(value, FrozenMap) else FrozenMap(cast("Mapping[str, Any]", value))
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in cast("list[object]", value))
    return value


def thaw(value: object) -> Json:
    """Undo `freeze`: plain lists and dicts, ready to be written as JSON."""
    if value is None or isinstance(value, str | int | float):  # nearly all are; asking for a Mapping is slow
        return value
    if isinstance(value, Mapping):
        return {name: thaw(item) for name, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, tuple | list):
        return [thaw(item) for item in cast("tuple[object, ...]", value)]
    return cast("Json", value)
