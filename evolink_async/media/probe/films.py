"""Length and size of an mp4 or mov, from its header boxes.

The boxes are those of ISO/IEC 14496-12. No frame is decoded; containers without a length are read in `sounds`.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .byte_window import Window
from .errors import UnreadableError

FORMATS = ("mp4", "mov", "m4a", "3gp")

_LEAST_BOX = 8
# Values that writers use for a length that they do not know.
_UNKNOWN_LENGTHS = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


@attrs.frozen
class FilmFacts:
    """Length and size of a video; None if the file does not name them, or has no video track."""

    seconds: float | None
    width: int | None
    height: int | None


@attrs.frozen
class _Box:
    kind: bytes
    start: int
    end: int


def film_facts(window: Window) -> FilmFacts:
    """Read length and size of a video from its headers.

    Raises:
        EOFError: The file is cut off.
        UnreadableError: The file has no index, as after a recording that was interrupted.
    """
    movie = _first(window, b"moov", _boxes(window, 0, window.size_bytes))
    if movie is None:
        if window.is_whole:
            raise UnreadableError("is cut off: its index, at the end, is missing")
        raise EOFError
    inside = list(_boxes(window, movie.start, movie.end))
    sizes = [size for track in inside if track.kind == b"trak" and (size := _shown(window, track))]
    header = _first(window, b"mvhd", inside)
    width, height = sizes[0] if sizes else (None, None)
    return FilmFacts(None if header is None else _seconds(window, header), width, height)


def _boxes(window: Window, start: int, end: int) -> Iterator[_Box]:
    while start + _LEAST_BOX <= end:
        length, kind, body = window.number(start, 4), window.at(start + 4, 4), start + 8
        # Length 1: the real length follows in 8 bytes. Length 0: the box goes to the end.
        if length == 1:
            length, body = window.number(start + 8, 8), start + 16
        stop = end if length == 0 else start + length
        if stop > end:
            raise EOFError
        # A length less than that of the header would make this loop endless.
        if stop < body:
            raise UnreadableError("is damaged")
        yield _Box(kind, body, stop)
        start = stop


def _first(window: Window, kind: bytes, boxes: Iterator[_Box] | list[_Box]) -> _Box | None:
    """Return the first box of a kind."""
    found = None
    for box in boxes:
        if box.kind == kind and found is None:
            found = box
            # The rest of a whole file is walked over too, to find out whether it is cut off.
            if not window.is_whole:
                break
    return found


def _seconds(window: Window, header: _Box) -> float | None:
    # Version 1 of the box has 64-bit times.
    is_long = window.number(header.start, 1) == 1
    units = window.number(header.start + (20 if is_long else 12), 4)
    length = window.number(header.start + (24 if is_long else 16), 8 if is_long else 4)
    return None if length in _UNKNOWN_LENGTHS or not units else length / units


def _shown(window: Window, track: _Box) -> tuple[int, int] | None:
    """Return width and height of a track as it is shown; None if it is not a video track."""
    inside = {box.kind: box for box in _boxes(window, track.start, track.end)}
    if b"tkhd" not in inside or b"mdia" not in inside:
        return None
    media = {box.kind: box for box in _boxes(window, inside[b"mdia"].start, inside[b"mdia"].end)}
    if b"hdlr" not in media or window.at(media[b"hdlr"].start + 8, 4) != b"vide":
        return None
    header = inside[b"tkhd"].start
    matrix = header + (52 if window.number(header, 1) == 1 else 40)
    # 16.16 fixed point: the first two bytes are the whole pixels.
    width, height = window.number(matrix + 36, 2), window.number(matrix + 40, 2)
    # Phones store a portrait video as landscape, with a rotation by 90 degrees in this matrix.
    is_turned = window.number(matrix, 4) == 0 and window.number(matrix + 4, 4) != 0
    return (height, width) if is_turned else (width, height)
