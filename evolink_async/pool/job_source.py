"""The input of a run: an iterable or async iterable of jobs, read as one kind.

When an item is read is decided in `run`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import TypeAlias, cast

from ..jobs import Job
from ..params import AnyParams

JobSource: TypeAlias = "Iterable[Job | AnyParams] | AsyncIterable[Job | AnyParams]"


async def read_jobs(source: JobSource) -> AsyncGenerator[Job | AnyParams, None]:
    """Read either kind of input as one kind; close an async generator when reading stops early."""
    if not isinstance(source, AsyncIterable):
        for item in source:
            yield item
    elif isinstance(source, AsyncGenerator):
        async with aclosing(cast("AsyncGenerator[Job | AnyParams, None]", source)) as generator:
            async for item in generator:
                yield item
    else:
        async for item in source:
            yield item
