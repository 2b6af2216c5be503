"""What to make, checked before it costs anything: the base of the models, their registry, load and dump.

No model is named here; those are in `models`, one class each. Nothing is sent here either; that is `wire`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, cast, overload

import attrs

from ..errors import Fault, ParamsError
from ..json_text import FrozenMap, Json, freeze, thaw
from ..media.rules import LocalMedia, MediaFacts, changed, files_in
from .body import body_schema, extra_faults, nearest, read_body, unknown_faults, with_files, write_body
from .fields import ParamField, fields_of, rule
from .json_faults import json_faults, shown, text_faults
from .rules import CallbackUrl, Length

__all__ = (
    "AnyParams",
    "ParamField",
    "Params",
    "ParamsWarning",
    "RawParams",
    "dump_params",
    "fields_of",
    "json_schema",
    "load_params",
    "local_media",
    "registered_models",
    "rule",
    "unregister",
    "with_media",
)

_VIDEOS = "/v1/videos/generations"
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")


class ParamsWarning(UserWarning):
    """The service takes these parameters, but not as they were meant: it cuts a text that is too long."""


def _frozen_json(value: Mapping[str, Any]) -> Mapping[str, Any]:
    # What is no JSON stays as it is: it may be endless or unhashable, and the checks name it afterwards.
    return value if any(json_faults(value, "")) else cast("Mapping[str, Any]", freeze(value))


@attrs.frozen(kw_only=True)
class Params:
    """The parameters of one task; the base of every model class. Immutable, hashable, picklable.

    A model is a subclass decorated with `@attrs.frozen(kw_only=True)` that sets `model`, which registers it,
    and gives every field a rule: `attrs.field(metadata=rule(Between(2, 10)))`.

    Attributes:
        model: The service's name of the model; set by the class.
        path: The endpoint that takes it; set by the class.
        source: The vendor's page that the class follows; set by the class.
        media_fields: The parameters that take a file of this machine for a URL; found by their rules.
        callback_url: What the service calls when the task has ended: an https URL of up to 2048 characters
            with a public host.
        extra: Fields the class does not know, sent as they are. None of them may be one that it knows.

    Raises:
        ParamsError: Values break rules; it names every fault.

    Warns:
        ParamsWarning: A text is longer than the service reads.
    """

    model: ClassVar[str]
    path: ClassVar[str] = _VIDEOS
    source: ClassVar[str] = ""
    media_fields: ClassVar[tuple[ParamField, ...]] = ()

    callback_url: str | None = attrs.field(default=None, metadata=rule(CallbackUrl()))
    extra: Mapping[str, Any] = attrs.field(default=FrozenMap(), converter=_frozen_json)

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        # A field without a rule is found here, where it is written.
        cls.media_fields = tuple(field for field in fields_of(cls) if field.media is not None)
        delattr(cls, "__repr__")  # attrs wrote one; ours leaves out what is not sent
        if "model" in vars(cls):
            _register(cls)

    def __attrs_post_init__(self) -> None:
        faults = (*_faults(type(self), _values(self)), *extra_faults(fields_of(type(self)), self.extra))
        if faults:
            raise ParamsError(faults, model=self.model)
        _warn_of_cuts(self, stacklevel=3)

    def between_fields(self) -> Iterator[Fault]:
        """Find what is wrong between fields; override it in a model that has such rules.

        A field whose own type is wrong is missing from `self`. Reading it ends the search, so the rules that
        read the fewest fields come first.
        """
        return iter(())

    def between_media(self, facts: Mapping[str, MediaFacts]) -> Iterator[Fault]:
        """Find what is wrong between files, or between files and fields; override it in a model with such rules.

        Args:
            facts: What was measured, by place in the wire body as in `video_urls[0]`. What is missing there, or None
                in it, is not known, and breaks no rule.
        """
        return iter(())

    def __repr__(self) -> str:
        fields = [field for field in fields_of(type(self)) if not field.is_empty(getattr(self, field.name))]
        parts = [f"{field.name}={getattr(self, field.name)!r}" for field in fields]
        parts += [f"extra={self.extra!r}"] if self.extra else []
        return f"{type(self).__qualname__}({', '.join(parts)})"


@attrs.frozen
class RawParams:
    """A request for a model that has no class here, sent as it is.

    Attributes:
        model: The service's name of the model.
        body: The rest of the request, any JSON object. It may repeat the model, but not name another.
        path: The endpoint that takes it.

    Raises:
        ParamsError: `model` is no text, `body` no JSON object or for another model, `path` no absolute path.
    """

    model: str
    body: Mapping[str, Any] = attrs.field(default=FrozenMap(), converter=_frozen_json)
    path: str = _VIDEOS

    def __attrs_post_init__(self) -> None:
        faults = tuple(_raw_faults(self.model, self.body, self.path))
        if faults:
            raise ParamsError(faults)
        rest = {name: value for name, value in self.body.items() if name != "model"}
        object.__setattr__(self, "body", FrozenMap(rest))


AnyParams: TypeAlias = Params | RawParams
"""What a job can ask for: a model with a class of its own, or any other as it is."""

P = TypeVar("P", bound=AnyParams)


def _raw_faults(model: object, body: object, path: object) -> Iterator[Fault]:
    yield from text_faults(model, "model")
    if model == "":
        yield Fault("model", "is required")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        yield Fault("path", f"must be an absolute path as {_VIDEOS}, not {shown(path)}")
    if not isinstance(body, Mapping):
        yield Fault("body", f"must be an object, not {shown(body)}")
        return
    named = cast("Mapping[str, object]", body).get("model", model)
    if named != model:
        yield Fault("body.model", f"must be {shown(model)} as outside the body, not {shown(named)}")
    yield from json_faults(cast("Mapping[str, object]", body), "body")


_models: dict[str, type[Params]] = {}


def _register(cls: type[Params]) -> None:
    known = _models.get(cls.model, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise TypeError(f"{cls.model} has a class already: {known.__module__}.{known.__qualname__}")
    _models[cls.model] = cls


def registered_models() -> Mapping[str, type[Params]]:
    """Return every model class by the model's name, as a live view that cannot be written."""
    return MappingProxyType(_models)


def unregister(model: str) -> type[Params]:
    """Take a model's class out of the registry and return it, as a test does that added one.

    Raises:
        KeyError: There is no such model.
    """
    return _models.pop(model)


def json_schema(cls: type[Params]) -> dict[str, Json]:
    """Return the JSON Schema (draft 2020-12) of a model's wire body; rules between fields are not in it."""
    return body_schema(cls.model, fields_of(cls))


def dump_params(params: AnyParams) -> dict[str, Json]:
    """Return the exact body that is sent: the model, then what was set or has a default, then `extra`."""
    if isinstance(params, RawParams):
        rest = cast("dict[str, Json]", thaw(params.body))
    else:
        rest = write_body(fields_of(type(params)), _values(params), params.extra)
    return {"model": params.model, **rest}


def local_media(params: AnyParams) -> tuple[LocalMedia, ...]:
    """Return the files of this machine that parameters name, each once, in the order they are sent."""
    if isinstance(params, RawParams):
        return ()
    found: list[LocalMedia] = []
    for field in params.media_fields:  # asked of every job, and nearly all hold none
        value = getattr(params, field.name)
        if value and not isinstance(value, str):
            found += files_in(value)
    return tuple(dict.fromkeys(found)) if found else ()


def with_media(params: P, found: Mapping[LocalMedia, LocalMedia | str]) -> P:
    """Put other files or URLs in the place of files, wherever they stand; the rules are not run again.

    Args:
        params: What names the files.
        found: What takes the place of each; a file that is not in it stays.
    """
    if isinstance(params, RawParams) or not found:
        return params

    def replaced(_: str, item: str | LocalMedia) -> str | LocalMedia:
        return found.get(item, item) if isinstance(item, LocalMedia) else item

    values = _values(params)
    for field in params.media_fields:
        values[field.name] = changed(values[field.name], replaced, field.path)
    return cast("P", _assemble(type(params), values))


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
    cls = _models.get(model)
    if faults or (cls is None and check):
        raise ParamsError(faults or [_unknown_model(model)])
    if cls is None:
        return RawParams(model, mapping)
    reading = with_files(fields_of(cls), read_body(fields_of(cls), mapping), files_from)
    values = _with_defaults(cls, reading.values)
    if check:
        found = (*reading.faults, *unknown_faults(fields_of(cls), reading), *_faults(cls, values))
    else:
        found = (*reading.faults, *(fault for group in _type_faults(cls, values).values() for fault in group))
    if found:
        raise ParamsError(found, model=model)
    params = _assemble(cls, {**values, "extra": FrozenMap(reading.extra())})
    if check:
        _warn_of_cuts(params, stacklevel=2)
    return params


def _model_of(mapping: object) -> tuple[str, list[Fault]]:
    if not isinstance(mapping, Mapping):
        return "", [Fault("", f"must be an object, not {shown(mapping)}")]
    body = cast("Mapping[object, object]", mapping)
    model = body.get("model")
    if model is None:
        return "", [Fault("model", f"is required, perhaps {_best_guess(body)!r}")]
    return model if isinstance(model, str) else "", [*text_faults(model, "model")]


def _unknown_model(model: str) -> Fault:
    near = nearest(model, _models)
    return Fault("model", f"unknown model {shown(model)}" + (f", did you mean {near!r}?" if near else ""))


def _best_guess(body: Mapping[object, object]) -> str:
    """Name the model whose fields the body has most of."""
    return max(_models, key=lambda model: sum(field.name in body for field in fields_of(_models[model])), default="")


def _values(params: Params) -> dict[str, object]:
    return {name: getattr(params, name) for name in attrs.fields_dict(type(params))}


def _with_defaults(cls: type[Params], values: Mapping[str, object]) -> dict[str, object]:
    defaults: dict[str, object] = {field.name: field.default for field in attrs.fields(cls)}
    return {name: value for name, value in {**defaults, **values}.items() if value is not attrs.NOTHING}


def _assemble(cls: type[Params], values: Mapping[str, object]) -> Params:
    """Make an instance without its checks; the caller has done those that apply, or is about to."""
    params = cls.__new__(cls)
    for name, value in values.items():
        object.__setattr__(params, name, value)
    return params


def _faults(cls: type[Params], values: Mapping[str, object]) -> Iterator[Fault]:
    """Find all that is wrong with attributes, some of which may be missing: types, rules, rules between."""
    wrong = _type_faults(cls, values)
    for group in wrong.values():
        yield from group
    sound = {name: value for name, value in values.items() if name not in wrong}
    for field in fields_of(cls):
        if field.name in sound and not field.is_empty(sound[field.name]):
            yield from field.rule.faults(sound[field.name], field.path)
    try:
        yield from _assemble(cls, sound).between_fields()
    except AttributeError:
        if sound.keys() >= attrs.fields_dict(cls).keys():  # nothing was missing: the method itself is wrong
            raise


def _type_faults(cls: type[Params], values: Mapping[str, object]) -> dict[str, tuple[Fault, ...]]:
    given = [field for field in fields_of(cls) if field.name in values and not field.is_empty(values[field.name])]
    found = {field.name: tuple(field.rule.type_faults(values[field.name], field.path)) for field in given}
    return {name: faults for name, faults in found.items() if faults}


def _warn_of_cuts(params: Params, *, stacklevel: int) -> None:
    for field in fields_of(type(params)):
        value = getattr(params, field.name)
        if isinstance(field.rule, Length) and not field.is_empty(value) and field.rule.is_exceeded(value):
            lengths = f"from {len(value)} to {field.rule.max_length} characters"
            message = f"{params.model}: the service cuts {field.path} {lengths}"
            warnings.warn(message, ParamsWarning, stacklevel=stacklevel + 1)
