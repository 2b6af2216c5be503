"""Measuring media behind a URL by their first bytes.

The request is sent by `ResultReader`, with its guard against private addresses.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO

import anyio
import anyio.to_thread

from ..downloads import ResultReader
from ..errors import DownloadError, LinkExpiredError
from ..media import UnreadableError, measure
from .media_check import Measured

# Videos made for the web have their index at the beginning, and it is rarely longer.
FIRST_BYTES = 1 << 20
"""How much of the file is read."""


async def measure_remote(url: str, result_reader: ResultReader, limiter: anyio.CapacityLimiter) -> Measured | None:
    """Measure what a URL leads to.

    Args:
        url: The URL.
        result_reader: Reads it.
        limiter: Limits the threads that measure.

    Returns:
        What the file is; an `UnreadableError` if it is damaged or not served; None if its host cannot be reached from
        here.
    """
    try:
        first, size_bytes = await _first_bytes(url, result_reader)
        act = partial(measure, BytesIO(first), size_bytes=size_bytes)
        return await anyio.to_thread.run_sync(act, limiter=limiter, abandon_on_cancel=True)
    except LinkExpiredError:
        return UnreadableError("is not served: its host answers 403, 404 or 410")
    except DownloadError:
        # The service may reach the host although this machine cannot.
        return None
    except UnreadableError as error:
        return error


async def _first_bytes(url: str, result_reader: ResultReader) -> tuple[bytes, int]:
    """Return the first bytes of a file and the size of the whole file."""
    first = bytearray()
    async with result_reader.open(url) as remote:
        async for piece in remote.pieces:
            first += piece
            if len(first) >= FIRST_BYTES:
                # Without a size from the host, one byte more than was read says "incomplete" to the probe.
                return bytes(first), len(first) + 1 if remote.version.size_bytes is None else remote.version.size_bytes
    return bytes(first), len(first)
