"""Size, transparency and completeness of an image, as Pillow finds them.

Which file is an image is told in `signatures`.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from .bounded_file import bounded
from .errors import BROKEN, UnreadableError
from .odd_images import lacks_only_end, png_alone

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

FORMATS = ("jpeg", "png", "webp", "bmp", "gif")

# No model takes an image of more than 20 MB. Pillow keeps much of a file in memory when it opens it.
_MOST_BYTES = 64 << 20
_ORIENTATION = 0x0112
# Values of the EXIF tag for a photo that is shown with its sides exchanged.
_TRANSPOSED = (5, 6, 7, 8)
# Pillow takes four bytes for a pixel. A JPEG is decoded at an eighth of its size, but a progressive one needs six bytes
# for each pixel all the same.
_MOST_DECODED = {"png": 24_000_000, "bmp": 24_000_000, "jpeg": 100_000_000}
_MOST_PROGRESSIVE = 20_000_000
# Words of Pillow about healthy images of a kind that it does not read.
_UNSUPPORTED = ("support", "handle")


def image_facts(file: IO[bytes], form: str, *, is_whole: bool) -> dict[str, Any]:
    """Return width and height of the upright image, and whether it has an alpha channel.

    Raises:
        ImportError: Pillow is not installed.
        UnreadableError: Pillow cannot decode the image.
    """
    from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

    # The classes are used because `Image.open` refuses images of many pixels, which says nothing about the file.
    readers: dict[str, type[ImageFile]] = {
        "jpeg": JpegImagePlugin.JpegImageFile,
        "png": PngImagePlugin.PngImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
        "gif": GifImagePlugin.GifImageFile,
    }
    known: dict[str, Any] = {}
    try:
        with readers[form](bounded(file, _MOST_BYTES)) as image:
            width, height = image.size
            if _is_transposed(image):
                width, height = height, width
            known = {"width": width, "height": height, "has_alpha": image.has_transparency_data}
            if is_whole:
                _decode(image, form)
    except (OSError, SyntaxError, EOFError) as error:
        if is_whole and not any(word in str(error) for word in _UNSUPPORTED):
            return known | _facts_of_odd(file, form)
    except Exception:  # noqa: BLE001, S110  # a guard of Pillow, or a warning made an error: no verdict on the file
        pass
    return known


def _facts_of_odd(file: IO[bytes], form: str) -> dict[str, Any]:
    """Return what is still to be told of an image that Pillow refused, if its picture is whole all the same.

    Raises:
        UnreadableError: It is not.
    """
    if form == "png" and (alone := png_alone(file)) is not None:
        return image_facts(alone, form, is_whole=True)
    try:
        if form == "jpeg" and lacks_only_end(file):
            return {}
    except (OSError, SyntaxError, EOFError):
        raise UnreadableError(BROKEN) from None
    raise UnreadableError(BROKEN)


def _is_transposed(image: ImageFile) -> bool:
    # Without this entry, Pillow would decode a png to look for it behind the pixels.
    if "exif" not in image.info:
        return False
    try:
        return image.getexif().get(_ORIENTATION) in _TRANSPOSED
    except Exception:  # noqa: BLE001  # damaged EXIF data is no damage of the image
        return False


def _decode(image: ImageFile, form: str) -> None:
    """Decode an image that is not too large, to find out whether it is cut off."""
    pixels = image.width * image.height
    if pixels > _MOST_DECODED.get(form, 0) or ("progressive" in image.info and pixels > _MOST_PROGRESSIVE):
        return
    if form == "jpeg":
        image.draft(image.mode, (max(image.width // 8, 1), max(image.height // 8, 1)))
    image.load()
