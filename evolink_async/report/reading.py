"""Reads a journal into the value that the page is made of. It blocks the calling thread.

What is told of each job is decided in `cards`; the page is made in `page`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs

from ..jobs import Unknown
from ..journal import is_address
from ..journal.doubts import Doubt
from ..journal.histories import JobHistory
from ..journal.places import JournalPlace, journal_at
from .cards import AddressOf, Card, card_of


@attrs.frozen(kw_only=True)
class Report:
    """All that a page shows.

    Attributes:
        name: The name of the journal, without its endings.
        journal: The path of the journal, or its address without user and password.
        word: What stands for it in commands.
        made_at: Unix seconds when it was read.
        cards: The jobs, in the order in which they were first written.
        most_ends: How many ends it shows at most, the latest; None for all.
        is_live: Whether the page is fed with changes.
        settles: Whether the page can settle a job in doubt.
        revision: The number of the last change that it shows, if it is fed with changes.
    """

    name: str
    journal: str
    word: str
    made_at: float
    cards: Sequence[Card]
    most_ends: int | None = None
    is_live: bool = False
    settles: bool = False
    revision: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return attrs.asdict(self, recurse=False) | {"cards": [card.as_json() for card in self.cards]}


class PageReader:
    """Reads the jobs of a journal, and at each further call those that have changed.

    Args:
        journal: The journal.
        address_of: Gives the addresses of films.
    """

    def __init__(self, journal: JournalPlace, address_of: AddressOf) -> None:
        self._journal, self._address_of = journal, address_of
        self._histories = journal.histories()
        self._untold: dict[int, JobHistory] = {}

    @property
    def mark(self) -> object:
        """A value that changes when the journal does; see `Histories`."""
        return self._histories.mark

    def report(self, cards: Iterable[Card], *, settles: bool | None = None, revision: int = 0) -> Report:
        """Return what a page shows of the journal now.

        Args:
            cards: The jobs.
            settles: Whether a live page can settle jobs; None for a page that is a file.
            revision: The number of the last change that a live page shows.
        """
        return Report(
            # Without the endings that the command line gives it; of an address, the name of the database.
            name=(name := Path(self._journal.name).name).removesuffix(".db").removesuffix(".journal") or name,
            journal=self._journal.name,
            word=self._journal.word,
            made_at=time.time(),
            cards=tuple(cards),
            most_ends=self._histories.most_ends,
            is_live=settles is not None,
            settles=bool(settles),
            revision=revision,
        )

    def changes(self) -> list[Card]:
        """Return what has changed since the last call; at first, all.

        Raises:
            ConfigurationError: There is no such journal.
            JournalError: It is not a journal, or cannot be read.
        """
        # Kept until they are told: a server may be lost between the two reads.
        self._untold |= {history.place: history for history in self._histories.changes()}
        changed = [self._untold[place] for place in sorted(self._untold)]
        doubts = self._doubts() if any(_is_doubt(history) for history in changed) else {}
        self._untold.clear()
        return [card_of(history, doubts.get(history.key), self._address_of) for history in changed]

    def _doubts(self) -> dict[str, Doubt]:
        return {doubt.key: doubt for doubt in self._journal.doubts()}


def _is_doubt(history: JobHistory) -> bool:
    return history.is_missing or isinstance(history.standing, Unknown)


def read_report(journal: str | Path, beside: Path | None = None) -> Report:
    """Read a journal. Nothing is changed, so a run may be using it. Blocks the calling thread.

    Args:
        journal: The journal file, or the address of a server.
        beside: The folder that the page is for: films in it get relative addresses, so that it can be moved. Default:
            that of the journal file; for a server, the current one.

    Raises:
        ConfigurationError: There is no such journal, the address cannot be read, or the extra for it is not installed.
        JournalError: It is not a journal, or cannot be read.
    """
    folder = (beside or (Path() if is_address(journal) else Path(journal).parent)).absolute()
    reader = PageReader(journal_at(journal), lambda _, __, path: address_from(folder, path))
    return reader.report(reader.changes())


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
