"""The model classes by the name of their model.

A class registers itself when it is defined: see `Params`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Params

MODELS: dict[str, type[Params]] = {}
"""Every class, by the name of its model."""


def register(cls: type[Params]) -> None:
    """Add a class, or the same class defined again, as attrs does for slots.

    Raises:
        TypeError: Another class has this model.
    """
    known = MODELS.get(cls.model, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise TypeError(f"{cls.model} has a class already: {known.__module__}.{known.__qualname__}")
    MODELS[cls.model] = cls


def registered_models() -> Mapping[str, type[Params]]:
    """Return every model class by the model's name, as a live view that cannot be written."""
    return MappingProxyType(MODELS)


def unregister(model: str) -> type[Params]:
    """Take a model's class out of the registry and return it, as a test does that added one.

    Raises:
        KeyError: There is no such model.
    """
    return MODELS.pop(model)
