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
from evolink_async import HttpOptions, Job, SessionPool, Wan26ReferenceVideo
from evolink_async.client import ApiKey, OutageGate, Session
from evolink_async.errors import EvolinkError
from tests.kit import dance
from tests.shape.house import EDGES, MODULES, PACKAGE

MUTABLE = {
    "WatchedTask": "a hundred thousand of them, changed at each look",
    "Pacing": "the one place that all of a pool's looks take their pace from",
    "Engine": "the life of an open pool: what goes on in it, and what was counted",
    "Submission": "the state that the sends of one submit share",
    "Resend": "counts the sends of one submit",
    "_Waiter": "a job that waits for credits, and how often others passed over it",
    "_Record": "how a job stands in the journal that lives in memory",
}
NO_TRANSPORT: Any = None
CORE = [module for module in MODULES if module.name and module.room not in EDGES]


def classes_of(module) -> list[type]:
    """The classes made in a module."""
    loaded = importlib.import_module(f"{PACKAGE}.{module.name}")
    return [value for value in vars(loaded).values() if isinstance(value, type) and value.__module__ == loaded.__name__]


def test_the_root_says_exactly_what_it_has():
    """`__all__` is a sorted tuple of at most 52 names: all that is public in it, and nothing else."""
    names = evolink_async.__all__
    assert type(names) is tuple
    assert len(set(names)) == len(names) <= 52
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


@pytest.mark.parametrize("module", [m for m in MODULES if m.name], ids=lambda module: module.name)
def test_every_list_of_names_is_exact(module):
    """Wherever there is an `__all__`, it is a tuple, and each name in it exists."""
    source = [node for node in module.tree.body if isinstance(node, ast.Assign)]
    named = [node for node in source if ast.unparse(node.targets[0]) == "__all__"]
    for node in named:
        names = ast.literal_eval(node.value)
        assert isinstance(names, tuple)
        loaded = importlib.import_module(f"{PACKAGE}.{module.name}")
        assert [name for name in names if not hasattr(loaded, name)] == []


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
    [SessionPool("sk-x"), Session(NO_TRANSPORT, "fingerpr", gate=OutageGate(1)), ApiKey("sk-x")],
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
