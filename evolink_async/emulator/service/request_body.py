"""Parsing of JSON request bodies.

Which fields a body may have is checked in `request_schemas`.
"""

from __future__ import annotations

import json
import math
from typing import cast

from .replies import refusal

_MESSAGE_LIMIT = 200


def parse_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object in `raw`.

    Raises:
        Refused: 400: `raw` is not JSON, not an object, or contains NaN, Infinity or a number above the range of a
            float.
    """
    try:
        value: object = json.loads(raw, parse_constant=_refuse_constant, parse_float=_finite_float)
    except (ValueError, RecursionError) as error:
        # Deep nesting is a RecursionError; it must not end the handler with a 500.
        raise refusal(400, message=f"body: not valid JSON: {error}"[:_MESSAGE_LIMIT], param="body") from error
    if not isinstance(value, dict):
        raise refusal(400, message="body: must be a JSON object", param="body")
    return cast("dict[str, object]", value)


# Python's parser accepts NaN, Infinity and 1e999; RFC 8259 allows none of the first two, and an infinite duration or
# price would break the arithmetic behind it.
def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number
