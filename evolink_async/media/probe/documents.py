"""The type of an office document, and the number of pages of a PDF.

Only the names inside a container are read; nothing is unpacked. Other formats are told apart in `signatures`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from zipfile import BadZipFile, ZipFile

from .byte_window import Window
from .errors import UnreadableError

CONTAINERS = ("zip", "ole")

# Documents of Numbers and of Pages have the same files inside, so both are called pages.
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
# The longest dictionary of a page tree that is searched, and with it the overlap of two pieces of a file.
_LONGEST_WORD = 512
_TAIL_BYTES = 2048
# A file can be made so that it has millions.
_MOST_TREES = 10_000
_PAGES = re.compile(rb"/Type\s{0,9}/Pages\b")
_COUNT = re.compile(rb"/Count\s{1,9}(\d{1,9})")


def in_zip(window: Window) -> str:
    """Return the document format of a zip file; `zip` if it is not a known document.

    Raises:
        UnreadableError: The directory, which is at the end of the file, is missing or damaged.
    """
    try:
        names = ZipFile(window.file).namelist()
    except (BadZipFile, ValueError, OSError, NotImplementedError):
        raise UnreadableError("is cut off or damaged") from None
    return next((form for start, form in _IN_ZIP if any(name.startswith(start) for name in names)), "zip")


def in_ole(window: Window) -> str:
    """Return the document format of an OLE file, as older Office versions write; `ole` if it is not a known one."""
    found = {form for piece in window.pieces(_LONGEST_WORD) for name, form in _IN_OLE if name in piece}
    return next((form for _, form in _IN_OLE if form in found), "ole")


def pdf_pages(window: Window) -> int | None:
    """Return the number of pages of a PDF; None if it is in a compressed part of the file.

    Raises:
        EOFError: The file is cut off.
    """
    tail = window.at(max(0, window.size_bytes - _TAIL_BYTES), min(_TAIL_BYTES, window.size_bytes))
    if b"%%EOF" not in tail:
        raise EOFError
    trees = islice(_trees(window), _MOST_TREES)
    # The root of the page tree has no parent, and counts all pages.
    counts = [int(count[1]) for tree in trees if b"/Parent" not in tree and (count := _COUNT.search(tree))]
    # A later version of the document is appended to the file, so the last root is the current one.
    return counts[-1] if counts else None


def _trees(window: Window) -> Iterator[bytes]:
    """Find the dictionaries of the page tree."""
    for piece in window.pieces(_LONGEST_WORD):
        for word in _PAGES.finditer(piece):
            start = piece.rfind(b"obj", max(0, word.start() - _LONGEST_WORD), word.start())
            end = piece.find(b"endobj", word.end(), word.end() + _LONGEST_WORD)
            yield piece[max(start, 0) : end if end > 0 else word.end() + _LONGEST_WORD]
