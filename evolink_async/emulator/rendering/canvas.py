"""Drawing: YUV 4:2:0 frames with a moving disc and a title, and PNG images.

Videos are encoded in `video`. Pillow is imported when something is drawn.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from .scenery import draw_hills

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

# Frames in which the disc crosses the frame; then it starts again.
_LOOP_FRAMES = 48

# Y, U and V.
_BACKGROUND = (40, 140, 120)
_DISC = (170, 60, 190)
_TEXT_LUMA = 235
# Share of the height above the title.
_TITLE_TOP = 0.62
_LINE_COUNT = 4


@frozen
class Title:
    """The text on a result file: task id, model, and the start of the prompt."""

    model: str = ""
    task_id: str = ""
    prompt: str = ""

    def lines(self, columns: int) -> Sequence[str]:
        """Return the text in at most four lines; the prompt is wrapped at `columns` characters."""
        prompt = textwrap.wrap(self.prompt, columns, max_lines=_LINE_COUNT - 2, placeholder=" ...")
        return [self.task_id, self.model, *prompt]


@define
class Canvas:
    """The Y, U and V planes of one frame; each frame is drawn over the one before.

    The disc stays in the upper part, the hills and the title in the lower part: `video` relies on them not overlapping.
    """

    width: int
    height: int
    planes: tuple[Image.Image, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the empty planes."""
        from PIL import Image

        # 4:2:0: the two colour planes have half the width and half the height.
        sizes = ((self.width, self.height), *((self.width // 2, self.height // 2),) * 2)
        self.planes = tuple(Image.new("L", size, colour) for size, colour in zip(sizes, _BACKGROUND, strict=True))

    def draw(self, index: int, title: Title | None = None) -> None:
        """Draw frame `index`, from 0, with a title and hills of its own, or without."""
        from PIL import ImageDraw

        for number, plane in enumerate(self.planes):
            scale = 1 if number == 0 else 2
            drawing = ImageDraw.Draw(plane)
            drawing.rectangle((0, 0, *plane.size), fill=_BACKGROUND[number])
            drawing.ellipse([edge / scale for edge in self._disc(index)], fill=_DISC[number])
        if title is not None:
            draw_hills(self.planes, title.task_id)
            _write(ImageDraw.Draw(self.planes[0]), (self.width, self.height), title, _TEXT_LUMA)

    def plane_bytes(self, number: int, line_size: int) -> bytes:
        """Return the bytes of a plane in rows of `line_size` bytes; longer rows are padded."""
        plane = self.planes[number]
        if line_size == plane.width:
            return plane.tobytes()
        return plane.tobytes("raw", "L", line_size, 1)

    def _disc(self, index: int) -> tuple[float, float, float, float]:
        size = min(self.width, self.height) / 6
        left = (self.width - size) * (index % _LOOP_FRAMES) / (_LOOP_FRAMES - 1)
        top = self.height * 0.15
        return left, top, left + size, top + size


def png(width: int, height: int, title: Title) -> bytes:
    """Return a PNG image of the given pixels with a title."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, height), (24, 44, 60))
    drawing = ImageDraw.Draw(image)
    left, top, size = width * 0.4, height * 0.15, width * 0.2
    drawing.ellipse((left, top, left + size, top + size), fill=(240, 160, 40))
    _write(drawing, (width, height), title, (235, 235, 235))
    out = BytesIO()
    # Fast rather than small: the file never leaves the machine.
    image.save(out, format="PNG", compress_level=1)
    return out.getvalue()


def _write(drawing: ImageDraw.ImageDraw, size: tuple[int, int], title: Title, ink: int | tuple[int, int, int]) -> None:
    from PIL import ImageFont

    width, height = size
    # Four lines fit below `_TITLE_TOP` at every video size; tiny images lose some of them.
    font_size = max(8, min(height // 22, width // 26))
    font = ImageFont.load_default(font_size)
    for row, line in enumerate(title.lines(columns=max(8, int(width * 1.7 / font_size)))):
        top = height * _TITLE_TOP + row * font_size * 1.4
        drawing.text((font_size, top), line, font=font, fill=ink)
