"""How a journal is named: by the path of a file, or by the address of a PostgreSQL server."""

from __future__ import annotations

from ..errors import ConfigurationError
from ..version import how_to_install

_SCHEMES = ("postgresql://", "postgres://")


def is_address(given: object) -> bool:
    """Whether something names a server, and not a file."""
    return isinstance(given, str) and given.startswith(_SCHEMES)


def missing_extra() -> ConfigurationError:
    """Return what is raised for an address when the library for it is not installed."""
    return ConfigurationError(f"a journal in PostgreSQL needs psycopg; {how_to_install('postgres')}")
