"""Checks of all attributes of a model at once.

The rules of single fields are in `rules` and `url_rules`; rules between fields are methods of the models.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import attrs

from ..errors import InvalidValue
from .fields import ParamField, fields_of
from .rules import Length

if TYPE_CHECKING:
    from .base import Params

_MISSING = object()


class ParamsWarning(UserWarning):
    """The service accepts these parameters, but cuts a text that is too long."""


def values_of(params: Params) -> dict[str, object]:
    """Return every attribute by its name, `extra` included."""
    return {field.name: getattr(params, field.name) for field in attrs.fields(type(params))}


def assemble(cls: type[Params], values: Mapping[str, object]) -> Params:
    """Make an instance without its checks; the caller is responsible for them."""
    # `object.__setattr__`, because the class is frozen.
    params = cls.__new__(cls)
    for name, value in values.items():
        object.__setattr__(params, name, value)
    return params


def faults_of(cls: type[Params], values: Mapping[str, object]) -> Iterator[InvalidValue]:
    """Find all invalid attributes; some attributes may be missing.

    Types come first, then the rules of fields whose type is right, then the rules between fields.
    """
    given = _given(cls, values)
    wrong = _type_faults(given, values)
    for group in wrong.values():
        yield from group
    for field in given:
        if field.name not in wrong:
            yield from field.rule.faults(values[field.name], field.path)
    sound = {name: value for name, value in values.items() if name not in wrong} if wrong else values
    try:
        yield from assemble(cls, sound).between_fields()
    except AttributeError:
        # The method read a field whose type is wrong, which is named already. If no field was missing, the method
        # itself is wrong.
        if sound.keys() >= attrs.fields_dict(cls).keys():
            raise


def independent(*rules: Iterator[InvalidValue]) -> Iterator[InvalidValue]:
    """Apply rules between fields one by one, so that a field of a wrong type ends only those that read it.

    Args:
        rules: What the generators of the rules return.

    Raises:
        AttributeError: A rule read a field that is missing; raised after the last rule.
    """
    missing: AttributeError | None = None
    for each in rules:
        try:
            yield from each
        except AttributeError as error:
            missing = error
    if missing is not None:
        raise missing


def is_given(params: Params, name: str) -> bool:
    """Whether a parameter was given that is empty by default; also if its type is wrong, so that it is missing.

    Raises:
        AttributeError: The model has no such field.
    """
    value = getattr(params, name, _MISSING)
    if value is _MISSING and name not in attrs.fields_dict(type(params)):
        raise AttributeError(f"{type(params).__name__} has no field {name!r}")
    return value not in (None, ())


def type_faults_of(cls: type[Params], values: Mapping[str, object]) -> dict[str, tuple[InvalidValue, ...]]:
    """Find the attributes whose type is wrong, by name."""
    return _type_faults(_given(cls, values), values)


def _given(cls: type[Params], values: Mapping[str, object]) -> list[ParamField]:
    return [field for field in fields_of(cls) if field.name in values and not field.is_empty(values[field.name])]


def _type_faults(given: Iterable[ParamField], values: Mapping[str, object]) -> dict[str, tuple[InvalidValue, ...]]:
    found = {field.name: tuple(field.rule.type_faults(values[field.name], field.path)) for field in given}
    return {name: faults for name, faults in found.items() if faults}


def warn_of_cuts(params: Params, *, stacklevel: int) -> None:
    """Warn of texts that are longer than the service reads.

    Args:
        params: The parameters to check.
        stacklevel: Number of frames from the caller up to the code that made the parameters; the warning names it.
    """
    for field in fields_of(type(params)):
        if not isinstance(field.rule, Length):
            continue
        value = getattr(params, field.name)
        if not field.is_empty(value) and field.rule.is_exceeded(value):
            lengths = f"from {len(value)} to {field.rule.max_length} characters"
            message = f"{params.model}: the service cuts {field.path} {lengths}"
            warnings.warn(message, ParamsWarning, stacklevel=stacklevel + 1)
