"""The page of a run: the journal that it is made from, the page beside the films, the live page.

What the page holds is in the package's room `report`; it is imported when there is a page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ...errors import ConfigurationError, EvolinkError
from ...version import how_to_install
from ..output.terminal import Terminal

PAGE = "index.html"
"""The name of the page beside the films."""


def can_make_pages() -> bool:
    """Whether the extra `report` is installed."""
    return find_spec("jinja2") is not None


@contextmanager
def passing_journal(name: str) -> Generator[Path, None, None]:
    """Give a journal file that lasts as long as a run on an emulator of its own, whose tasks end with it.

    Args:
        name: What the page calls it.
    """
    # A run that is cut short may have a write under way, whose file comes after the others were removed.
    with tempfile.TemporaryDirectory(prefix="evolink-run-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / f"{name}.journal.db"


def write_page(journal: Path, folder: Path, terminal: Terminal) -> Path | None:
    """Write the page of a journal beside the films; say why, if it cannot be.

    Whatever keeps it from being written is told and not raised: the films are there all the same.

    Args:
        journal: The journal of the run.
        folder: The folder of the films.
        terminal: Where problems are printed.

    Returns:
        The page; None if there is none.
    """
    if not can_make_pages():
        terminal.note(f"There is no page to look at them; {how_to_install('report')}")
        return None
    from ...report import write_report

    path = folder / PAGE
    try:
        write_report(journal, path)
    except (EvolinkError, OSError) as error:
        terminal.note(f"note: there is no page to look at them: {error}")
        return None
    except KeyboardInterrupt:
        terminal.note("note: stopped before the page was written; `evolink-async report JOURNAL` makes one")
        return None
    return path.absolute()


def check_dashboard(journal: Path | None) -> None:
    """Refuse a live page that cannot be.

    Raises:
        ConfigurationError: There is no journal to show, or the extra `report` is not installed.
    """
    if journal is None:
        raise ConfigurationError("--dashboard shows the journal of the run; leave out --no-journal")
    if not can_make_pages():
        raise ConfigurationError(f"--dashboard needs jinja2; {how_to_install('report')}")
