"""Every rival's client, open and able to poll once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from .clients import RIVALS, enter


@asynccontextmanager
async def rival_polls(stub_url: str) -> AsyncIterator[dict[str, Callable[[], Awaitable[object]]]]:
    """Each client's own status read, by its name and version."""
    async with AsyncExitStack() as stack:
        entered = [await enter(stack, package, stub_url) for package in RIVALS]
        yield {one.name: one.client.poll for one in entered if one is not None}
