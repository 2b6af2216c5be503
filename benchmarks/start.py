"""What starting costs: CPU of importing us, and of the command's help, beside importing aiohttp alone.

All of it is beyond what the interpreter itself takes.
"""

from __future__ import annotations

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
    yield Row("import evolink_async / import aiohttp", package, theirs, "ms CPU", 1.4)
    yield Row("  evolink-async --help / import aiohttp", command, theirs, "ms CPU", 2.0)


def _milliseconds(code: str) -> float:
    ran = subprocess.run([sys.executable, "-c", TIMED.format(code)], capture_output=True, text=True, check=False)
    return float(ran.stderr.split()[-1]) * 1000
