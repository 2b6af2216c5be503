"""Replies that refuse, of whatever generation or sender, to errors.

What a refusal leads to is decided in `verdict`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from ..errors import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
    StatusError,
    TaskNotFoundError,
)
from ..json_text import Json, parse
from .messages import Response

LONGEST_WISH = 1e12
"""Seconds; stands for every longer wish."""
ERRORS_BY_STATUS: dict[int, type[StatusError]] = {
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AccessDeniedError,
    404: TaskNotFoundError,
    429: RateLimitError,
}


def decode_error(response: Response, *, now: float, asked: str | None = None) -> StatusError:
    """Read an error reply of either generation, of a proxy, or of nobody we know.

    Args:
        response: A reply whose status is not 2xx.
        now: Unix seconds, to turn a Retry-After date into seconds.
        asked: The task asked about.
    """
    error = vendor_error(response) or {}
    status, code, message = response.status, error.get("code"), error.get("message")
    if not isinstance(message, str) or not message:
        location = response.headers.get("location")
        message = f"redirected to {location!r}, which is never followed" if location else response.excerpt.strip()
    default = ServerError if status >= 500 else InvalidRequestError if status >= 400 else StatusError
    param, request_id = error.get("param"), error.get("request_id")
    kind = ERRORS_BY_STATUS.get(status, default)
    if kind is TaskNotFoundError and asked is None:
        kind = InvalidRequestError  # a submit that meets 404 knows no task
    return kind(
        status,
        message or "no text",
        code=code if isinstance(code, str) or type(code) is int else None,
        request_id=response.request_id or (request_id if isinstance(request_id, str) else None),
        retry_after=retry_after(response.headers, now),
        param=param if isinstance(param, str) else None,
        task_id=asked,
    )


def vendor_error(response: Response) -> dict[str, Json] | None:
    """The error object of a reply in the service's own words; None when a proxy or a page answered."""
    try:
        body = parse(response.body)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict) and ("code" in error or "message" in error):
        return error
    if isinstance(error, str) and error:
        return {"code": error, "message": body.get("error_description", error)}
    if body.get("success") is False:
        return {"code": body.get("code"), "message": body.get("msg")}
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the service asks us to wait: from `Retry-After-Ms`, or `Retry-After` as a number or an HTTP date.

    A past date is 0; a negative or unreadable value is no wish at all.
    """
    milliseconds = _plain_number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    number = _plain_number(text)
    if number is not None or text is None:
        return number
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # HTTP dates are in UTC, whatever they leave out
            date = date.replace(tzinfo=UTC)
        return max(0.0, date.timestamp() - now)
    except (ValueError, OverflowError, OSError):
        return None


def _plain_number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\s*\d+(\.\d+)?\s*", text, re.ASCII):
        return None
    return min(float(text), LONGEST_WISH)
