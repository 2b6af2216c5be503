"""Measuring one file: its format by its first bytes, then what the library for this format finds.

The libraries are called in the modules beside this one.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from ..rules import MB, MediaFacts
from . import documents, images, recordings
from .errors import UnreadableError
from .opening import opened, readable_errors
from .signatures import HEAD_BYTES, UNKNOWN, format_of, tag_bytes

# A larger file is not measured, as no model takes it.
_MOST_BYTES = 100 * MB
_MOST_SOUND = 15 * MB

_TAGGED = ("aac", "flac", "ogg", "wav")
_MOST_TAGS = 4

_LIBRARIES = {"av": "PyAV", "PIL": "Pillow", "pypdf": "pypdf"}


def measure(source: Path | IO[bytes], *, size_bytes: int | None = None) -> MediaFacts:
    """Measure a file. This blocks: call it in a worker thread.

    Without the libraries of the extra `media`, only the format and the size are known.

    Args:
        source: The path of the file, or a seekable stream of its bytes.
        size_bytes: The size of the whole file, if `source` has only its first bytes.

    Raises:
        UnreadableError: The file does not exist, is not a regular file, cannot be read, or is empty; or its library
            cannot decode it at all.
    """
    if isinstance(source, Path):
        with opened(source) as file:
            return measure(file)
    with readable_errors():
        here = source.seek(0, os.SEEK_END)
        size = here if size_bytes is None else size_bytes
        if not size:
            raise UnreadableError("is empty")
        form, start = _format(source)
        known: dict[str, Any] = {"format": form, "size_bytes": size}
        return MediaFacts(**known | _facts(source, form, here, start=start, is_whole=here >= size))


def _format(file: IO[bytes]) -> tuple[str, int]:
    """Return the format, and where the file begins behind tags that are no part of this format."""
    start, head = 0, _head(file, 0)
    form = format_of(head)
    # An ID3 tag begins an mp3, but can also be in front of another sound, and so can several, and those of APE.
    for _ in range(_MOST_TAGS):
        length = tag_bytes(head)
        if not length:
            break
        start += length
        head = _head(file, start)
    tagged = format_of(head)
    return (tagged, start) if tagged in _TAGGED or (form == UNKNOWN and tagged == "mp3") else (form, 0)


def _head(file: IO[bytes], start: int) -> bytes:
    file.seek(start)
    return file.read(HEAD_BYTES)


def _facts(file: IO[bytes], form: str, length: int, *, start: int, is_whole: bool) -> dict[str, Any]:
    if length > (_MOST_SOUND if form in ("mp3", "wav") else _MOST_BYTES):
        # Which document is in a container is as little known as its pages.
        return {"format": None} if form in documents.CONTAINERS else {}
    try:
        if form in images.FORMATS:
            return images.image_facts(file, form, is_whole=is_whole)
        if form == UNKNOWN and recordings.is_mp3(file):
            return {"format": "mp3", **recordings.recording_facts(file, "mp3", is_whole=is_whole)}
        if form in recordings.FORMATS:
            return recordings.recording_facts(file, form, start=start, is_whole=is_whole)
        return documents.document_facts(file, form, is_whole=is_whole)
    except ImportError:
        # The extra `media` is not installed.
        return {}


def missing_libraries() -> list[str]:
    """Return the names of the libraries of the extra `media` that are not installed."""
    return [name for module, name in _LIBRARIES.items() if find_spec(module) is None]
