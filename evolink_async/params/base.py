"""The base of every model class, and a request for a model without a class.

The model classes are in `models`; reading parameters from JSON is in `loading`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import attrs

from ..errors import InvalidValue, ParamsError
from ..frozen import EMPTY_MAP, FrozenMap, freeze, plain, thaw
from ..json_text import Json
from ..media import LocalMedia, MediaFacts, files_in, replace_media
from .body import body_schema, extra_faults, without_empty_holders, write_body
from .checking import assemble, faults_of, values_of, warn_of_cuts
from .fields import ParamField, fields_of, rule
from .json_faults import json_faults, shown, text_faults
from .registry import register
from .url_rules import CallbackUrl

_VIDEOS = "/v1/videos/generations"
# Without a query, and without the segments "." and "..", which lead to another endpoint; an empty first segment would
# name another host.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")


def _frozen_json(value: Mapping[str, Any]) -> Mapping[str, Any]:
    # Nearly all parameters: walking over nothing, here and in the checks, took a sixth of the time to make them.
    if value is EMPTY_MAP:
        return value
    # A value that is not JSON may be endless, so it is not walked over here; the checks name it afterwards.
    return value if any(json_faults(value, "")) else cast("Mapping[str, Any]", freeze(value))


@attrs.frozen(kw_only=True)
class Params:
    """The parameters of one task; the base of every model class. Immutable, hashable, picklable.

    A model is a subclass with the decorator `@attrs.frozen(kw_only=True)`. It sets `model`, which registers it, and
    gives every field a rule: `attrs.field(metadata=rule(Between(2, 10)))`.

    Attributes:
        model: The service's name of the model; set by the class.
        path: The endpoint of the model; set by the class.
        source: The vendor's page that the class follows; set by the class.
        media_fields: The parameters that take a local file in place of a URL; found by their rules.
        callback_url: URL that the service calls when the task has ended: https, up to 2048 characters, a public host.
        extra: Fields that the class does not have, sent unchanged. A field that it has is refused, and an empty object
            of such fields, as `{"model_params": {}}`, is left out.

    Raises:
        ParamsError: Values break rules; the error names all of them.

    Warns:
        ParamsWarning: A text is longer than the service reads.
    """

    model: ClassVar[str]
    path: ClassVar[str] = _VIDEOS
    source: ClassVar[str] = ""
    media_fields: ClassVar[tuple[ParamField, ...]] = ()

    callback_url: str | None = attrs.field(default=None, metadata=rule(CallbackUrl()))
    extra: Mapping[str, Any] = attrs.field(default=EMPTY_MAP, converter=_frozen_json)

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        # attrs calls this after it has made the fields; the plain `__init_subclass__` would run before.
        # `fields_of` raises for a field without a rule, so the mistake is found where the class is written.
        cls.media_fields = tuple(field for field in fields_of(cls) if field.media is not None)
        # attrs wrote a `__repr__` for the subclass; that of `Params` leaves out what is not sent.
        delattr(cls, "__repr__")
        if "model" in vars(cls):
            register(cls)

    def __attrs_post_init__(self) -> None:
        faults = [*faults_of(type(self), values_of(self))]
        if self.extra is not EMPTY_MAP:
            faults += extra_faults(fields_of(type(self)), self.extra)
        if faults:
            raise ParamsError(faults, model=self.model)
        if self.extra is not EMPTY_MAP:
            # So that equal requests are equal values, and what is dumped is loaded as it was.
            object.__setattr__(self, "extra", without_empty_holders(fields_of(type(self)), self.extra))
        warn_of_cuts(self, stacklevel=3)

    def between_fields(self) -> Iterator[InvalidValue]:
        """Find fields that do not fit together; a model with such rules overrides this.

        A field whose type is wrong is missing from `self`. Reading it ends the search. A model with several rules
        writes one generator for each, and returns `independent(self._one_rule(), self._another())`.
        """
        return iter(())

    def between_media(self, facts: Mapping[str, MediaFacts]) -> Iterator[InvalidValue]:
        """Find files that do not fit together, or do not fit the fields; a model with such rules overrides this.

        Args:
            facts: What was measured, by place in the request body, as in `video_urls[0]`. A file that is missing, or
                a fact that is None, is not known and breaks no rule.
        """
        return iter(())

    def __repr__(self) -> str:
        fields = [field for field in fields_of(type(self)) if not field.is_empty(getattr(self, field.name))]
        parts = [f"{field.name}={getattr(self, field.name)!r}" for field in fields]
        parts += [f"extra={self.extra!r}"] if self.extra else []
        return f"{type(self).__qualname__}({', '.join(parts)})"


@attrs.frozen
class RawParams:
    """A request for a model without a class, sent unchanged.

    Attributes:
        model: The service's name of the model.
        body: The rest of the request, any JSON object. It may repeat `model`, but not name another one.
        path: The endpoint of the model.

    Raises:
        ParamsError: `model` is not a text, `body` is not a JSON object or names another model, or `path` is not an
            absolute path.
    """

    model: str
    body: Mapping[str, Any] = attrs.field(default=EMPTY_MAP, converter=_frozen_json)
    path: str = _VIDEOS

    def __attrs_post_init__(self) -> None:
        faults = tuple(_raw_faults(self.model, self.body, self.path))
        if faults:
            raise ParamsError(faults)
        # `dump_params` puts the model first; without it here, equal requests are equal values.
        rest = {name: value for name, value in self.body.items() if name != "model"}
        object.__setattr__(self, "body", FrozenMap(rest))
        object.__setattr__(self, "model", plain(self.model))
        object.__setattr__(self, "path", plain(self.path))


AnyParams: TypeAlias = Params | RawParams
"""The parameters that a job takes: those of a model class, or any request for another model."""

P = TypeVar("P", bound=AnyParams)


def _raw_faults(model: object, body: object, path: object) -> Iterator[InvalidValue]:
    yield from text_faults(model, "model")
    if model == "":
        yield InvalidValue("model", "is required")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        yield InvalidValue("path", f"must be an absolute path such as {_VIDEOS}, not {shown(path)}")
    if not isinstance(body, Mapping):
        yield InvalidValue("body", f"must be an object, not {shown(body)}")
        return
    named = cast("Mapping[str, object]", body).get("model", model)
    if named != model:
        yield InvalidValue("body.model", f"must be {shown(model)}, the model of the request, not {shown(named)}")
    yield from json_faults(cast("Mapping[str, object]", body), "body")


def json_schema(cls: type[Params]) -> dict[str, Json]:
    """Return the JSON Schema (draft 2020-12) of a model's request body; it leaves out rules between fields."""
    return body_schema(cls.model, fields_of(cls))


def dump_params(params: AnyParams) -> dict[str, Json]:
    """Return the exact request body: the model, then fields that were set or have a default, then `extra`."""
    if isinstance(params, RawParams):
        rest = cast("dict[str, Json]", thaw(params.body))
    else:
        rest = write_body(fields_of(type(params)), values_of(params), params.extra)
    return {"model": params.model, **rest}


def local_media(params: AnyParams) -> tuple[LocalMedia, ...]:
    """Return the local files in parameters, each once, in the order of the request body."""
    if isinstance(params, RawParams):
        return ()
    found: list[LocalMedia] = []
    # This runs for every job, and nearly all jobs hold URLs only: those cost one lookup for each field.
    for field in params.media_fields:
        value = getattr(params, field.name)
        if value and not isinstance(value, str):
            found += files_in(value)
    return tuple(dict.fromkeys(found)) if found else ()


def with_media(params: P, found: Mapping[LocalMedia, LocalMedia | str]) -> P:
    """Replace local files by URLs or by other files; the rules are not checked again.

    Args:
        params: The parameters that hold the files.
        found: The replacement of each file; a file that is not in it stays.
    """
    if isinstance(params, RawParams) or not found:
        return params

    def replaced(_: str, item: str | LocalMedia) -> str | LocalMedia:
        return found.get(item, item) if isinstance(item, LocalMedia) else item

    values = values_of(params)
    for field in params.media_fields:
        values[field.name] = replace_media(values[field.name], replaced, field.path)
    return cast("P", assemble(type(params), values))
