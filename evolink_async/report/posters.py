"""Makes small pictures of films, if the extra `media` is there. It blocks the calling thread.

Without it, or beyond the limits, the page shows the first frame of a film by the browser's own means.
"""

# PyAV has no types for its pictures.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from .cards import Card

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_POSTERS = 300
"""Films that get a poster in the file, the newest first: each takes some 8 kB."""
SECONDS_FOR_POSTERS = 3.0
"""Seconds after which no further poster is begun."""
SIDE = 400
"""Pixels of the longer side of a poster."""
FRAME = 12
"""The frame that is shown, counted from 0: the first is often black. All before it are decoded."""
LARGEST = 40_000_000
"""Pixels of a frame that is still decoded."""


def with_posters(cards: Sequence[Card], clock: Callable[[], float] = time.monotonic) -> tuple[Card, ...]:
    """Return the cards with pictures of their films.

    Args:
        cards: What the page is told of the jobs.
        clock: Gives monotonic seconds.
    """
    if find_spec("av") is None or find_spec("PIL") is None:
        return tuple(cards)
    until = clock() + SECONDS_FOR_POSTERS
    newest = sorted((card for card in cards if film_of(card)), key=lambda card: -(card.ended_at or 0.0))
    found = {card.place: _poster(film_of(card)) for card in newest[:MOST_POSTERS] if clock() < until}
    return tuple(attrs.evolve(card, poster=found.get(card.place)) for card in cards)


def film_of(card: Card) -> Path | None:
    """Return the first film of a job that is still there."""
    return next((Path(film.path) for film in card.films if film.href is not None), None)


def _poster(path: Path | None) -> str | None:
    import av

    try:
        with av.open(str(path)) as container:
            track = container.streams.video[0]
            # On a busy machine, handing each frame to another thread takes ten times as long as decoding it.
            track.thread_type, track.codec_context.thread_count = "NONE", 1
            if track.width * track.height > LARGEST:
                return None
            # A short film shows its last frame.
            [frame] = deque(islice(container.decode(track), FRAME + 1), maxlen=1)
            # Made small before it becomes a picture: a third of the work.
            share = SIDE / max(frame.width, frame.height, SIDE)
            width, height = (max(2, round(side * share)) for side in (frame.width, frame.height))
            small = frame.reformat(width=width, height=height, format="rgb24")
            image: Image = small.to_image()  # type: ignore[no-untyped-call]
            picture = BytesIO()
            image.save(picture, "JPEG", quality=70)
    # A film that PyAV cannot read has no poster: nothing else is at stake, and its errors are of many classes.
    except Exception:  # noqa: BLE001
        return None
    return "data:image/jpeg;base64," + base64.b64encode(picture.getvalue()).decode()
