"""The arguments of a pool, checked and completed from the environment.

Nothing is opened or sent here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from yarl import URL

from ..client import ApiKey, base_url, is_loopback
from ..errors import ConfigurationError
from ..journal import Journal, MemoryJournal, is_address, missing_extra

DEFAULT_BASE_URL = "https://api.evolink.ai"
DEFAULT_FILES_URL = "https://files-api.evolink.ai"


def check_timeout(timeout: float | None) -> None:
    """Refuse a time-out that is not a number of seconds.

    Raises:
        ConfigurationError: It is negative or NaN.
    """
    # Not `timeout < 0`, which is false for NaN.
    if timeout is not None and not timeout >= 0:
        raise ConfigurationError(f"timeout must be seconds, at least 0, or None for no limit, not {timeout!r}")


def keys_of(given: str | Sequence[str] | None) -> tuple[ApiKey, ...]:
    """Return the API keys given, else the one of EVOLINK_API_KEY.

    Raises:
        ConfigurationError: There is none, one has characters that a key cannot have, or one is given twice.
    """
    texts = [given] if isinstance(given, str) else list(given) if given is not None else []
    if given is None and (text := os.environ.get("EVOLINK_API_KEY")):
        texts = [text]
    if not texts:
        raise ConfigurationError(
            "no API key: pass api_key=, or set EVOLINK_API_KEY (https://evolink.ai/dashboard/keys)"
        )
    keys = tuple(ApiKey(text) for text in texts)
    if len({key.fingerprint for key in keys}) < len(keys):
        raise ConfigurationError("the same API key was given twice")
    return keys


def journal_of(given: str | Path | Journal | None) -> Journal:
    """Return the journal given, one for the file or the server given, or one in memory; it is not opened yet.

    Raises:
        ConfigurationError: The address of the server cannot be read, or the extra for it is not installed.
    """
    if given is None:
        return MemoryJournal()
    if isinstance(given, str) and is_address(given):
        return _postgres_journal(given)
    # Imported here, because a pool with a journal in memory does not need SQLite.
    from ..journal.sqlite import SqliteJournal

    return SqliteJournal(given) if isinstance(given, str | Path) else given


def _postgres_journal(url: str) -> Journal:
    try:
        from ..journal.postgres import PostgresJournal
    except ImportError:
        raise missing_extra() from None
    return PostgresJournal(url)


def origin_of(given: str | None) -> URL:
    """Return the address given, else the one of EVOLINK_BASE_URL, else EvoLink's own.

    Raises:
        ConfigurationError: A key may not be sent to this address.
    """
    return base_url(given or os.environ.get("EVOLINK_BASE_URL") or DEFAULT_BASE_URL)


def files_origin_of(given: str | None, api: URL) -> URL:
    """Return the file service's address given, else the one of EVOLINK_FILES_BASE_URL, else the default.

    Args:
        given: An address, or None.
        api: The address of the API.

    Raises:
        ConfigurationError: A key may not be sent to this address.
    """
    # An API on loopback is an emulator, and an emulator takes files too: by default no file leaves this machine.
    default = str(api) if is_loopback(api) else DEFAULT_FILES_URL
    return base_url(given or os.environ.get("EVOLINK_FILES_BASE_URL") or default)
