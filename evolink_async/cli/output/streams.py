"""The standard streams as the commands need them: open, able to write every character, and never fatal to a run.

What is written to them is composed elsewhere; only the standard library is imported, as this runs before all else.
"""

from __future__ import annotations

import io
import os
import select
import sys
from errno import EPIPE
from typing import TextIO


def open_streams() -> None:
    """Put the null device in place of closed streams, and let the others write what their encoding lacks as escapes.

    A closed standard input stays None in `sys.stdin`: reading it is an error that the user is told.
    """
    for number in range(3):
        _occupy(number)
    # Without closefd=False, Python warns of an unclosed file at its end.
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # In the C locale, standard output would raise a UnicodeEncodeError for every character beyond ASCII.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _occupy(number: int) -> None:
    """Open the null device as a closed descriptor, so that no journal or video gets the number of a stream."""
    try:
        os.fstat(number)
    except OSError:
        device = os.open(os.devnull, os.O_RDWR)
        if device != number:
            os.dup2(device, number)
            os.close(device)


def abandon(stream: TextIO) -> None:
    """Let a stream that cannot be written any more lead to the null device: a flush at exit would fail again."""
    try:
        target = stream.fileno()
    except (OSError, ValueError):
        # Not a real file, as under pytest: it raises nothing at exit.
        return
    device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(device, target)
    os.close(device)


class Tolerant(io.TextIOBase):
    """A stream whose errors are dropped: what people are told must not stop what is paid for.

    A log on a full disk, or a terminal that was closed, takes nothing more.

    Args:
        stream: Standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute here
        """That of the stream."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self._stream.fileno()

    def write(self, text: str, /) -> int:
        """Write a text if the stream takes it."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):  # full, gone, or closed
            abandon(self._stream)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered if the stream takes it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            abandon(self._stream)


def raise_if_reader_gone() -> None:
    """Find out whether standard output is a pipe that nobody reads any more, without writing to it.

    A system that cannot tell says so at the next write.

    Raises:
        BrokenPipeError: The reader has closed it.
    """
    if not hasattr(select, "poll"):
        return
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):
        # Not a real file, as under pytest.
        return
    waiting = select.poll()
    # No event is asked for: POLLERR, which a pipe without a reader has, is always told.
    waiting.register(number, 0)
    if any(event & select.POLLERR for _, event in waiting.poll(0)):
        raise BrokenPipeError(EPIPE, os.strerror(EPIPE))
