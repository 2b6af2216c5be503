"""The vendor's error bodies, in the two forms that its pages show.

Which request is refused is decided in `vendor` and `request_schemas`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from .json_types import JsonObject

Generation = Literal["new", "old"]

# Source: 400 to 500 from docs.evolink.ai, page of wan2.6-reference-video-flash, read 2026-11-20.
# The second group is on no page; type and wording follow the first group.
_NEW_FORM: Mapping[int, tuple[str, str, str]] = MappingProxyType(
    {
        # status: code, type, message
        400: ("invalid_request", "invalid_request_error", "Invalid request parameters"),
        401: ("unauthorized", "authentication_error", "Invalid or expired token"),
        402: ("insufficient_quota", "insufficient_quota", "Insufficient quota. Please top up your account."),
        403: ("model_access_denied", "invalid_request_error", "Token does not have access to this model"),
        404: ("task_not_found", "invalid_request_error", "Task not found"),
        429: ("rate_limit_exceeded", "rate_limit_error", "Too many requests, please try again later"),
        500: ("internal_error", "api_error", "Internal server error"),
        # not documented
        405: ("method_not_allowed", "invalid_request_error", "Method not allowed"),
        409: ("idempotency_conflict", "invalid_request_error", "The key was used for another request"),
        413: ("request_too_large", "invalid_request_error", "The request body is too large"),
        415: ("unsupported_media_type", "invalid_request_error", "Content-Type must be application/json"),
        502: ("upstream_error", "api_error", "Upstream error"),
        503: ("service_unavailable", "api_error", "Service temporarily unavailable"),
    }
)

# Source: docs.evolink.ai, page of sora-2-preview. In this form the code is the HTTP status as a number.
_OLD_FORM: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        # status: type, message
        400: ("invalid_request_error", "Invalid request parameters"),
        401: ("authentication_error", "Invalid or expired token"),
        402: ("insufficient_quota_error", "Insufficient quota. Please top up your account."),
        403: ("permission_error", "Token does not have access to this model"),
        404: ("not_found_error", "Resource not found"),
        413: ("request_too_large_error", "The request body is too large"),
        429: ("rate_limit_error", "Too many requests, retry after 60 seconds"),
        500: ("internal_server_error", "Internal server error"),
        502: ("upstream_error", "Upstream error"),
        503: ("service_unavailable_error", "Service temporarily unavailable, retry after 30 seconds"),
    }
)


def error_body(
    status: int,
    *,
    generation: Generation = "new",
    code: str | None = None,
    message: str | None = None,
    param: str | None = None,
) -> JsonObject:
    """Return the JSON body of an HTTP error in the vendor's form.

    Args:
        status: The HTTP status; a status without an entry gets the texts of 500.
        generation: "new" has a text code, "old" repeats the status as an integer.
        code: Replaces the documented code; new form only.
        message: Replaces the documented message.
        param: The invalid parameter; left out when None.
    """
    error: JsonObject
    if generation == "new":
        known_code, kind, text = _NEW_FORM.get(status, _NEW_FORM[500])
        error = {"code": code or known_code, "message": message or text, "type": kind}
    else:
        kind, text = _OLD_FORM.get(status, _OLD_FORM[500])
        error = {"code": status, "message": message or text, "type": kind}
    if param is not None:
        error["param"] = param
    return {"error": error}


def file_error_body(status: int, message: str) -> JsonObject:
    """Return the JSON body of a file service error.

    Source: EvoLink's own clients; no page documents it.
    """
    return {"success": False, "code": status, "msg": message}
