"""Reading the credits of the account.

Tasks are read in `tasks`, uploads in `files`.
"""

from __future__ import annotations

import math
from typing import Any, cast

import attrs
import cattrs

from ..json_text import parse
from .messages import Response, unreadable


@attrs.frozen(kw_only=True)
class Credits:
    """The credits of the account and of the API key; 68 credits are about one US dollar.

    Attributes:
        remaining: Credits left on the account.
        used: Credits that the account has used.
        key_remaining: Credits left to this key; None if the key has no limit of its own.
    """

    remaining: float
    used: float
    key_remaining: float | None


def _exactly(kind: type) -> Any:  # noqa: ANN401  # cattrs types its hooks as Any
    def structure(value: object, _: object) -> object:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is not of type {kind.__name__}")
        return value

    return structure


def _finite(value: object, _: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(cast("float", value)):
        raise TypeError(f"{value!r} is not a finite number")
    return float(cast("float", value))


# The hooks of cattrs would coerce: "5" to 5.0, and a missing balance is not worth a guess.
_strict = cattrs.Converter(detailed_validation=False)
for _kind in (str, int, bool):
    _strict.register_structure_hook(_kind, _exactly(_kind))
_strict.register_structure_hook(float, _finite)


@attrs.frozen
class _Balance:
    remaining_credits: float
    used_credits: float = 0.0
    unlimited_credits: bool = False


@attrs.frozen
class _Balances:
    user: _Balance
    token: _Balance | None = None


@attrs.frozen
class _CreditsBody:
    data: _Balances


def decode_credits(response: Response) -> Credits:
    """Read the answer to `encode_credits`.

    Raises:
        ReplyError: The answer has another structure.
    """
    try:
        body = _strict.structure(parse(response.body), _CreditsBody).data
    except Exception as error:  # noqa: BLE001  # cattrs raises whatever the shape provokes
        raise unreadable(
            response, f"the service's answer about credits has an unknown structure: {type(error).__name__}"
        ) from None
    key = body.token
    return Credits(
        remaining=body.user.remaining_credits,
        used=body.user.used_credits,
        key_remaining=None if key is None or key.unlimited_credits else key.remaining_credits,
    )
