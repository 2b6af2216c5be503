"""Replies as values: `Reply`, and `Refused`, the exception that ends a request with one.

The texts of the vendor's errors are in `error_bodies`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from .error_bodies import error_body
from .json_types import JsonObject

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@frozen
class Reply:
    """One reply of the vendor: HTTP status, JSON body, additional headers."""

    status: int
    body: JsonObject
    headers: Mapping[str, str] = _NO_HEADERS


# An exception, because a refusal can come from any depth of the rules.
class Refused(Exception):  # noqa: N818 - a reply, not an error of the emulator
    """Ends a request with `reply`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


def refusal(status: int, *, code: str | None = None, message: str | None = None, param: str | None = None) -> Refused:
    """Return the exception that replies with the vendor's error body for `status`."""
    return Refused(Reply(status, error_body(status, code=code, message=message, param=param)))
