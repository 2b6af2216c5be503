"""The house: floors, imports, sizes, docstrings; every rule of it as a test."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator

import pytest

from tests.shape.house import FLOOR_OF, MODULES, PACKAGE, Import, Module

NAMES = [module.name or "__init__" for module in MODULES]
CORE = [module for module in MODULES if module.floor != 3]
each_module = pytest.mark.parametrize("module", MODULES, ids=NAMES)
each_core_module = pytest.mark.parametrize("module", CORE, ids=[module.name or "__init__" for module in CORE])

WAITING = {
    "asyncio",
    "anyio",
    "aiohttp",
    "backoff",
    "time",
    "random",
    "os",
    "logging",
    "socket",
    "threading",
    "sqlite3",
}
HOME = {
    "aiohttp": {"transport", "fetch"},
    "yarl": {"transport", "fetch", "opening", "arguments"},
    "backoff": {"retry"},
    "cattrs": {"wire"},
    "av": {"probe"},
    "PIL": {"probe"},
}
EXTRAS = {"orjson", "av", "PIL"}
CORE_PACKAGES = {"aiohttp", "anyio", "attrs", "backoff", "cattrs", "yarl", *EXTRAS}


def inner(module: Module) -> Iterator[Import]:
    """Its imports of other files of the package."""
    return (found for found in module.imports() if found.target.partition(".")[0] == PACKAGE)


def part(target: str) -> str:
    """The file or package below the root that a dotted name belongs to."""
    return target.split(".")[1] if "." in target else ""


def test_imports_are_read():
    """The tests below would pass on nothing, so here is something."""
    seen = {(found.source, found.target): found for module in MODULES for found in module.imports()}
    assert seen["pool", f"{PACKAGE}.engine"].running
    assert seen["files.download", f"{PACKAGE}.errors"].running
    assert seen["transport", "aiohttp"].at_once
    assert not seen["json_text", "orjson"].at_once
    assert len(seen) > 500


def test_every_file_has_a_floor():
    """A new file is put on one here, on purpose."""
    assert {module.part for module in MODULES} - {""} <= set(FLOOR_OF)


@each_module
def test_imports_go_downwards(module):
    """A file imports from its own floor or a lower one; the root is above all."""
    if module.floor is None:
        return
    upwards = [found for found in inner(module) if found.running and FLOOR_OF.get(part(found.target), 0) > module.floor]
    assert upwards == []


@each_module
def test_nothing_imports_the_root(module):
    """It imports everything, so whoever imported it would close a circle."""
    assert [found for found in inner(module) if found.target == PACKAGE] == []


@each_core_module
def test_floor_0_does_not_wait(module):
    """No event loop, clock, dice, environment or log: they are arguments."""
    if module.floor == 0:
        assert [found for found in module.imports() if found.target.split(".")[0] in WAITING] == []


@each_core_module
def test_the_core_needs_five_packages(module):
    """Each at its place, extras when they are needed; everything else is of the standard library."""
    for found in module.imports():
        package = found.target.split(".")[0]
        if package in sys.stdlib_module_names or package == PACKAGE:
            continue
        assert package in CORE_PACKAGES, found
        assert module.part in HOME.get(package, {module.part}), found
        assert not (found.at_once and package in EXTRAS), found


@each_module
def test_edges_stand_alone(module):
    """No edge imports another; the commands that need an emulator import it when they are called."""
    if module.floor != 3:
        return
    for found in inner(module):
        if FLOOR_OF.get(part(found.target)) == 3 and part(found.target) != module.part:
            assert part(found.target) == "emulator", found
            assert module.part == "cli", found
            assert not found.at_once or not found.running, found


def test_no_import_goes_in_a_circle():
    """At run time; what stands under TYPE_CHECKING does not count."""
    names = {module.name for module in MODULES}
    edges: dict[str, set[str]] = {module.name: set() for module in MODULES}
    for module in MODULES:
        for found in inner(module):
            target = found.target.removeprefix(PACKAGE).removeprefix(".")
            if found.running and target in names and target != module.name:
                edges[module.name].add(target)
    left = {name: set(targets) for name, targets in edges.items()}
    while free := {name for name, targets in left.items() if not targets & left.keys()}:
        left = {name: targets for name, targets in left.items() if name not in free}
    assert left == {}


# --- sizes

PUBLIC = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


@each_module
def test_no_module_is_long(module):
    """350 lines at most."""
    assert module.lines <= 350


def test_most_modules_are_short(record_property):
    """Half of them have at most 130 lines; 100 is the aim."""
    median = statistics.median(module.lines for module in MODULES)
    record_property("median_lines", median)
    print(f"median module: {median} lines, longest: {max(module.lines for module in MODULES)}")  # noqa: T201
    assert median <= 130


@each_module
def test_no_function_is_long(module):
    """50 lines of body at most, its docstring aside."""
    long = []
    for node in ast.walk(module.tree):
        if isinstance(node, FUNCTIONS):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body and (body[-1].end_lineno or 0) - body[0].lineno + 1 > 50:
                long.append(node.name)
    assert long == []


# --- docstrings


def undocumented(
    node: ast.Module | ast.ClassDef, within: str = "", told: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Public classes, functions and methods without a docstring.

    A method may have that of its base class or of a protocol, in the same file; an overload that of its function.
    """
    classes = {child.name: child for child in node.body if isinstance(child, ast.ClassDef)}
    for child in node.body:
        if not isinstance(child, PUBLIC) or child.name.startswith("_"):
            continue
        overload = "overload" in [ast.unparse(decorator) for decorator in child.decorator_list]
        if ast.get_docstring(child) is None and child.name not in told and not overload:
            yield within + child.name
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, f"{child.name}.", frozenset(documented_above(child, classes)))


def documented_above(cls: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    """The methods that base classes and protocols of the same file document."""
    bases = {ast.unparse(base).partition("[")[0] for base in cls.bases}
    for name, above in classes.items():
        if above is not cls and (name in bases or "Protocol" in [ast.unparse(base) for base in above.bases]):
            yield from (child.name for child in above.body if isinstance(child, FUNCTIONS) and ast.get_docstring(child))
            yield from documented_above(above, {other: found for other, found in classes.items() if other != name})


@each_module
def test_what_is_public_is_documented(module):
    """Every module, and every public class, function and method in it."""
    assert ast.get_docstring(module.tree)
    assert list(undocumented(module.tree)) == []


@each_module
def test_what_is_public_is_typed(module):
    """Every argument and every result of a public function, for readers as much as for checkers."""
    untyped = []
    for node in ast.walk(module.tree):
        if not isinstance(node, FUNCTIONS) or node.name.startswith("_"):
            continue
        plain = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        bare = [arg.arg for arg in plain if arg.annotation is None and arg.arg not in ("self", "cls")]
        if bare or node.returns is None:
            untyped.append(node.name)
    assert untyped == []
