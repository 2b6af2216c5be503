"""The command `models`: lists the models, or the fields of one.

Everything shown is read from the registry of `params`; no model is named here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

# Importing the models registers them.
from ... import models as _registered  # noqa: F401  # pyright: ignore[reportUnusedImport]
from ...errors import ConfigurationError
from ...params import ParamField, Params, fields_of, nearest, registered_models
from ..exit_codes import OK
from ..output.tables import empty_table
from ..output.terminal import Terminal, plain

_PAGE_COLUMNS = 165
"""Columns of a terminal from which on the pages' addresses have a column; else the model's name links to its page."""


def models(name: str | None, terminal: Terminal) -> int:
    """Show every model, or all fields of one; return the exit code.

    Args:
        name: The service's name of the model; None for all.
        terminal: Where it is printed.

    Raises:
        ConfigurationError: There is no such model.
    """
    if name is None:
        _show_all(registered_models().values(), terminal)
    else:
        _show_one(_model_named(name), terminal)
    return OK


def _model_named(name: str) -> type[Params]:
    known = registered_models()
    if name not in known:
        near = nearest(name, known)
        hint = f", did you mean {near!r}?" if near else "; `evolink-async models` lists them"
        raise ConfigurationError(f"unknown model {name!r}{hint}")
    return known[name]


def model_object(cls: type[Params]) -> dict[str, object]:
    """Return a model as a JSON object, without its fields."""
    return {
        "model": cls.model,
        "class": cls.__qualname__,
        "endpoint": cls.path,
        "required": [field.path for field in fields_of(cls) if field.required],
        "page": cls.source or None,
    }


def field_object(field: ParamField) -> dict[str, object]:
    """Return a field of a model as a JSON object."""
    return {
        "field": field.path,
        "required": field.required,
        "default": field.default,
        "rule": field.text,
        "schema": field.rule.schema(),
    }


def _show_all(classes: Iterable[type[Params]], terminal: Terminal) -> None:
    if not terminal.shows_tables:
        for cls in classes:
            terminal.json_line(model_object(cls))
        return
    by_endpoint: dict[str, list[type[Params]]] = {}
    for cls in sorted(classes, key=lambda cls: cls.model):
        by_endpoint.setdefault(cls.path, []).append(cls)
    for endpoint, members in by_endpoint.items():
        terminal.say(Text(f"POST {endpoint}", style="bold cyan"))
        terminal.say(_table(members, has_pages=terminal.out.width >= _PAGE_COLUMNS))
        terminal.say()
    terminal.note("All fields of one, and its page: evolink-async models NAME")


def _table(classes: Iterable[type[Params]], *, has_pages: bool) -> Table:
    table = empty_table("model", "class", "required", *(["page"] if has_pages else []))
    for cls in classes:
        required = ", ".join(field.path for field in fields_of(cls) if field.required)
        name = Text(cls.model, style=f"link {cls.source}" if cls.source else "")
        table.add_row(name, *map(plain, (cls.__qualname__, required, cls.source)[: 2 + has_pages]))
    return table


def _show_one(cls: type[Params], terminal: Terminal) -> None:
    if not terminal.shows_tables:
        terminal.json_line({**model_object(cls), "fields": [field_object(field) for field in fields_of(cls)]})
        return
    terminal.say(f"{cls.model}: {cls.__qualname__}, POST {cls.path}")
    if cls.source:
        terminal.say(cls.source)
    terminal.say()
    table = empty_table("field", "default", "must be")
    for field in fields_of(cls):
        default = "required" if field.required else "" if field.default is None else json.dumps(field.default)
        table.add_row(*map(plain, (field.path, default, field.text)))
    terminal.say(table)
