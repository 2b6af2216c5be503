"""What an image says of itself: its pixels, its transparency, and whether all of it is there.

Headers are read here, and need nothing; Pillow, of the extra `media`, finds damage and the way a photo was held.
"""

from __future__ import annotations

from typing import Any

import attrs

from .errors import UnreadableError
from .window import Window

FORMATS = ("jpeg", "png", "webp", "bmp", "gif")

_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset(range(0xD0, 0xD8)) | {0x01}
_COLOUR_TYPES_WITH_ALPHA = (4, 6)
_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)


@attrs.frozen
class ImageFacts:
    """Pixels as stored, and whether some may be transparent; None where the header does not say."""

    width: int
    height: int
    has_alpha: bool | None = None


def image_facts(window: Window, form: str) -> ImageFacts:
    """Read what an image says of itself.

    Raises:
        EOFError: It ends too early.
        UnreadableError: It is damaged.
    """
    found = _READERS[form](window)
    if form in ("jpeg", "png") and window.is_whole:
        return _checked(window, form, found)
    return found


def _png(window: Window) -> ImageFacts:
    width, height, colour = window.number(16, 4), window.number(20, 4), window.number(25, 1)
    has_alpha, offset, kind = colour in _COLOUR_TYPES_WITH_ALPHA, 8, b""
    while kind != b"IEND":
        length, kind = window.number(offset, 4), window.at(offset + 4, 4)
        has_alpha = has_alpha or kind == b"tRNS"
        if kind == b"IDAT" and not window.is_whole:
            break
        offset += length + 12
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
    if header == 12:
        return ImageFacts(window.number(18, 2, big=False), window.number(20, 2, big=False), has_alpha=False)
    width, height = (int.from_bytes(window.at(place, 4), "little", signed=True) for place in (18, 22))
    bits, packing = window.number(28, 2, big=False), window.number(30, 4, big=False)
    is_plain = packing == 0
    if is_plain and pixels + (width * bits + 31) // 32 * 4 * abs(height) > window.size_bytes:
        raise EOFError
    return ImageFacts(width, abs(height), False if bits < 32 else None)  # a fourth byte is seldom meant as alpha


def _gif(window: Window) -> ImageFacts:
    return ImageFacts(window.number(6, 2, big=False), window.number(8, 2, big=False))


_READERS = {"png": _png, "jpeg": _jpeg, "webp": _webp, "bmp": _bmp, "gif": _gif}


def _checked(window: Window, form: str, found: ImageFacts) -> ImageFacts:
    """Read the image through, a photo at an eighth of its size; turn it upright."""
    try:
        from PIL import Image
    except ImportError:  # the extra `media` is not installed
        return found
    most = Image.MAX_IMAGE_PIXELS
    if most is None or found.width * found.height > most:  # a bomb perhaps; no model takes images as large
        return found
    window.file.seek(0)
    try:
        with Image.open(window.file, formats=[form]) as image:
            if form == "png":
                image.verify()
                return found
            is_lying = image.getexif().get(_ORIENTATION) in _LYING
            image.draft(image.mode, (max(image.width // 8, 1), max(image.height // 8, 1)))
            image.load()
    except Exception as error:  # noqa: BLE001  # Pillow raises what its plug-ins do: OSError, SyntaxError, struct.error ...
        raise UnreadableError("is cut off" if _ends_early(error) else "is damaged") from None
    return attrs.evolve(found, width=found.height, height=found.width) if is_lying else found


def _ends_early(error: Any) -> bool:  # noqa: ANN401  # whatever Pillow raised
    return isinstance(error, EOFError) or "truncated" in str(error).lower()
