"""Checks whether a value can be sent as JSON, and how a message shows a value.

The rules of the vendor are in `rules` and `url_rules`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from ..errors import InvalidValue
from ..frozen import FrozenMap
from ..media import is_unicode

MAX_DEPTH = 64
"""Most levels of nesting in a body that is sent; the deepest documented body has two."""

MAX_VALUES = 100_000
"""Most values at all levels of one field, `extra` or raw body. One that stands in several places counts in each."""

_SHOWN = 60
# Python refuses to print integers of more than 4300 digits; a message is shorter anyway.
_PRINTABLE_BITS = 128
# JSON has no limit for integers, but most readers store a number as a double.
_DOUBLE_BITS = 1024


class _Walk:
    """How much of a value may still be walked over: one that holds itself would be walked over for ever.

    The first fault of size or depth ends the walk, as there may be no end of others.
    """

    __slots__ = ("is_over", "left")

    def __init__(self) -> None:
        self.left: int = MAX_VALUES
        self.is_over: bool = False

    def enter(self, value: Mapping[object, object] | Sequence[object], path: str, depth: int) -> Iterator[InvalidValue]:
        """Count the values of a list or an object; find that there are too many, or that it is too deep."""
        self.left -= len(value)
        if depth > MAX_DEPTH:
            self.is_over = True
            yield InvalidValue(path, f"must not nest deeper than {MAX_DEPTH} levels")
        elif self.left < 0:
            self.is_over = True
            yield InvalidValue(path, f"must not hold more than {MAX_VALUES} values at all levels")


def json_faults(value: object, path: str) -> Iterator[InvalidValue]:
    """Find what JSON cannot hold: NaN, other types, keys that are not text, too deep nesting, too many values."""
    return _faults_of(value, path, 1, _Walk())


def _faults_of(value: object, path: str, depth: int, walk: _Walk) -> Iterator[InvalidValue]:
    if isinstance(value, str):
        yield from text_faults(value, path)
    elif isinstance(value, Mapping | list | tuple):
        yield from walk.enter(cast("tuple[object, ...]", value), path, depth)
        if isinstance(value, Mapping):
            yield from _object_faults(cast("Mapping[object, object]", value), path, depth, walk)
            return
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            if walk.is_over:
                return
            yield from _faults_of(item, f"{path}[{index}]", depth + 1, walk)
    elif isinstance(value, float) and not math.isfinite(value):
        yield InvalidValue(path, f"must be a finite number, not {shown(value)}")
    elif isinstance(value, int) and value.bit_length() > _DOUBLE_BITS:
        yield InvalidValue(path, f"must be within the range of a double, not {shown(value)}")
    elif not isinstance(value, int | float | None):
        yield InvalidValue(path, f"must be JSON, not {shown(value)}")


def _object_faults(value: Mapping[object, object], path: str, depth: int, walk: _Walk) -> Iterator[InvalidValue]:
    for name, item in value.items():
        if walk.is_over:
            return
        found = tuple(key_faults(name, path))
        yield from found or _faults_of(item, f"{path}.{name}" if path else str(name), depth + 1, walk)


def key_faults(key: object, path: str) -> Iterator[InvalidValue]:
    """Find why a value cannot be a key of the object at `path`: a key is checked as a text is."""
    # The key is not in the path, but in the message as its repr: what cannot be encoded could not be printed either.
    if not isinstance(key, str):
        yield InvalidValue(path, f"must have text as keys, not {shown(key)}")
    elif any(text_faults(key, path)):
        yield InvalidValue(path, f"must have Unicode that can be sent as keys, not {shown(key)}")


def text_faults(value: object, path: str) -> Iterator[InvalidValue]:
    """Find why a value is not a text that UTF-8 can encode."""
    if not isinstance(value, str):
        yield InvalidValue(path, f"must be text, not {shown(value)}")
    elif not value.isascii() and not is_unicode(value):
        yield InvalidValue(path, "must be Unicode that can be sent, not text with lone surrogates")


def number_faults(value: object, path: str) -> Iterator[InvalidValue]:
    """Find why a value is not a whole number; `True` and 5.0 are not."""
    if not isinstance(value, int) or isinstance(value, bool):
        yield InvalidValue(path, f"must be a whole number, not {shown(value)}")


def shown(value: object) -> str:
    """Write a value for a message: shortened, and a list or an object by its kind only."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}..."
    if isinstance(value, bool | None):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and value.bit_length() > _PRINTABLE_BITS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "a list"
    return "an object" if isinstance(value, dict | FrozenMap) else f"a Python {type(value).__name__}"
