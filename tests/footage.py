"""Small images, clips, sounds and documents, made by real encoders when a test asks for one."""

from __future__ import annotations

import io
import wave
import zipfile
from fractions import Fraction
from functools import cache

import av
import pytest
from PIL import Image

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
    turned: bool = False,
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
        if turned:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("PyAV writes a rotation since 17.1")
            stream.set_display_rotation(90)
        picture = av.VideoFrame(*size, "yuv444p")
        for index in range(round(seconds * 10)):
            picture.pts, picture.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return made.getvalue()


@cache
def sound(seconds: float = 3, form: str = "mp3", rate: int = 44_100) -> bytes:
    """Silence; an mp3, a wav or an m4a."""
    if form == "wav":
        made = io.BytesIO()
        with wave.open(made, "wb") as writer:
            writer.setparams((1, 1, SAMPLE_RATE, 0, "NONE", ""))
            writer.writeframes(bytes(round(seconds * SAMPLE_RATE)))
        return made.getvalue()
    made = io.BytesIO()
    with av.open(made, "w", format={"m4a": "ipod"}.get(form, form)) as container:
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
        kids = b"1 0 R " * pages
        tree = b"2 0 obj <</Type /Pages /Kids [%s] /Count %d>> endobj" % (kids, pages)
        return b"%PDF-1.4\n" + tree + b"\ntrailer <</Root 3 0 R>>\n%%EOF\n"
    inside = {
        "docx": "word/document.xml",
        "xlsx": "xl/workbook.xml",
        "pptx": "ppt/presentation.xml",
        "key": "Index/Slide.iwa",
        "pages": "Index/Document.iwa",
        "zip": "notes.txt",
    }
    if form in inside:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(inside[form], "x")
        return made.getvalue()
    names = {"doc": "WordDocument", "xls": "Workbook", "ppt": "PowerPoint Document", "ole": "Another"}
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + names[form].encode("utf-16-le")
