"""Immutable JSON values.

JSON is read and written in `json_text`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from .json_text import Json

__all__ = (
    "EMPTY_MAP",
    "FrozenMap",
    "freeze",
    "frozen",
    "plain",
    "thaw",
)


class FrozenMap(Mapping[str, Any]):
    """An immutable mapping that can be pickled, and hashed if its values can."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any] | None = None) -> None:
        self._items: dict[str, Any] = {plain(name): freeze(value) for name, value in (items or {}).items()}

    @classmethod
    def around(cls, items: dict[str, Any]) -> FrozenMap:
        """Wrap a dictionary without a copy; its values are frozen on first access.

        Args:
            items: The dictionary; the caller keeps no reference to it.
        """
        # Every reply makes one for `Snapshot.extra`, which is rarely read, so nothing is copied in advance.
        made = cls.__new__(cls)
        made._items = items
        return made

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # the values are JSON of any shape
        value = self._items[name]
        # Only a map made by `around` holds values that are not frozen.
        if isinstance(value, dict | list):
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


EMPTY_MAP = FrozenMap()


def frozen(items: Mapping[str, Any]) -> FrozenMap:
    """Return an immutable mapping; a frozen or empty one is not copied."""
    if not items:
        return EMPTY_MAP
    return items if isinstance(items, FrozenMap) else FrozenMap(items)


def freeze(value: object) -> Any:  # noqa: ANN401  # as above
    """Convert lists to tuples and mappings to `FrozenMap`, at every level."""
    if isinstance(value, Mapping):
        return value if isinstance(value, FrozenMap) else FrozenMap(cast("Mapping[str, Any]", value))
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in cast("list[object]", value))
    return plain(value)


_SCALARS = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:  # noqa: ANN401  # as above
    """Return a scalar of a derived class, as of an enum of texts, as the plain text or number that JSON writes.

    Its own `str`, `format` and `hash` can be those of a name: what is sent, and what it is found by, is its value.
    """
    if type(value) in _SCALARS:
        return value
    # Not `str(value)`, which asks the derived class.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else value


def thaw(value: object) -> Json:
    """Convert frozen values back to lists, dicts and plain scalars, which can be written as JSON."""
    # Most values are scalars, and `isinstance` with an abstract class is slow.
    if type(value) in _SCALARS:
        return cast("Json", value)
    if isinstance(value, Mapping):
        return {plain(name): thaw(item) for name, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, tuple | list):
        return [thaw(item) for item in cast("tuple[object, ...]", value)]
    return cast("Json", plain(value))
