"""The type of an office document, and the number of pages of a PDF.

Zip files are read with `zipfile`, PDFs with pypdf. Other formats are told apart in `signatures`.
"""

from __future__ import annotations

import logging
import os
import re
from typing import IO, Any, cast
from zipfile import BadZipFile, ZipFile

from .bounded_file import bounded
from .errors import BROKEN, UnreadableError

CONTAINERS = ("zip", "ole")
"""Formats of files that have a document inside, of which kind is not told by the first bytes."""

_MB = 1 << 20
# The directory of a zip file is read in one piece, and takes ten times its size in memory.
_MOST_DIRECTORY = 4 * _MB
_MOST_OF_PDF = 16 * _MB
# The last bytes of a PDF, in which its end mark is.
_END_BYTES = 2048
# Walking over more pages takes too long, so that their number in the document is believed.
_MOST_PAGES = 500

_TYPES = "[Content_Types].xml"
# The type of the main part (ECMA-376, part 1), also of templates and of documents with macros.
_MAIN_PARTS = (
    (rb"(wordprocessingml|ms-word)\.(document|template)[\w.]*\.main\b", "docx"),
    (rb"(spreadsheetml|ms-excel)\.(sheet|template)[\w.]*\.main\b", "xlsx"),
    (rb"(presentationml|ms-powerpoint)\.(presentation|slideshow|template)[\w.]*\.main\b", "pptx"),
)
# Apple's documents have no list of types. Those of Numbers and of Pages have the same files inside, so both are called
# pages; None stands for an archive in the archive, which holds these files.
_APPLE = (
    ("Index/Slide", "key"),
    ("index.apxl", "key"),
    ("Index/Document.iwa", "pages"),
    ("index.xml", "pages"),
    ("Index.zip", None),
)
# Which kind of document has a password cannot be told.
_IN_OLE: tuple[tuple[bytes, str | None], ...] = (
    ("EncryptedPackage".encode("utf-16-le"), None),
    ("PowerPoint Document".encode("utf-16-le"), "ppt"),
    ("WordDocument".encode("utf-16-le"), "doc"),
    ("Workbook".encode("utf-16-le"), "xls"),
    ("Book".encode("utf-16-le"), "xls"),
)


def document_facts(file: IO[bytes], form: str, *, is_whole: bool) -> dict[str, Any]:
    """Return the `format` of the document in a container, or the pages of a PDF.

    Raises:
        ImportError: pypdf is not installed, and the file is a PDF.
        UnreadableError: The file cannot be read at all.
    """
    if form == "pdf" and is_whole:
        return {"pages": _pdf_pages(file)}
    if form in CONTAINERS:
        # The names that tell the document can be anywhere in the file.
        return {"format": (_in_zip(file) if form == "zip" else _in_ole(file)) if is_whole else None}
    return {}


def _in_zip(file: IO[bytes]) -> str | None:
    """Return the format of the document in a zip file; `zip` if there is none, None if it cannot be told."""
    try:
        with ZipFile(bounded(file, _MOST_DIRECTORY)) as archive:
            names = archive.namelist()
            if _TYPES in names:
                with archive.open(_TYPES) as part:
                    # Without zeros, UTF-16 reads like UTF-8. What is unpacked is bounded.
                    types = part.read(_MB).replace(b"\0", b"")
                return next((form for words, form in _MAIN_PARTS if re.search(words, types)), "zip")
    except BadZipFile:
        raise UnreadableError(BROKEN) from None
    except Exception:  # noqa: BLE001  # a directory that is too long, or compressed in a way that Python lacks
        return None
    return next((form for start, form in _APPLE if any(name.startswith(start) for name in names)), "zip")


def _in_ole(file: IO[bytes]) -> str | None:
    """Return the format of the document in an OLE file, as older Office versions write.

    `ole` stands for a document of another program, None for one with a password.
    """
    file.seek(0)
    found, tail = set[str | None](), b""
    while piece := file.read(_MB):
        found |= {form for name, form in _IN_OLE if name in tail + piece}
        tail = piece[-64:]
    return next((form for _, form in _IN_OLE if form in found), "ole")


def _pdf_pages(file: IO[bytes]) -> int | None:
    """Return the number of pages of a PDF; None if it cannot be told, as without its password."""
    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError, PdfReadError

    # What pypdf says about odd files is for its developers. A handler of the application hears it all the same.
    logger = logging.getLogger("pypdf")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    try:
        with PdfReader(bounded(file, _MOST_OF_PDF)) as reader:
            told = int(cast("Any", reader.root_object)["/Pages"]["/Count"])
            return told if told > _MOST_PAGES else len(reader.pages)
    except FileNotDecryptedError:
        return None
    except PdfReadError:
        # Some versions of pypdf stumble over files that others read. Without its end, no version reads a file.
        file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
        if b"%%EOF" in file.read():
            return None
        raise UnreadableError(BROKEN) from None
    except Exception:  # noqa: BLE001  # a limit of pypdf, or a structure that it does not expect: no verdict on the file
        return None
