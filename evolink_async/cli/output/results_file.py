"""The results file: one JSON object a line, appended as jobs end, also after a run that was killed.

What an outcome looks like as JSON is `report`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import SEEK_END, FileIO
from pathlib import Path

from ...errors import ConfigurationError
from ...jobs import Outcome
from . import outcomes as report
from .terminal import Terminal, json_text


class ResultsWriter:
    """Writes outcomes as JSON lines: to the results file, else to standard output if a program reads it.

    Args:
        path: The results file; None for none.
        models: The model of each job, by its key.
        terminal: Where to say what is wrong.

    Raises:
        ConfigurationError: When entered: the file cannot be written.
    """

    def __init__(self, path: Path | None, models: Mapping[str, str], terminal: Terminal) -> None:
        self._path, self._models, self._terminal = path, models, terminal
        self._file: FileIO | None = None
        self._to_stdout = path is None and not terminal.for_eyes

    def __enter__(self) -> Callable[[Outcome], None]:
        if self._path is not None:
            try:
                self._file = FileIO(self._path, "a")  # unbuffered: a line is there as soon as its job has ended
                if _ends_within_a_line(self._path):
                    self._file.write(b"\n")
                    self._terminal.note(
                        f"note: the last line of {self._path} seems cut off; it stays as it is, new ones come after it"
                    )
            except (OSError, ValueError) as error:
                reason = (error.strerror if isinstance(error, OSError) else None) or error
                raise ConfigurationError(f"cannot write the results file {str(self._path)!r}: {reason}") from None
        return self._tell

    def _tell(self, outcome: Outcome) -> None:
        told = report.outcome_object(outcome, self._models.get(outcome.key))
        if self._file is not None:
            self._append(self._file, told)
        if self._to_stdout:
            self._terminal.json_line(told)

    def _append(self, file: FileIO, told: dict[str, object]) -> None:
        line = json_text(told).encode()
        try:
            reason = "the disk is full" if file.write(line) < len(line) else None
        except OSError as error:
            reason = error.strerror or str(error)
        if reason is not None:
            self._terminal.complain(
                f"cannot write to the results file: {reason}",
                "This outcome and all that follow are on standard output instead.",
            )
            self._file, self._to_stdout = None, True
            file.close()

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _ends_within_a_line(path: Path) -> bool:
    """Whether an earlier process was killed, or its disk was full, while it wrote to this file."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, SEEK_END)
        return file.read(1) != b"\n"
