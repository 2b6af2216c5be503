"""`nox -s instructions`: count the processor's instructions of eight steps, and compare them with a baseline.

Instructions do not flicker as time does, so a change of a few percent is seen on any machine. They depend on the
versions of Python and of the packages: beside others than the baseline's, figures are told and nothing fails.

    python -m benchmarks.instructions           compare
    python -m benchmarks.instructions --store   make the baseline anew
    python -m benchmarks.instructions --slowed  make each step a tenth slower: every row must be found
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

import attrs

from .counted import COUNT, MARK, ROWS

BASELINE = Path(__file__).with_name("instructions.json")
MOST = 1.05
"""Times the baseline from which a row fails."""
PACKAGES = ("aiohttp", "anyio", "attrs", "backoff", "cattrs", "yarl")
NAMED = 10
"""Functions named for a row that grew."""
STEPS = (sys.executable, "-m", "benchmarks.counted")
TURN = 198
"""Instructions for a turn of an empty loop, as counted on CPython 3.11."""
KEPT = 400
"""Functions of a row in the baseline: the rest runs few bytecodes."""

Bytecodes: TypeAlias = Mapping[str, Mapping[str, int]]
"""By row and function."""


@attrs.frozen
class Baseline:
    """What was counted, and on what.

    Attributes:
        made_on: Versions by name.
        instructions: By row.
        bytecodes: By row and function; they tell which function grew.
    """

    made_on: Mapping[str, str]
    instructions: Mapping[str, int]
    bytecodes: Bytecodes


# --- what is decided


def grown(baseline: Baseline, now: Mapping[str, int]) -> list[str]:
    """Return the rows that need more instructions than they may."""
    return [row for row, count in now.items() if count > MOST * baseline.instructions.get(row, count)]


def functions_that_grew(before: Mapping[str, int], now: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the functions with the most further bytecodes, and how many."""
    more = {name: count - before.get(name, 0) for name, count in now.items()}
    return sorted((pair for pair in more.items() if pair[1] > 0), key=lambda pair: -pair[1])[:NAMED]


def a_tenth(baseline: Baseline) -> dict[str, int]:
    """Return the turns of an empty loop that make each row a tenth slower."""
    return {row: count // 10 // TURN for row, count in baseline.instructions.items()}


def table(baseline: Baseline | None, now: Mapping[str, int]) -> str:
    """Return a line for each row."""
    lines = [f"{'row':10} {'instructions':>14} {'each':>10} {'baseline':>14} {'ratio':>6}"]
    for row, count in now.items():
        each = "" if row == "import" else f"{count // COUNT:,}"
        before = None if baseline is None else baseline.instructions.get(row)
        rest = "" if before is None else f" {before:14,} {count / before:6.3f}"
        lines.append(f"{row:10} {count:14,} {each:>10}{rest}")
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Return what the counts depend on."""
    python = {"python": platform.python_version(), "compiler": platform.python_compiler(), "cpu": platform.machine()}
    return python | {name: version(name) for name in PACKAGES} | {"json": json_library()}


def json_library() -> str:
    """Return what reads JSON: the extra `fast` makes all rows cheaper."""
    try:
        return f"orjson {version('orjson')}"
    except PackageNotFoundError:
        return "json"


# --- what is counted


def counted_instructions(further: Mapping[str, int]) -> dict[str, int]:
    """Run the steps under valgrind, with further turns of an empty loop."""
    _run(*STEPS)  # it compiles what has not been imported here before
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        marks = (f"--toggle-collect={MARK}", f"--dump-after={MARK}", f"--callgrind-out-file={out}")
        _run("valgrind", "--tool=callgrind", *marks, *STEPS, json.dumps(further))
        # One file for each step, in their order; the last one holds what came after them.
        return {row: _total(out.with_name(f"out.{number}")) for number, row in enumerate(ROWS, 1)}


def counted_bytecodes() -> Bytecodes:
    """Run the steps under a tracer; the functions of each row with the most bytecodes."""
    told: Bytecodes = json.loads(_run(*STEPS, "--bytecodes"))
    return {row: dict(sorted(named.items(), key=lambda pair: -pair[1])[:KEPT]) for row, named in told.items()}


def _run(*words: str) -> str:
    # A fixed layout of the memory, where the system can be asked for one: sets of objects are ordered by addresses.
    fixed = ("setarch", platform.machine(), "-R") if shutil.which("setarch") else ()
    known = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "EVOLINK"))}
    seeded = known | {"PYTHONHASHSEED": "0"}
    ran = subprocess.run([*fixed, *words], env=seeded, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit(ran.stderr[-2000:])
    return ran.stdout


def _total(file: Path) -> int:
    found = re.search(r"^totals: (\d+)", file.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit("callgrind wrote no figure for a row")
    return int(found[1])


def load() -> Baseline | None:
    """Read the baseline, if there is one."""
    return Baseline(**json.loads(BASELINE.read_text())) if BASELINE.exists() else None


def main() -> int:
    """Count, tell, and judge. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--store", action="store_true", help="make the baseline anew")
    parser.add_argument("--slowed", action="store_true", help="is each row found when it is a tenth slower?")
    options, baseline, made_on = parser.parse_args(), load(), versions()
    now = counted_instructions(a_tenth(baseline) if options.slowed and baseline else {})
    print(table(baseline, now))
    if options.store:
        BASELINE.write_text(json.dumps(attrs.asdict(Baseline(made_on, now, counted_bytecodes())), indent=1) + "\n")
        return 0
    if baseline is None or baseline.made_on != made_on:
        print(f"the baseline was not made on these versions, so nothing is judged: {made_on}")
        return 0
    rows = grown(baseline, now)
    if options.slowed:
        missed = [row for row in now if row not in rows]
        print(f"not found: {', '.join(missed)}" if missed else "every row was found")
        return 1 if missed else 0
    bytecodes = counted_bytecodes() if rows else {}
    for row in rows:
        print(f"\n{row} needs more than {MOST} of its baseline; its functions with the most further bytecodes:")
        for name, count in functions_that_grew(baseline.bytecodes[row], bytecodes[row]):
            print(f"  {count:10,} {name}")
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit(main())
