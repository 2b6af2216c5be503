"""JSON values that cannot change.

Reading and writing JSON is in `json_text`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from .json_text import Json

__all__ = (
    "NOTHING_MORE",
    "FrozenMap",
    "freeze",
    "frozen",
    "thaw",
)


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
