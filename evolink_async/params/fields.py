"""The parameters of a model as a table: name, place in the wire body, rule, default.

Read from the metadata of the attrs fields; no value is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast
from weakref import WeakKeyDictionary

import attrs

from ..frozen import FrozenMap, thaw
from ..json_text import Json
from ..media import LocalMedia, Media, MediaRule
from .json_faults import json_faults
from .rules import Rule

_RULE = "evolink_rule"
_INSIDE = "evolink_inside"
_EMPTY = (None, (), FrozenMap())

_tables: WeakKeyDictionary[type, tuple[ParamField, ...]] = WeakKeyDictionary()


@attrs.frozen(kw_only=True)
class ParamField:
    """One parameter of a model, for tables, forms, schemas and the wire body.

    Attributes:
        name: Its name, in Python and on the wire.
        inside: The object of the wire body that holds it, as `model_params`; None for the body itself.
        rule: What its value must be.
        media: What the files behind its URLs must be, and may be given instead; None if it takes none.
        required: Whether it has to be given.
        default: What is sent when it is not given; None when nothing is.
        empty: What the attribute holds when nothing is to be sent; `attrs.NOTHING` when something always is.
    """

    name: str
    inside: str | None
    rule: Rule
    media: MediaRule | None
    required: bool
    default: Json
    empty: object

    @property
    def path(self) -> str:
        """Its place in the wire body, as in `model_params.shot_type`."""
        return f"{self.inside}.{self.name}" if self.inside else self.name

    @property
    def text(self) -> str:
        """What is allowed, as in "2 to 10"."""
        return self.rule.describe()

    def is_empty(self, value: object) -> bool:
        """Whether an attribute with this value is left out of the wire body."""
        return type(value) is type(self.empty) and value == self.empty


def rule(what: Rule, *, inside: str | None = None) -> dict[str, object]:
    """Make the metadata of a parameter.

    Args:
        what: What its value must be.
        inside: The object of the wire body that holds it, as `model_params`.
    """
    return {_RULE: what, _INSIDE: inside}


def url(value: Media) -> str | LocalMedia:
    """Convert a URL or a file of this machine; what is neither stays as it is, for the rule to name."""
    return LocalMedia(value) if isinstance(value, Path) else value


def optional_url(value: Media | None) -> str | LocalMedia | None:
    """Convert a URL or a file that may be missing."""
    return None if value is None else url(value)


def urls(value: Sequence[Media]) -> tuple[str | LocalMedia, ...]:
    """Convert a list of URLs and files; what is no list stays as it is, for the rule to name."""
    if not isinstance(value, list | tuple):
        return cast("tuple[str | LocalMedia, ...]", value)
    return tuple(map(url, cast("Sequence[Media]", value)))


def optional_urls(value: Sequence[Media] | None) -> tuple[str | LocalMedia, ...]:
    """Convert a list of URLs and files that may be missing: None becomes the empty tuple, which is not sent."""
    return () if value is None else urls(value)


def optional_voices(value: Mapping[str, Media] | None) -> Mapping[str, str | LocalMedia]:
    """Convert URLs and files by name that may be missing: None becomes the empty mapping, which is not sent."""
    if value is None:
        return FrozenMap()
    if not isinstance(cast("object", value), Mapping):  # the rule names it
        return cast("Mapping[str, str | LocalMedia]", value)
    return FrozenMap({name: url(item) for name, item in value.items()})


def fields_of(cls: type[attrs.AttrsInstance]) -> tuple[ParamField, ...]:
    """Describe the parameters of a model class, in the order they are sent; `extra` is none of them.

    Raises:
        TypeError: A field has no rule, or a default that is no JSON.
    """
    if cls not in _tables:
        fields = [_described(cls, field) for field in attrs.fields(cls) if field.name != "extra"]
        _tables[cls] = tuple(sorted(fields, key=lambda field: field.name == "callback_url"))
    return _tables[cls]


def _described(cls: type[attrs.AttrsInstance], field: attrs.Attribute[object]) -> ParamField:
    name, default = field.name, field.default
    if _RULE not in field.metadata:
        raise TypeError(f"{cls.__name__}.{name} needs a rule: attrs.field(metadata=rule(...))")
    if default is not attrs.NOTHING and any(json_faults(default, name)):
        raise TypeError(f"{cls.__name__}.{name} needs a default that is JSON, not {default!r}")
    is_sent = default is not attrs.NOTHING and default not in _EMPTY
    return ParamField(
        name=name,
        inside=field.metadata[_INSIDE],
        rule=field.metadata[_RULE],
        media=getattr(field.metadata[_RULE], "media", None),  # only rules about media have one
        required=default is attrs.NOTHING,
        default=thaw(default) if is_sent else None,
        empty=default if default in _EMPTY else attrs.NOTHING,
    )
