"""Reading the credits of the account.

Tasks are read in `tasks`, uploads in `files`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from .messages import Response, unreadable

LARGEST_AMOUNT = 1e15
"""Credits from which an amount is nonsense."""

T = TypeVar("T")


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


@attrs.frozen
class _Account:
    remaining_credits: float | None = None
    used_credits: float | None = None
    unlimited_credits: bool = False


@attrs.frozen
class _Accounts:
    user: _Account = _Account()
    token: _Account = _Account()


@attrs.frozen
class _Answer:
    data: _Accounts = _Accounts()


def _amount(value: object, _: object) -> float | None:
    """Return a number; None for any other value. Nothing is coerced: "5" is no amount, and True is an int."""
    # Credits can be below 0.
    if (type(value) is not int and type(value) is not float) or not abs(value) < LARGEST_AMOUNT:
        return None
    return float(value)


def _object(read: Callable[[Any, Any], T], value: object, kind: type[T]) -> T:
    return read(value, kind) if isinstance(value, dict) else kind()


# The hooks of cattrs would coerce, and raise for a detail that is odd.
_reader = cattrs.Converter(detailed_validation=False)
_reader.register_structure_hook(float, _amount)
_reader.register_structure_hook(bool, lambda value, _: value is not False)
for _kind in (_Account, _Accounts, _Answer):
    _reader.register_structure_hook(_kind, partial(_object, make_dict_structure_fn(_kind, _reader)))


def decode_credits(response: Response) -> Credits:
    """Read the answer to `encode_credits`. An odd detail costs that detail; what the account has left is not guessed.

    Raises:
        ReplyError: The answer does not say what the account has left.
    """
    try:
        accounts = _reader.structure(response.json, _Answer).data
    except ValueError:  # no JSON
        accounts = _Accounts()
    user, token = accounts.user, accounts.token
    if user.remaining_credits is None:
        text = "the service's answer about credits has an unknown structure: no number of remaining credits"
        raise unreadable(response, text)
    return Credits(
        remaining=user.remaining_credits,
        used=user.used_credits or 0.0,
        key_remaining=None if token.unlimited_credits else token.remaining_credits,
    )
