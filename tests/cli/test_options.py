"""The options: each is defined once, checked where it is read, and explained by `--help`."""

from __future__ import annotations

import io
import re
from typing import get_args

import attrs
import pytest
from rich.console import Console

from evolink_async.cli.app import app
from evolink_async.cli.inputs.local_emulator import EmulatorOptions, new_emulator
from evolink_async.cli.inputs.run_options import RunOptions
from evolink_async.cli.inputs.service import Service
from evolink_async.emulator import Emulator
from tests.cli.conftest import dance, submits, write_jobs


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
        (["--timeout", "1e400"], "Must be more than 0 and finite"),
        (["--timeout", "inf"], "Must be a number, as 5 or 0.5, not 'inf'"),
        (["--look-every", "nan"], "Must be a number"),
        (["--budget", "1_0"], "Must be a number"),
        (["--in-flight", "0"], "Must be >= 1"),
        (["--in-flight", "1.5"], "Must be a whole number in decimal digits, as 5, not '1.5'"),
        (["--rebuy", "0.6"], "Must be a whole number"),
        (["--rebuy", "-1"], "Must be >= 0"),
        (["--dashboard-port", "8999.6"], "Must be a whole number"),
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


@pytest.mark.parametrize("duration", ["4.6", "5.0", "0x5", "1_0", "\u0665", "1e1", ""])
@pytest.mark.parametrize("model", ["wan2.5-text-to-video", "wan2.6-text-to-video"])
def test_a_duration_is_bought_as_it_is_written_or_not_at_all(cli, service, model, duration):
    """A fraction, other digits, an underscore: nothing is rounded, and nothing is sent."""
    ran = cli("generate", model, "--prompt", "x", "--duration", duration)
    assert (ran.code, ran.out, submits(service)) == (2, "", 0)
    assert f"--duration: Must be a whole number in decimal digits, as 5, not {duration!r}" in ran.err


def test_a_duration_that_is_no_choice(cli, service):
    """The choices are listed."""
    ran = cli("generate", "wan2.5-text-to-video", "--prompt", "x", "--duration", "6")
    assert (ran.code, submits(service)) == (2, 0)
    assert "--duration: Choose from: 5, 10." in ran.err


def numbers_of(command):
    """The options of a command, and of its own commands, that are numbers."""
    for argument in command.assemble_argument_collection() if command.default_command else ():
        hint = argument.hint
        if argument.parse and {int, float} & {hint, *get_args(hint), *map(type, get_args(hint))}:
            yield argument
    for name in command:
        if not name.startswith("-"):
            yield from numbers_of(command[name])


def test_every_number_is_read_strictly():
    """No option leaves its number to cyclopts, which rounds fractions."""
    numbers = list(numbers_of(app))
    assert {"--duration", "--in-flight", "--speed", "--seed", "--jobs"} <= {one.name for one in numbers}
    assert [one.name for one in numbers if one.parameter.converter is None] == []
