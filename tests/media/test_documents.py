"""Documents of odd but healthy kinds, and what an archive or a PDF does not tell."""

from __future__ import annotations

import io
import logging
import zipfile

import pytest
from pypdf import PdfReader, PdfWriter

from evolink_async.media import MediaFacts, UnreadableError
from evolink_async.media.probe import UNKNOWN
from evolink_async.media.probe.measure import measure
from tests.footage import archive, document

TYPES = "[Content_Types].xml"
OPEN_XML = "application/vnd.openxmlformats-officedocument."
MICROSOFT = "application/vnd.ms-"
MAIN_PARTS = [
    (f"{OPEN_XML}wordprocessingml.document.main+xml", "docx"),
    (f"{OPEN_XML}wordprocessingml.template.main+xml", "docx"),
    (f"{MICROSOFT}word.document.macroEnabled.main+xml", "docx"),
    (f"{MICROSOFT}word.template.macroEnabledTemplate.main+xml", "docx"),
    (f"{OPEN_XML}spreadsheetml.sheet.main+xml", "xlsx"),
    (f"{OPEN_XML}spreadsheetml.template.main+xml", "xlsx"),
    (f"{MICROSOFT}excel.sheet.macroEnabled.main+xml", "xlsx"),
    (f"{MICROSOFT}excel.sheet.binary.macroEnabled.main", "xlsx"),
    (f"{OPEN_XML}presentationml.presentation.main+xml", "pptx"),
    (f"{OPEN_XML}presentationml.slideshow.main+xml", "pptx"),
    (f"{MICROSOFT}powerpoint.presentation.macroEnabled.main+xml", "pptx"),
]


def facts_of(content: bytes, **options: int) -> MediaFacts:
    return measure(io.BytesIO(content), **options)


def types_of(kind: str) -> str:
    return f'<?xml version="1.0"?><Types><Override PartName="/any/name.xml" ContentType="{kind}"/></Types>'


# --- zip


@pytest.mark.parametrize(("kind", "form"), MAIN_PARTS)
def test_the_list_of_types_tells_the_document(kind, form):
    """The names of the files inside are free."""
    assert facts_of(archive({TYPES: types_of(kind)})).format == form


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_the_list_of_types_can_have_any_encoding(encoding):
    """XML allows both."""
    assert facts_of(archive({TYPES: types_of(MAIN_PARTS[0][0]).encode(encoding)})).format == "docx"


@pytest.mark.parametrize("form", ["docx", "xlsx", "pptx", "key", "pages"])
@pytest.mark.parametrize("around", [(b"", b"\0" * 100), (b"", b"x" * 60_000), (b"PK\3\4" + b"stub" * 50, b"")])
def test_bytes_around_an_archive_are_no_damage(form, around):
    """What was put before and behind it by a download or a wrapper."""
    assert facts_of(around[0] + document(form) + around[1]).format == form


@pytest.mark.parametrize("files", [{"word/document.xml": "x"}, {"xl/workbook.xml": "x"}, {TYPES: "<Types/>"}, {}])
def test_an_archive_without_a_document_is_a_zip(files):
    """Names that look like one are not enough."""
    assert facts_of(archive(files)).format == "zip"


def test_an_archive_in_an_archive_is_left_open():
    """Older documents of Apple's have their files in there."""
    inner = archive({"Index/Document.iwa": "x"})
    assert facts_of(archive({"Index.zip": inner, "preview.jpg": "x"})).format is None


@pytest.mark.parametrize("method", [97, 98, 12345])
def test_a_compression_that_python_lacks_is_no_damage(method):
    """The list of types cannot be read, so that the format is not known."""
    content = archive({TYPES: types_of(MAIN_PARTS[0][0])})
    for header, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        start = content.index(header) + at
        content = content[:start] + method.to_bytes(2, "little") + content[start + 2 :]
    assert facts_of(content).format is None


def test_an_archive_of_many_files_is_left_open():
    """Its directory is longer than is read."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as writer:
        for number in range(100):
            writer.writestr(f"{number:060000}", "")
    assert facts_of(made.getvalue()).format is None


# --- ole


@pytest.mark.parametrize("form", ["doc", "xls", "ppt"])
@pytest.mark.parametrize("before", [0, 504, (1 << 20) - 12, 3 << 20])
def test_the_names_in_an_old_document_can_be_anywhere(form, before):
    """Also across the edge of two pieces that are read."""
    content = document(form)
    assert facts_of(content[:8] + bytes(before) + content[8:]).format == form


@pytest.mark.parametrize("name", ["EncryptedPackage", "EncryptedPackage WordDocument", "WordDocument EncryptedPackage"])
def test_a_document_with_a_password_is_left_open(name):
    """Its kind is encrypted too."""
    content = document("ole")[:512] + name.encode("utf-16-le")
    assert facts_of(content).format is None


# --- text

LETTERS = {
    "a box of free space": b"The free lunch\n\nThere is none.\n",
    "a wide box": b"The wide world is here.\n",
    "a box to skip": b"And skip the rest\n",
    "a box for a picture": b"But pnot a word\n",
    "the brand of a film": b"Shiftyping\n",
    "a tag of sound": b"ID3 tags, explained\n\nAn ID3 tag stores the title.\n",
    "a program": b"MZ-80K: a home computer of 1978\n",
    "a container": b"RIFF RAFF: a script\n",
    "a picture": b"GIF89a, and how to say it\n",
    "sound of phones": b"#!AMR\nis how it begins.\n",
    "other sound": b"OggS and fLaC\n",
    "two packets": b"Grandmother sat there.\n".ljust(188, b".") + b"Go on\n",
    "an end of DOS": b"old DOS text\r\n\x1a",
    "many ends of CP/M": b"old CP/M text\r\n".ljust(128, b"\x1a"),
    "a page about PDF": b"Files begin with\n%PDF-1.7\n",
}


@pytest.mark.parametrize("text", LETTERS.values(), ids=LETTERS)
@pytest.mark.parametrize("times", [1, 500])
def test_a_text_that_begins_as_another_format_is_a_text(text, times):
    """Many signatures are of letters; other formats have bytes that no text has."""
    content = text if text.endswith(b"\x1a") else text * times
    assert facts_of(content) == MediaFacts(format="txt", size_bytes=len(content))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-8-sig", "latin-1", "utf-8"])
@pytest.mark.parametrize("text", ["A short story.\r\n", "Ein Märchen\n", "The free lunch\n", "x"])
def test_a_text_can_have_any_encoding(encoding, text):
    """UTF-16 also without the mark that tells it."""
    assert facts_of((text * 900).encode(encoding)).format == "txt"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", [0, 1])
def test_a_text_in_utf_16_can_have_any_characters(encoding, before):
    """One of two codes may lie across the end of the first bytes."""
    text = "x" * before + "一个故事,😀👩\u200d🚀\n" * 500
    assert facts_of(text.encode(encoding)).format == "txt"


@pytest.mark.parametrize("content", [b"The free\0\x01lunch", b"text\0\0\0", bytes(range(256)) * 20, b"\0\xd8 \0"])
def test_bytes_that_no_text_has_are_no_text(content):
    """Nor is the size of a box four letters."""
    assert facts_of(content).format == UNKNOWN


# --- pdf


def pdf(pages: int, user: str = "", owner: str = "", algorithm: str | None = None) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(100, 100)
    if algorithm:
        writer.encrypt(user, owner, algorithm=algorithm)
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128"])
def test_pages_behind_a_password_are_left_open(algorithm):
    """Without a password to open it, the pages are counted."""
    assert facts_of(pdf(3, user="x", algorithm=algorithm)).pages is None
    assert facts_of(pdf(3, owner="x", algorithm=algorithm)).pages == 3


@pytest.mark.parametrize("head", [b"\n", b"\r\n", b"  \r\n\t", b"\xef\xbb\xbf", bytes(128)])
@pytest.mark.parametrize("pages", [3, 60])
def test_white_space_before_a_pdf_is_no_part_of_it(head, pages):
    """Web servers send an empty line too much. The pages are counted all the same."""
    facts = facts_of(head + pdf(pages))
    assert (facts.format, facts.pages) == ("pdf", pages)


@pytest.mark.parametrize("tail", [b"\n", b"\0" * 500, b"<html>"])
def test_bytes_behind_a_pdf_are_no_damage(tail):
    """Servers and mail programs leave some there."""
    assert facts_of(pdf(4) + tail).pages == 4


@pytest.mark.parametrize(
    "tail", [b"\r\n%%EOF\r\n", b"\nstartxref\n%%EOF", b"\nstartxref\n1234567\n%%EOF", b"\nstartxref\n<a>\n%%EOF"]
)
def test_a_pdf_that_pypdf_does_not_read_can_be_healthy(tail):
    """As some versions of it do not. If the end of the file is there, nothing is said against it."""
    assert facts_of(pdf(4) + tail).pages in (4, None)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_pdf_without_its_end_is_found(share):
    """Its table is at the end."""
    content = pdf(4)
    with pytest.raises(UnreadableError, match="is cut off or damaged"):
        facts_of(content[: int(len(content) * share)])


@pytest.mark.parametrize("told", [b"/Count 1", b"/Count 9"])
def test_pages_are_counted_one_by_one(told):
    """The number in the document can be wrong."""
    content = pdf(4)
    assert b"/Count 4" in content
    assert facts_of(content.replace(b"/Count 4", told)).pages == 4


def test_a_pdf_of_very_many_pages_is_not_walked_over():
    """Beyond five hundred, the number in the document is enough."""
    content = pdf(3).replace(b"/Count 3", b"/Count 90000")
    assert facts_of(content).pages == 90_000


@pytest.mark.parametrize("lost", [b"startxref", b"xref", b"trailer", b"/Pages", b"/Root"])
def test_a_pdf_whose_table_is_lost_is_not_refused(lost):
    """Pypdf repairs some; of others the pages are not known."""
    assert facts_of(pdf(2).replace(lost, b"x" * len(lost))).pages in (2, None)


def test_a_later_version_of_a_pdf_counts():
    """Editors append the change to the file."""
    writer = PdfWriter(io.BytesIO(pdf(2)), incremental=True)
    writer.add_blank_page(100, 100)
    made = io.BytesIO()
    writer.write(made)
    assert len(PdfReader(made).pages) == 3
    assert facts_of(made.getvalue()).pages == 3


def test_what_pypdf_remarks_reaches_no_terminal(capfd, monkeypatch):
    """Without a handler of the application, Python prints warnings to standard error."""
    monkeypatch.setattr(logging.getLogger("pypdf"), "handlers", [])
    content = pdf(2)
    facts_of(content.replace(b"startxref\n", b"startxref\n1"))
    assert capfd.readouterr().err == ""
