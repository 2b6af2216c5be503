"""What users see: the names of the root, values that are frozen, and what may leave the process."""

from __future__ import annotations

import ast
import copy
import importlib
import pickle
import types
from typing import Any

import attrs
import pytest

import evolink_async
from evolink_async import HttpOptions, Job, RetryPolicy, SessionPool, Wan26ReferenceVideo
from evolink_async.client import ApiKey, Session
from evolink_async.errors import EvolinkError
from tests.kit import dance
from tests.shape.house import EDGES, MODULES, PACKAGE, ROOT, Module

PUBLIC = {
    "",  # the package itself
    "budget",
    "callbacks",
    "client",
    "downloads",
    "emulator",
    "emulator.faults",
    "engines.procrastinate",
    "engines.ray",
    "errors",
    "events",
    "jobs",
    "journal",
    "journal.postgres",
    "media",
    "models",
    "params",
    "polling",
    "pool",
    "report",
    "settings",
    "task",
    "telemetry",
    "uploads",
    "wire",
}
"""The public import paths: those that the pages name and SECURITY.md makes promises for."""

MUTABLE = {
    "Purchase": "who wants it and what is known of it changes while it is under way",
    "PollTrouble": "counts the polls of one task that do not go as usual",
    "WatchedTask": "a hundred thousand of them, changed at each look",
    "Pacing": "the one place that all of a pool's looks take their pace from",
    "Engine": "the life of an open pool: what goes on in it, and what was counted",
    "Submission": "the state that the sends of one submit share",
    "Resend": "counts the sends of one submit",
    "_Waiter": "a submission that waits for its turn",
    "Waiter": "a job that waits for credits, and how often others passed over it",
    "_Record": "how a job stands in the journal that lives in memory",
}
NO_TRANSPORT: Any = None
CORE = [module for module in MODULES if module.name and module.room not in EDGES]


def classes_of(module) -> list[type]:
    """The classes made in a module."""
    loaded = importlib.import_module(f"{PACKAGE}.{module.name}")
    return [value for value in vars(loaded).values() if isinstance(value, type) and value.__module__ == loaded.__name__]


def test_the_root_says_exactly_what_it_has():
    """`__all__` is a sorted tuple of at most 54 names: all that is public in it, and nothing else."""
    names = evolink_async.__all__
    assert type(names) is tuple
    assert len(set(names)) == len(names) <= 54
    present = {
        name
        for name, value in vars(evolink_async).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert present | {"__version__"} == set(names)


def test_the_root_is_a_table_of_contents():
    """A docstring, imports and `__all__`; no code of its own."""
    [root] = [module for module in MODULES if not module.name]
    first, *rest = root.tree.body
    assert isinstance(first, ast.Expr)
    assert {type(node) for node in rest} == {ast.ImportFrom, ast.Assign}
    assert all(name in dir(evolink_async) for name in evolink_async.__all__)


def names_listed(module: Module) -> tuple[str, ...] | None:
    """The `__all__` of a module, read from its source; None if it has none."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed: tuple[str, ...] = ast.literal_eval(node.value)
            return listed
    return None


def names_defined(module: Module) -> set[str]:
    """The public names that a module defines at its top level."""
    found: set[str] = set()
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if not name.startswith("_")} | (found & {"__version__"})


def names_imported(module: Module) -> set[str]:
    """The public names that a module takes from other modules of the package, also for type checkers alone."""
    blocks = [module.tree.body, *(node.body for node in module.tree.body if isinstance(node, ast.If))]
    imports = [node for block in blocks for node in block if isinstance(node, ast.ImportFrom) and node.level]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    return {name for name in names if not name.startswith("_")} | (names & {"__version__"})


def is_face(module: Module) -> bool:
    """Whether it is the `__init__` of a package."""
    return module.path.name == "__init__.py"


def wrong_names(module: Module) -> set[str]:
    """What `__all__` of a module lists too much or leaves out.

    A face hands on all that it imports from its room. Another module may hand on names, but need not.
    """
    listed = set(names_listed(module) or ())
    if is_face(module):
        return listed ^ (names_defined(module) | names_imported(module))
    return (names_defined(module) - listed) | (listed - names_defined(module) - names_imported(module))


@pytest.mark.parametrize(
    ("name", "source", "wrong"),
    [
        ("urls", "__all__ = ('a', 'b')\na = 1\ndef b(): ...\n_c = 1", set()),
        ("urls", "__all__ = ('a',)\na = 1\nclass B: ...", {"B"}),
        ("urls", "__all__ = ('a', 'gone')\na = 1", {"gone"}),
        ("urls", "__all__ = ('a', 'b')\nfrom .task import b, c\na = 1", set()),
        ("jobs", "__all__ = ('a',)\nfrom .job import a, b", {"b"}),
        ("jobs", "__all__ = ('a',)\nif TYPE_CHECKING:\n    from .job import a", set()),
    ],
)
def test_a_wrong_list_of_names_is_found(name, source, wrong):
    """The test below finds a name too many and a name too few."""
    path = ROOT / name / "__init__.py" if (ROOT / name).is_dir() else ROOT / f"{name}.py"
    assert wrong_names(Module(name, path, ast.parse(source))) == wrong


def test_every_list_of_names_is_exact():
    """Wherever there is an `__all__`, it is a tuple of all public names of the module and of no others."""
    for module in MODULES:
        listed = names_listed(module)
        if listed is None:
            continue
        assert type(listed) is tuple, module.name
        assert len(set(listed)) == len(listed), module.name
        assert wrong_names(module) == set(), module.name
        loaded = importlib.import_module(f"{PACKAGE}.{module.name}".removesuffix("."))
        assert [name for name in listed if not hasattr(loaded, name)] == [], module.name


def test_every_face_and_every_public_module_lists_its_names():
    """A package without an `__all__` has no names at all, only a docstring."""
    for module in MODULES:
        is_empty = len(module.tree.body) == 1
        if module.name in PUBLIC or (is_face(module) and not is_empty):
            assert names_listed(module) is not None, module.name
    assert {module.name for module in MODULES} >= PUBLIC


@pytest.mark.parametrize("module", CORE, ids=lambda module: module.name)
def test_values_are_frozen(module):
    """Every attrs class of the core refuses to be changed; the few that do not are listed above, with the reason."""
    for cls in classes_of(module):
        if attrs.has(cls):
            assert is_frozen(cls) != (cls.__name__ in MUTABLE), cls


def is_frozen(cls: type) -> bool:
    """Whether setting an attribute is refused."""
    bare = cls.__new__(cls)  # type: ignore[call-overload]
    try:
        setattr(bare, attrs.fields(cls)[0].name if attrs.fields(cls) else "anything", None)
    except AttributeError:  # FrozenInstanceError is one
        return True
    except Exception:  # noqa: BLE001  # a validator ran, so it was let through
        return False
    return False


@pytest.mark.parametrize("module", CORE, ids=lambda module: module.name)
def test_values_and_errors_are_found_again_by_pickle(module):
    """A public class is where its name says; pickling refers to it by that name."""
    for cls in classes_of(module):
        if not cls.__name__.startswith("_") and (attrs.has(cls) or issubclass(cls, EvolinkError)):
            assert pickle.loads(pickle.dumps(cls)) is cls


@pytest.mark.parametrize(
    "thing",
    [SessionPool("sk-x"), Session(NO_TRANSPORT, "fingerpr", policy=RetryPolicy()), ApiKey("sk-x")],
    ids=lambda thing: type(thing).__name__,
)
@pytest.mark.parametrize("take_out", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_holds_connections_or_keys_refuses_to_be_pickled(thing, take_out):
    """With a TypeError that says what to do instead."""
    with pytest.raises(TypeError, match="pickled"):
        take_out(thing)


@pytest.mark.parametrize("value", [dance(), Job("k", dance()), HttpOptions(), Wan26ReferenceVideo], ids=repr)
def test_what_is_a_value_is_pickled(value):
    """And equal afterwards; errors, outcomes and snapshots are tried in their own rooms."""
    assert pickle.loads(pickle.dumps(value)) == value
