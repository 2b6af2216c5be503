"""Where words go: sentences and progress to stderr, results to stdout. The only writer of this package.

No sentence is composed here but the frame of an error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Self

import attrs
from rich.console import Console, RenderableType
from rich.text import Text

_WIDTH_WITHOUT_TERMINAL = 110
"""Columns of a table in a pipe or a log, where rich would assume 80."""


@attrs.frozen(kw_only=True)
class Terminal:
    """The two streams of a process.

    Attributes:
        out: Standard output.
        err: Standard error.
        for_eyes: Whether a person reads standard output; else results are JSON lines.
        is_live: Whether standard error can show a picture that moves.
    """

    out: Console
    err: Console
    for_eyes: bool
    is_live: bool

    @classmethod
    def here(cls) -> Self:
        """Take the streams of this process, as they are now."""
        # Not `Console.is_terminal`: FORCE_COLOR makes that true in a pipe, where a program reads.
        return cls(out=_console(), err=_console(stderr=True), for_eyes=_is_tty(1), is_live=_is_tty(2))

    def say(self, what: RenderableType = "") -> None:
        """Write to standard output."""
        self.out.print(plain(what) if isinstance(what, str) else what, soft_wrap=isinstance(what, str))

    def note(self, what: RenderableType = "") -> None:
        """Write to standard error."""
        self.err.print(plain(what) if isinstance(what, str) else what, soft_wrap=isinstance(what, str))

    def complain(self, message: str, advice: str = "") -> None:
        """Write an error, and what to do about it."""
        self.err.print(Text.assemble(("error: ", "bold red"), plain(message)), soft_wrap=True)
        if advice:
            self.err.print(Text.assemble(("what to do: ", "bold"), plain(advice)), soft_wrap=True)

    def json_line(self, value: Mapping[str, object]) -> None:
        """Write one JSON object to standard output, at once, for a program that reads along."""
        self.out.file.write(json_text(value))
        self.out.file.flush()


def json_text(value: Mapping[str, object]) -> str:
    """Return one line of JSON; plain ASCII, so that no console's encoding can spoil it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")) + "\n"


def plain(text: str) -> Text:
    """Return text with nothing in it that a terminal obeys: messages may come from anywhere."""
    return Text("".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text))


def abandon_stdout() -> None:
    """Send what is still buffered for standard output nowhere: its reader has gone."""
    try:
        target = sys.stdout.fileno()
    except (OSError, ValueError):  # not a real file, so nothing will complain at exit
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, target)
    os.close(nowhere)


def _console(*, stderr: bool = False) -> Console:
    is_sized = _is_tty(2 if stderr else 1) or "COLUMNS" in os.environ
    width = None if is_sized else _WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def _is_tty(number: int) -> bool:
    stream = sys.stdout if number == 1 else sys.stderr
    return stream.isatty()
