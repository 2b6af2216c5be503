"""What an engine knows of the runs that it carries, and what a run knows of saving.

The engine and the run do not import each other's file for this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from ..jobs import Completed
from ..settings import Limits

Save: TypeAlias = "Callable[[Completed], Awaitable[Completed]]"
"""Fetches the files of a completed job; what goes wrong stands in its `download_error`."""


class Work(Protocol):
    """What goes on under an engine until it is closed; a `Run` is one."""

    @property
    def waiting(self) -> int:
        """Jobs read and not yet submitted."""
        ...

    def retune(self, limits: Limits) -> None:
        """Keep to other limits from now on."""
        ...

    def stop(self, error: BaseException | None) -> None:
        """Come to an end, with `error` if there is one."""
        ...

    def shut(self, error: BaseException | None = None) -> None:
        """Begin nothing more; who still reads gets `error`, if there is one."""
        ...

    async def aclose(self, error: BaseException | None = None) -> None:
        """Stop, and wait until nothing is under way; who still reads gets `error`, if there is one."""
        ...
