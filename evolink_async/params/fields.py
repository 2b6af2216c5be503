"""The parameters of a model as a table: name, place in the request body, rule, default.

The table is read from the metadata of the attrs fields. Values are checked in `checking`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import attrs

from ..frozen import FrozenMap, plain, thaw
from ..json_text import Json
from ..media import LocalMedia, Media, MediaRule
from .json_faults import json_faults
from .rules import Rule

# Other packages can put their own entries into the metadata of a field, so the keys have a prefix.
_RULE = "evolink_rule"
_INSIDE = "evolink_inside"
_TABLE = "_evolink_fields"
# Defaults for which nothing is sent.
_EMPTY = (None, (), FrozenMap())


def _path_of(field: ParamField) -> str:
    return f"{field.inside}.{field.name}" if field.inside else field.name


@attrs.frozen(kw_only=True)
class ParamField:
    """One parameter of a model, for tables, forms, schemas and the request body.

    Attributes:
        name: The name, in Python and in the body.
        inside: The object of the body that holds the parameter, such as `model_params`; None for the body itself.
        rule: The rule for its value.
        media: The rule for files, which the parameter takes in place of URLs; None if it takes no files.
        required: Whether the parameter must be given.
        default: The value that is sent if the parameter is not given; None if nothing is sent.
        empty: The value of the attribute for which nothing is sent; `attrs.NOTHING` if something is always sent.
        path: The place in the request body, as in `model_params.shot_type`.
    """

    name: str
    inside: str | None
    rule: Rule
    media: MediaRule | None
    required: bool
    default: Json
    empty: object
    path: str = attrs.field(init=False, default=attrs.Factory(_path_of, takes_self=True))

    @property
    def text(self) -> str:
        """The allowed values, as in "2 to 10"."""
        return self.rule.describe()

    def is_empty(self, value: object) -> bool:
        """Whether an attribute with this value is left out of the request body."""
        return type(value) is type(self.empty) and value == self.empty


def rule(what: Rule, *, inside: str | None = None) -> dict[str, object]:
    """Return the metadata of a parameter.

    Args:
        what: The rule for its value.
        inside: The object of the request body that holds the parameter, such as `model_params`.
    """
    return {_RULE: what, _INSIDE: inside}


def url(value: Media) -> str | LocalMedia:
    """Convert a `Path` to a local file, and a text of a derived class to its text; the rest is left to the rule."""
    if type(value) is str:
        return value
    return LocalMedia(value) if isinstance(value, Path) else cast("str | LocalMedia", plain(value))


def optional_url(value: Media | None) -> str | LocalMedia | None:
    """Convert as `url` does; None stays None, which is not sent."""
    return None if value is None else url(value)


def urls(value: Sequence[Media]) -> tuple[str | LocalMedia, ...]:
    """Convert a list of URLs and files to a tuple; any other value is left to the rule."""
    if not isinstance(value, list | tuple):
        return cast("tuple[str | LocalMedia, ...]", value)
    return tuple(map(url, cast("Sequence[Media]", value)))


def optional_urls(value: Sequence[Media] | None) -> tuple[str | LocalMedia, ...]:
    """Convert as `urls` does; None becomes the empty tuple, which is not sent."""
    return () if value is None else urls(value)


def optional_voices(value: Mapping[str, Media] | None) -> Mapping[str, str | LocalMedia]:
    """Convert a mapping of URLs and files; None becomes the empty mapping, which is not sent."""
    if value is None:
        return FrozenMap()
    # Any other value is left to the rule. So is one with lists and objects: it is no JSON yet, and may be endless.
    if not isinstance(cast("object", value), Mapping) or any(map(_holds_others, value.values())):
        return cast("Mapping[str, str | LocalMedia]", value)
    return FrozenMap({name: url(item) for name, item in value.items()})


def _holds_others(item: object) -> bool:
    return isinstance(item, Mapping | list | tuple)


def fields_of(cls: type[attrs.AttrsInstance]) -> tuple[ParamField, ...]:
    """Return the parameters of a model class, without `extra`, in the order of the request body.

    Raises:
        TypeError: A field has no rule, or its default is not JSON.
    """
    # The class itself keeps its table: looking for it in a dictionary with weak keys took 6 us for each set of
    # parameters. Not that of its base.
    found: tuple[ParamField, ...] | None = vars(cls).get(_TABLE)
    if found is None:
        # attrs puts the field of the base class first; in the body `callback_url` is the last one.
        fields = [_described(cls, field) for field in attrs.fields(cls) if field.name != "extra"]
        found = tuple(sorted(fields, key=lambda field: field.name == "callback_url"))
        setattr(cls, _TABLE, found)
    return found


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
        # Only the rules about media have this attribute.
        media=getattr(field.metadata[_RULE], "media", None),
        required=default is attrs.NOTHING,
        default=thaw(default) if is_sent else None,
        empty=default if default in _EMPTY else attrs.NOTHING,
    )
