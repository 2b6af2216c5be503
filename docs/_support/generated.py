"""Parts of the pages that are generated from the code: tables of models, errors, commands and rooms.

A page asks for one by a comment on a line of its own, as `<!-- generated: models -->`. The pages show what is
registered when they are built, so a new model needs no edit here.
"""

from __future__ import annotations

import inspect
import io
import json
import re
import runpy
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import attrs
import pictures
import public_names as public_names_module
import speed

import evolink_async as ev
import evolink_async.models
from evolink_async import errors
from evolink_async.params import ParamField, Params, fields_of, registered_models
from evolink_async.purchases import diagram

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_SECTION = re.compile(r"^(Attributes|Args|Raises|Source|Example|Warns)\b.*:", re.MULTILINE)
_ADDRESS = re.compile(r"(?<![(<`])https://\S+[\w/]")


def fill_in(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Replace each comment `<!-- generated: NAME -->` in a page by what its function writes."""
    source[0] = filled(source[0])


def filled(text: str, *, leave_out: str = "") -> str:
    """Replace each comment in a text; one that is left out stays as it is."""

    def written(found: re.Match[str]) -> str:
        return found[0] if found[1] == leave_out else _WRITERS[found[1]]()

    text = re.sub(r"^<!-- notebook: ([\w-]+) -->$", lambda found: notebook_cell(found[1]), text, flags=re.MULTILINE)
    return re.sub(r"^<!-- generated: (\w+) -->$", written, text, flags=re.MULTILINE)


def notebook_cell(name: str) -> str:
    """Return a cell of the notebook in `examples/`, which the test suite runs."""
    book = json.loads((Path(__file__).parents[2] / "examples" / "notebook.ipynb").read_text(encoding="utf-8"))
    [source] = ["".join(cell["source"]) for cell in book["cells"] if cell["id"] == name]
    return f"```python\n{source}\n```"


# --- models


def models() -> str:
    """Return a section for every registered model, grouped by endpoint."""
    assert evolink_async.models.__all__  # noqa: S101  # importing it is what registers them
    by_path: dict[str, list[type[Params]]] = {}
    for cls in registered_models().values():
        by_path.setdefault(cls.path, []).append(cls)
    parts = [f"## POST {path}\n\n" + "\n\n".join(map(model, classes)) for path, classes in by_path.items()]
    return "\n\n".join([_overview(cls for classes in by_path.values() for cls in classes), *parts])


def _overview(classes: Iterable[type[Params]]) -> str:
    rows = [
        (
            f"[`{cls.model}`](#{_anchor(cls)})",
            f"`{cls.__name__}`",
            _code_list(f.path for f in fields_of(cls) if f.required),
        )
        for cls in classes
    ]
    return _table(("Model", "Class", "Required"), rows)


def model(cls: type[Params]) -> str:
    """Return the section of one model: what it makes, its parameters, its example."""
    text = inspect.getdoc(cls) or ""
    found = _SECTION.search(text)
    home = evolink_async.models.__name__ if cls.__name__ in evolink_async.models.__all__ else cls.__module__
    entry = f"```{{eval-rst}}\n.. py:class:: {home}.{cls.__qualname__}\n   :no-contents-entry:\n```"
    parts = [f"({_anchor(cls)})=", f"### {cls.model}", entry]
    parts += [(text[: found.start()] if found else text).strip()]
    parts += [f"The vendor's page: <{cls.source}>"] if cls.source else []
    parts += [_table(("Parameter", "What it is", "Must be", "Default"), _rows(cls, text)), *_examples(text)]
    return "\n\n".join(part for part in parts if part)


def _rows(cls: type[Params], text: str) -> Iterator[tuple[str, ...]]:
    told = {**attributes(inspect.getdoc(Params) or ""), **attributes(text)}
    for field in fields_of(cls):
        yield f"`{field.path}`", told.get(field.name, ""), _must_be(field), _default(field)


def _must_be(field: ParamField) -> str:
    """What a value must be; of media also what the file must be, which may be one of this machine."""
    return field.text if field.media is None else f"{field.text}, or files: {field.media.describe()}"


def _default(field: ParamField) -> str:
    if field.required:
        return "**required**"
    return "not sent" if field.default is None else f"`{json.dumps(field.default)}`"


def attributes(text: str) -> dict[str, str]:
    """Return what the section "Attributes" of a docstring says, by name."""
    _, _, rest = text.partition("Attributes:\n")
    told: dict[str, str] = {}
    name = ""
    for line in rest.splitlines():
        if not line.startswith("    "):
            break
        found = re.match(r"    (\w+): (.*)", line)
        if found:
            name, told[found[1]] = found[1], found[2]
        elif name:
            told[name] += " " + line.strip()
    return told


def _examples(text: str) -> list[str]:
    lines = text.splitlines()
    first = next((index for index, line in enumerate(lines) if line.startswith(">>>")), None)
    return [] if first is None else ["```{doctest}\n" + "\n".join(lines[first:]) + "\n```"]


def _anchor(cls: type[Params]) -> str:
    return re.sub(r"[^a-z0-9]+", "-", cls.model.lower())


# --- errors


def error_tree() -> str:
    """Return the tree that the errors' own docstring draws."""
    lines = (inspect.getdoc(errors) or "").splitlines()
    return "```text\n" + "\n".join(line.removeprefix("    ") for line in lines if line.startswith("    ")) + "\n```"


def error_table() -> str:
    """Return what each error says may be done now."""
    rows = [
        (
            f"{{py:exc}}`~evolink_async.errors.{cls.__name__}`",
            "yes" if cls.may_resubmit else "**no**",
            _linked(cls.advice),
        )
        for cls in _error_classes()[1:]  # all but the base
    ]
    return _table(("Error", "May resubmit", "Advice"), rows)


def error_classes() -> str:
    """Return a description of every error, with what its docstring says."""
    names = [f".. autoexception:: {cls.__name__}\n" for cls in _error_classes()]
    head = ".. currentmodule:: evolink_async.errors\n"
    return "\n".join(["```{eval-rst}", head, *names, ".. autoclass:: InvalidValue", "```"])


def _error_classes() -> list[type[errors.EvolinkError]]:
    """Every public error, in the order of the tree."""
    tree = re.findall(r"\w+", inspect.getdoc(errors) or "")
    classes = [getattr(errors, name) for name in errors.__all__]
    found = [cls for cls in classes if isinstance(cls, type) and issubclass(cls, errors.EvolinkError)]
    return sorted(found, key=lambda cls: tree.index(cls.__name__))


def task_codes() -> str:
    """Return the advice for each code a failed task may carry."""
    from evolink_async.wire.verdict import _ADVICE_BY_CODE  # pyright: ignore[reportPrivateUsage]

    return _table(("Code of the task", "Advice"), [(f"`{code}`", text) for code, text in _ADVICE_BY_CODE.items()])


# --- commands


def commands() -> str:
    """Return the help of every command, as the terminal shows it."""
    from evolink_async.cli.app import app

    names = [name if name != "journal" else "journal prune" for name in app if not name.startswith("-")]
    return "\n\n".join([_help(()), *(f"## {name}\n\n{_help(tuple(name.split()))}" for name in names)])


def _help(words: tuple[str, ...]) -> str:
    from rich.console import Console

    from evolink_async.cli.app import app

    told = io.StringIO()
    app.help_print(list(words), console=Console(file=told, width=96, force_terminal=False, color_system=None))
    text = "\n".join(line.rstrip() for line in told.getvalue().strip().splitlines())
    return f"```text\n{text}\n```"


# --- the emulator


def fault_functions() -> str:
    """Return an entry for each function that returns a fault."""
    from evolink_async.emulator import faults

    found = [name for name in faults.__all__ if inspect.isfunction(getattr(faults, name)) and name != "sometimes"]
    return _entries("evolink_async.emulator.faults", found)


def fault_classes() -> str:
    """Return an entry for each kind of fault."""
    from evolink_async.emulator import faults

    kinds = [name for name in faults.__all__ if isinstance(getattr(faults, name), type) and name != "FaultScript"]
    return _entries("evolink_async.emulator.faults", kinds)


# --- all public names


def public_names() -> str:
    """Return a table of names for each public module, each linked to its entry in the reference."""
    texts = pages()
    entries, of_data = public_names_module.documented(texts), public_names_module.texts_of_data(texts)
    return "\n\n".join(_names(name, entries, of_data) for name in public_names_module.MODULES)


def pages() -> list[str]:
    """Return the text of every page of the reference, with what is generated."""
    texts = [page.read_text(encoding="utf-8") for page in sorted((public_names_module.DOCS / "reference").glob("*.md"))]
    # The page of all names is made from the entries of the others.
    return [filled(text, leave_out="public_names") for text in texts]


def _names(name: str, entries: dict[int, str], of_data: dict[str, str]) -> str:
    """Return the heading and the table of one module."""
    loaded = public_names_module.module(name)
    rows: list[tuple[str, ...]] = []
    rest: list[str] = []
    for one in public_names_module.names_of(name):
        value = getattr(loaded, one)
        full = entries.get(id(value))
        if full is not None:
            rows.append((f"{{py:{_role(value)}}}`{one} <{full}>`", of_data.get(one) or _what(value)))
        elif one == "__version__":
            rows.append((f"`{one}`", "The version of the package, as a text."))
        else:
            rest.append(one)
    parts = [f"## {loaded.__name__}", _table(("Name", "What it is"), rows) if rows else ""]
    parts += [f"Not for users, and not stable: {_code_list(rest)}."] if rest else []
    return "\n\n".join(part for part in parts if part)


def _role(value: object) -> str:
    """Return the role that links a name, which Sphinx checks."""
    if isinstance(value, type) and issubclass(value, BaseException):
        return "exc"
    if inspect.isclass(value) and not hasattr(value, "__origin__"):
        return "class"
    return "func" if inspect.isroutine(value) else "data"


def _what(value: object) -> str:
    """Return the first paragraph of a docstring; data that a page does not describe have none."""
    if not inspect.isclass(value) and not inspect.isroutine(value):
        return ""
    text = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return " ".join(text.split())


def _entries(module: str, names: Iterable[str]) -> str:
    """Return entries for some names of a module."""
    loaded = import_module(module)
    kinds = {name: "autoclass" if isinstance(getattr(loaded, name), type) else "autofunction" for name in names}
    lines = [f".. {kind}:: {name}\n" for name, kind in kinds.items()]
    return "\n".join(["```{eval-rst}", f".. currentmodule:: {module}\n", *lines, "```"])


# --- settings


def settings() -> str:
    """Return the fields of every settings class, with their defaults and the reasons for them."""
    return "\n\n".join(f"### {cls.__name__}\n\n{_fields(cls)}" for cls in _settings())


def settings_classes() -> str:
    """Return a description of every settings class, with what its docstring says."""
    names = (f"{'' if cls.__name__ in ev.__all__ else cls.__module__ + '.'}{cls.__name__}" for cls in _settings())
    return "\n".join(["```{eval-rst}", *(f".. autoclass:: {name}\n" for name in names), "```"])


def _settings() -> list[type[attrs.AttrsInstance]]:
    """The classes of ours that a pool is made with, in the order of its arguments."""
    hints = get_type_hints(ev.SessionPool.__init__)
    classes = [cls for name, hint in hints.items() if name != "return" for cls in (*get_args(hint), hint)]
    ours = [cls for cls in classes if isinstance(cls, type) and cls.__module__.startswith("evolink_async")]
    return list(dict.fromkeys(cls for cls in ours if attrs.has(cls)))


def _fields(cls: type[attrs.AttrsInstance]) -> str:
    told = attributes(inspect.getdoc(cls) or "")
    rows = [(f"`{field.name}`", _set_by_us(field.default), told.get(field.name, "")) for field in attrs.fields(cls)]
    return _table(("Field", "Default", "Meaning"), rows)


def _set_by_us(default: object) -> str:
    return "**required**" if default is attrs.NOTHING else f"`{default!r}`"


# --- architecture


def rooms() -> str:
    """Return every room and leaf of the package, with the first sentence of its docstring."""
    rows: list[tuple[str, ...]] = []
    for name in _house()["DOORS"]:
        text = inspect.getdoc(import_module(f"evolink_async.{name}")) or ""
        # A sentence ends before a blank line or a capital letter; a full stop inside of `budget.waiting` ends none.
        sentence = re.split(r"(?<=\.)\s+(?=[A-Z`])|\n\n", text)[0]
        rows.append((f"`{name}`", " ".join(sentence.split())))
    return _table(("Room or leaf", "What lives there"), rows)


def doors() -> str:
    """Return which rooms each room may import, from the table that a test holds."""
    rows = [(f"`{name}`", _code_list(allowed.split())) for name, allowed in _house()["DOORS"].items()]
    return _table(("Room or leaf", "May import"), rows)


def waiting() -> str:
    """Return what may wait, or touch clock, disk, dice or network, from the table that a test holds."""
    house = _house()
    return _code_list([*house["WAITING_ROOMS"], *house["WAITING_FILES"], *house["WAITING_FOLDERS"]])


@cache
def _house() -> dict[str, Any]:
    """Run the file that holds the tables; tests/ is no part of the package, so it is not imported by name."""
    return runpy.run_path(str(Path(__file__).parents[2] / "tests" / "shape" / "house.py"))


# --- speed


def speed_table() -> str:
    """Return what was measured, each beside what it is compared with."""
    return _table(speed.HEAD, speed.cells())


def speed_batch() -> str:
    """Return what a whole batch took, a line for each client."""
    return _noted(_table(speed.BATCH_HEAD, speed.batch_cells()), "batch")


def speed_million() -> str:
    """Return what a million jobs took."""
    return _noted(_table(speed.HEAD, speed.cells("million")), "million")


def _noted(table: str, theme: str) -> str:
    return "\n\n".join(filter(None, (table, speed.busy(theme))))


# --- Markdown


def _code_list(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "none"


def _linked(text: str) -> str:
    return _ADDRESS.sub(lambda found: f"<{found[0]}>", text)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def transitions() -> str:
    """Return the table of what happens to a job, and in which states."""
    return f"```text\n{diagram()}\n```"


_WRITERS: dict[str, Callable[[], str]] = {
    "answers_picture": pictures.answers,
    "commands": commands,
    "doors": doors,
    "error_classes": error_classes,
    "error_table": error_table,
    "error_tree": error_tree,
    "fault_classes": fault_classes,
    "fault_functions": fault_functions,
    "models": models,
    "public_names": public_names,
    "rooms": rooms,
    "settings": settings,
    "settings_classes": settings_classes,
    "speed_batch": speed_batch,
    "speed_machine": speed.machine,
    "speed_million": speed_million,
    "speed_missed": speed.missed,
    "speed_table": speed_table,
    "states_picture": pictures.states,
    "task_codes": task_codes,
    "transitions": transitions,
    "waiting": waiting,
}
