"""What is said of a journal that cannot be used or read: why, and what to do.

Of a server, that is said in `postgres_connections`.
"""

from __future__ import annotations

import sqlite3

from ..errors import JournalError

_OTHER_FILE = "Name another file for the journal."
_DAMAGED = (
    "If the name is that of another file, name the journal. If the journal is damaged, put back a copy of it: the jobs "
    "in it would be bought again without it."
)


def journal_error(error: Exception, path: str) -> JournalError:
    """Return the JournalError for what went wrong with a file that this process opens for itself."""
    if isinstance(error, JournalError):
        return error
    return JournalError(
        f"the journal {path!r} cannot be used: {_reason(error)}; nothing in it was overwritten",
        advice=_DAMAGED if _is_damage(error) else None,
    )


def read_error(error: sqlite3.Error, path: str) -> JournalError:
    """Return the JournalError for what went wrong with a file that is only read."""
    return JournalError(
        f"the journal {path!r} cannot be read: {_reason(error)}", advice=_DAMAGED if _is_damage(error) else None
    )


def no_place(path: str, why: str, advice: str = _OTHER_FILE) -> JournalError:
    """Return the JournalError for a path where no journal can be.

    Args:
        path: The path.
        why: Continues a sentence: "it is a folder".
        advice: What to do.
    """
    return JournalError(f"the journal {path!r} cannot be used: {why}", advice=advice)


def of_another_program(path: str) -> JournalError:
    """Return the JournalError for an SQLite file that is no journal."""
    return JournalError(
        f"{path!r} is an SQLite file of another program, not a journal; nothing was changed in it", advice=_OTHER_FILE
    )


def of_later_version(what: str) -> JournalError:
    """Return the JournalError for a journal that this version cannot read.

    Args:
        what: Begins a sentence: "the tables were".
    """
    return JournalError(
        f"{what} written by a later version of evolink_async",
        advice="Use that version, or a later one; nothing in the journal was changed.",
    )


def _is_damage(error: Exception) -> bool:
    # "file is not a database" and "database disk image is malformed" have no class of their own, unlike a full disk.
    return type(error) is sqlite3.DatabaseError


def _reason(error: Exception) -> str:
    if _is_damage(error):
        return "it is not an SQLite file, or it is damaged"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
