"""Idempotency keys: which request each key was first used for, and which calls with it are still open.

The rules are those that EvoLink's own clients rely on; no public page describes them. The reply to a repeated key
is decided in `vendor`.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

_KEY = re.compile(r"[A-Za-z0-9._-]{16,96}")


class FirstCall(NamedTuple):
    """The task and the request body that a key was first used for."""

    task_id: str
    body_sha256: str


class IdempotencyStore:
    """The keys of one emulator. A key never expires, because the vendor's retention time is not known."""

    def __init__(self) -> None:
        self._first: dict[str, FirstCall] = {}
        # Per key, the open calls in order of arrival.
        self._open: dict[str, list[object]] = {}

    @staticmethod
    def is_well_formed(key: str) -> bool:
        """Whether `key` is 16 to 96 letters, digits, dots, underscores or hyphens."""
        return _KEY.fullmatch(key) is not None

    @contextmanager
    def open_call(self, key: str, call: object) -> Generator[None]:
        """Count `call`, made with `key`, as open inside the block.

        Args:
            key: The idempotency key.
            call: Any object that is unique to the call, such as the request.
        """
        calls = self._open.setdefault(key, [])
        calls.append(call)
        try:
            yield
        finally:
            calls.remove(call)
            # An empty list per key would never be freed.
            if not calls:
                self._open.pop(key, None)

    def is_first(self, key: str, call: object) -> bool:
        """Whether `call` is the oldest open call with `key`."""
        calls = self._open.get(key)
        return not calls or calls[0] is call

    def first_call(self, key: str) -> FirstCall | None:
        """Return what `key` was first used for, or None for a new key."""
        return self._first.get(key)

    def remember(self, key: str, call: FirstCall) -> None:
        """Store the task that was accepted for `key`."""
        self._first[key] = call
