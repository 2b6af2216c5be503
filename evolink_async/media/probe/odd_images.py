"""Images that Pillow refuses although nothing of their picture is missing.

Other programs show them: a jpeg without its end mark, and a png with a damaged note.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO, TYPE_CHECKING

from .bounded_file import bounded

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

# No model takes an image of more than 20 MB; a larger one is not looked at again.
_MOST_BYTES = 32 << 20
_END_OF_JPEG = b"\xff\xd9"
# Pixels of some kind, also behind each of the eight marks of a restart.
_ANYTHING = bytes(range(0x55, 0xFF))
_OTHER_PIXELS = _ANYTHING + b"".join(bytes([0xFF, mark]) + _ANYTHING for mark in range(0xD0, 0xD8))
_PNG_SIGNATURE = 8
# Length, name and checksum.
_AROUND_CHUNK = 12
# The bit in the first letter of its name by which a chunk may be ignored (PNG specification, section 5.4).
_ANCILLARY = 0x20


def lacks_only_end(file: IO[bytes]) -> bool:
    """Whether a jpeg that Pillow cannot decode has all its pixels, and only no end mark.

    Once all pixels are decoded, what follows makes no difference to them. If some are missing, it would be decoded in
    their place.

    Raises:
        OSError: Something else is wrong with it.
    """
    content = _content(file)
    if content is None:
        return False
    # Half of the mark may be there.
    content = content.rstrip(_END_OF_JPEG[:1])
    return _pixels(content + _END_OF_JPEG) == _pixels(content + _OTHER_PIXELS + _END_OF_JPEG)


def without_damaged_chunks(file: IO[bytes]) -> IO[bytes] | None:
    """Return a png without the chunks that a reader may ignore and whose checksum is wrong; None if it has none.

    So does libpng, the library of most programs.
    """
    content = _content(file)
    if content is None:
        return None
    healthy = b"".join([content[:_PNG_SIGNATURE], *(one for one in _chunks(content) if not _is_damaged_chunk(one))])
    return BytesIO(healthy) if len(healthy) < len(content) else None


def _content(file: IO[bytes]) -> bytes | None:
    file.seek(0)
    content = file.read(_MOST_BYTES + 1)
    return content if len(content) <= _MOST_BYTES else None


def _pixels(content: bytes) -> bytes:
    """Decode a jpeg as small as a missing piece can still be seen."""
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(bounded(BytesIO(content), len(content))) as image:
        _shrink(image)
        image.load()
        return image.tobytes()


def _shrink(image: JpegImageFile) -> None:
    # The last scans of a progressive one have only details, which are lost at an eighth of the size.
    scale = 2 if "progressive" in image.info else 8
    image.draft(image.mode, (max(image.width // scale, 1), max(image.height // scale, 1)))


def _chunks(content: bytes) -> Iterator[bytes]:
    """Iterate over the chunks of a png; the last one may be cut off, or have other bytes behind it."""
    at = _PNG_SIGNATURE
    while at < len(content):
        end = at + _AROUND_CHUNK + int.from_bytes(content[at : at + 4])
        yield content[at:end]
        at = end


def _is_damaged_chunk(chunk: bytes) -> bool:
    is_whole = len(chunk) == _AROUND_CHUNK + int.from_bytes(chunk[:4])
    return is_whole and bool(chunk[4] & _ANCILLARY) and zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:])
