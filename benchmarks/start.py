"""What starting costs: CPU of importing us, and of the command's help, beside importing aiohttp alone.

All of it is beyond what the interpreter itself takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from .measure import ROUNDS, Row

HELP = "import sys; from evolink_async.cli import main; sys.argv[1:] = ['--help']; main()"
TIMED = """
import sys, time
began = time.process_time()
try:
    {}
finally:
    print(time.process_time() - began, file=sys.stderr)
"""


def start() -> Iterator[Row]:
    """The package, and the command."""
    codes = ("import aiohttp", "import evolink_async", HELP)
    rounds = [[_milliseconds(code) for code in codes] for _ in range(ROUNDS)]
    theirs, package, command = [min(column) for column in zip(*rounds, strict=True)]
    yield Row("import evolink_async / import aiohttp", package, theirs, "ms CPU", 1.25)
    yield Row("  evolink-async --help / import aiohttp", command, theirs, "ms CPU", 1.6)


def _milliseconds(code: str) -> float:
    # Without the caller's settings of Python: where it may write no bytecode, our source would be compiled each time.
    known = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", TIMED.format(code)]
    ran = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    return float(ran.stderr.split()[-1]) * 1000
