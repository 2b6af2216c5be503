"""Reading the credits of the account.

Tasks are read in `tasks`, uploads in `files`.
"""

from __future__ import annotations

import attrs

from ..json_text import Json
from .messages import Response, unreadable

LARGEST_AMOUNT = 1e15
"""Credits from which an amount is nonsense."""


@attrs.frozen(kw_only=True)
class Credits:
    """The credits of the account and of the API key; 68 credits are about one US dollar.

    Attributes:
        remaining: Credits left on the account.
        used: Credits that the account has used; 0 if the service does not say.
        key_remaining: Credits left to this key; None if the key has no limit of its own, or the service names none.
    """

    remaining: float
    used: float
    key_remaining: float | None


def decode_credits(response: Response) -> Credits:
    """Read the answer to `encode_credits`. An odd detail costs that detail; what the account has left is not guessed.

    Raises:
        ReplyError: The answer does not say what the account has left.
    """
    try:
        data = _object(_object(response.json).get("data"))
    except ValueError:
        data = {}
    user, token = _object(data.get("user")), _object(data.get("token"))
    remaining = _amount(user.get("remaining_credits"))
    if remaining is None:
        text = "the service's answer about credits has an unknown structure: no number of remaining credits"
        raise unreadable(response, text)
    has_limit = token.get("unlimited_credits", False) is False
    return Credits(
        remaining=remaining,
        used=_amount(user.get("used_credits")) or 0.0,
        key_remaining=_amount(token.get("remaining_credits")) if has_limit else None,
    )


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _amount(value: Json) -> float | None:
    """Return a number; None for any other value. Nothing is coerced: "5" is no amount, and True is an int."""
    if type(value) is not int and type(value) is not float:
        return None
    return float(value) if abs(value) < LARGEST_AMOUNT else None
