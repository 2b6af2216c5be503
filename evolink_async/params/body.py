"""The request body of a model, read and written by the table of its parameters.

The rules for the values are applied in `checking`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast

import attrs

from ..errors import InvalidValue
from ..frozen import freeze, frozen, plain, thaw
from ..json_text import Json
from ..media import FILE_PREFIX, LocalMedia, replace_media
from .fields import ParamField
from .json_faults import json_faults, key_faults, shown
from .url_rules import is_path

_Place: TypeAlias = tuple[str | None, str]


@attrs.frozen(kw_only=True)
class Reading:
    """The parts of a request body.

    Attributes:
        values: The values of known parameters, by name, as frozen JSON.
        refused: The names of known parameters whose value is not JSON.
        unknown: The values of unknown ones, by the object that holds them (None for the body itself) and name.
        faults: Values that are not JSON, and required parameters that are missing.
    """

    values: Mapping[str, object]
    refused: frozenset[str]
    unknown: Mapping[_Place, object]
    faults: tuple[InvalidValue, ...]

    def extra(self) -> dict[str, object]:
        """Return the unknown values, in the structure of the body."""
        extra: dict[str, object] = {}
        for (inside, name), value in self.unknown.items():
            if inside is None:
                extra[name] = value
            else:
                cast("dict[str, object]", extra.setdefault(inside, {}))[name] = value
        return extra


def read_body(fields: Sequence[ParamField], body: Mapping[str, object]) -> Reading:
    """Take a body apart; `model` is left out. An optional parameter that is null counts as not given."""
    places = {(field.inside, field.name): field for field in fields}
    values: dict[str, object] = {}
    unknown: dict[_Place, object] = {}
    faults: list[InvalidValue] = []
    refused: set[str] = set()
    for place, value in _entries(fields, body, faults):
        field = places.get(place)
        found = tuple(json_faults(value, _path(place)))
        faults.extend(found)
        if found and field is not None:
            refused.add(field.name)
        elif found:
            continue
        elif field is None:
            unknown[place] = value
        elif value is not None or field.required:
            values[field.name] = freeze(value)
    # A parameter whose value is not JSON was given: one fault is enough.
    missing = (field for field in fields if field.required and field.name not in {*values, *refused})
    faults.extend(InvalidValue(field.path, "is required") for field in missing)
    return Reading(values=values, refused=frozenset(refused), unknown=unknown, faults=tuple(faults))


def _entries(
    fields: Sequence[ParamField], body: Mapping[str, object], faults: list[InvalidValue]
) -> Iterator[tuple[_Place, object]]:
    holders = {field.inside for field in fields}
    for name, value in _named(body, None, faults):
        if name not in holders:
            if name != "model":
                yield (None, name), value
        elif isinstance(value, Mapping):
            for inner, item in _named(cast("Mapping[str, object]", value), name, faults):
                yield (name, inner), item
        elif value is not None:
            faults.append(InvalidValue(name, f"must be an object, not {shown(value)}"))


def _named(holder: Mapping[str, object], path: str | None, faults: list[InvalidValue]) -> Iterator[tuple[str, object]]:
    for name, value in cast("Mapping[object, object]", holder).items():
        found = tuple(key_faults(name, path or ""))
        faults.extend(found)
        if not found:
            yield cast("str", name), value


def _path(place: _Place) -> str:
    return ".".join(part for part in place if part)


def with_files(fields: Sequence[ParamField], reading: Reading, base: Path | None) -> Reading:
    """Convert texts `file:PATH` to local files, in every parameter that takes files.

    Args:
        fields: The table of the parameters.
        reading: The parts of the body.
        base: The folder for relative paths; None refuses every file.
    """
    faults: list[InvalidValue] = []

    def local(path: str, item: str | LocalMedia) -> str | LocalMedia:
        if not isinstance(item, str):
            return item
        if not item.startswith(FILE_PREFIX):
            if base is None or not is_path(item):
                return item
            sign = shown(f"{FILE_PREFIX}{item}")
            faults.append(InvalidValue(path, f"must be an http or https URL, or {sign} for a file, not {shown(item)}"))
            return LocalMedia(Path())
        try:
            return LocalMedia.named(item, base)
        except ValueError as error:
            faults.append(InvalidValue(path, f"{error}, not {shown(item)}"))
            # Any file will do: left as a text it would be named again, as an invalid URL.
            return LocalMedia(Path())

    places = {field.name: field.path for field in fields if field.media is not None and field.name in reading.values}
    found = {name: replace_media(reading.values[name], local, path) for name, path in places.items()}
    return attrs.evolve(reading, values={**reading.values, **found}, faults=(*reading.faults, *faults))


def unknown_faults(fields: Sequence[ParamField], reading: Reading) -> Iterator[InvalidValue]:
    """Name the unknown fields, each with the parameter that was probably meant."""
    # A field may be meant by its name alone, or by its path, as in `model_params.shot_type`.
    paths = {**{field.name: field.path for field in fields}, **{field.path: field.path for field in fields}}
    for place in reading.unknown:
        near = nearest(place[1], paths)
        yield InvalidValue(_path(place), f"unknown field, did you mean {paths[near]!r}?" if near else "unknown field")


def nearest(word: str, known: Mapping[str, object]) -> str | None:
    """Return the known word that is most similar to this one; None if none is similar."""
    # The time of `difflib` grows with the square of the length, and a key can be as long as the body.
    return next(iter(difflib.get_close_matches(word[:100], known, n=1)), None)


def write_body(
    fields: Sequence[ParamField], values: Mapping[str, object], extra: Mapping[str, object]
) -> dict[str, Json]:
    """Build the request body of the values that are given, and merge `extra` into it."""
    body: dict[str, Json] = {}
    holders: dict[str, dict[str, Json]] = {}
    for field in fields:
        value = values[field.name]
        if field.is_empty(value):
            continue
        plain = thaw(value) if field.media is None else _as_text(value)
        if field.inside is None:
            body[field.name] = plain
        else:
            holder = holders.setdefault(field.inside, {})
            holder[field.name] = plain
            body[field.inside] = holder
    # `extra` can add fields to an object that the model fills, such as `model_params`.
    for name, value in extra.items():
        plain = thaw(value)
        body[name] = {**holders[name], **plain} if name in holders and isinstance(plain, dict) else plain
    return body


def _as_text(value: object) -> Json:
    """Write media for a body: URLs unchanged, files by their digest or their path."""
    if isinstance(value, tuple):
        return [_as_link(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):
        return {name: _as_link(item) for name, item in cast("Mapping[str, object]", value).items()}
    return _as_link(value)


def _as_link(item: object) -> str:
    # A model of somebody else may have no converter that leaves plain text.
    if type(item) is str:
        return item
    return str(item) if isinstance(item, LocalMedia) else cast("str", plain(item))


def extra_faults(fields: Sequence[ParamField], extra: object) -> Iterator[InvalidValue]:
    """Find values of `extra` that are not JSON, or that would replace a field of the model."""
    if not isinstance(extra, Mapping):
        yield InvalidValue("extra", f"must be an object, not {shown(extra)}")
        return
    yield from json_faults(cast("Mapping[str, object]", extra), "extra")
    taken = {"model", *(field.path for field in fields)}
    holders = {field.inside for field in fields if field.inside}
    for name, value in cast("Mapping[str, object]", extra).items():
        if name in taken:
            yield InvalidValue(f"extra.{name}", "must be set as a field of the model, not in extra")
        if name not in holders:
            continue
        if not isinstance(value, Mapping):
            yield InvalidValue(f"extra.{name}", f"must be an object, not {shown(value)}")
            continue
        for inner in cast("Mapping[str, object]", value):
            if f"{name}.{inner}" in taken:
                yield InvalidValue(f"extra.{name}.{inner}", "must be set as a field of the model, not in extra")


def without_empty_holders(fields: Sequence[ParamField], extra: Mapping[str, object]) -> Mapping[str, object]:
    """Leave out empty objects that hold fields of the model: such a one says nothing, and is not sent."""
    empty = {field.inside for field in fields if field.inside and extra.get(field.inside, True) == {}}
    return frozen({name: value for name, value in extra.items() if name not in empty}) if empty else extra


def body_schema(model: str, fields: Sequence[ParamField]) -> dict[str, Json]:
    """Return the rules of single fields as a JSON Schema (draft 2020-12) of the request body."""
    properties: dict[str, Json] = {"model": {"const": model}}
    holders: dict[str, dict[str, Json]] = {}
    for field in fields:
        schema: dict[str, Json] = {"description": field.text, **field.rule.schema()}
        if field.default is not None:
            schema["default"] = field.default
        if field.inside is None:
            properties[field.name] = schema
        else:
            holder = holders.setdefault(field.inside, {})
            holder[field.name] = schema
            properties[field.inside] = {"type": "object", "properties": holder}
    required: list[Json] = ["model", *(field.name for field in fields if field.required)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": model,
        "type": "object",
        "required": required,
        "properties": properties,
    }
