"""The parameters of a model as options of a command, and what is given with them as a request body.

Everything is read from the table of the model's parameters; no model is named here.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import docstring_parser
from cyclopts import Group, Parameter

from ...errors import ConfigurationError, ParamsError
from ...json_text import Json
from ...media import LocalMedia
from ...params import ParamField, Params, fields_of, load_params
from .option_types import whole_number

PANEL = Group("Parameters of the model", sort_key=1)
"""The part of the help with the options of the model; those that all models share come after it."""

_TYPES: Mapping[object, object] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "array": list[str],
    "object": list[str],
}

# What stands for a file in an example, by what the parameter takes.
_FILES = {"image": "photo.jpg", "video": "clip.mp4", "audio": "voice.mp3"}


def option_of(cls: type[Params], field: ParamField) -> inspect.Parameter:
    """Return a parameter of a model as a keyword argument, from which an option is made.

    Args:
        cls: The model.
        field: The parameter.
    """
    schema = field.rule.schema()
    kind: Any = _TYPES.get(schema.get("type"), str)
    choices = tuple(cast("Sequence[object]", schema.get("enum", ())))
    option = Parameter(
        help=_help_of(cls, field, is_listed=bool(choices)),
        group=PANEL,
        consume_multiple=kind == list[str],
        converter=whole_number if kind is int else None,
        # A flag that is on by default needs a way to turn it off; `--empty-NAME` of a list says nothing.
        negative=None if field.default is True else (),
    )
    # Any: these types are values here.
    hint: Any = Literal[choices] if choices else kind
    default = inspect.Parameter.empty if field.required else field.default
    given: Any = hint if default is not None else hint | None
    annotation: Any = Annotated[given, option]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _help_of(cls: type[Params], field: ParamField, *, is_listed: bool) -> str:
    texts = [_texts(base).get(field.name) for base in cls.__mro__ if issubclass(base, Params)]
    text = next(filter(None, texts), "").strip() or "See the model's page."
    # Choices are listed by cyclopts, and a flag needs no rule.
    kind = field.rule.schema().get("type")
    is_told = is_listed or kind == "boolean" or field.text in text
    rule = "" if is_told else f" Must be {field.text}."
    return f"{text}{rule}{' Each is given as NAME=URL.' if kind == 'object' else ''}"


def _texts(cls: type[Params]) -> dict[str, str]:
    """Return the lines under "Attributes" of a class, by name, with no line breaks."""
    parsed = docstring_parser.parse(inspect.cleandoc(cls.__doc__ or ""))
    return {one.arg_name: " ".join((one.description or "").replace("`", "").split()) for one in parsed.params}


def body_of(cls: type[Params], given: Mapping[str, object]) -> dict[str, Json]:
    """Return the request body for what was given with options.

    Args:
        cls: The model.
        given: The values, by the names of the parameters.

    Raises:
        ConfigurationError: A binding is not NAME=FILE.
    """
    body: dict[str, Json] = {"model": cls.model}
    for field in fields_of(cls):
        value = given.get(field.name)
        if value is None or value == []:
            continue
        holder = body if field.inside is None else cast("dict[str, Json]", body.setdefault(field.inside, {}))
        holder[field.name] = _json_of(field, value)
    return body


def _json_of(field: ParamField, value: object) -> Json:
    if not isinstance(value, list):
        return _media(field, value)
    texts = cast("list[str]", value)
    if field.rule.schema().get("type") != "object":
        return [_media(field, text) for text in texts]
    pairs = [text.partition("=") for text in texts]
    if wrong := [text for text, (_, sign, _) in zip(texts, pairs, strict=True) if not sign]:
        raise ConfigurationError(
            f"--{field.name.replace('_', '-')} takes NAME=FILE, as image1=voice.mp3, not {wrong[0]!r}"
        )
    return {name: _media(field, place) for name, _, place in pairs}


def _media(field: ParamField, value: object) -> Json:
    """Mark a path as a file, as a jobs file does; URLs and what is not media stay as they are."""
    if field.media is None or not isinstance(value, str) or value.startswith("file:") or _is_url(value) or not value:
        return cast("Json", value)
    return str(LocalMedia(Path(value)))


def _is_url(text: str) -> bool:
    # One letter is a drive of Windows.
    try:
        return len(urlsplit(text).scheme) > 1
    except ValueError:
        return True


def example_of(cls: type[Params]) -> str:
    """Return a command that makes a video with a model: what it requires, and a folder."""
    required = {
        field.name: _example_value(field) for field in fields_of(cls) if field.required or field.name == "prompt"
    }
    # Some models require one of several files, which only their rules between fields know. A sound is never enough.
    seen = [field for field in cls.media_fields if field.media is not None and field.media.kind in ("image", "video")]
    nothing: dict[str, str | list[str]] = {}
    files = [{field.name: _example_value(field)} for field in seen]
    given = next((one for one in [*files, nothing] if _is_valid(cls, required | one)), nothing)
    words = [f"--{name.replace('_', '-')} {_as_words(value)}" for name, value in (required | given).items()]
    return " ".join(["evolink-async generate", cls.model, *words, "--out films"])


def _example_value(field: ParamField) -> str | list[str]:
    text = _FILES.get(field.media.kind, "file") if field.media is not None else "A cat playing piano"
    return [text] if field.rule.schema().get("type") == "array" else text


def _as_words(value: str | list[str]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in (value if isinstance(value, list) else [value]))


def _is_valid(cls: type[Params], given: Mapping[str, object]) -> bool:
    try:
        load_params(body_of(cls, given), files_from=Path())
    except ParamsError:
        return False
    return True
