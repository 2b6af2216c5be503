"""Ctrl-C while the command imports its modules: the process ends without a traceback, as nothing has begun.

The package imports this first, because its other imports take most of the time until a command begins. In a program
that is not the command it does nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import PurePath

__all__ = ("begin", "end", "is_command")

_MODULES = ("evolink_async", "evolink_async.cli")
_SCRIPT = "evolink-async"
_OPTIONS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


def is_command(arguments: Sequence[str]) -> bool:
    """Whether these arguments of an interpreter start the command, as a module or by its script.

    Args:
        arguments: Those of `sys.orig_argv`.
    """
    words = iter(arguments[1:])
    for word in words:
        if word == "-c":
            return False
        if word == "-m":
            return next(words, "") in _MODULES
        # The first word that is no option of the interpreter, nor the value of one, is the script.
        if word in _OPTIONS_WITH_VALUE:
            next(words, "")
        elif not word.startswith("-"):
            return PurePath(word).stem == _SCRIPT
    return False


def begin() -> None:
    """Let Ctrl-C end the process at once, with exit code 130; a program's own handler is kept."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def end() -> None:
    """Let Ctrl-C raise a KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(*_: object) -> None:
    # Not an exception: one that is raised in the middle of an import may be swallowed, or gets a traceback.
    os._exit(130)


if is_command(sys.orig_argv):
    begin()
