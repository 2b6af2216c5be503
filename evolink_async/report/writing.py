"""Writes the page of a report to a file, without harm to a file that is not one.

What the page holds is in `page`.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import attrs

from ..errors import ConfigurationError
from .page import MARK, render
from .posters import with_posters
from .reading import read_report

_HEAD_BYTES = 2000


def write_report(journal: Path, path: Path, *, has_posters: bool = True) -> None:
    """Write the page of a journal to a file, which is replaced if it is such a page. Blocks the calling thread.

    Args:
        journal: The journal file; a run may be using it.
        path: The file to write.
        has_posters: Whether films get pictures, if the extra `media` is there.

    Raises:
        ConfigurationError: The extra `report` is not installed; the journal does not exist or is empty; or there is
            another file at `path`, or it cannot be written.
        JournalError: The journal is not one, or cannot be read.
    """
    if not may_replace(path):
        raise ConfigurationError(f"{str(path)!r} is not a page of a report, so it is not replaced; name another file")
    report = read_report(journal, path.absolute().parent)
    if has_posters:
        report = attrs.evolve(report, cards=with_posters(report.cards))
    page = render(report)
    try:
        _replace(path, page)
    # ValueError: a null byte.
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigurationError(f"cannot write the report {str(path)!r}: {reason}") from None


def may_replace(path: Path) -> bool:
    """Whether there is no file at a path, or one that this module wrote."""
    try:
        with path.open("rb") as file:
            return MARK.encode() in file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return True
    # What cannot be read is told when it is written.
    except (OSError, ValueError):
        return not path.is_file()


def _replace(path: Path, page: bytes) -> None:
    # A reader meets the old page or the new one, never half of one.
    part = path.with_name(f".report-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(page)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
