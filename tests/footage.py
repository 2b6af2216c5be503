"""Small images, clips, sounds and documents, made by real encoders when a test asks for one."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
from collections.abc import Mapping
from fractions import Fraction
from functools import cache

import av
from PIL import Image
from pypdf import PdfWriter

SAMPLE_RATE = 8000


@cache
def image(form: str = "png", size: tuple[int, int] = (512, 512), mode: str = "RGB", **options: object) -> bytes:
    """A picture of one colour, in a format that Pillow names."""
    made = io.BytesIO()
    Image.new(mode, size, 128 if mode in ("L", "P") else (120, 80, 40, 128)[: len(mode)]).save(made, form, **options)
    return made.getvalue()


@cache
def clip(
    seconds: float = 3,
    size: tuple[int, int] = (320, 240),
    form: str = "mp4",
    *,
    turned: int = 0,
    broadcast: bool = False,
    in_front: bool = False,
) -> bytes:
    """A film of one colour, ten frames a second, without sound.

    Its index is at the end, or `in_front`; `broadcast`, it has none for the whole, but one for each piece.
    """
    made = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov"} if broadcast else {"moov_size": "8192"} if in_front else {}
    with av.open(made, "w", format=form, options=options) as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast", "qp": "50"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p"
        picture = av.VideoFrame(*size, "yuv444p")
        for plane in picture.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        for index in range(round(seconds * 10)):
            picture.pts, picture.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return with_rotation(made.getvalue(), turned)


def with_rotation(content: bytes, degrees: int) -> bytes:
    """A film whose track header turns it; PyAV before 17.1 cannot write that."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    start = content.index(b"tkhd") + 44
    matrix = struct.pack(">5i", cos << 16, sin << 16, 0, -sin << 16, cos << 16)
    return content[:start] + matrix + content[start + len(matrix) :]


@cache
def sound(seconds: float = 3, form: str = "mp3", rate: int = 44_100, *, in_front: bool = False) -> bytes:
    """Silence; an mp3, a wav or an m4a, the last with its index at the end or `in_front`."""
    if form == "wav":
        made = io.BytesIO()
        with wave.open(made, "wb") as writer:
            writer.setparams((1, 1, SAMPLE_RATE, 0, "NONE", ""))
            writer.writeframes(bytes(round(seconds * SAMPLE_RATE)))
        return made.getvalue()
    made = io.BytesIO()
    options = {"moov_size": "8192"} if in_front else {}
    with av.open(made, "w", format={"m4a": "ipod"}.get(form, form), options=options) as container:
        stream = container.add_stream({"m4a": "aac", "mp3": "libmp3lame"}[form], rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame(format=stream.format.name, layout="mono", samples=round(seconds * rate))
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


@cache
def document(form: str, pages: int = 1) -> bytes:
    """A document of the smallest kind that is one."""
    if form == "pdf":
        writer = PdfWriter()
        for _ in range(pages):
            writer.add_blank_page(100, 100)
        made = io.BytesIO()
        writer.write(made)
        return made.getvalue()
    types = {"docx": "wordprocessingml.document", "xlsx": "spreadsheetml.sheet", "pptx": "presentationml.presentation"}
    if form in types:
        kind = f"application/vnd.openxmlformats-officedocument.{types[form]}.main+xml"
        return archive({"[Content_Types].xml": f'<Types><Override PartName="/m.xml" ContentType="{kind}"/></Types>'})
    inside = {"key": "Index/Slide.iwa", "pages": "Index/Document.iwa", "zip": "notes.txt"}
    if form in inside:
        return archive({inside[form]: "x"})
    names = {"doc": "WordDocument", "xls": "Workbook", "ppt": "PowerPoint Document", "ole": "Another"}
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + names[form].encode("utf-16-le")


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A zip file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in files.items():
            writer.writestr(name, content)
    return made.getvalue()
