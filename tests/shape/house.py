"""The package as its files say it is: rooms, doors, imports. Read with `ast`, nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs

PACKAGE = "evolink_async"
ROOT = Path(__file__).parents[2] / PACKAGE

DOORS = {
    "__main__": "cli",
    "version": "",
    "urls": "",
    "json_text": "",
    "regular_file": "",
    "early_exit": "",
    "wording": "",
    "frozen": "json_text",
    "task": "frozen",
    "errors": "task",
    "concurrency": "errors",
    "settings": "errors wording",
    "events": "errors jobs",
    "media": "errors frozen json_text regular_file wording",
    "params": "errors frozen json_text media urls wording",
    "models": "errors frozen media params",
    "jobs": "errors frozen json_text params task",
    "wire": "errors frozen json_text media params settings task urls",
    "client": "concurrency errors events settings task version wire",
    "budget": "concurrency errors jobs json_text wire",
    "purchases": "errors jobs",
    "journal": "budget concurrency errors jobs json_text media params purchases regular_file task version wire",
    "polling": "concurrency errors events settings task",
    "downloads": "client concurrency errors events jobs journal media regular_file settings task urls wire",
    "uploads": "client concurrency downloads errors events jobs journal media params regular_file settings urls wire",
    "submitting": "budget client concurrency errors events jobs journal params purchases settings task uploads wire",
    "pool": "budget client concurrency downloads errors events frozen jobs journal json_text media params polling "
    "purchases settings submitting task uploads urls wire",
    "telemetry": "errors events jobs version",
    "emulator": "client params settings version",
    "callbacks": "concurrency errors json_text params pool wire",
    "report": "errors jobs journal regular_file version",
    "engines": "concurrency errors jobs journal params pool version",
    "cli": "budget client downloads early_exit errors events jobs journal json_text media models params pool "
    "settings task uploads version wire",
}
"""Which rooms and leaves each room may import. The page `docs/explanation/architecture.md` shows this table."""

EDGES = ("callbacks", "cli", "emulator", "engines", "report", "telemetry")
"""Rooms that can be left out. No edge imports another, but that `cli` does so inside its functions."""

SIDE_DOORS = (
    *("journal.sqlite", "journal.doubts", "journal.histories", "journal.listing", "journal.places"),
    *("journal.postgres", "journal.postgres_queue", "emulator.faults", "engines.procrastinate"),
)
"""What another room may import past the face of theirs, inside a function: the first seven bring a database along, and
the others are faces themselves. The modules of `engines` import the queue at once: they are imported when needed."""

WAITING_ROOMS = ("client", "concurrency", "journal", "downloads", "uploads", "submitting", "pool", *EDGES)
WAITING_FILES = ("early_exit", "regular_file", "version", "budget.waiting", "budget.shared_waiting", "polling.poller")
WAITING_FOLDERS = ("media.probe",)
DECIDING_FILES = (
    "submitting.circuit_breaker",
    "submitting.concurrency_limit",
    "submitting.rate_limit",
    "submitting.told_facts",
)
"""What may wait, or touch clock, disk, dice or network. All other files decide: such things are arguments there."""

WAITING_MODULES = frozenset(
    {"asyncio", "anyio", "aiohttp", "backoff", "time", "random", "os", "logging", "socket", "ssl", "threading"}
    | {"subprocess", "sqlite3", "uuid", "secrets"}
)
WAITING_CALLS = frozenset(
    {"stat", "open", "exists", "is_file", "is_dir", "read_bytes", "read_text", "write_bytes", "write_text"}
    | {"resolve", "expanduser", "iterdir", "unlink", "mkdir", "cwd"}
)
"""What counts as waiting: imports of these modules, and calls of these methods of a `Path`."""


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
    def room(self) -> str:
        """The room or leaf of the root that it belongs to; empty for the root itself."""
        return self.name.partition(".")[0]

    @property
    def may_wait(self) -> bool:
        """Whether it may touch clock, disk, dice or network."""
        in_folder = any(self.name == name or self.name.startswith(f"{name}.") for name in WAITING_FOLDERS)
        return self.name not in DECIDING_FILES and (
            self.room in WAITING_ROOMS or self.name in WAITING_FILES or in_folder
        )

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
