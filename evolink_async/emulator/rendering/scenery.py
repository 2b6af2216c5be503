"""Hills below the disc of a video, in other colours and shapes for every task, so that videos can be told apart.

They are drawn on planes of YUV 4:2:0; `canvas` calls this for the first frame.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# Shares of the height at which the ranges of hills begin, the far ones first. All are below the disc, by more than the
# encoder looks around it: see `video`.
_RANGES = (0.54, 0.66, 0.80)
_SWELL = 0.045
_STEPS = 48
# Brightness of the ranges: the far ones are paler, and none so bright that the title is hard to read.
_LUMA = (104, 78, 52)
_COLOUR = (30, 36, 30)


def draw_hills(planes: Sequence[Image.Image], seed: str) -> None:
    """Draw hills on the Y, U and V planes of a frame.

    Args:
        planes: The planes; those of the colours have half the width and half the height.
        seed: Decides colours and shapes.
    """
    from PIL import ImageDraw

    dice = random.Random(seed)  # noqa: S311  # a picture, not a secret
    angle, turn = dice.uniform(0, 2 * math.pi), dice.uniform(0.25, 0.6)
    drawings = [ImageDraw.Draw(plane) for plane in planes]
    for number, (begin, luma, strength) in enumerate(zip(_RANGES, _LUMA, _COLOUR, strict=True)):
        hue = angle + turn * number
        ink = (luma, round(128 + strength * math.cos(hue)), round(128 + strength * math.sin(hue)))
        ridge = _ridge(dice, begin)
        for drawing, plane, fill in zip(drawings, planes, ink, strict=True):
            line = [(x * plane.width, y * plane.height) for x, y in ridge]
            drawing.polygon([*line, (plane.width, plane.height), (0, plane.height)], fill=fill)


def _ridge(dice: random.Random, begin: float) -> list[tuple[float, float]]:
    """Return the upper line of a range of hills, in shares of width and height."""
    waves = [(dice.uniform(1, 3) * 2**k, dice.uniform(0, 2 * math.pi), 0.55**k) for k in range(3)]
    total = sum(size for _, _, size in waves)
    return [
        (x, begin + _SWELL * sum(size * math.sin(2 * math.pi * pace * x + at) for pace, at, size in waves) / total)
        for x in (step / _STEPS for step in range(_STEPS + 1))
    ]
