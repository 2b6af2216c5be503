"""File names that mean the same on every system and cannot leave their folder.

Text in, text out. `templates` decides which name a job's file gets, `folder` whether the name is free.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import attrs

# File systems take names of 255 bytes, eCryptfs only of 143. The suffix and an ordinal must fit behind the stem.
STEM_BYTES = 120
"""Longest stem, in bytes of UTF-8."""
SUFFIXES = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
}
"""Suffixes of the content types that results have."""
UNKNOWN_SUFFIX = ".bin"
"""Suffix of a file whose type is not known."""

# Windows opens a device for these names, with any suffix and in any case.
# Source: https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file (read 2026-11-20).
_RESERVED = re.compile(r"(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(\..*)?", re.IGNORECASE)


@attrs.frozen
class Name:
    """The name of one file.

    Attributes:
        stem: The name without its suffix.
        suffix: The suffix with its dot; None while the content type is not known.
        spare: A stem of ASCII, for a folder that takes neither this name nor its escaped form.
    """

    stem: str
    suffix: str | None = None
    # Two names are the same if their files would be.
    spare: str = attrs.field(default="", eq=False)

    def spellings(self, suffix: str) -> Iterator[tuple[str, str]]:
        """Yield stems and suffixes to try in turn: the name itself, then in ASCII, then the spare stem.

        Args:
            suffix: Used if the name has no suffix of its own.
        """
        own = suffix if self.suffix is None else self.suffix
        yield self.stem, own
        if not (self.stem + own).isascii():
            yield escaped(self.stem), escaped(own)
        # The suffix that the user chose may be what cannot be written.
        yield self.spare or "result", suffix


def numbered(stem: str, suffix: str, ordinal: int) -> str:
    """Return a file name: without a number for the ordinal 1, else `stem-2.mp4`, `stem-3.mp4` ..."""
    return stem + suffix if ordinal == 1 else f"{stem}-{ordinal}{suffix}"


def suffix_of(url: str, content_type: str) -> str:
    """Return the suffix for a result: by its content type, else by its link, else `UNKNOWN_SUFFIX`."""
    named = PurePosixPath(urlsplit(url).path).suffix.lower()
    # Only known suffixes are taken from a link: its host must not make a `.exe` or `.sh` of a result.
    return SUFFIXES.get(content_type) or (named if named in SUFFIXES.values() else UNKNOWN_SUFFIX)


def file_stem(text: str) -> str:
    """Return a stem that means the same on Linux, macOS and Windows, and cannot leave its folder."""
    stem = cut(safe_text(text), STEM_BYTES).rstrip("._ ")
    if _RESERVED.fullmatch(stem):
        stem = "_" + cut(stem, STEM_BYTES - 1).rstrip("._ ")
    return stem or "_"


def safe_text(text: str) -> str:
    """Replace every run of characters that some system forbids in names by one `_`, and trim the ends."""
    # NFC, because macOS compares names after normalization: two spellings of "é" would be two files elsewhere.
    return re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", text)).strip("._ ")


def escaped(text: str) -> str:
    """Write a stem or a suffix in ASCII: `猫` becomes `_u732b`. File systems without Unicode take no other one."""
    plain = unicodedata.normalize("NFC", text).encode("ascii", "backslashreplace").decode().replace("\\", "_")
    return cut(plain, STEM_BYTES)


def cut(text: str, size_bytes: int) -> str:
    """Shorten text to so many bytes of UTF-8, at the end of a character."""
    return text.encode("utf-8", "ignore")[:size_bytes].decode("utf-8", "ignore")
