"""Whether an mp4 or mov was cut off, by the boxes that it consists of. Nothing is decoded.

Source: ISO/IEC 14496-12, sections 4.2 and 6.3.4; QuickTime File Format, chapter "Movie Atoms".
"""

from __future__ import annotations

from collections.abc import Callable

# Other names, and what is no box at all, tell nothing: some programs write their own data behind the last box.
_TOP = frozenset(
    {b"ftyp", b"styp", b"pdin", b"moov", b"moof", b"mfra", b"mdat", b"free", b"skip", b"wide", b"pnot", b"meta"}
    | {b"sidx", b"ssix", b"prft", b"emsg", b"uuid", b"udta", b"junk", b"pict"}
)
_FILM = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
# `meta` is the index of an image, such as HEIC and AVIF.
_INDEX = frozenset({b"moov", b"moof", b"meta"})
_HEADER = 8
_LONG_HEADER = 16
# A film in fragments has two boxes for each second or so. More would only cost time.
_MOST_BOXES = 100_000


def is_truncated(read_at: Callable[[int, int], bytes], size_bytes: int) -> bool:
    """Whether a file is an mp4 or mov of which the end is missing.

    Its last box reaches past the end of the file, or none of its boxes is the index without which no film can be
    played. False also for files of other formats, and where the boxes do not tell.

    Args:
        read_at: Returns bytes of the file; takes an offset and a count.
        size_bytes: Size of the file.
    """
    at, names = 0, set[bytes]()
    for _ in range(_MOST_BOXES):
        if size_bytes - at < _HEADER:
            return bool(names) and not names & _INDEX
        header = read_at(at, _LONG_HEADER)
        name, size = header[4:_HEADER], int.from_bytes(header[:4])
        if name not in (_TOP if names else _FILM):
            return False
        names.add(name)
        # 0: to the end of the file, however long that is. 1: the size is behind the name.
        if size == 0:
            return not names & _INDEX
        least = _HEADER
        if size == 1:
            size, least = int.from_bytes(header[_HEADER:]), _LONG_HEADER
            if len(header) < _LONG_HEADER:
                return True
        if size < least:
            return False
        at += size
        if at > size_bytes:
            return True
    return False
