"""Writes the page of a report to a file, without harm to a file that is not one.

What the page holds is in `page`.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import attrs

from ..errors import ConfigurationError
from ..regular_file import open_regular
from .page import MARK, render
from .posters import with_posters
from .reading import read_report

_HEAD_BYTES = 2000


def write_report(journal: str | Path, path: Path, *, has_posters: bool = True) -> None:
    """Write the page of a journal to a file, which is replaced if it is such a page. Blocks the calling thread.

    Args:
        journal: The journal file, or the address of a server, as postgresql://user@host/database; a run may be using
            it. Of a server the page shows the latest 10,000 ends and, in each other state, 10,000 jobs.
        path: The file to write.
        has_posters: Whether films get pictures, if the extra `media` is there.

    Raises:
        ConfigurationError: The extra `report` is not installed, or `postgres` for an address; the journal does not
            exist or is empty; or there is another file at `path`, or it cannot be written.
        JournalError: The journal is not one, or cannot be read; or its server cannot be reached.
    """
    _check_replaceable(path)
    report = read_report(journal, path.absolute().parent)
    if has_posters:
        report = attrs.evolve(report, cards=with_posters(report.cards))
    page = render(report)
    try:
        _replace(path, page)
    except OSError as error:
        raise _cannot_write(path, error) from None


def _check_replaceable(path: Path) -> None:
    """Refuse a path where something stands that this module did not write."""
    try:
        with open_regular(path) as file:
            is_page = MARK.encode() in file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _cannot_write(path, error) from None
    if not is_page:
        raise ConfigurationError(f"{str(path)!r} is not a page of a report, so it is not replaced; name another file")


def _cannot_write(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"cannot write the report {str(path)!r}: {error.strerror or error}")


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
