"""From a request body to parameters: the inverse of `dump_params`.

How a body is taken apart is in `body`, what is wrong with values is found in `checking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, overload

import attrs

from ..errors import InvalidValue, ParamsError
from ..frozen import FrozenMap
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
    """Make parameters of a request body, the class picked by its `model`: the inverse of `dump_params`.

    Args:
        mapping: The body, as read from JSON. An optional field given as null counts as not given.
        check: Apply the rules. Without them types and required fields still hold, limits do not; fields that
            the class does not know become `extra`, and a model that has no class becomes `RawParams`.
        files_from: The folder that relative paths start from where a body has `file:` and a path for a URL. By
            default such a body is refused: whoever wrote it would choose which files of this machine are uploaded.

    Raises:
        ParamsError: It names every fault of the body at once, and for a wrong name the nearest right one.

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
    values = _with_defaults(cls, reading.values)
    if check:
        found = (*reading.faults, *unknown_faults(fields_of(cls), reading), *faults_of(cls, values))
    else:
        found = (*reading.faults, *(fault for group in type_faults_of(cls, values).values() for fault in group))
    if found:
        raise ParamsError(found, model=model)
    params = assemble(cls, {**values, "extra": FrozenMap(reading.extra())})
    if check:
        warn_of_cuts(params, stacklevel=2)
    return params


def _model_of(mapping: object) -> tuple[str, list[InvalidValue]]:
    if not isinstance(mapping, Mapping):
        return "", [InvalidValue("", f"must be an object, not {shown(mapping)}")]
    body = cast("Mapping[object, object]", mapping)
    model = body.get("model")
    if model is None:
        return "", [InvalidValue("model", f"is required, perhaps {_best_guess(body)!r}")]
    return model if isinstance(model, str) else "", [*text_faults(model, "model")]


def _unknown_model(model: str) -> InvalidValue:
    near = nearest(model, MODELS)
    return InvalidValue("model", f"unknown model {shown(model)}" + (f", did you mean {near!r}?" if near else ""))


def _best_guess(body: Mapping[object, object]) -> str:
    """Name the model whose fields the body has most of."""
    return max(MODELS, key=lambda model: sum(field.name in body for field in fields_of(MODELS[model])), default="")


def _with_defaults(cls: type[Params], values: Mapping[str, object]) -> dict[str, object]:
    defaults: dict[str, object] = {field.name: field.default for field in attrs.fields(cls)}
    return {name: value for name, value in {**defaults, **values}.items() if value is not attrs.NOTHING}
