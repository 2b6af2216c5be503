"""Reading parameters from a request body: the inverse of `dump_params`.

A body is taken apart in `body`, its values are checked in `checking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, overload

import attrs

from ..errors import InvalidValue, ParamsError
from ..frozen import frozen, plain
from ..media import LocalMedia, MediaRule, media_in
from .base import AnyParams, Params, RawParams
from .body import nearest, read_body, unknown_faults, with_files
from .checking import assemble, faults_of, type_faults_of, warn_of_cuts
from .fields import fields_of
from .json_faults import shown, text_faults
from .registry import MODELS


@attrs.frozen
class NamedFile:
    """A local file that a request body names.

    Attributes:
        path: Its place in the body, as in `video_urls[0]`.
        rule: What the model takes there.
        media: The file.
    """

    path: str
    rule: MediaRule
    media: LocalMedia


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
    # With the defaults, because the rules between fields read fields that were not given, too. A refused one was given.
    values = _with_defaults(cls, reading.values, reading.refused)
    if check:
        found = (*reading.faults, *unknown_faults(fields_of(cls), reading), *faults_of(cls, values))
    else:
        found = (*reading.faults, *(fault for group in type_faults_of(cls, values).values() for fault in group))
    if found:
        raise ParamsError(found, model=model)
    # Everything was checked above, and the constructor would refuse what `check=False` allows.
    params = assemble(cls, {**values, "extra": frozen(reading.extra())})
    if check:
        warn_of_cuts(params, stacklevel=2)
    return params


def files_of_body(mapping: Mapping[str, Any], *, files_from: Path | None) -> tuple[NamedFile, ...]:
    """Return the local files that a body names, also if it is invalid, so that they can be checked all the same.

    Args:
        mapping: The body, as read from JSON.
        files_from: As in `load_params`.
    """
    model, _ = _model_of(mapping)
    cls = MODELS.get(model)
    if cls is None:
        return ()
    reading = with_files(fields_of(cls), read_body(fields_of(cls), mapping), files_from)
    wrong = type_faults_of(cls, reading.values)
    sound = [field for field in cls.media_fields if field.name in reading.values and field.name not in wrong]
    # What stands for a text that names no file is no file: the text has a fault of its own.
    invalid = {fault.path for fault in reading.faults}
    return tuple(
        NamedFile(path, cast("MediaRule", field.media), media)
        for field in sound
        for path, media in media_in(reading.values[field.name], field.path)
        if isinstance(media, LocalMedia) and path not in invalid
    )


def _model_of(mapping: object) -> tuple[str, list[InvalidValue]]:
    if not isinstance(mapping, Mapping):
        return "", [InvalidValue("", f"must be an object, not {shown(mapping)}")]
    body = cast("Mapping[object, object]", mapping)
    model = plain(body.get("model"))
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


def _with_defaults(cls: type[Params], values: Mapping[str, object], refused: frozenset[str]) -> dict[str, object]:
    defaults: dict[str, object] = {
        field.name: field.default for field in attrs.fields(cls) if field.name not in refused
    }
    return {name: value for name, value in {**defaults, **values}.items() if value is not attrs.NOTHING}
