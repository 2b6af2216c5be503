"""Takes the first Ctrl-C instead of asyncio; the second one is left to asyncio, which cancels the command.

What the first one does is an argument; see `run_pool`.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def on_first_ctrl_c(act: Callable[[], None]) -> Generator[None, None, None]:
    """Call `act` in the running event loop at the first Ctrl-C; a second one cancels the command.

    Where Ctrl-C is ignored, as in a job that a shell runs in the background, it stays ignored. Outside the main thread
    this does nothing.
    """
    earlier = signal.getsignal(signal.SIGINT)
    # SIG_IGN and SIG_DFL are not callable. signal.signal raises outside the main thread.
    if not callable(earlier) or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def receive(*_: object) -> None:
        signal.signal(signal.SIGINT, earlier)
        # Not call_soon: a loop that waits for the network must be woken up.
        loop.call_soon_threadsafe(act)

    signal.signal(signal.SIGINT, receive)
    try:
        yield
    finally:
        # After a first Ctrl-C the earlier handler is back already, or another one was installed since.
        if signal.getsignal(signal.SIGINT) is receive:
            signal.signal(signal.SIGINT, earlier)
