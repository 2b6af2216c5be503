"""The input of a run: an iterable or async iterable of jobs, read as one kind.

When an item is read is decided in `run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import TypeAlias, cast

from ..errors import ConfigurationError
from ..jobs import Job
from ..params import AnyParams

JobSource: TypeAlias = "Iterable[Job | AnyParams] | AsyncIterable[Job | AnyParams]"

AT_ONCE = 16
"""Items that are read in one turn of the event loop, at most."""


async def read_jobs(source: JobSource) -> AsyncGenerator[Job | AnyParams, None]:
    """Read either kind of input as one kind; close an async generator when reading stops early.

    Raises:
        ConfigurationError: The input let a cancellation out that is not one of the task that reads.
    """
    number = 0
    try:
        async with aclosing(_items(source)) as items:
            async for item in items:
                yield item
                number += 1
                if number % AT_ONCE == 0:
                    # The jobs that a journal knows as ended wait for nothing: a run that resumes would go through
                    # thousands of them in one turn. Nothing is lost by a cancellation here: no item is in hand.
                    await asyncio.sleep(0)
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        # Nobody cancelled this task. Let out, it would end the reading without a word.
        raise ConfigurationError("the input raised CancelledError; nothing more was read") from error


async def _items(source: JobSource) -> AsyncGenerator[Job | AnyParams, None]:
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
