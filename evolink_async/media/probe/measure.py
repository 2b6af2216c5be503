"""What a file is, found out by its content: blocking, to be called in a worker thread.

Nothing is judged here: see `media.rules`. Without the extra `media` headers tell most of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from ..rules import MediaFacts
from . import documents, films, images
from .errors import UnreadableError
from .opening import opened, readable_errors
from .signatures import HEAD_BYTES, format_of
from .sounds import container_seconds, mp3_seconds, wav_seconds
from .window import Window


def measure(source: Path | IO[bytes], *, size_bytes: int | None = None) -> MediaFacts:
    """Find out what a file is.

    Args:
        source: Where it is; or its bytes, which can be read at any place.
        size_bytes: The length of the whole file, if `source` has only its first bytes.

    Raises:
        UnreadableError: There is no such file, or no regular one; it may not be read, is empty, cut off or damaged.
    """
    if isinstance(source, Path):
        with opened(source) as file:
            return measure(file)
    with readable_errors():
        window = Window(source, size_bytes)
        if not window.size_bytes:
            raise UnreadableError("is empty")
        form = format_of(window.head(HEAD_BYTES))
        try:
            return _facts(window, form)
        except EOFError:
            if window.is_whole:
                raise UnreadableError("is cut off") from None
            return MediaFacts(format=form, size_bytes=window.size_bytes)


def _facts(window: Window, form: str) -> MediaFacts:
    known: dict[str, Any] = {}
    kind: str | None = form
    if form in images.FORMATS:
        found = images.image_facts(window, form)
        known = {"width": found.width, "height": found.height, "has_alpha": found.has_alpha}
    elif form in films.FORMATS:
        film = films.film_facts(window)
        seconds = film.seconds
        if seconds is None and window.is_whole:
            seconds = container_seconds(window, "mov")
        if film.width is None and form in ("mp4", "mov"):
            kind = "m4a"  # a sound in a film's clothes
        known = {"width": film.width, "height": film.height, "seconds": seconds}
    elif form == "wav":
        known = {"seconds": wav_seconds(window)}
    elif form == "mp3":
        known = {"seconds": mp3_seconds(window)}
    elif window.is_whole:
        kind, known = _whole(window, form)
    elif form in documents.CONTAINERS:
        kind = None  # which document it is stands anywhere
    return MediaFacts(format=kind, size_bytes=window.size_bytes, **known)


def _whole(window: Window, form: str) -> tuple[str, dict[str, Any]]:
    """Find out what only a whole file tells."""
    if form == "pdf":
        return form, {"pages": documents.pdf_pages(window)}
    if form == "zip":
        return documents.in_zip(window), {}
    if form == "ole":
        return documents.in_ole(window), {}
    return form, {}
