"""The command `report`: writes the page of a journal.

What the page holds is in the package's room `report`.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import ConfigurationError
from ...journal import is_address
from ..exit_codes import OK
from ..output.terminal import Terminal
from ..running.run_page import PAGE


def report(journal: str, out: Path | None, terminal: Terminal) -> int:
    """Write the page of a journal, and print where it is; return the exit code.

    Args:
        journal: The journal file, or the address of a server.
        out: The file to write; None for `PAGE` beside the journal file.
        terminal: Where the path is printed.

    Raises:
        ConfigurationError: An extra is not installed; the journal does not exist or is empty; a server is given and no
            file to write; or the file cannot be written, or is another one.
        JournalError: The journal is not one, or cannot be read.
    """
    from ...report import write_report

    if out is None and is_address(journal):
        raise ConfigurationError("a journal on a server has no folder for the page; name the file, as -o page.html")
    path = Path(journal).absolute().parent / PAGE if out is None else out
    write_report(journal, path)
    terminal.say(str(path))
    terminal.note(f"Open it in a browser: {path.absolute().as_uri()}")
    return OK
