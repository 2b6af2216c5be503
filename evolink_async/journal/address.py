"""How a journal is named: by the path of a file, or by the address of a PostgreSQL server."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import ConfigurationError
from ..version import how_to_install

_SCHEMES = ("postgresql://", "postgres://")

# A `Path` has lost one of the slashes.
_LIKE_ADDRESS = re.compile(r"://|^\s*postgres(ql)?(\+\w+)?:|\bpassword\s*=", re.IGNORECASE)


def is_address(given: object) -> bool:
    """Whether something names a server, and not a file."""
    return isinstance(given, str) and given.startswith(_SCHEMES)


def check_address(given: str) -> None:
    """Refuse an address of which PostgreSQL would take a part of the password for the host, and show it.

    Raises:
        ConfigurationError: There is an @ where none may be. The message does not show the address.
    """
    _, _, rest = given.partition("://")
    authority, _, path = rest.partition("/")
    if authority.count("@") > 1 or "@" in path.partition("?")[0]:
        raise ConfigurationError(
            "the address of the journal has an @ or a / in its user or password; write %40 for @, and %2F for /"
        )


def check_path(given: str | Path) -> None:
    """Refuse a path that is the address of a server: it may hold a password, which messages about a file show.

    Raises:
        ConfigurationError: It is one. The message does not show it.
    """
    if looks_like_address(str(given)):
        raise ConfigurationError(
            "the journal is neither the path of a file nor an address as postgresql://user@host/database; it is not "
            "shown here, as it may hold a password"
        )


def looks_like_address(text: str) -> bool:
    """Whether a text is the address of a server, well written or not."""
    return _LIKE_ADDRESS.search(text) is not None


def missing_extra() -> ConfigurationError:
    """Return what is raised for an address when the library for it is not installed."""
    return ConfigurationError(f"a journal in PostgreSQL needs psycopg; {how_to_install('postgres')}")
