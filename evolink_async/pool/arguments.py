"""What a pool is made of, checked and completed from the environment before anything is opened.

Nothing is sent and no file is touched here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from yarl import URL

from ..client import ApiKey, base_url, is_loopback
from ..errors import ConfigurationError
from ..journal import Journal, MemoryJournal

DEFAULT_BASE_URL = "https://api.evolink.ai"
DEFAULT_FILES_URL = "https://files-api.evolink.ai"


def check_timeout(timeout: float | None) -> None:
    """Refuse a time-out that is no number of seconds.

    Raises:
        ConfigurationError: It is negative or NaN.
    """
    if timeout is not None and not timeout >= 0:  # NaN is neither
        raise ConfigurationError(f"timeout must be seconds, at least 0, or None for no limit, not {timeout!r}")


def keys_of(given: str | Sequence[str] | None) -> tuple[ApiKey, ...]:
    """The API keys given, or the one of EVOLINK_API_KEY.

    Raises:
        ConfigurationError: There is none, one is no key, or one is given twice.
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
    """The journal given, one in the file given, or one in memory; not opened yet."""
    if given is None:
        return MemoryJournal()
    from ..journal.sqlite import SqliteJournal  # here, for those who need no file: it brings SQLite along

    return SqliteJournal(given) if isinstance(given, str | Path) else given


def origin_of(given: str | None) -> URL:
    """The address given, or the one of EVOLINK_BASE_URL, or EvoLink's own.

    Raises:
        ConfigurationError: It is no address that a key may be sent to.
    """
    return base_url(given or os.environ.get("EVOLINK_BASE_URL") or DEFAULT_BASE_URL)


def files_origin_of(given: str | None, api: URL) -> URL:
    """The file service's address given, or the one of EVOLINK_FILES_BASE_URL, or EvoLink's own.

    An API on loopback is an emulator, which takes files too: none goes out into the world unless that is asked for.

    Args:
        given: An address, or None.
        api: Where the API is.

    Raises:
        ConfigurationError: It is no address that a key may be sent to.
    """
    default = str(api) if is_loopback(api) else DEFAULT_FILES_URL
    return base_url(given or os.environ.get("EVOLINK_FILES_BASE_URL") or default)
