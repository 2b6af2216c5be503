"""Takes the first Ctrl-C instead of asyncio; a second one, SIGTERM and SIGHUP cancel the command as asyncio does.

What the first one does is an argument; see `run_pool`.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

# A service manager and a closed terminal end a program with these, and without a word at once.
_ENDINGS = ("SIGTERM", "SIGHUP")


@contextmanager
def on_first_ctrl_c(act: Callable[[], None]) -> Generator[None, None, None]:
    """Call `act` in the running event loop at the first Ctrl-C; a second one, SIGTERM or SIGHUP cancels the command.

    A signal that is ignored, as Ctrl-C in a job that a shell runs in the background, or SIGHUP under `nohup`, stays
    ignored. Outside the main thread this does nothing.
    """
    cancel = signal.getsignal(signal.SIGINT)
    # SIG_IGN and SIG_DFL are not callable. signal.signal raises outside the main thread.
    if threading.current_thread() is not threading.main_thread() or not callable(cancel):
        yield
        return
    loop = asyncio.get_running_loop()

    def receive(*_: object) -> None:
        signal.signal(signal.SIGINT, cancel)
        # Not call_soon: a loop that waits for the network must be woken up.
        loop.call_soon_threadsafe(act)

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, cancel)
        cancel(number, frame)

    signal.signal(signal.SIGINT, receive)
    endings = [getattr(signal, name) for name in _ENDINGS if hasattr(signal, name)]
    taken = [number for number in endings if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
        # After a first Ctrl-C the earlier handler is back already, or another one was installed since.
        if signal.getsignal(signal.SIGINT) is receive:
            signal.signal(signal.SIGINT, cancel)
