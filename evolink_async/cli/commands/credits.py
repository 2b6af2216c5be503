"""The command `credits`: shows what the account and the key may still spend. Free of charge."""

from __future__ import annotations

import asyncio
import os

from ...client import ApiKey
from ...errors import ConfigurationError, EvolinkError
from ...pool import SessionPool
from ...wire import Credits
from ..exit_codes import FAILED, OK
from ..inputs.service import Service
from ..output.numbers import number
from ..output.tables import empty_table
from ..output.terminal import Terminal, plain


def credits(service: Service, terminal: Terminal) -> int:  # noqa: A001  # the name of the command
    """Show the credits of the key in EVOLINK_API_KEY, and of its account; return the exit code.

    Args:
        service: The service to ask.
        terminal: Where they are printed.

    Raises:
        ConfigurationError: There is no API key, or the address is invalid.
    """
    pool = service.pool()
    # The fingerprint, by which `doubts` names keys too: the key itself is never shown.
    fingerprint = ApiKey(service.api_key or os.environ.get("EVOLINK_API_KEY", "")).fingerprint
    try:
        found = asyncio.run(_credits(pool))
    except ConfigurationError:
        raise
    except EvolinkError as error:
        terminal.error(str(error), error.advice)
        return FAILED
    if terminal.shows_tables:
        table = empty_table("API key", "key may spend", "account has", "account used", right=_FIGURES)
        for one in found:
            of_key = "no limit of its own" if one.key_remaining is None else number(one.key_remaining)
            table.add_row(*map(plain, (fingerprint, of_key, number(one.remaining), number(one.used))))
        terminal.say(table)
    else:
        for one in found:
            terminal.json_line(credits_object(fingerprint, one))
    return OK


_FIGURES = ("key may spend", "account has", "account used")


async def _credits(pool: SessionPool) -> tuple[Credits, ...]:
    async with pool:
        return await pool.credits()


def credits_object(fingerprint: str, found: Credits) -> dict[str, object]:
    """Return the credits of one key as a JSON object."""
    return {
        "api_key": fingerprint,
        "key_remaining": found.key_remaining,
        "account_remaining": found.remaining,
        "account_used": found.used,
    }
