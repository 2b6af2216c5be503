"""The registry of model classes, by the name of the model.

A class registers itself when it is defined, see `Params`.
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
    """Add a model class.

    Raises:
        TypeError: Another class has this model.
    """
    # The same class defined again, as by a reload of its module, replaces the first.
    known = MODELS.get(cls.model, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise TypeError(f"{cls.model} has a class already: {known.__module__}.{known.__qualname__}")
    MODELS[cls.model] = cls


def registered_models() -> Mapping[str, type[Params]]:
    """Return every model class by the name of its model, as a read-only view that shows later changes."""
    return MappingProxyType(MODELS)


def unregister(model: str) -> type[Params]:
    """Remove the class of a model and return it; for tests that define models.

    Raises:
        KeyError: There is no such model.
    """
    return MODELS.pop(model)
