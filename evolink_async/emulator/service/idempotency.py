"""Which idempotency key was used for which request, and whose first call is still open.

Nothing here books tasks. The rules are those EvoLink's own clients rely on; no public page describes them.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

_KEY = re.compile(r"[A-Za-z0-9._-]{16,96}")


class FirstCall(NamedTuple):
    """What a key was first used for."""

    task_id: str
    body_sha256: str


class KeyBook:
    """Keys of one emulator; they are kept for its whole life, the vendor's window is unknown."""

    def __init__(self) -> None:
        self._first: dict[str, FirstCall] = {}
        self._open: dict[str, list[object]] = {}

    @staticmethod
    def is_well_formed(key: str) -> bool:
        """Tell whether `key` is 16 to 96 letters, digits, dots, underscores or hyphens."""
        return _KEY.fullmatch(key) is not None

    @contextmanager
    def open_call(self, key: str, mark: object) -> Generator[None]:
        """Count the call `mark`, made with `key`, as open inside the block."""
        waiting = self._open.setdefault(key, [])
        waiting.append(mark)
        try:
            yield
        finally:
            waiting.remove(mark)
            if not waiting:
                self._open.pop(key, None)

    def is_first(self, key: str, mark: object) -> bool:
        """Tell whether `mark` is the oldest call with `key` that is still open."""
        waiting = self._open.get(key)
        return not waiting or waiting[0] is mark

    def first_call(self, key: str) -> FirstCall | None:
        """Return what `key` was first used for, None for a fresh one."""
        return self._first.get(key)

    def remember(self, key: str, call: FirstCall) -> None:
        """Write down the task that `key` was accepted for."""
        self._first[key] = call
