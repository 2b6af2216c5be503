"""Reading parameters from a request body: the inverse of `dump_params`.

A body is taken apart in `body`, its values are checked in `checking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, overload

import attrs

from ..errors import InvalidValue, ParamsError
from ..frozen import FrozenMap
from ..media import changed
from .base import AnyParams, Params, RawParams
from .body import nearest, read_body, unknown_faults, with_files
from .checking import assemble, faults_of, type_faults_of, warn_of_cuts
from .fields import fields_of
from .json_faults import shown, text_faults
from .registry import MODELS


@overload
def load_params(
    mapping: Mapping[str, Any], *, check: Literal[True] = True, files_from: Path | None = None
) -> Params: ...


@overload
def load_params(mapping: Mapping[str, Any], *, check: bool, files_from: Path | None = None) -> AnyParams: ...


def load_params(mapping: Mapping[str, Any], *, check: bool = True, files_from: Path | None = None) -> AnyParams:
    """Make the parameters of a request body; its `model` selects the class. The inverse of `dump_params`.

    Args:
        mapping: The body, as read from JSON. An optional field that is null counts as not given.
        check: Apply the rules. Without them, types and required fields are still checked; limits are not, unknown
            fields become `extra`, and a model without a class becomes `RawParams`.
        files_from: The folder for relative paths in a body with `file:PATH` in place of a URL. By default such a body
            is refused, because its author would choose which local files are uploaded.

    Raises:
        ParamsError: The body is invalid. The error names every invalid value, and for an unknown name the most
            similar known one.

    Warns:
        ParamsWarning: A text is longer than the service reads; only with `check`.
    """
    model, faults = _model_of(mapping)
    cls = MODELS.get(model)
    if faults or (cls is None and check):
        raise ParamsError(faults or [_unknown_model(model)])
    if cls is None:
        return RawParams(model, mapping)
    reading = with_files(fields_of(cls), read_body(fields_of(cls), mapping), files_from)
    # With the defaults, because the rules between fields read fields that were not given, too.
    values = _with_defaults(cls, reading.values)
    if check:
        found = (*reading.faults, *unknown_faults(fields_of(cls), reading), *faults_of(cls, values))
    else:
        found = (*reading.faults, *(fault for group in type_faults_of(cls, values).values() for fault in group))
    if found:
        raise ParamsError(found, model=model)
    # Everything was checked above, and the constructor would refuse what `check=False` allows.
    params = assemble(cls, {**values, "extra": FrozenMap(reading.extra())})
    if check:
        warn_of_cuts(params, stacklevel=2)
    return params


def load_sound_part(mapping: Mapping[str, Any], *, files_from: Path | None) -> Params | None:
    """Make parameters of what is sound in an invalid body, so that its files can be checked along with its fields.

    A required field may be missing in them: they are never sent.

    Args:
        mapping: The body, as read from JSON.
        files_from: As in `load_params`.

    Returns:
        None if no model has the name.
    """
    model, _ = _model_of(mapping)
    cls = MODELS.get(model)
    if cls is None:
        return None
    reading = with_files(fields_of(cls), read_body(fields_of(cls), mapping), files_from)
    values = _with_defaults(cls, reading.values)
    wrong = type_faults_of(cls, values)
    sound = {name: value for name, value in values.items() if name not in wrong}
    # A text that names no file gets a fault of its own, so nothing is looked for in its place.
    named = {fault.path for fault in reading.faults}
    for field in cls.media_fields:
        if field.name in sound:
            sound[field.name] = changed(sound[field.name], lambda at, item: "" if at in named else item, field.path)
    return assemble(cls, sound)


def _model_of(mapping: object) -> tuple[str, list[InvalidValue]]:
    if not isinstance(mapping, Mapping):
        return "", [InvalidValue("", f"must be an object, not {shown(mapping)}")]
    body = cast("Mapping[object, object]", mapping)
    model = body.get("model")
    if model is None:
        guess = _best_guess(body)
        return "", [InvalidValue("model", f"is required, perhaps {guess!r}" if guess else "is required")]
    return model if isinstance(model, str) else "", [*text_faults(model, "model")]


def _unknown_model(model: str) -> InvalidValue:
    near = nearest(model, MODELS)
    return InvalidValue("model", f"unknown model {shown(model)}" + (f", did you mean {near!r}?" if near else ""))


def _best_guess(body: Mapping[object, object]) -> str | None:
    """Return the model that shares the most fields with the body; None if no field of it is one of a model."""
    shared = {model: sum(field.name in body for field in fields_of(cls)) for model, cls in MODELS.items()}
    best = max(shared, key=shared.__getitem__, default=None)
    return best if best is not None and shared[best] else None


def _with_defaults(cls: type[Params], values: Mapping[str, object]) -> dict[str, object]:
    defaults: dict[str, object] = {field.name: field.default for field in attrs.fields(cls)}
    return {name: value for name, value in {**defaults, **values}.items() if value is not attrs.NOTHING}
