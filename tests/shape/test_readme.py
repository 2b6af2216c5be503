"""The README keeps its word: two commands for a fresh clone, and code that names what exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import evolink_async as ev

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = ["python -m pip install '.[demo]' && evolink-async demo", "python -m pip install nox && nox -s tests"]


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
