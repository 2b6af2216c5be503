"""Images of odd but healthy kinds, those that Pillow does not read, and those that it refuses to decode."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import pytest
from PIL import Image, PngImagePlugin

from evolink_async.media import MediaFacts, UnreadableError
from evolink_async.media.probe.measure import measure
from tests.footage import image


def facts_of(content: bytes, **options: int) -> MediaFacts:
    return measure(io.BytesIO(content), **options)


def size_of(content: bytes) -> tuple[int | None, int | None]:
    facts = facts_of(content)
    return facts.width, facts.height


def patched(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def noise(form: str = "jpeg", size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    made = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(made, form, **options)
    return made.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(content: bytes, kind: bytes, data: bytes) -> bytes:
    """A png with another chunk behind its header."""
    return content[:33] + chunk(kind, data) + content[33:]


def segments(content: bytes, count: int) -> int:
    """Where a segment of a jpeg ends."""
    at = 2
    for _ in range(count):
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return at


# --- jpeg


@pytest.mark.parametrize("filling", [b"\0", b"\xff", b"\xff\xff\xff", b"\0\0\0\0", b"\xff\0", b"abc"])
@pytest.mark.parametrize("place", [1, 2])
def test_bytes_between_the_segments_of_a_jpeg_are_no_damage(filling, place):
    """Cameras leave some there."""
    content = noise()
    at = segments(content, place)
    assert size_of(content[:at] + filling + content[at:]) == (640, 480)


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"optimize": True}, {"quality": 1}, {"subsampling": "4:4:4"}]
)
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (641, 479)])
def test_a_jpeg_can_be_coded_in_any_way(options, size):
    """Decoding it at an eighth of its size is no harm to small ones."""
    assert size_of(noise("jpeg", size, **options)) == size


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_jpeg_can_have_any_channels(mode):
    """None of them is transparency."""
    facts = facts_of(image("jpeg", (400, 300), mode=mode))
    assert (facts.width, facts.height, facts.has_alpha) == (400, 300, False)


@pytest.mark.parametrize("bits", [12, 16])
def test_a_jpeg_that_pillow_does_not_read_is_not_damaged(bits):
    """Its size is not known."""
    content = noise()
    frame = content.index(b"\xff\xc0") + 4
    assert facts_of(patched(content, frame, bytes([bits]))) == MediaFacts(format="jpeg", size_bytes=len(content))


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8, 9])
def test_a_photo_is_as_wide_as_it_is_shown(orientation):
    """Orientations from five to eight exchange the sides."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = (480, 640) if orientation in (5, 6, 7, 8) else (640, 480)
    for form in ("jpeg", "webp", "png"):
        assert size_of(noise(form, exif=exif.tobytes())) == shown


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "exif", [b"", b"MM\0*\0\0\0\xff", b"\xff" * 40, b"II*\0\x08\0\0\0\xff\xff", b"MM\0*\0\0\0\x08" + b"\xff" * 500]
)
def test_damaged_exif_data_is_no_damage_of_the_image(exif):
    """The pixels are all there."""
    content, exif = noise(), b"Exif\0\0" + exif
    assert size_of(content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]) == (640, 480)


JPEGS = [
    {},
    {"progressive": True},
    {"subsampling": "4:4:4"},
    {"restart_marker_rows": 1},
    {"progressive": True, "restart_marker_rows": 1},
]


@pytest.mark.parametrize("options", JPEGS, ids=str)
@pytest.mark.parametrize("lost", [1, 2])
def test_a_jpeg_without_its_end_mark_is_whole(options, lost):
    """All pixels are there; cameras and cut downloads lose the mark, and other programs show the picture."""
    assert size_of(noise(**options)[:-lost]) == (640, 480)


@pytest.mark.parametrize("options", JPEGS, ids=str)
@pytest.mark.parametrize("lost", [100, 350, 1000])
def test_a_jpeg_without_its_last_pixels_is_cut_off(options, lost):
    """Also if hardly any are missing, or the file ends between two rows."""
    content = noise(**options)
    cuts = [len(content) - lost, content.rfind(b"\xff\xd3") if "restart_marker_rows" in options else -lost]
    for cut in cuts:
        with pytest.raises(UnreadableError, match="is cut off or damaged"):
            facts_of(content[:cut])


# --- png


def spoilt(kind: bytes, data: bytes) -> bytes:
    """A chunk with a wrong checksum."""
    return chunk(kind, data)[:-1] + bytes([chunk(kind, data)[-1] ^ 1])


@pytest.mark.parametrize(
    ("kind", "data"),
    [(b"tEXt", b"a\0b"), (b"gAMA", bytes(4)), (b"iCCP", b"x\0\0y"), (b"prVt", b""), (b"tRNS", bytes(6))],
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_damaged_note_in_a_png_is_no_damage_of_the_image(kind, data, times):
    """Its name begins with a small letter: readers may ignore it, and its transparency is none."""
    content = noise("png")
    facts = facts_of(content[:33] + spoilt(kind, data) * times + content[33:])
    assert (facts.width, facts.height, facts.has_alpha) == (640, 480, False)


FRAME = struct.pack(">5I2H2B", 9, 640, 480, 0, 0, 1, 1, 0, 0)


@pytest.mark.filterwarnings("ignore:Invalid APNG")
@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"zTXt", b"a\0\5xxx"),
        (b"iCCP", b"a\0\5xxx"),
        (b"iCCP", b""),
        (b"iCCP", b"abc"),
        (b"acTL", bytes(8)),
        (b"fcTL", FRAME),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_note_that_pillow_refuses_is_no_damage_of_the_image(kind, data, mode):
    """Other programs leave it out; transparency is found all the same, and how the image is turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    content = with_chunk(with_chunk(image("png", (400, 300), mode=mode, exif=exif.tobytes()), kind, data), b"prVt", b"")
    frames = with_chunk(content, b"acTL", struct.pack(">2I", 2, 0)) if kind == b"fcTL" else content
    facts = facts_of(frames)
    assert (facts.width, facts.height, facts.has_alpha) == (300, 400, mode == "RGBA")


def with_pixels(content: bytes, stream: bytes, pieces: int = 1) -> bytes:
    """A png of other pixels, in several chunks."""
    at = content.index(b"IDAT") - 4
    size = len(stream) // pieces + 1
    parts = [chunk(b"IDAT", stream[start : start + size]) for start in range(0, len(stream), size)]
    return content[:at] + b"".join(parts) + chunk(b"IEND", b"")


def pixels_of(content: bytes) -> bytes:
    at = content.index(b"IDAT")
    return content[at + 4 : at + 4 + int.from_bytes(content[at - 4 : at])]


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("wrong", [b"abcd", b"ab", b""])
def test_a_wrong_sum_behind_all_pixels_is_no_damage(pieces, wrong):
    """Other programs show the picture: nothing of it is missing."""
    content = image("png", (400, 300))
    assert size_of(with_pixels(content, pixels_of(content)[:-4] + wrong, pieces)) == (400, 300)


def test_pixels_that_break_off_are_damage():
    """Also in chunks that are healthy themselves, with a note that Pillow refuses, and with bits that are wrong."""
    content = noise("png", (400, 300))
    stream = pixels_of(content)
    cut = with_pixels(content, stream[: len(stream) // 2], 2)
    wrong = with_pixels(content, stream[:40] + b"\xff" * 40 + stream[80:])
    for one in (cut, with_chunk(cut, b"iCCP", b""), wrong):
        with pytest.raises(UnreadableError, match="is cut off or damaged"):
            facts_of(one)


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_a_damaged_picture_in_a_png_is_found(kind):
    """Also beside a damaged note."""
    content = noise("png")
    at = content.index(kind)
    middle = at + 4 + int.from_bytes(content[at - 4 : at]) // 2
    broken = patched(content, middle, bytes([content[middle] ^ 1]))
    for one in (broken, broken[:33] + spoilt(b"tEXt", b"a\0b") + broken[33:], content[:40] + spoilt(b"tEXt", b"")):
        with pytest.raises(UnreadableError, match="is cut off or damaged"):
            facts_of(one)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("size", [100, 2_000_000])
def test_a_long_text_in_a_png_is_no_damage(kind, size):
    """Pillow refuses to unpack more than a megabyte of it, which is no verdict on the file."""
    text = (
        b"workflow\0"
        + {
            b"tEXt": b"x" * size,
            b"zTXt": b"\0" + zlib.compress(b"x" * size),
            b"iTXt": b"\1\0\0\0" + zlib.compress(b"x" * size),
        }[kind]
    )
    facts = facts_of(with_chunk(noise("png"), kind, text))
    assert facts.format == "png"
    assert facts.width in (640, None)
    assert size == 2_000_000 or facts.width == 640


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_can_have_any_mode(mode):
    """Two of them have an alpha channel."""
    made = io.BytesIO()
    Image.new(mode, (300, 200)).save(made, "png")
    facts = facts_of(made.getvalue())
    assert (facts.width, facts.height, facts.has_alpha) == (300, 200, mode in ("LA", "RGBA"))


def test_an_animated_png_is_one_picture():
    """Its first."""
    made = io.BytesIO()
    frames = [Image.new("RGB", (300, 200), (index, 0, 0)) for index in range(3)]
    frames[0].save(made, "png", save_all=True, append_images=frames[1:])
    assert size_of(made.getvalue()) == (300, 200)


@pytest.mark.parametrize("size", [(20_000, 20_000), (60_000, 4_000), (100_000, 100_000)])
@pytest.mark.parametrize("limit", [PngImagePlugin.MAX_TEXT_CHUNK, 1])
def test_more_pixels_than_pillow_opens_are_counted(size, limit, monkeypatch):
    """Its limit guards the memory of those who decode. Here so many pixels are not decoded."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    header = chunk(b"IHDR", struct.pack(">2I5B", *size, 8, 2, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert size_of(content) == size


# --- bmp


@pytest.mark.parametrize("reserved", [b"\0\0\0\0", b"\x15\0\x10\0", b"\xff\xff\xff\xff"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_bmp_can_have_a_hot_spot(reserved, mode):
    """OS/2 stores it where others store zeros."""
    facts = facts_of(patched(image("bmp", (300, 200), mode=mode), 6, reserved))
    assert (facts.format, facts.width, facts.height) == ("bmp", 300, 200)


@pytest.mark.parametrize(("at", "value"), [(28, 2), (30, 4), (30, 5), (30, 6)])
def test_a_bmp_that_pillow_does_not_read_is_not_damaged(at, value):
    """Two bits a pixel, or packed like a fax, a jpeg or a png."""
    content = patched(image("bmp", (300, 200)), at, struct.pack("<H", value))
    assert facts_of(content) == MediaFacts(format="bmp", size_bytes=len(content))


@pytest.mark.parametrize("text", [b"BMW drives on", b"BM", b"BM: a note of more than fourteen letters\n"])
def test_a_text_that_begins_with_two_letters_is_no_bmp(text):
    """The length of a header has to follow."""
    assert facts_of(text).format == "txt"


# --- all


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "bmp"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
def test_an_image_cut_off_anywhere_is_found(form, share):
    """Pillow cannot decode it."""
    content = noise(form)
    with pytest.raises(UnreadableError, match="is cut off or damaged"):
        facts_of(content[: int(len(content) * share)])


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "bmp", "gif"])
@pytest.mark.parametrize("tail", [b"\0", b"TAG" + bytes(125), b"\xff\xd8\xff\xe0" * 100])
def test_bytes_behind_an_image_are_no_damage(form, tail):
    """Phones store a clip there."""
    assert size_of(noise(form) + tail) == (640, 480)


def test_a_jpeg_of_the_other_kind_has_its_own_name():
    """JPEG-LS begins like a jpeg, but no model takes it."""
    assert facts_of(b"\xff\xd8\xff\xf7\0\x0b\x08" + bytes(40)).format == "jls"
