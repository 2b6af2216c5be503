"""Reading refusals: error replies of the service, old or new, and of proxies.

What a refusal means for a submit, a poll or an upload is decided in `verdict`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from html import unescape

from ..errors import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InterceptedError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
    StatusError,
    TaskNotFoundError,
)
from ..json_text import Json
from .messages import Response

SERVICE_ID_HEADER = "x-oneapi-request-id"
"""The header in which the service, and nothing before it, names the request. `x-request-id` comes from proxies too."""
INTERCEPTED = frozenset({401, 403, 404, 405, 407, 410, 421, 426, 451})
"""Statuses with which a proxy does not pass a request on, for a reason that is not in the request."""
PAGE_CHARACTERS = 80
"""Characters of a web page that a message holds."""
_PAGE = re.compile(r"<(!doctype|html|head|body|\?xml)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>?", re.IGNORECASE | re.DOTALL)
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
        message = f"redirected to {location!r}, which is never followed" if location else text_of(response)
    param, request_id = error.get("param"), error.get("request_id")
    kind = error_kind(status)
    # A submit that is answered with 404 is about no task: the path or the model does not exist.
    if kind is TaskNotFoundError and asked is None:
        kind = InvalidRequestError
    is_of_proxy = is_foreign(response)
    if is_of_proxy and status in INTERCEPTED:
        kind = InterceptedError
    return kind(
        status,
        message or "no text",
        code=code if isinstance(code, str) or type(code) is int else None,
        request_id=response.request_id or (request_id if isinstance(request_id, str) else None),
        retry_after=retry_after(response.headers, now),
        param=param if isinstance(param, str) else None,
        task_id=asked,
        is_foreign=is_of_proxy,
    )


def error_kind(status: int) -> type[StatusError]:
    """Return the class of the error for a refusal with this status."""
    default = ServerError if status >= 500 else InvalidRequestError if status >= 400 else StatusError
    return ERRORS_BY_STATUS.get(status, default)


def text_of(response: Response) -> str:
    """Return what a reply without a message says: its title, or its first words, if it is a page."""
    text = response.excerpt.strip()
    if not _PAGE.match(text):
        return text
    title = _TITLE.search(text)
    words = " ".join(_TAG.sub(" ", title[1] if title else text).split())
    return f"a web page answered: {unescape(words)[:PAGE_CHARACTERS] or 'without a title'}"


def vendor_error(response: Response) -> dict[str, Json] | None:
    """Return the error object of a reply in one of the service's own formats; None for any other reply."""
    try:
        body = response.json
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    # The documented format, older and newer.
    if isinstance(error, dict) and error.keys() & {"code", "message", "type"}:
        return error
    # The format of OAuth 2.0, met at the gateway. `error` alone, as {"error": "upstream_timeout"}, is what many proxies
    # answer.
    if isinstance(error, str) and error and "error_description" in body:
        return {"code": error, "message": body.get("error_description")}
    # The format of the file service.
    if body.get("success") is False and body.keys() & {"code", "msg"}:
        return {"code": body.get("code"), "message": body.get("msg")}
    return None


def is_foreign(response: Response) -> bool:
    """Whether a reply came from something on the way to the service, as a balancer, a firewall or a login page.

    A reply with the service's own request id came through the service, whatever its body is.
    """
    return SERVICE_ID_HEADER not in response.headers and vendor_error(response) is None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait, from `Retry-After-Ms`, and from `Retry-After` as a number or an HTTP date.

    Of several statements the longest wait counts, as one may come from the service and another from something before
    it. A date in the past gives 0; a negative or unreadable value gives None. A date is read against the reply's own
    `Date`, because the clock of this machine may be wrong.
    """
    sent = _moment(headers.get("date", ""))
    begin = now if sent is None else sent
    waits = [number / 1000 for text in _parts(headers, "retry-after-ms") if (number := _plain_number(text)) is not None]
    for text in _parts(headers, "retry-after"):
        if (number := _plain_number(text)) is not None:
            waits.append(number)
        elif (asked := _moment(text)) is not None:
            waits.append(max(0.0, asked - begin))
    return max(waits, default=None)


def _parts(headers: Mapping[str, str], name: str) -> list[str]:
    """Return what a header states: lines that a proxy has joined are parted at the commas, but for those of dates."""
    return re.split(r",(?!\s*\d\d[ -])|\n", headers.get(name, ""))


def _moment(date: str) -> float | None:
    try:
        return _seconds_of(date)
    except (ValueError, OverflowError, OSError):
        return None


def _seconds_of(date: str) -> float:
    read = parsedate_to_datetime(date)
    # "-0000" and a missing zone give a naive date; HTTP dates are in UTC.
    return (read.replace(tzinfo=UTC) if read.tzinfo is None else read).timestamp()


def _plain_number(text: str) -> float | None:
    # Not `float` alone, which also reads "nan", "1e3" and "-5".
    if not re.fullmatch(r"\s*\d+(\.\d+)?\s*", text, re.ASCII):
        return None
    return min(float(text), LONGEST_WAIT)
