"""Reads a journal into the value that the page is made of. It blocks the calling thread.

What is told of each job is decided in `cards`; the page is made in `page`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs

from ..jobs import Accepted, Unknown
from ..journal.doubts import Doubt, is_in_use, read_doubts
from ..journal.histories import HistoryReader
from .cards import AddressOf, Card, card_of


@attrs.frozen(kw_only=True)
class Report:
    """All that a page shows.

    Attributes:
        name: The name of the journal, without its endings.
        journal: The path of the journal, as it is written in commands.
        made_at: Unix seconds when it was read.
        cards: The jobs, in the order in which they were first written.
        is_live: Whether the page is fed with changes.
        settles: Whether the page can settle a job in doubt.
        revision: The number of the last change that it shows, if it is fed with changes.
    """

    name: str
    journal: str
    made_at: float
    cards: Sequence[Card]
    is_live: bool = False
    settles: bool = False
    revision: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return attrs.asdict(self, recurse=False) | {"cards": [card.as_json() for card in self.cards]}


class PageReader:
    """Reads the jobs of a journal, and at each further call those that have changed.

    Args:
        journal: The journal file.
        address_of: Gives the addresses of films.
    """

    def __init__(self, journal: Path, address_of: AddressOf) -> None:
        self._journal, self._address_of = journal, address_of
        self._histories = HistoryReader(journal)

    @property
    def mark(self) -> object:
        """A value that changes when the file does, but for changes within the same few milliseconds."""
        return (*self._histories.mark, is_in_use(self._journal))

    def changes(self) -> list[Card]:
        """Return what has changed since the last call; at first, all.

        Raises:
            ConfigurationError: The file does not exist, or is empty.
            JournalError: The file is not a journal, or cannot be read.
        """
        changed = self._histories.changes()
        doubts = self._doubts() if any(_may_be_doubt(history.standing) for history in changed) else {}
        return [card_of(history, doubts.get(history.key), self._address_of) for history in changed]

    def _doubts(self) -> dict[str, Doubt]:
        return {doubt.key: doubt for doubt in read_doubts(self._journal)}


def _may_be_doubt(standing: object) -> bool:
    return isinstance(standing, Accepted | Unknown)


def read_report(journal: Path, beside: Path | None = None) -> Report:
    """Read a journal. Nothing is changed, so a run may be using it. Blocks the calling thread.

    Args:
        journal: The journal file.
        beside: The folder that the page is for: films in it get relative addresses, so that it can be moved. Default:
            that of the journal.

    Raises:
        ConfigurationError: The file does not exist, or is empty.
        JournalError: The file is not a journal, or cannot be read.
    """
    folder = (beside or journal.parent).absolute()
    cards = PageReader(journal, lambda _, __, path: address_from(folder, path)).changes()
    return Report(name=name_of(journal), journal=str(journal), made_at=time.time(), cards=tuple(cards))


def name_of(journal: Path) -> str:
    """Return the name of a journal without the endings that the command line gives it."""
    return journal.name.removesuffix(".db").removesuffix(".journal") or journal.name


def address_from(folder: Path, path: Path) -> str | None:
    """Return the address of a film for a page in a folder; None if there is no such file."""
    try:
        if not path.is_file():
            return None
        if path.is_relative_to(folder):
            # "./": the part before a colon would be a scheme.
            return "./" + quote(path.relative_to(folder).as_posix(), safe="/", errors="surrogateescape")
        return Path(os.path.normpath(path)).as_uri()
    except (OSError, ValueError):
        return None
