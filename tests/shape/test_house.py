"""The house: rooms, doors, sizes, docstrings; every rule of it as a test."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator

import pytest

from tests.shape.house import (
    DOORS,
    EDGES,
    MODULES,
    PACKAGE,
    ROOT,
    SIDE_DOORS,
    WAITING_CALLS,
    WAITING_MODULES,
    Import,
    Module,
)

CORE = [module for module in MODULES if module.room not in EDGES]

HOME = {
    "aiohttp": {
        "client.transport",
        "client.connections",
        "client.failures",
        "client.first_byte",
        "client.options",
        "downloads.result_reader",
    },
    "yarl": {
        "client.proxies",
        "client.transport",
        "client.options",
        "downloads.result_reader",
        "downloads.host_guard",
        "pool.assembly",
        "pool.arguments",
    },
    "backoff": {"client.retry", "client.key_health"},
    "cattrs": {"wire.account"},
    "av": {"media.probe.recordings"},
    "PIL": {"media.probe.images", "media.probe.odd_images"},
    "pypdf": {"media.probe.documents"},
    "orjson": {"json_text"},
    "psycopg": {f"journal.postgres_{name}" for name in ("address", "connections", "listener", "silence")},
}
"""Where each package outside the standard library is imported; attrs and anyio are everywhere."""
EXTRAS = {"orjson", "av", "PIL", "psycopg", "pypdf"}
CORE_PACKAGES = {"anyio", "attrs", *HOME}


def inner(module: Module) -> Iterator[Import]:
    """Its imports of other files of the package."""
    return (found for found in module.imports() if found.target.partition(".")[0] == PACKAGE)


def room_of(target: str) -> str:
    """The room or leaf that a dotted name belongs to."""
    return target.split(".")[1] if "." in target else ""


def forbidden_doors(module: Module) -> list[Import]:
    """Its imports of rooms that the table has no door to."""
    allowed = {module.room, *DOORS[module.room].split()}
    return [found for found in inner(module) if room_of(found.target) not in allowed and not is_lazy_edge(found)]


def is_lazy_edge(found: Import) -> bool:
    """Whether it is the one kind of import that goes from edge to edge: a command's own, when it is called."""
    is_lazy = not found.at_once or not found.running
    return is_lazy and found.source.startswith("cli.") and room_of(found.target) in EDGES


def waiting_in(module: Module) -> list[str]:
    """What in it waits, or touches clock, disk, dice or network."""
    imports = [found.target for found in module.imports() if found.target.partition(".")[0] in WAITING_MODULES]
    calls = [
        f"{ast.unparse(node.func)}()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WAITING_CALLS
    ]
    return imports + calls


def module_of(name: str, source: str) -> Module:
    """A module that is not there, with the text given."""
    return Module(name, ROOT.joinpath(*name.split(".")).with_suffix(".py"), ast.parse(source))


def test_imports_are_read():
    """The tests below would pass on nothing, so here is something."""
    seen = {(found.source, found.target): found for module in MODULES for found in module.imports()}
    assert seen["pool.session_pool", f"{PACKAGE}.pool.engine"].running
    assert seen["downloads.downloads", f"{PACKAGE}.errors"].running
    assert seen["client.transport", "aiohttp"].at_once
    assert not seen["json_text", "orjson"].at_once
    assert len(seen) > 500


def test_every_file_is_in_a_room():
    """A new room gets its doors here, on purpose; the listing of the package stays short."""
    assert {module.room for module in MODULES} - {""} == set(DOORS)
    assert len({module.room for module in MODULES}) + 1 <= 35


def test_rooms_are_entered_by_their_doors():
    """A room imports only those that the table names; nothing imports the root, which imports everything."""
    assert [found for module in MODULES if module.room for found in forbidden_doors(module)] == []


def is_past_the_face(found: Import) -> bool:
    """Whether it names a file of another room, and is not one of the side doors, used when it is needed."""
    place = found.target.removeprefix(f"{PACKAGE}.")
    if "." not in place or room_of(found.target) == found.source.partition(".")[0]:
        return False
    is_called_late = found.source.startswith(("cli.commands.", "engines.", "report."))
    is_lazy = not found.at_once or not found.running or is_called_late
    return place not in SIDE_DOORS or not is_lazy


def test_rooms_are_reached_through_their_faces():
    """A room imports from another room's `__init__`; the side doors are imported inside functions."""
    assert [found for module in MODULES for found in inner(module) if is_past_the_face(found)] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("params.base", "from ..wire import encode_submit"),
        ("wire.verdict", "from evolink_async.client import Session"),
        ("polling.schedule", "def later():\n    from ..journal import Journal"),
        ("emulator.server", "from ..cli import main"),
        ("cli.app", "from ..emulator import Emulator"),
        ("jobs.job", "import evolink_async"),
    ],
)
def test_a_forbidden_import_is_found(name, source):
    """The table would be worth nothing otherwise."""
    assert forbidden_doors(module_of(name, source))


def test_what_decides_does_not_wait():
    """No event loop, clock, dice, environment or log: they are arguments."""
    found = {module.name: waiting_in(module) for module in CORE if not module.may_wait}
    assert {name: waits for name, waits in found.items() if waits} == {}


@pytest.mark.parametrize(
    "source",
    ["import time", "def later():\n    from os import stat", "def size(path):\n    return path.stat().st_size"],
)
def test_what_waits_is_found(source):
    """Imports at the top and in functions, and calls that touch the disk."""
    assert waiting_in(module_of("jobs.job", source))


def is_misplaced(found: Import) -> bool:
    """Whether it is of a package that the core does not need, or not there, or sooner than an extra may be."""
    package = found.target.split(".")[0]
    if package in sys.stdlib_module_names or package == PACKAGE:
        return False
    is_at_home = package in CORE_PACKAGES and found.source in HOME.get(package, {found.source})
    is_early = found.running and found.at_once and package in EXTRAS
    return not is_at_home or (is_early and not is_behind_side_door(found.source))


def is_behind_side_door(name: str) -> bool:
    """Whether a file is one of the journal in PostgreSQL, of which nothing is imported without it."""
    return name.startswith("journal.postgres")


def test_the_core_needs_five_packages():
    """Each is imported at its place, extras inside functions; everything else is of the standard library."""
    assert [found for module in CORE for found in module.imports() if is_misplaced(found)] == []


def test_nothing_needs_postgresql_but_its_journal():
    """Its files are imported by each other, by engines, and when a pool or a command is given an address."""
    is_inside = {found.source: is_behind_side_door(found.source) for module in MODULES for found in module.imports()}
    targets = [
        (found.source, found.at_once)
        for module in MODULES
        for found in inner(module)
        if is_behind_side_door(found.target.removeprefix(f"{PACKAGE}.")) and not is_inside[found.source]
    ]
    found = [target for target in targets if not target[0].startswith("engines.")]
    assert found == [("journal.places", False), ("pool.arguments", False)]


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


def test_no_module_is_long():
    """300 lines at most."""
    assert {module.name: module.lines for module in MODULES if module.lines > 300} == {}


def test_most_modules_are_short(record_property):
    """Half of them have at most 100 lines."""
    median = statistics.median(module.lines for module in MODULES)
    record_property("median_lines", median)
    print(f"median module: {median} lines, longest: {max(module.lines for module in MODULES)}")  # noqa: T201
    assert median <= 100


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function and method of the package, under the name of its module and its own."""
    for module in MODULES:
        for node in ast.walk(module.tree):
            if isinstance(node, FUNCTIONS):
                yield f"{module.name}: {node.name}", node


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of its body, its docstring aside."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_function_is_long():
    """40 lines of body at most, its docstring aside; nine of ten have at most 25."""
    bodies = {name: body_lines(node) for name, node in functions()}
    assert {name: lines for name, lines in bodies.items() if lines > 40} == {}
    assert statistics.quantiles(bodies.values(), n=10)[-1] <= 25


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
            above = frozenset(documented_above(child, classes))
            yield from undocumented(child, f"{child.name}.", above | told)


def told_by_protocols(module: Module) -> frozenset[str]:
    """The methods that protocols in other files of the same room document."""
    classes = [
        cls
        for other in MODULES
        if other.room == module.room and other is not module
        for cls in other.tree.body
        if isinstance(cls, ast.ClassDef) and "Protocol" in [ast.unparse(base) for base in cls.bases]
    ]
    return frozenset(
        child.name for cls in classes for child in cls.body if isinstance(child, FUNCTIONS) and ast.get_docstring(child)
    )


def documented_above(cls: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    """The methods that base classes and protocols of the same file document."""
    bases = {ast.unparse(base).partition("[")[0] for base in cls.bases}
    for name, above in classes.items():
        if above is not cls and (name in bases or "Protocol" in [ast.unparse(base) for base in above.bases]):
            yield from (child.name for child in above.body if isinstance(child, FUNCTIONS) and ast.get_docstring(child))
            yield from documented_above(above, {other: found for other, found in classes.items() if other != name})


def test_what_is_public_is_documented():
    """Every module, and every public class, function and method in it."""
    assert [module.name for module in MODULES if not ast.get_docstring(module.tree)] == []
    assert [
        f"{module.name}: {name}"
        for module in MODULES
        for name in undocumented(module.tree, told=told_by_protocols(module))
    ] == []


def is_typed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether each argument and the result have a type."""
    plain = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    bare = [arg for arg in plain if arg.annotation is None and arg.arg not in ("self", "cls")]
    return not bare and node.returns is not None


def test_what_is_public_is_typed():
    """Every argument and every result of a public function, for readers as much as for checkers."""
    assert [name for name, node in functions() if not node.name.startswith("_") and not is_typed(node)] == []
