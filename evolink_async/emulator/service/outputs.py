"""What a request asks for: pixels, seconds, sound, or how many pictures.

Nothing here draws, encodes or prices it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from attrs import frozen

_PIXELS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    # 720p and 1080p: output_pixels of the wan2.7 pages; the other versions state none.
    # 480p: the upstream Wan sizes for 16:9 and 1:1; 4:3 is chosen here, of the same area.
    "480p": {"16:9": (832, 480), "1:1": (624, 624), "4:3": (736, 544)},
    "720p": {"16:9": (1280, 720), "1:1": (960, 960), "4:3": (1104, 832)},
    "1080p": {"16:9": (1920, 1080), "1:1": (1440, 1440), "4:3": (1648, 1248)},
}
_PORTRAIT = {"9:16": "16:9", "3:4": "4:3"}
_DEFAULT_SECONDS = 5
_CHOSEN_SECONDS = (2, 30)
_DEFAULT_STILL = (1280, 1280)
_STILL_PIXELS_MAX = 4096


@frozen
class Film:
    """A video: width and height in pixels, whole seconds, with or without sound."""

    width: int
    height: int
    seconds: int
    audio: bool = True


@frozen
class Stills:
    """A number of pictures of one size, in pixels."""

    width: int
    height: int
    count: int = 1


OutputSpec = Film | Stills


def output_spec(body: Mapping[str, object], *, path: str, seed: int, ordinal: int) -> OutputSpec:
    """Return what an accepted request asks for, defaults filled in.

    Args:
        body: The request, already found valid.
        path: The endpoint it came to; `/v1/images/generations` gives pictures.
        seed: The emulator's seed.
        ordinal: Number of the task; with the seed it decides the seconds of `duration: -1`.
    """
    if "images" in path:
        return _stills(body)
    width, height = _pixels(body.get("quality"), body.get("aspect_ratio"))
    return Film(width, height, _seconds(body, seed, ordinal), body.get("generate_audio") is not False)


def _seconds(body: Mapping[str, object], seed: int, ordinal: int) -> int:
    duration = body.get("duration")
    if not isinstance(duration, (int, float)) or duration == 0:
        # 0 keeps the clip's length (wan2.7-video-edit); the emulator does not open clips.
        return _DEFAULT_SECONDS
    if duration < 0:
        return random.Random(f"{seed}-{ordinal}-seconds").randint(*_CHOSEN_SECONDS)  # noqa: S311
    return round(duration)


def _pixels(quality: object, aspect_ratio: object) -> tuple[int, int]:
    rows = _PIXELS.get(str(quality), _PIXELS["720p"])
    if aspect_ratio in _PORTRAIT:
        height, width = rows[_PORTRAIT[str(aspect_ratio)]]
        return width, height
    return rows.get(str(aspect_ratio), rows["16:9"])


def _stills(body: Mapping[str, object]) -> Stills:
    count = body.get("n")
    return Stills(*_still_size(body.get("size")), count if isinstance(count, int) else 1)


def _still_size(size: object) -> tuple[int, int]:
    width, _, height = str(size).partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return _DEFAULT_STILL
    # The schema only asks for digits; a billion pixels would be drawn in memory.
    return max(1, min(int(width), _STILL_PIXELS_MAX)), max(1, min(int(height), _STILL_PIXELS_MAX))
