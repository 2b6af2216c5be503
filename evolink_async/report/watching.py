"""Looks for changes of a journal while somebody watches, and hands them to every page.

Changes are read in a thread; the server is in `live`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from ..errors import EvolinkError
from .cards import Card
from .reading import PageReader

LOOK_SECONDS = 0.5
"""Seconds between two looks for changes."""
SHARE = 10
"""A look is followed by a pause of this many times its length: the run in the same process needs the processor too."""
SURE_SECONDS = 5.0
"""Seconds after which the journal is read even if its file looks unchanged: two changes may have the same time."""
QUEUE = 1000
"""Pieces that wait for a page; one that is further behind is closed, and asks anew."""

_log = logging.getLogger("evolink_async")

Pieces = asyncio.Queue[bytes | None]


def piece(event: str, value: object) -> bytes:
    """Return an event of a stream of server-sent events. JSON is one line."""
    return f"event: {event}\ndata: {json.dumps(value)}\n\n".encode()


@attrs.frozen
class _News:
    """What a look has found: the jobs, and the piece that tells of them; None if there is nothing."""

    cards: tuple[Card, ...] = ()
    piece: bytes | None = None


class Watching:
    """The jobs of a journal as they are known now, and the pages that are told of changes.

    Each look that finds something has a number, the revision: a page that connects again names the last one it knows.

    Args:
        reader: Reads the journal.
        facts: Gives figures of a run.
    """

    def __init__(self, reader: PageReader, facts: Callable[[], Mapping[str, object]]) -> None:
        self._reader, self._facts = reader, facts
        self._cards: dict[int, Card] = {}
        self._changed_in: dict[int, int] = {}
        self.revision: int = 0
        self._pages: set[Pieces] = set()
        self._told: Mapping[str, object] = {}
        self._mark: object = None
        self._read_at = -SURE_SECONDS
        self._now = asyncio.Event()
        self._is_looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._is_broken = False

    def start(self) -> None:
        """Look for changes from now on, while there are pages."""
        self._task = asyncio.create_task(self._watch(), name="evolink-async dashboard")
        self._task.add_done_callback(self._stopped)

    async def aclose(self, message: str) -> None:
        """Tell every page what is new, and that nothing more comes."""
        if self._task is not None:
            # Not in the middle of a look: its thread would read on beside the last one, and its news would be lost.
            async with self._is_looking:
                self._task.cancel()
            await asyncio.wait([self._task])
        self._mark = None
        if not self._is_broken:
            await self.look()
        self._end(message)

    def cards(self) -> list[Card]:
        """Return the jobs in the order of their places, as the last look found them."""
        return [self._cards[place] for place in sorted(self._cards)]

    def since(self, revision: int) -> bytes:
        """Return the piece that tells of all that came after a revision."""
        places = sorted(place for place, changed_in in tuple(self._changed_in.items()) if changed_in > revision)
        return _of_cards((self._cards[place] for place in places), self.revision) + piece("facts", dict(self._told))

    def film(self, place: str, number: str) -> Path | None:
        """Return the path of a film by what its address says; None if the journal names none."""
        if not (place.isascii() and place.isdigit() and number.isascii() and number.isdigit()):
            return None
        card = self._cards.get(int(place[:18]))
        films = card.films if card is not None else ()
        return Path(films[int(number[:9])].path) if int(number[:9]) < len(films) else None

    def look_soon(self) -> None:
        """Look for changes now, although the file looks unchanged."""
        self._mark = None
        self._now.set()

    @contextmanager
    def listening(self) -> Generator[Pieces, None, None]:
        """Give a queue of all pieces that come while it is entered. None ends it."""
        queue: Pieces = asyncio.Queue()
        self._pages.add(queue)
        self._now.set()
        try:
            yield queue
        finally:
            self._pages.discard(queue)

    async def look(self) -> None:
        """Read what has changed, and tell every page."""
        async with self._is_looking:
            news = await asyncio.to_thread(self._read)
            if news.piece is not None:
                self.revision += 1
                for card in news.cards:
                    self._cards[card.place], self._changed_in[card.place] = card, self.revision
                self._tell(news.piece)
            facts = dict(self._facts())
            if facts != self._told:
                self._told = facts
                self._tell(piece("facts", facts))

    def _end(self, message: str) -> None:
        for page in tuple(self._pages):
            self._put(page, piece("end", {"message": message}))
            self._put(page, None)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Say so if looking has ended by an error: a page that stands still looks like a run that does."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._is_broken = True
            _log.error("the live page shows no more changes: %r", error, exc_info=error)
            self._end("This page cannot be kept up to date any more.")

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            # Without a page there is nobody to tell, and nothing is read.
            if self._pages:
                await self.look()
            pause = max(LOOK_SECONDS, SHARE * (time.monotonic() - began)) if self._pages else None
            # Not wait_for, which in Python 3.11 swallows a cancellation that comes together with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._now.wait()
            self._now.clear()

    def _read(self) -> _News:
        # A journal that is not there yet, or cannot be read now, has no news: what stops a run is told by the run.
        try:
            mark, now = self._reader.mark, time.monotonic()
            if mark == self._mark and now - self._read_at < SURE_SECONDS:
                return _News()
            changed = tuple(self._reader.changes())
        except (EvolinkError, OSError):
            return _News()
        self._mark, self._read_at = mark, now
        return _News(changed, _of_cards(changed, self.revision + 1)) if changed else _News()

    def _tell(self, what: bytes) -> None:
        for page in tuple(self._pages):
            self._put(page, what)

    def _put(self, page: Pieces, what: bytes | None) -> None:
        if page.qsize() >= QUEUE:
            # The browser connects again by itself, and gets what it lacks then.
            self._pages.discard(page)
            what = None
        page.put_nowait(what)


def _of_cards(cards: Iterable[Card], revision: int) -> bytes:
    return f"id: {revision}\n".encode() + piece("cards", [card.as_json() for card in cards])
