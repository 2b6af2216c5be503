"""Which document a container holds, and how many pages a PDF has.

Names inside are read, and words searched for; nothing is unpacked. Numbers and Pages keep their documents alike, so
both are called pages; text is text, also where it is Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from zipfile import BadZipFile, ZipFile

from .errors import UnreadableError
from .window import Window

CONTAINERS = ("zip", "ole")

_IN_ZIP = (
    ("word/document.xml", "docx"),
    ("xl/workbook.", "xlsx"),
    ("ppt/presentation.xml", "pptx"),
    ("Index/Slide", "key"),
    ("index.apxl", "key"),
    ("Index/Document.iwa", "pages"),
    ("index.xml", "pages"),
)
_IN_OLE = tuple(
    (name.encode("utf-16-le"), form)
    for name, form in (("PowerPoint Document", "ppt"), ("WordDocument", "doc"), ("Workbook", "xls"), ("Book", "xls"))
)
_LONGEST_WORD = 512
_TAIL_BYTES = 2048
_MOST_TREES = 10_000
_PAGES = re.compile(rb"/Type\s{0,9}/Pages\b")
_COUNT = re.compile(rb"/Count\s{1,9}(\d{1,9})")


def in_zip(window: Window) -> str:
    """Tell which document a zip file is; `zip` if it is none we know.

    Raises:
        UnreadableError: Its directory, which stands at the end, is missing or damaged.
    """
    try:
        names = ZipFile(window.file).namelist()
    except (BadZipFile, ValueError, OSError, NotImplementedError):
        raise UnreadableError("is cut off or damaged") from None
    return next((form for start, form in _IN_ZIP if any(name.startswith(start) for name in names)), "zip")


def in_ole(window: Window) -> str:
    """Tell which document of the older Office a file is; `ole` if it is none we know."""
    found = {form for piece in window.pieces(_LONGEST_WORD) for name, form in _IN_OLE if name in piece}
    return next((form for _, form in _IN_OLE if form in found), "ole")


def pdf_pages(window: Window) -> int | None:
    """Read how many pages a PDF has; None if it keeps that compressed.

    Raises:
        EOFError: It ends too early.
    """
    tail = window.at(max(0, window.size_bytes - _TAIL_BYTES), min(_TAIL_BYTES, window.size_bytes))
    if b"%%EOF" not in tail:
        raise EOFError
    trees = islice(_trees(window), _MOST_TREES)
    counts = [int(count[1]) for tree in trees if b"/Parent" not in tree and (count := _COUNT.search(tree))]
    return counts[-1] if counts else None  # what was changed later stands further down


def _trees(window: Window) -> Iterator[bytes]:
    """Find the dictionaries of groups of pages; the one with none above it counts them all."""
    for piece in window.pieces(_LONGEST_WORD):
        for word in _PAGES.finditer(piece):
            start = piece.rfind(b"obj", max(0, word.start() - _LONGEST_WORD), word.start())
            end = piece.find(b"endobj", word.end(), word.end() + _LONGEST_WORD)
            yield piece[max(start, 0) : end if end > 0 else word.end() + _LONGEST_WORD]
