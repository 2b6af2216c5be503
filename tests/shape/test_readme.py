"""What the pages for readers say about the code: commands that work, and names and files that exist."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

import evolink_async as ev
from tests.shape.house import PACKAGE
from tests.shape.test_public_names import PUBLIC

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = ["python -m pip install '.[demo]' && evolink-async demo", "python -m pip install nox && nox -s tests"]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md")),
    *sorted((ROOT / "docs").glob("[!_]*.md")),
    *sorted((ROOT / "docs").glob("[!_]*/*.md")),
]
INTERNAL = {"cli.demo_material.media", "emulator.pytest_plugin", "cli"}
"""Paths that pages name although they are no public modules: a hidden sample, a pytest plugin, `python -m`."""


def fences(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [block.strip() for block in re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]


def test_a_fresh_clone_needs_two_commands():
    """Exactly these, in this order; and what runs before a change lands runs both."""
    assert fences("sh") == COMMANDS
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace("install -q", "install")
    assert all(command in script for command in COMMANDS)


def test_the_sample_names_what_the_library_has():
    """Every `ev.` name of the sample exists, and its parameters are accepted."""
    [sample] = fences("python")
    tree = ast.parse(sample)
    names = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ev"
    }
    assert {"SessionPool", "Completed", "Failed", "Unknown"} < names <= set(ev.__all__)
    shots = next(node for node in tree.body if isinstance(node, ast.Assign))
    assert len(eval(compile(ast.Expression(shots.value), "README.md", "eval"), {"ev": ev, "Path": Path})) == 3


def test_the_first_screen_leads_to_the_architecture():
    """A reader who wants to change the code finds the way before the first heading."""
    assert "(docs/explanation/architecture.md)" in README.partition("\n## ")[0]


def named_paths(text: str) -> list[str]:
    """The dotted names of the package that a page mentions, imports, or has Sphinx document."""
    paths = re.findall(rf"\b{PACKAGE}((?:\.\w+)+)", text)
    for module, names in re.findall(rf"^from {PACKAGE}((?:\.\w+)*) import ([\w, ]+)$", text, re.MULTILINE):
        paths += [f"{module}.{name.strip()}" for name in names.split(",")]
    module = ""
    for directive, name in re.findall(r"^\.\. (currentmodule|auto\w+):: ([\w.]+)$", text, re.MULTILINE):
        if directive == "currentmodule":
            module = name.removeprefix(PACKAGE)
        elif not name.startswith(PACKAGE):
            paths.append(f"{module}.{name.partition('.')[0] if directive == 'automethod' else name}")
    return [path.removeprefix(".") for path in paths]


def _loaded(module: str) -> ModuleType:
    """Import a module by its name below the package."""
    return importlib.import_module(f"{PACKAGE}.{module}".removesuffix("."))


def public_place(path: str) -> bool:
    """Whether a dotted name is a public module, or a name that one lists."""
    if path in PUBLIC | INTERNAL:
        return True
    module, _, name = path.rpartition(".")
    owner = module.rpartition(".")[2]
    if owner[:1].isupper():  # a method of a public class
        return public_place(module) and hasattr(getattr(_loaded(module.rpartition(".")[0]), owner), name)
    loaded = _loaded(module)
    return (module in PUBLIC and name in loaded.__all__) or (module in INTERNAL and hasattr(loaded, name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_import_path_of_the_pages_is_public(page):
    """A reader who copies it gets no error, and no name that may vanish in the next release."""
    paths = named_paths(page.read_text(encoding="utf-8"))
    assert [path for path in paths if not public_place(path)] == []


def test_wrong_import_paths_are_found():
    """In text, in imports, and in what Sphinx documents."""
    text = "`evolink_async.pool.Nothing`\nfrom evolink_async.errors import ParamsError, Nothing\n"
    text += "{py:meth}`~evolink_async.SessionPool.nothing` {py:meth}`~evolink_async.SessionPool.run`\n"
    text += ".. currentmodule:: evolink_async.media\n\n.. autoclass:: Nothing\n"
    assert [path for path in named_paths(text) if not public_place(path)] == [
        "pool.Nothing",
        "SessionPool.nothing",
        "errors.Nothing",
        "media.Nothing",
    ]


def test_the_files_that_the_architecture_page_names_exist():
    """`polling/schedule.py` and the like, below the package."""
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    files = re.findall(r"`(\w+/[\w/]*(?:\.py)?|\w+\.py)`", page)
    assert len(files) > 20
    below = [ROOT / PACKAGE, ROOT]
    assert [file for file in files if not any((folder / file).exists() for folder in below)] == []


def test_what_is_promised_is_what_is_tested():
    """SECURITY.md lists the public modules, and CONTRIBUTING.md the sessions of nox."""
    promise = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("## Compatibility")[2]
    assert {name for name in PUBLIC if name} <= set(re.findall(r"`([\w.]+)`", promise.partition("- **")[0]))
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    found = re.findall(r'@nox\.session\((?:.*name="([\w-]+)")?.*\ndef (\w+)', text)
    sessions = [named or name for named, name in found]
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [name for name in sessions if not re.search(rf"^\| `{name}` \|", table, re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_files_lead_somewhere(page):
    """Relative links, as they work on the web page of the repository and in the built documentation."""
    links = re.findall(r"\]\(([^)#:]+\.md)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
