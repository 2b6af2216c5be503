"""Writes outcomes as JSON lines, to the results file or to standard output.

The JSON object of an outcome is made in `outcomes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import SEEK_END, FileIO
from pathlib import Path

from ...errors import ConfigurationError
from ...jobs import Outcome
from .outcomes import outcome_object
from .terminal import Terminal, json_text


class ResultsWriter:
    """Writes outcomes as JSON lines: to the results file, else to standard output if that is no terminal.

    A context manager that gives the function to call with each outcome. If the file cannot be written any more, this
    outcome and all later ones go to standard output.

    Args:
        path: The results file, which is appended to; None for none.
        models: The model of each job, by key.
        terminal: Prints problems with the file.

    Raises:
        ConfigurationError: When entered: the file cannot be written.
    """

    def __init__(self, path: Path | None, models: Mapping[str, str], terminal: Terminal) -> None:
        self._path, self._models, self._terminal = path, models, terminal
        self._file: FileIO | None = None
        self._to_stdout = path is None and not terminal.shows_tables

    def __enter__(self) -> Callable[[Outcome], None]:
        if self._path is not None:
            try:
                # FileIO, not open(): unbuffered, so a line is in the file as soon as its job has ended.
                self._file = FileIO(self._path, "a")
                if _ends_within_a_line(self._path):
                    self._file.write(b"\n")
                    self._terminal.note(
                        f"note: the last line of {self._path} seems cut off; it stays as it is, new ones come after it"
                    )
            except (OSError, ValueError) as error:
                reason = (error.strerror if isinstance(error, OSError) else None) or error
                raise ConfigurationError(f"cannot write the results file {str(self._path)!r}: {reason}") from None
        return self._write

    def _write(self, outcome: Outcome) -> None:
        value = outcome_object(outcome, self._models.get(outcome.key))
        if self._file is not None:
            self._append(self._file, value)
        # Not "else": an outcome that could not be appended goes to standard output.
        if self._to_stdout:
            self._terminal.json_line(value)

    def _append(self, file: FileIO, value: dict[str, object]) -> None:
        line = json_text(value).encode()
        try:
            # An unbuffered write may be partial without raising when the disk becomes full.
            reason = "the disk is full" if file.write(line) < len(line) else None
        except OSError as error:
            reason = error.strerror or str(error)
        if reason is not None:
            self._terminal.error(
                f"cannot write to the results file: {reason}",
                "This outcome and all that follow are on standard output instead.",
            )
            self._file, self._to_stdout = None, True
            file.close()

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _ends_within_a_line(path: Path) -> bool:
    """Whether an earlier process was killed, or its disk became full, while it wrote to this file."""
    # Devices and pipes, as /dev/stdout, have no last byte to read.
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, SEEK_END)
        return file.read(1) != b"\n"
