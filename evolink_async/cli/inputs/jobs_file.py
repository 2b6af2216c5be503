"""The jobs file of a command: reads it, or standard input, and names the files that belong to it.

What a line means is in `job_lines`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from errno import EBADF
from pathlib import Path
from typing import BinaryIO, cast

from ...errors import ConfigurationError
from .job_lines import ParsedJobs, parse_jobs
from .line_text import fault_of_file

STDIN = "-"
"""The name that stands for standard input."""
MAX_LINE = 10_000_000
"""Bytes of the longest line that is read: local files are named, and not part of it."""
MAX_SIZE = 2_000_000_000
"""Bytes of the longest file that is read: two million jobs."""

_HEAD = 1000


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
        with nullcontext(_standard_input()) if source == STDIN else Path(source).open("rb") as file:
            lines, limit = _read_lines(file)
    # ValueError: a path with a null byte.
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigurationError(f"cannot read the jobs file {source!r}: {reason}") from None
    fault = fault_of_file(_head(lines)) or limit
    if fault is not None:
        raise ConfigurationError(f"the jobs file {source!r} {fault}")
    return lines


def _read_lines(file: BinaryIO) -> tuple[list[bytes], str | None]:
    """Return the lines without their ends, and why not all were read: the memory would not do for what is no such file.

    What follows the last newline is a line too. No other character ends a line, as JSON strings may hold them.
    """
    lines, size, line = list[bytes](), 0, b"\n"
    while line.endswith(b"\n"):
        line = file.readline(MAX_LINE + 1)
        size += len(line)
        lines.append(line.removesuffix(b"\n"))
        if len(lines[-1]) > MAX_LINE:
            return lines, f"has a line longer than {MAX_LINE // 10**6} MB, so it is no file of jobs"
        if size > MAX_SIZE:
            return lines, f"is longer than {MAX_SIZE // 10**6} MB; split it"
    return lines, None


def _head(lines: Sequence[bytes]) -> bytes:
    """Return the begin of a file: at least two lines that are not empty, and what is needed to guess an encoding."""
    full, size = 0, 0
    for count, line in enumerate(lines, 1):
        full, size = full + bool(line.strip()), size + len(line)
        if full > 1 and size > _HEAD:
            return b"\n".join(lines[:count])
    return b"\n".join(lines)


def _standard_input() -> BinaryIO:
    # typeshed does not know that a closed stream is None.
    if cast("object", sys.stdin) is None:
        raise OSError(EBADF, "standard input is closed")
    return sys.stdin.buffer
