"""What Ctrl-C, SIGTERM and SIGHUP do to a command: they end it in the same way.

Only the standard library is imported, as this runs before all else. What the first Ctrl-C of a run does is in
`running.run_pool`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

# A service manager and a closed terminal end a program with these, and by default without a word.
_ENDINGS = ("SIGTERM", "SIGHUP")

AGAIN_SECONDS = 0.01
"""Seconds after which an interrupt that was lost is sent again: the callback in which it was lost has ended by then."""


@contextmanager
def endings_as_ctrl_c() -> Generator[None, None, None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does at that moment.

    A signal that is ignored, as SIGHUP under `nohup`, stays ignored. Outside the main thread this does nothing.
    """

    def end(number: int, frame: FrameType | None) -> None:
        # In a job that a shell runs in the background Ctrl-C is ignored: SIG_IGN is not callable.
        interrupt = signal.getsignal(signal.SIGINT)
        (interrupt if callable(interrupt) else signal.default_int_handler)(number, frame)

    with _taken(end), _lost_ones_again(end):
        yield


@contextmanager
def on_first_ctrl_c(act: Callable[[], None]) -> Generator[None, None, None]:
    """Call `act` in the running event loop at the first Ctrl-C; a second one, SIGTERM or SIGHUP cancels the command.

    A signal that is ignored, as Ctrl-C in a job that a shell runs in the background, stays ignored. Outside the main
    thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, command, interrupt = asyncio.get_running_loop(), asyncio.current_task(), signal.getsignal(signal.SIGINT)

    def receive(*_: object) -> None:
        signal.signal(signal.SIGINT, interrupt)
        # Not call_soon: a loop that waits for the network must be woken up.
        loop.call_soon_threadsafe(act)

    def end(number: int, frame: FrameType | None) -> None:
        if callable(interrupt):
            signal.signal(signal.SIGINT, interrupt)
            interrupt(number, frame)
        elif command is not None:
            loop.call_soon_threadsafe(command.cancel)

    # SIG_IGN and SIG_DFL are not callable.
    if callable(interrupt):
        signal.signal(signal.SIGINT, receive)
    try:
        with _taken(end):
            yield
    finally:
        # After a first Ctrl-C the earlier handler is back already, or another one was installed since.
        if signal.getsignal(signal.SIGINT) is receive:
            signal.signal(signal.SIGINT, interrupt)


@contextmanager
def _taken(handler: Callable[[int, FrameType | None], None]) -> Generator[None, None, None]:
    """Let `handler` receive SIGTERM and SIGHUP, unless they are ignored."""
    # signal.signal raises outside the main thread.
    is_main = threading.current_thread() is threading.main_thread()
    endings = [getattr(signal, name) for name in _ENDINGS if is_main and hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in endings}
    # None: a handler that was not installed from Python, which could not be put back.
    taken = {number: was for number, was in before.items() if was not in (signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, was in taken.items():
            signal.signal(number, was)


@contextmanager
def _lost_ones_again(handler: Callable[[int, FrameType | None], None]) -> Generator[None, None, None]:
    """Call `handler` soon after a KeyboardInterrupt that Python dropped, as in a `__del__` or a weakref's callback."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    report = sys.unraisablehook

    def note(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            report(dropped)
            return
        # By a timer: raised here, within the callback, it would be dropped again.
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)

    sys.unraisablehook = note
    try:
        yield
    finally:
        sys.unraisablehook = report
        if signal.getsignal(signal.SIGALRM) is handler:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
