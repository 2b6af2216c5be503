"""The base of every model class, and a request for a model that has none.

No model is named here; those are in `models`, one class each. From JSON to parameters: `loading`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import attrs

from ..errors import InvalidValue, ParamsError
from ..frozen import FrozenMap, freeze, thaw
from ..json_text import Json
from ..media import LocalMedia, MediaFacts, changed, files_in
from .body import body_schema, extra_faults, write_body
from .checking import assemble, faults_of, values_of, warn_of_cuts
from .fields import ParamField, fields_of, rule
from .json_faults import json_faults, shown, text_faults
from .registry import register
from .url_rules import CallbackUrl

_VIDEOS = "/v1/videos/generations"
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")


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
            register(cls)

    def __attrs_post_init__(self) -> None:
        faults = (*faults_of(type(self), values_of(self)), *extra_faults(fields_of(type(self)), self.extra))
        if faults:
            raise ParamsError(faults, model=self.model)
        warn_of_cuts(self, stacklevel=3)

    def between_fields(self) -> Iterator[InvalidValue]:
        """Find what is wrong between fields; override it in a model that has such rules.

        A field whose own type is wrong is missing from `self`. Reading it ends the search, so the rules that
        read the fewest fields come first.
        """
        return iter(())

    def between_media(self, facts: Mapping[str, MediaFacts]) -> Iterator[InvalidValue]:
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


def _raw_faults(model: object, body: object, path: object) -> Iterator[InvalidValue]:
    yield from text_faults(model, "model")
    if model == "":
        yield InvalidValue("model", "is required")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        yield InvalidValue("path", f"must be an absolute path as {_VIDEOS}, not {shown(path)}")
    if not isinstance(body, Mapping):
        yield InvalidValue("body", f"must be an object, not {shown(body)}")
        return
    named = cast("Mapping[str, object]", body).get("model", model)
    if named != model:
        yield InvalidValue("body.model", f"must be {shown(model)} as outside the body, not {shown(named)}")
    yield from json_faults(cast("Mapping[str, object]", body), "body")


def json_schema(cls: type[Params]) -> dict[str, Json]:
    """Return the JSON Schema (draft 2020-12) of a model's wire body; rules between fields are not in it."""
    return body_schema(cls.model, fields_of(cls))


def dump_params(params: AnyParams) -> dict[str, Json]:
    """Return the exact body that is sent: the model, then what was set or has a default, then `extra`."""
    if isinstance(params, RawParams):
        rest = cast("dict[str, Json]", thaw(params.body))
    else:
        rest = write_body(fields_of(type(params)), values_of(params), params.extra)
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

    values = values_of(params)
    for field in params.media_fields:
        values[field.name] = changed(values[field.name], replaced, field.path)
    return cast("P", assemble(type(params), values))
