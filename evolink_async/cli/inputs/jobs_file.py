"""The jobs file of a command: reads it, or standard input, and names the files that belong to it.

What a line means is in `job_lines`.
"""

from __future__ import annotations

import sys
from errno import EBADF
from pathlib import Path
from typing import cast

from ...errors import ConfigurationError
from .job_lines import ParsedJobs, parse_jobs
from .line_text import fault_of_file

STDIN = "-"
"""The name that stands for standard input."""


def read_jobs(source: str) -> ParsedJobs:
    """Read and check the jobs of a file.

    Paths in it, as `file:clips/dance.mp4`, start from the folder of the file, or from the current folder if it is
    standard input.

    Args:
        source: The jobs file, "-" for standard input.

    Raises:
        ConfigurationError: The file cannot be read, or is not in JSON lines.
    """
    folder = Path() if source == STDIN else Path(source).parent
    return parse_jobs(_lines_of(source), folder)


def name_of(source: str) -> str:
    """Return what a jobs file is called in messages."""
    return "standard input" if source == STDIN else source


def journal_beside(source: str, out: Path) -> Path:
    """Return where the journal of a jobs file is kept by default: beside the videos, under the name of the file.

    Args:
        source: The jobs file. Standard input, and a path that is no regular file, as /dev/stdin, count as "stdin".
        out: The folder for the videos.
    """
    return out / f"{Path(source).stem if source != STDIN and Path(source).is_file() else 'stdin'}.journal.db"


def _lines_of(source: str) -> list[bytes]:
    try:
        content = _standard_input() if source == STDIN else Path(source).read_bytes()
    # ValueError: a path with a null byte.
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigurationError(f"cannot read the jobs file {source!r}: {reason}") from None
    fault = fault_of_file(content)
    if fault is not None:
        raise ConfigurationError(f"the jobs file {source!r} {fault}")
    # Not splitlines(), which also splits at characters that JSON strings may hold.
    return content.split(b"\n")


def _standard_input() -> bytes:
    # typeshed does not know that a closed stream is None.
    if cast("object", sys.stdin) is None:
        raise OSError(EBADF, "standard input is closed")
    return sys.stdin.buffer.read()
