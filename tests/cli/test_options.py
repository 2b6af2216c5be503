"""The options: each is defined once, checked where it is read, and explained by `--help`."""

from __future__ import annotations

import io
import re

import attrs
import pytest
from rich.console import Console

from evolink_async.cli.app import app
from evolink_async.cli.inputs.local_emulator import EmulatorOptions, new_emulator
from evolink_async.cli.inputs.run_options import RunOptions
from evolink_async.cli.inputs.service import Service
from evolink_async.emulator import Emulator
from tests.cli.conftest import dance, write_jobs


def options_of(command):
    """Each option of a command, and its text in `--help`."""
    told = io.StringIO()
    app.help_print([command], console=Console(file=told, width=400, color_system=None))
    return dict(re.findall(r"(--[\w-]+)(?: [A-Z.]+)?  +(\S.*?) *│", told.getvalue()))


@pytest.mark.parametrize("command", ["run", "demo", "check", "upload", "status", "emulator"])
def test_every_option_has_a_help_text(command):
    """One or two sentences, and then its default, choices and variable."""
    texts = options_of(command)
    assert texts
    assert [name for name, text in texts.items() if not re.match(r"[A-Z].+\.( \[|$)", text)] == []


def test_fields_are_options():
    """The fields of the options' classes are the options of `run` and `emulator`; `run` takes no key from its words."""
    fields = [*attrs.fields_dict(RunOptions), *attrs.fields_dict(Service)]
    expected = {f"--{name.replace('_', '-')}" for name in fields} - {"--service", "--api-key", "--files-url"}
    assert options_of("run").keys() == expected
    emulator = attrs.fields_dict(EmulatorOptions)
    assert options_of("emulator").keys() == {f"--{name.replace('_', '-')}" for name in emulator}


def test_the_defaults_are_those_of_the_library():
    """The same number of tasks at once, the same cadence; the emulator's own seed and share of failures."""
    service = Service(api_key="sk-1")
    assert service.cadence == type(service.cadence)()
    made, default = new_emulator(EmulatorOptions()), Emulator()
    assert (made.seed, made.failure_share) == (default.seed, default.failure_share)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--budget", "0"], "Must be more than 0 and finite"),
        (["--timeout", "inf"], "Must be more than 0 and finite"),
        (["--look-every", "nan"], "Must be more than 0 and finite"),
        (["--in-flight", "0"], "Must be >= 1"),
        (["--resubmit", "always"], "if_undelivered"),
        (["--no-emulator"], "Unknown option"),
        (["--api-key", "sk-1"], "Unknown option"),
        (["--journal", "a.db", "--no-journal"], "exclude each other"),
    ],
)
def test_wrong_options(cli, tmp_path, words, expected):
    """One sentence, exit code 2, nothing written."""
    jobs = write_jobs(tmp_path, dance())
    ran = cli("run", jobs, "--out", tmp_path / "out", *words)
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert expected in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["jobs.jsonl"]
