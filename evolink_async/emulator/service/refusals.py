"""The vendor's error bodies, in both generations its pages show.

Nothing here decides when to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
JsonObject = dict[str, Json]
Generation = Literal["new", "old"]

_NEW: Mapping[int, tuple[str, str, str]] = MappingProxyType(
    {
        # status: code, type, message; 400-500 from the page of wan2.6-reference-video-flash, read 2026-11-20.
        400: ("invalid_request", "invalid_request_error", "Invalid request parameters"),
        401: ("unauthorized", "authentication_error", "Invalid or expired token"),
        402: ("insufficient_quota", "insufficient_quota", "Insufficient quota. Please top up your account."),
        403: ("model_access_denied", "invalid_request_error", "Token does not have access to this model"),
        404: ("task_not_found", "invalid_request_error", "Task not found"),
        429: ("rate_limit_exceeded", "rate_limit_error", "Too many requests, please try again later"),
        500: ("internal_error", "api_error", "Internal server error"),
        # Not listed on the newer pages: made up in their manner.
        405: ("method_not_allowed", "invalid_request_error", "Method not allowed"),
        409: ("idempotency_conflict", "invalid_request_error", "The key was used for another request"),
        413: ("request_too_large", "invalid_request_error", "The request body is too large"),
        415: ("unsupported_media_type", "invalid_request_error", "Content-Type must be application/json"),
        502: ("upstream_error", "api_error", "Upstream error"),
        503: ("service_unavailable", "api_error", "Service temporarily unavailable"),
    }
)

_OLD: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        # status: type, message; from the page of sora-2-preview, where the code is the status itself.
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
    """Return the body of an HTTP refusal as the vendor writes it.

    Args:
        status: The HTTP status; one that no page lists gets the words of 500.
        generation: "new" has a text code, "old" repeats the status as an integer.
        code: Another code than the page's, new generation only.
        message: Another message than the page's.
        param: The parameter at fault.
    """
    error: JsonObject
    if generation == "new":
        words = _NEW.get(status, _NEW[500])
        error = {"code": code or words[0], "message": message or words[2], "type": words[1]}
    else:
        kind, text = _OLD.get(status, _OLD[500])
        error = {"code": status, "message": message or text, "type": kind}
    if param is not None:
        error["param"] = param
    return {"error": error}


def file_error_body(status: int, message: str) -> JsonObject:
    """Return the body of a file service refusal (seen in EvoLink's clients, in no page)."""
    return {"success": False, "code": status, "msg": message}
