"""Measuring one file: its format first, then the facts that the reader of this format finds.

The readers are in the modules beside this one. Without the extra `media` they read headers only.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from ..rules import MediaFacts
from . import documents, films, images
from .byte_window import Window
from .errors import UnreadableError
from .opening import opened, readable_errors
from .signatures import HEAD_BYTES, format_of
from .sounds import container_seconds, mp3_seconds, wav_seconds


def measure(source: Path | IO[bytes], *, size_bytes: int | None = None) -> MediaFacts:
    """Measure a file. This blocks: call it in a worker thread.

    Args:
        source: The path of the file, or a seekable stream of its bytes.
        size_bytes: The size of the whole file, if `source` has only its first bytes.

    Raises:
        UnreadableError: The file does not exist, is not a regular file, cannot be read, or is empty, cut off or
            damaged.
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
            # The first bytes do not hold the facts: only format and size are known.
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
        # A container without a video track is a sound file, whatever its brand is.
        if film.width is None and form in ("mp4", "mov"):
            kind = "m4a"
        known = {"width": film.width, "height": film.height, "seconds": seconds}
    elif form == "wav":
        known = {"seconds": wav_seconds(window)}
    elif form == "mp3":
        known = {"seconds": mp3_seconds(window)}
    elif window.is_whole:
        kind, known = _whole(window, form)
    elif form in documents.CONTAINERS:
        # The names that tell the document can be anywhere in the file.
        kind = None
    return MediaFacts(format=kind, size_bytes=window.size_bytes, **known)


def _whole(window: Window, form: str) -> tuple[str, dict[str, Any]]:
    """Measure a document, which needs the whole file."""
    if form == "pdf":
        return form, {"pages": documents.pdf_pages(window)}
    if form == "zip":
        return documents.in_zip(window), {}
    if form == "ole":
        return documents.in_ole(window), {}
    return form, {}
