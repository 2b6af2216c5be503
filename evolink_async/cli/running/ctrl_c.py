"""The first Ctrl-C, taken before asyncio hears of it; the next one is asyncio's again.

What a command does then is its own business.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def first_ctrl_c(act: Callable[[], None]) -> Generator[None, None, None]:
    """Have `act` called in the event loop at the first Ctrl-C; a second one cancels the command, as the first would.

    Where Ctrl-C is ignored, as in a job that a shell runs in the background, it stays ignored.
    """
    earlier = signal.getsignal(signal.SIGINT)
    if not callable(earlier) or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def heard(*_: object) -> None:
        signal.signal(signal.SIGINT, earlier)
        loop.call_soon_threadsafe(act)  # also wakes a loop that waits for the network

    signal.signal(signal.SIGINT, heard)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is heard:
            signal.signal(signal.SIGINT, earlier)
