"""Writes to standard output (results) and standard error (problems, progress); all other files print through it.

It composes no sentence but the frame of an error.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Self, TextIO, cast

import attrs
from rich.console import Console, RenderableType
from rich.text import Text

from .streams import Tolerant, abandon

# Columns of a table in a pipe or a log, where rich would assume 80 and fold long keys and paths.
_WIDTH_WITHOUT_TERMINAL = 110
# In no column rich prints nothing, and in one or two cyclopts wraps help for ever. A terminal folds what is too wide.
_LEAST_WIDTH = 20

# rich takes a superscript two for a number, and fails; and it fills as many columns as it is told.
_SIZE = re.compile("[0-9]{1,4}")

# Control characters, line separators, marks that reverse the order of what follows, and surrogates. Spaces of other
# scripts and the joiners inside emoji are shown as they are.
_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@attrs.frozen(kw_only=True)
class Terminal:
    """The two output streams of the process.

    Errors of standard output are raised, as a program may wait for what is written; those of standard error are not.

    Attributes:
        out: Standard output.
        err: Standard error.
        shows_tables: Whether standard output is a terminal and gets tables; else it gets JSON lines.
        shows_progress: Whether standard error is a terminal, which can show a progress display.
    """

    out: Console
    err: Console
    shows_tables: bool
    shows_progress: bool

    @classmethod
    def here(cls) -> Self:
        """Return the streams of this process, as they are now; what is no size leaves the environment."""
        for name in ("COLUMNS", "LINES"):
            if not _SIZE.fullmatch(os.environ.get(name, "")):
                os.environ.pop(name, None)
        # Not `Console.is_terminal`: FORCE_COLOR makes that true in a pipe, where a program reads.
        shows_tables, shows_progress = sys.stdout.isatty(), sys.stderr.isatty()
        return cls(out=_console(), err=_console(stderr=True), shows_tables=shows_tables, shows_progress=shows_progress)

    def say(self, what: RenderableType = "") -> None:
        """Print a line or a table to standard output."""
        # soft_wrap: sentences hold commands and links to copy, so they are not wrapped.
        with _abandoning_stdout():
            self.out.print(plain(what) if isinstance(what, str) else what, soft_wrap=isinstance(what, str))

    def note(self, what: RenderableType = "") -> None:
        """Print a line to standard error."""
        self.err.print(plain(what) if isinstance(what, str) else what, soft_wrap=isinstance(what, str))

    def error(self, message: str, advice: str = "") -> None:
        """Print an error to standard error, and what to do about it."""
        self.err.print(Text.assemble(("error: ", "bold red"), plain(message)), soft_wrap=True)
        if advice:
            self.err.print(Text.assemble(("what to do: ", "bold"), plain(advice)), soft_wrap=True)

    def json_line(self, value: Mapping[str, object]) -> None:
        """Write one JSON object to standard output and flush it, for a program that reads along."""
        # Not through rich, which may wrap lines and replaces what the console's encoding lacks.
        with _abandoning_stdout():
            self.out.file.write(json_text(value))
            self.out.file.flush()


def json_text(value: Mapping[str, object]) -> str:
    """Return one line of JSON in ASCII, which every encoding of a console can represent."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")) + "\n"


def plain(text: str) -> Text:
    """Return text without control characters or markup: messages may quote a service or a file."""
    return Text(_OBEYED.sub("\N{REPLACEMENT CHARACTER}", text))


@contextmanager
def _abandoning_stdout() -> Generator[None, None, None]:
    """Raise what standard output raises, and write nothing more to it: the flush at exit would raise again."""
    try:
        yield
    except OSError:
        abandon(sys.stdout)
        raise


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # rich would exit with 1; whoever runs the command decides. Called while the BrokenPipeError is handled.
        raise


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_WITHOUT_TERMINAL
    # rich asks only for methods that Tolerant has.
    file = cast("TextIO", Tolerant(stream)) if stderr else None
    console = _Console(file=file, stderr=stderr, width=width, markup=False, highlight=False, emoji=False)
    # Set only if it is too small: a width that is set no longer follows the terminal.
    if console.width < _LEAST_WIDTH:
        console.width = _LEAST_WIDTH
    return console
