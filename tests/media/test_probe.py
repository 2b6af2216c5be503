"""Measuring files by their content: files of real encoders, cut off, mislabelled, or not regular files."""

from __future__ import annotations

import errno
import io
import os
import sys

import pytest
from PIL import Image

from evolink_async.media import MB, MediaFacts, UnreadableError, missing_libraries
from evolink_async.media.probe import UNKNOWN, bounded_file
from evolink_async.media.probe.measure import measure
from tests.footage import clip, document, image, sound

MADE = {
    "jpeg": image("jpeg", (640, 480)),
    "png": image("png", (640, 480)),
    "webp": image("webp", (640, 480)),
    "bmp": image("bmp", (640, 480)),
    "gif": image("gif", (640, 480)),
    "mp4": clip(2, (640, 480)),
    "mov": clip(2, (640, 480), "mov"),
    "m4a": sound(2, "m4a"),
    "mp3": sound(2, "mp3"),
    "wav": sound(2, "wav"),
    **{form: document(form) for form in ("pdf", "docx", "xlsx", "pptx", "key", "pages", "zip")},
    **{form: document(form) for form in ("doc", "xls", "ppt", "ole")},
    "txt": "Ein Märchen, 一个故事".encode(),
}
HEADS = [
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
    (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
    (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "avif"),
    (b"\0\0\0\x14ftypavif\0\0\0\0", "avif"),
    (b"II*\0" + bytes(20), "tiff"),
    (b"\x1aE\xdf\xa3" + bytes(20), "webm or mkv"),
    (b"RIFF\x24\0\0\0AVI LIST", "avi"),
    (b"fLaC\0\0\0\x22", "flac"),
    (b"OggS\0\x02", "ogg"),
    (b"\xff\xf1\x50\x80", "aac"),
    (b"<html><title>404</title>", "txt"),
    ("故事".encode("utf-16"), "txt"),
    ("故事".encode("gb18030"), "txt"),
    (b"\0\x01\x02\x03" * 40, UNKNOWN),
    (b"ID3\4\0\0\0\0\0\x05abcde" + b"fLaC\0\0\0\x22", "flac"),
    (b"ID3\4\0\0\0\0\x27\x08" + bytes(5000) + b"OggS\0\x02", "ogg"),
    (b"ID3\4\0\0\0\0\0\0\xff\xf1\x50\x80", "aac"),
    (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "cr3"),
    (b"RIFF\x24\0\0\0WXYZ", UNKNOWN),
    (b"\0", UNKNOWN),
]


def facts_of(content: bytes, **options: int) -> MediaFacts:
    return measure(io.BytesIO(content), **options)


def fault_of(content: bytes) -> str:
    with pytest.raises(UnreadableError) as caught:
        facts_of(content)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize("form", MADE)
def test_the_content_tells_the_format(form, tmp_path):
    """The name of the file has no effect."""
    path = tmp_path / "film.mp4.exe"
    path.write_bytes(MADE[form])
    facts = measure(path)
    assert (facts.format, facts.size_bytes) == (form, len(MADE[form]))
    assert facts == facts_of(MADE[form])


@pytest.mark.parametrize(("head", "form"), HEADS)
def test_what_no_model_takes_has_a_name_too(head, form):
    """A message can name the format of a file that no model takes."""
    assert facts_of(head).format == form


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "bmp", "gif", "mp4", "mov"])
def test_pixels_are_counted(form):
    """Width and height are those of the upright picture."""
    facts = facts_of(MADE[form])
    assert (facts.width, facts.height) == (640, 480)


@pytest.mark.parametrize("form", ["mp4", "mov", "m4a", "mp3", "wav"])
def test_seconds_are_measured(form):
    """The length is exact to one frame of sound."""
    assert facts_of(MADE[form]).seconds == pytest.approx(2, abs=0.06)


def test_what_is_held_upright_is_measured_upright():
    """A phone stores a portrait picture as landscape with a rotation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = facts_of(image("jpeg", (640, 480), exif=exif.tobytes()))
    film = facts_of(clip(1, (640, 480), turned=90))
    assert (photo.width, photo.height) == (film.width, film.height) == (480, 640)


@pytest.mark.parametrize(
    ("content", "has_alpha"),
    [
        (image("png"), False),
        (image("png", mode="RGBA"), True),
        (image("png", mode="LA"), True),
        (image("png", mode="P", transparency=0), True),
        (image("webp"), False),
        (image("webp", mode="RGBA"), True),
        (image("webp", mode="RGBA", lossless=True), True),
        (image("jpeg"), False),
        (image("bmp"), False),
    ],
)
def test_transparency_is_found(content, has_alpha):
    """A channel, a transparent colour of a palette, or none."""
    assert facts_of(content).has_alpha is has_alpha


def test_a_sound_in_an_mp4_is_no_film():
    """An mp4 without a video track is a sound file."""
    content = bytearray(sound(2, "m4a"))
    content[8:12] = b"isom"
    assert facts_of(bytes(content)).format == "m4a"


@pytest.mark.parametrize(("pages", "told"), [(50, 50), (51, 51)])
def test_pages_of_a_pdf_are_counted(pages, told):
    """So many pages as pypdf finds."""
    assert facts_of(document("pdf", pages)).pages == told


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "bmp", "mp4", "mov", "m4a", "pdf", "docx"])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_file_that_cannot_be_decoded_is_found(form, share):
    """An incomplete file is found before the upload, if its library gets nothing of it."""
    whole = MADE[form]
    assert fault_of(whole[: max(16, int(len(whole) * share))]) == "is cut off or damaged"


@pytest.mark.parametrize("form", ["mp3", "wav"])
def test_a_sound_cut_off_is_as_long_as_what_is_left(form):
    """It can be played, so it is judged by what is there and not by its header."""
    whole = MADE[form]
    assert facts_of(whole[: len(whole) // 2]).seconds == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 16_000])
def test_an_mp3_plays_as_long_as_what_went_in(rate):
    """What the encoder added at either end is not counted, so that 30 s are 30 s."""
    assert facts_of(sound(10, "mp3", rate)).seconds == pytest.approx(10, abs=0.001)


@pytest.mark.parametrize("form", ["jpeg", "png", "mp4", "wav", "mp3"])
def test_bytes_behind_the_end_are_no_damage(form):
    """Cameras and editors leave some there."""
    assert attrs_without_size(MADE[form] + bytes(1000)) == attrs_without_size(MADE[form])


def attrs_without_size(content: bytes) -> tuple[object, ...]:
    facts = facts_of(content)
    return facts.format, facts.width, facts.height, facts.seconds


@pytest.mark.parametrize("form", ["png", "jpeg", "mp4", "mp3", "wav", "webp", "bmp", "pdf", "docx", "ole"])
def test_damage_never_raises_anything_else(form):
    """With each byte of the header changed in turn, the result is facts or an UnreadableError."""
    whole = MADE[form]
    for index in range(min(len(whole), 400)):
        spoilt = bytearray(whole)
        spoilt[index] ^= 0xFF
        try:
            facts_of(bytes(spoilt))
        except UnreadableError as error:
            assert str(error).startswith(("is ", "has "))


@pytest.mark.parametrize(("form", "width"), [("jpeg", 640), ("png", 640), ("webp", None), ("bmp", 640)])
def test_the_first_bytes_tell_what_they_can(form, width):
    """Of a remote file only the first bytes are read; its size is known from the host."""
    facts = facts_of(MADE[form][:-20], size_bytes=len(MADE[form]))
    assert (facts.format, facts.size_bytes, facts.width) == (form, len(MADE[form]), width)


def test_the_first_bytes_of_a_film_tell_all_if_its_index_is_there():
    """As in films made for the web; of others format and length are told."""
    front, back = clip(2, in_front=True), clip(2)
    assert facts_of(front[:9000], size_bytes=90_000).seconds == 2
    assert facts_of(back[:1000], size_bytes=90_000) == MediaFacts(format="mp4", size_bytes=90_000)


@pytest.mark.parametrize("form", ["mp3", "wav", "docx", "doc", "pdf"])
def test_the_first_bytes_do_not_mislead(form):
    """The length of half a sound, or the name of a container, would be wrong: they are left open."""
    whole = MADE[form]
    facts = facts_of(whole[:-20], size_bytes=len(whole))
    assert (facts.seconds, facts.pages) == (None, None)
    assert facts.format in (form, None)


@pytest.mark.parametrize("form", MADE)
def test_without_libraries_format_and_size_are_known(form, monkeypatch):
    """Nothing healthy is refused; zip files and older documents need no library."""
    for library in ("av", "PIL", "pypdf"):
        monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed
    assert facts_of(MADE[form]) == MediaFacts(format=form, size_bytes=len(MADE[form]))
    assert missing_libraries() == ["PyAV", "Pillow", "pypdf"]


def test_with_all_libraries_none_is_missing():
    """The suite has the extra `media`."""
    assert missing_libraries() == []


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "bmp", "mp4", "mov", "m4a", "mp3", "wav", "pdf"])
def test_a_file_that_keeps_its_library_busy_is_not_known(form, monkeypatch):
    """It may be healthy, so that format and size alone are judged."""
    monkeypatch.setattr(bounded_file, "_MOST_SECONDS", -1)
    assert facts_of(MADE[form]) == MediaFacts(format=form, size_bytes=len(MADE[form]))


@pytest.mark.parametrize(("form", "megabytes"), [("mp3", 15), ("mp4", 100), ("mov", 100), ("jpeg", 100)])
def test_a_file_that_no_model_takes_is_not_measured(form, megabytes, tmp_path):
    """Its size alone is refused. Up to that size, it is measured."""
    path = tmp_path / "large"
    path.write_bytes(MADE[form])
    os.truncate(path, megabytes * MB)
    assert {measure(path).width, measure(path).seconds} != {None}
    os.truncate(path, megabytes * MB + 1)
    assert measure(path) == MediaFacts(format=form, size_bytes=megabytes * MB + 1)


@pytest.mark.parametrize("form", ["docx", "pages", "doc", "ole"])
def test_the_kind_of_a_document_that_no_model_takes_is_left_open(form, tmp_path):
    """Its size is refused, not its format."""
    path = tmp_path / "large"
    path.write_bytes(MADE[form])
    os.truncate(path, 100 * MB + 1)
    assert measure(path) == MediaFacts(format=None, size_bytes=100 * MB + 1)


def test_an_empty_file_is_empty():
    """An empty file has its own message."""
    assert fault_of(b"") == "is empty"


def test_what_is_no_file_is_never_waited_for(tmp_path):
    """A pipe without a writer would block, and a device would never end."""
    os.mkfifo(tmp_path / "pipe")
    for path, what in [
        (tmp_path / "missing.mp4", "does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "is a device, pipe or socket, not a regular file"),
        (tmp_path / "nul\0.mp4", "cannot be read: no file can have this name"),
        (tmp_path / ("a" * 300), f"cannot be read: {os.strerror(errno.ENAMETOOLONG)}"),
        (type(tmp_path)("/dev/zero"), "is a device, pipe or socket, not a regular file"),
    ]:
        with pytest.raises(UnreadableError) as caught:
            measure(path)
        assert str(caught.value) == what
        assert caught.value.__cause__ is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_may_not_be_read(tmp_path):
    """The permission is missing, not the file."""
    path = tmp_path / "secret.png"
    path.write_bytes(MADE["png"])
    path.chmod(0)
    with pytest.raises(UnreadableError, match="cannot be read by this user"):
        measure(path)
