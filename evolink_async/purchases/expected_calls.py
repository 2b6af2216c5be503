"""The purchases for which the service was given a callback URL, and their tasks.

Plain bookkeeping; what a callback leads to is decided in `pool`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

UrlFor: TypeAlias = Callable[[str, str], str]
"""Makes the callback URL for the key of a job and the idempotency key of a purchase."""

# Twice as many as a pool is built for. One that is dropped is polled as if it had no callback.
MOST = 200_000
"""Tasks that are kept; the oldest are dropped."""


class ExpectedCalls:
    """The tasks that the service calls back for.

    An entry stays when its task has ended, because the service may call again.

    Args:
        url_for: Makes callback URLs; None gives the service none.
        most: Tasks that are kept.
    """

    def __init__(self, url_for: UrlFor | None = None, most: int = MOST) -> None:
        self.url_for = url_for
        self._most = most
        self._tasks: dict[str, str] = {}
        self._called: dict[str, bool] = {}

    def add(self, purchase: str, task_id: str) -> None:
        """Note the task of a purchase that has a callback URL."""
        self._tasks[purchase] = task_id
        self._called.setdefault(task_id, False)
        if len(self._tasks) > self._most:
            self._called.pop(self._tasks.pop(next(iter(self._tasks))), None)

    def is_expected(self, task_id: str) -> bool:
        """Whether the service calls back for a task."""
        return task_id in self._called

    def was_called(self, task_id: str) -> bool:
        """Whether the service has called back for a task."""
        return self._called.get(task_id, False)

    def called(self, purchase: str) -> str | None:
        """Note a callback; return the task of the purchase, None if it is not known here."""
        task_id = self._tasks.get(purchase)
        if task_id is not None:
            self._called[task_id] = True
        return task_id
