"""The help of every command, and completion in shells."""

from __future__ import annotations

import io
import shutil
import subprocess

import pytest
from rich.console import Console

from evolink_async.cli.app import app

COMMANDS = sorted(name for name in app if not name.startswith("-"))


def help_of(command: str, width: int) -> list[str]:
    """The lines of a command's help."""
    told = io.StringIO()
    app.help_print([command], console=Console(file=told, width=width, color_system=None))
    return told.getvalue().splitlines()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [80, 120])
def test_help(command, width):
    """It fits the terminal, and ends with one example of this command, in lines that can be copied."""
    lines = help_of(command, width)
    assert max(map(len, lines)) <= width
    assert lines.count("Example:") == 1
    example = lines[lines.index("Example:") + 1 :]
    example = example[: example.index("")]
    assert f"evolink-async {command}" in example[0]
    assert all(line.endswith("\\") for line in example[:-1])
    assert all(line.startswith("    ") for line in example[1:])


def test_every_command_is_in_the_list(cli):
    """`--help` names them, each with a sentence."""
    told = cli("--help").out
    assert [name for name in COMMANDS if f" {name} " not in told] == []
    assert {"generate", "watch", "wait", "download", "credits", "jobs", "outcomes", "completion"} <= {*COMMANDS}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(cli, shell):
    """The script names commands, models and options, and nothing else is written."""
    ran = cli("completion", shell)
    assert (ran.code, ran.err) == (0, "")
    for word in ("outcomes", "wan2.6-text-to-video", "aspect-ratio"):
        assert word in ran.out


COMPLETE = """
source <(cat)
complete_words() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _evolink_async evolink-async "${COMP_WORDS[$COMP_CWORD]}" ""
    echo "${COMPREPLY[*]}"
}
complete_words evolink-async out
complete_words evolink-async generate wan2.6-text
complete_words evolink-async generate wan2.6-text-to-video --asp
complete_words evolink-async jobs --state ""
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_completion_in_bash(cli):
    """A command, a model, an option and a choice are completed."""
    script = cli("completion", "bash").out
    told = subprocess.run(
        ["bash", "-c", COMPLETE], input=script, capture_output=True, text=True, timeout=120, check=True
    )
    assert told.stdout.splitlines() == [
        "outcomes",
        "wan2.6-text-to-video",
        "--aspect-ratio",
        "planned accepted completed failed unknown",
    ]


def test_a_shell_without_completion(cli):
    """One sentence names those that have it."""
    ran = cli("completion", "tcsh")
    assert (ran.code, ran.err.count("error: ")) == (2, 1)
    assert '"bash"' in ran.err
