"""Images that Pillow refuses although nothing of their picture is missing.

Other programs show them: a jpeg without its end mark, a png with a damaged note, or with a wrong sum of its pixels.
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
# Transparency, and how the image is turned.
_KEPT = (b"tRNS", b"eXIf")
_SUM = 4
_PIECE = 1 << 20
# More pixels than Pillow is asked to decode, of eight bytes.
_MOST_PIECES = 256


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


def png_alone(file: IO[bytes]) -> IO[bytes] | None:
    """Return the picture of a png alone, without the notes that a reader may ignore; None if it is already so.

    If all its pixels are there, their sum at the end is put right. So does libpng, the library of most programs.
    """
    content = _content(file)
    if content is None:
        return None
    chunks = [one for one in _chunks(content) if _is_needed(one)]
    pixels = [one for one in chunks if one[4:8] == b"IDAT"]
    if pixels and all(map(_is_healthy, pixels)):
        at = chunks.index(pixels[0])
        rest = [one for one in chunks[at:] if one[4:8] != b"IDAT"]
        chunks = [*chunks[:at], _chunk(b"IDAT", _with_right_sum(b"".join(one[8:-4] for one in pixels))), *rest]
    alone = b"".join([content[:_PNG_SIGNATURE], *chunks])
    return BytesIO(alone) if alone != content else None


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
    """Iterate over the chunks of a png up to its end; the last one may be cut off."""
    at = _PNG_SIGNATURE
    while at < len(content):
        end = at + _AROUND_CHUNK + int.from_bytes(content[at : at + 4])
        yield content[at:end]
        at = len(content) if content[at + 4 : at + 8] == b"IEND" else end


def _is_needed(chunk: bytes) -> bool:
    is_note = _is_whole(chunk) and bool(chunk[4] & _ANCILLARY)
    return not is_note or (chunk[4:8] in _KEPT and _is_healthy(chunk))


def _is_whole(chunk: bytes) -> bool:
    return len(chunk) == _AROUND_CHUNK + int.from_bytes(chunk[:4])


def _is_healthy(chunk: bytes) -> bool:
    return _is_whole(chunk) and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def _with_right_sum(stream: bytes) -> bytes:
    """Return a stream of zlib with the right sum behind it; unchanged if it does not come to its end."""
    unpacking, rest, found = zlib.decompressobj(-zlib.MAX_WBITS), stream[2:], 1
    try:
        for _ in range(_MOST_PIECES):
            found = zlib.adler32(unpacking.decompress(rest, _PIECE), found)
            rest = unpacking.unconsumed_tail
            if unpacking.eof:
                return stream[: len(stream) - len(unpacking.unused_data)] + found.to_bytes(_SUM)
    except zlib.error:
        pass
    return stream
