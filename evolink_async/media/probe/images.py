"""Size, transparency and completeness of an image.

Headers are read without any package. Pillow, of the extra `media`, also finds damage and the orientation of a photo.
"""

from __future__ import annotations

from typing import Any

import attrs

from .byte_window import Window
from .errors import UnreadableError

FORMATS = ("jpeg", "png", "webp", "bmp", "gif")

# Start-of-frame markers of JPEG (ITU-T T.81, table B.1), without DHT, JPG and DAC, which are in the same range.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a length field: RST0 to RST7 and TEM.
_BARE_MARKERS = frozenset(range(0xD0, 0xD8)) | {0x01}
_COLOUR_TYPES_WITH_ALPHA = (4, 6)
_ORIENTATION = 0x0112
# Values of the EXIF tag for a photo that is shown with its sides exchanged.
_LYING = (5, 6, 7, 8)


@attrs.frozen
class ImageFacts:
    """Size and transparency of an image; None if the header does not name it."""

    width: int
    height: int
    has_alpha: bool | None = None


def image_facts(window: Window, form: str) -> ImageFacts:
    """Read size and transparency of an image; width and height are those of the upright image.

    Raises:
        EOFError: The file is cut off.
        UnreadableError: The file is damaged.
    """
    found = _READERS[form](window)
    # webp and bmp name the size of the file in their headers, and no model takes gif.
    if form in ("jpeg", "png") and window.is_whole:
        return _checked(window, form, found)
    return found


def _png(window: Window) -> ImageFacts:
    width, height, colour = window.number(16, 4), window.number(20, 4), window.number(25, 1)
    has_alpha, offset, kind = colour in _COLOUR_TYPES_WITH_ALPHA, 8, b""
    while kind != b"IEND":
        length, kind = window.number(offset, 4), window.at(offset + 4, 4)
        has_alpha = has_alpha or kind == b"tRNS"
        # The first pixels: no chunk after them says more about the size or the transparency.
        if kind == b"IDAT" and not window.is_whole:
            break
        offset += length + 12
        # Read the last byte of the chunk, which fails if the file is cut off.
        if length and kind != b"IEND":
            window.at(offset - 1, 1)
    return ImageFacts(width, height, has_alpha)


def _jpeg(window: Window) -> ImageFacts:
    offset = 2
    while True:
        marker = window.number(offset + 1, 1)
        if window.number(offset, 1) != 0xFF:
            raise UnreadableError("is damaged")
        if marker in _FRAME_MARKERS:
            return ImageFacts(window.number(offset + 7, 2), window.number(offset + 5, 2), has_alpha=False)
        if marker == 0xFF:
            offset += 1
        elif marker in _BARE_MARKERS:
            offset += 2
        else:
            offset += 2 + max(window.number(offset + 2, 2), 2)


def _webp(window: Window) -> ImageFacts:
    if window.number(4, 4, big=False) + 8 > window.size_bytes:
        raise EOFError
    kind = window.at(12, 4)
    if kind == b"VP8X":
        width, height = window.number(24, 3, big=False) + 1, window.number(27, 3, big=False) + 1
        return ImageFacts(width, height, bool(window.number(20, 1) & 0x10))
    if kind == b"VP8L":
        bits = window.number(21, 4, big=False)
        return ImageFacts((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1))
    return ImageFacts(
        window.number(26, 2, big=False) & 0x3FFF, window.number(28, 2, big=False) & 0x3FFF, has_alpha=False
    )


def _bmp(window: Window) -> ImageFacts:
    pixels, header = window.number(10, 4, big=False), window.number(14, 4, big=False)
    # The header of OS/2 has 12 bytes, and 16-bit sides.
    if header == 12:
        return ImageFacts(window.number(18, 2, big=False), window.number(20, 2, big=False), has_alpha=False)
    width, height = (int.from_bytes(window.at(place, 4), "little", signed=True) for place in (18, 22))
    bits, packing = window.number(28, 2, big=False), window.number(30, 4, big=False)
    is_plain = packing == 0
    # Only without compression does the size follow from the sides. A negative height is an image from top to bottom.
    if is_plain and pixels + (width * bits + 31) // 32 * 4 * abs(height) > window.size_bytes:
        raise EOFError
    # With 32 bits the fourth byte can be an alpha channel, but most writers leave it unused.
    return ImageFacts(width, abs(height), False if bits < 32 else None)


def _gif(window: Window) -> ImageFacts:
    return ImageFacts(window.number(6, 2, big=False), window.number(8, 2, big=False))


_READERS = {"png": _png, "jpeg": _jpeg, "webp": _webp, "bmp": _bmp, "gif": _gif}


def _checked(window: Window, form: str, found: ImageFacts) -> ImageFacts:
    """Decode the image to find damage, and return its size when it is upright."""
    try:
        from PIL import Image
    except ImportError:
        # The extra `media` is not installed.
        return found
    most = Image.MAX_IMAGE_PIXELS
    # Pillow's limit against decompression bombs; no model takes images of this size.
    if most is None or found.width * found.height > most:
        return found
    window.file.seek(0)
    try:
        with Image.open(window.file, formats=[form]) as image:
            if form == "png":
                image.verify()
                return found
            is_lying = image.getexif().get(_ORIENTATION) in _LYING
            # A JPEG is decoded at an eighth of its size, which finds damage as well and is much faster.
            image.draft(image.mode, (max(image.width // 8, 1), max(image.height // 8, 1)))
            image.load()
    except Exception as error:  # noqa: BLE001  # Pillow raises what its plug-ins do: OSError, SyntaxError, struct.error ...
        raise UnreadableError("is cut off" if _ends_early(error) else "is damaged") from None
    return attrs.evolve(found, width=found.height, height=found.width) if is_lying else found


def _ends_early(error: Any) -> bool:  # noqa: ANN401  # whatever Pillow raised
    return isinstance(error, EOFError) or "truncated" in str(error).lower()
