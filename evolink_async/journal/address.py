"""How a journal is named: by the path of a file, or by the address of a PostgreSQL server."""

from __future__ import annotations

_SCHEMES = ("postgresql://", "postgres://")
MISSING_EXTRA = "a journal in PostgreSQL needs the extra `postgres`: pip install 'evolink-async[postgres]'"
"""What is told when the extra is missing."""


def is_address(given: object) -> bool:
    """Whether something names a server, and not a file."""
    return isinstance(given, str) and given.startswith(_SCHEMES)
