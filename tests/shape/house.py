"""The package as its files say it is: modules, floors, imports. Read with `ast`, nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs

PACKAGE = "evolink_async"
ROOT = Path(__file__).parents[2] / PACKAGE

# Floor 0 decides, floor 1 waits for network or disk, floor 2 moves values, floor 3 is the edge. A package's name
# stands for all of its modules. The root and `version` are no floor: a table of contents, and a leaf.
FLOORS = {
    0: "agenda batching body budget circuit errors events fields hazard inflight jobs json_faults json_text lane "
    "limits looking media models outcome params rules schedule secret stats task throttle urls verdict watchlist wire",
    1: "arguments channel fetch journal observers permits probe retry sending sharing shield till transport",
    2: "ending engine files hosting lifetime opening poller pool run saving session streams submission submitter",
    3: "callbacks cli emulator engines report telemetry",
}
FLOOR_OF = {name: floor for floor, names in FLOORS.items() for name in names.split()} | {"version": 0}


@attrs.frozen
class Import:
    """One name imported: from which module, in which one, and whether at run time and on import."""

    source: str
    target: str
    line: int
    running: bool
    at_once: bool


@attrs.frozen
class Module:
    """One file of the package: `name` is its dotted path below the package, empty for the root."""

    name: str
    path: Path
    tree: ast.Module = attrs.field(repr=False, eq=False)

    @property
    def part(self) -> str:
        """The file or package directly below the root that it belongs to."""
        return self.name.partition(".")[0]

    @property
    def floor(self) -> int | None:
        """Its floor; None for the root, and for a file that has none yet, which is a failure of its own."""
        return FLOOR_OF.get(self.part)

    @property
    def lines(self) -> int:
        """Its length."""
        return self.path.read_text(encoding="utf-8").count("\n")

    def imports(self) -> Iterator[Import]:
        """Every import in it, relative ones resolved."""
        yield from self._imports(self.tree.body, running=True, at_once=True)

    def _imports(self, body: list[ast.stmt], *, running: bool, at_once: bool) -> Iterator[Import]:
        for node in body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(self.name, alias.name, node.lineno, running, at_once)
            elif isinstance(node, ast.ImportFrom):
                base = self._resolved(node)
                for alias in node.names:
                    whole = f"{base}.{alias.name}"
                    target = whole if is_module(whole) else base
                    yield Import(self.name, target, node.lineno, running, at_once)
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from self._imports(node.body, running=False, at_once=at_once)
                yield from self._imports(node.orelse, running=running, at_once=at_once)
            else:
                inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                yield from self._imports(blocks(node), running=running, at_once=at_once and not inside)

    def _resolved(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        whole = [PACKAGE, *filter(None, self.name.split("."))]
        up = node.level - 1 if self.path.name == "__init__.py" else node.level
        return ".".join([*whole[: len(whole) - up], *filter(None, [node.module])])


def blocks(node: ast.stmt) -> list[ast.stmt]:
    """The statements inside a statement."""
    return [child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node and is_import(child)]


def is_import(node: ast.stmt) -> bool:
    """Whether it is an import."""
    return isinstance(node, ast.Import | ast.ImportFrom)


def is_module(dotted: str) -> bool:
    """Whether a dotted name below the package is a file of it."""
    parts = dotted.split(".")
    if parts[0] != PACKAGE or len(parts) < 2:
        return False
    place = ROOT.joinpath(*parts[1:])
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def modules() -> list[Module]:
    """Every file of the package."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, ast.parse(path.read_text(encoding="utf-8"))))
    return found


MODULES = modules()
