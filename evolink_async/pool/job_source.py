"""The input of a run: an iterable or async iterable of jobs, read as one kind.

When an item is read is decided in `run`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import TypeAlias, cast

from ..jobs import Job
from ..params import AnyParams

Wishes: TypeAlias = "Iterable[Job | AnyParams] | AsyncIterable[Job | AnyParams]"


async def read_jobs(wishes: Wishes) -> AsyncGenerator[Job | AnyParams, None]:
    """Read either kind of input as one kind, and close it when we stop early."""
    if not isinstance(wishes, AsyncIterable):
        for wish in wishes:
            yield wish
    elif isinstance(wishes, AsyncGenerator):
        async with aclosing(cast("AsyncGenerator[Job | AnyParams, None]", wishes)) as generator:
            async for wish in generator:
                yield wish
    else:
        async for wish in wishes:
            yield wish
