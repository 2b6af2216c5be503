"""The answers to paid requests, until the server has them.

Until then this process alone knows the task. So what the server does not take is written again: with each heartbeat,
before the end of its job, and at closing. What is left then is told in the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import attrs

from ..errors import JournalError
from .entries import log_late, log_unwritten
from .postgres_connections import Connection
from .postgres_settling import answer


@attrs.frozen(eq=False)
class Answer:
    """The answer to a paid request.

    Attributes:
        query: `ACCEPT` or `ANSWER_LATE`.
        values: For its parameters.
    """

    query: str
    values: Mapping[str, Any]

    @property
    def task_id(self) -> str:
        """The task that was paid for."""
        return str(self.values["task_id"])

    @property
    def asker(self) -> str:
        """What was asked for, in words."""
        key, purchase = self.values.get("key"), self.values["purchase"]
        return f"the purchase {purchase!r}" if key is None else f"the job {key!r}"


class CarryOut(Protocol):
    """Does something with a connection, to its end, whether or not the call is cancelled."""

    async def __call__(
        self, act: Callable[[Connection], Awaitable[dict[str, Any]]], *, patience: float | None = None
    ) -> dict[str, Any]:
        """Return what it reports."""
        ...


class Answers:
    """Those that one opening of a journal was told.

    Args:
        carry_out: How a write is made.
    """

    def __init__(self, carry_out: CarryOut) -> None:
        self._carry_out = carry_out
        self._unwritten: dict[Answer, bool] = {}
        """Those that the server has not confirmed; and whether that was said."""

    async def write(self, answered: Answer, *, patience: float | None = None) -> bool:
        """Write an answer, and keep it until that is done.

        Returns:
            Whether the task is that of a job.

        Raises:
            JournalError: The server cannot be reached, or refuses. It is written again later.
        """
        self._unwritten.setdefault(answered, False)

        async def act(connection: Connection) -> dict[str, Any]:
            report = await answer(connection, answered.query, answered.values)
            if self._unwritten.pop(answered, None) is not None and not report["is_taken"]:
                log_late(answered.task_id, answered.asker)
            return report

        try:
            return bool((await self._carry_out(act, patience=patience))["is_taken"])
        except JournalError:
            self._say(answered)
            raise

    async def write_again(self, task_id: str | None = None, *, patience: float | None = None) -> None:
        """Write what the server has not confirmed: all, or what is about one task."""
        for answered in list(self._unwritten):
            if task_id in (None, answered.task_id):
                await self.write(answered, patience=patience)

    def say(self) -> None:
        """Log each answer that the server has not confirmed."""
        for answered in list(self._unwritten):
            self._say(answered)

    def _say(self, answered: Answer) -> None:
        if self._unwritten.get(answered) is False:
            self._unwritten[answered] = True
            log_unwritten(answered.task_id, answered.asker)
