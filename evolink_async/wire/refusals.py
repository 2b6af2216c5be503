"""Reading refusals: error replies of the service, old or new, and of proxies.

What a refusal means for a submit, a poll or an upload is decided in `verdict`.
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

LONGEST_WAIT = 1e12
"""Seconds; a longer Retry-After is cut to this."""
ERRORS_BY_STATUS: dict[int, type[StatusError]] = {
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AccessDeniedError,
    404: TaskNotFoundError,
    429: RateLimitError,
}


def decode_error(response: Response, *, now: float, asked: str | None = None) -> StatusError:
    """Read an error reply of the service, in its older or newer format, or of a proxy.

    Args:
        response: A reply whose status is not 2xx.
        now: Unix seconds, to convert a Retry-After date to seconds.
        asked: The task that was polled, if one was.
    """
    error = vendor_error(response) or {}
    status, code, message = response.status, error.get("code"), error.get("message")
    if not isinstance(message, str) or not message:
        # A redirect is never followed: it could carry the API key to another host, or repeat a paid request.
        location = response.headers.get("location")
        message = f"redirected to {location!r}, which is never followed" if location else response.excerpt.strip()
    default = ServerError if status >= 500 else InvalidRequestError if status >= 400 else StatusError
    param, request_id = error.get("param"), error.get("request_id")
    kind = ERRORS_BY_STATUS.get(status, default)
    # A submit that is answered with 404 is about no task: the path or the model does not exist.
    if kind is TaskNotFoundError and asked is None:
        kind = InvalidRequestError
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
    """Return the error object of a reply in one of the service's formats; None if a proxy answered."""
    try:
        body = parse(response.body)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    # 1. The documented format, older and newer: {"error": {"code": ..., "message": ...}}.
    if isinstance(error, dict) and ("code" in error or "message" in error):
        return error
    # 2. The format of OAuth 2.0, met at the gateway: {"error": "invalid_token", "error_description": ...}.
    if isinstance(error, str) and error:
        return {"code": error, "message": body.get("error_description", error)}
    # 3. The format of the file service: {"success": false, "code": ..., "msg": ...}.
    if body.get("success") is False:
        return {"code": body.get("code"), "message": body.get("msg")}
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait, from `Retry-After-Ms`, or from `Retry-After` as a number or an HTTP date.

    A date in the past gives 0; a negative or unreadable value gives None.
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
        # "-0000" and a missing zone give a naive date; HTTP dates are in UTC.
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, date.timestamp() - now)
    except (ValueError, OverflowError, OSError):
        return None


def _plain_number(text: str | None) -> float | None:
    # Not `float` alone, which also reads "nan", "1e3" and "-5".
    if text is None or not re.fullmatch(r"\s*\d+(\.\d+)?\s*", text, re.ASCII):
        return None
    return min(float(text), LONGEST_WAIT)
