"""What a request asks for: a video (pixels, seconds, sound) or a number of images.

What it costs is in `pricing`; how it is made is in `rendering`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from attrs import frozen

# Source of 720p and 1080p: output_pixels of the wan2.7 pages; the pages of the other versions state no pixels.
# 480p: the sizes of the open-source Wan models for 16:9 and 1:1; 4:3 is an assumption with the same area.
_PIXELS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "480p": {"16:9": (832, 480), "1:1": (624, 624), "4:3": (736, 544)},
    "720p": {"16:9": (1280, 720), "1:1": (960, 960), "4:3": (1104, 832)},
    "1080p": {"16:9": (1920, 1080), "1:1": (1440, 1440), "4:3": (1648, 1248)},
}
_LANDSCAPE_OF = {"9:16": "16:9", "3:4": "4:3"}
_DEFAULT_SECONDS = 5
_MODEL_CHOICE_SECONDS = (2, 30)
_DEFAULT_IMAGE_SIZE = (1280, 1280)
# The schema of `size` only asks for digits. Without a limit one request could fill the memory.
_IMAGE_EDGE_LIMIT = 4096


@frozen
class VideoSpec:
    """A video: width and height in pixels, whole seconds, with or without sound."""

    width: int
    height: int
    seconds: int
    audio: bool = True


@frozen
class ImageSpec:
    """A number of images of one size, in pixels."""

    width: int
    height: int
    count: int = 1


OutputSpec = VideoSpec | ImageSpec


def output_spec(body: Mapping[str, object], *, path: str, seed: int, ordinal: int) -> OutputSpec:
    """Return what a valid request asks for, with defaults filled in.

    Args:
        body: The request.
        path: The endpoint; a path with "images" gives images, every other path a video.
        seed: The emulator's seed.
        ordinal: Number of the task; with the seed it determines the seconds of `duration: -1`.
    """
    if "images" in path:
        return _image_spec(body)
    width, height = _video_size(body.get("quality"), body.get("aspect_ratio"))
    return VideoSpec(width, height, _seconds(body, seed, ordinal), body.get("generate_audio") is not False)


def _seconds(body: Mapping[str, object], seed: int, ordinal: int) -> int:
    duration = body.get("duration")
    # 0 keeps the length of the input video (wan2.7-video-edit); the emulator does not open input videos.
    if not isinstance(duration, (int, float)) or duration == 0:
        return _DEFAULT_SECONDS
    # -1 lets the model choose.
    if duration < 0:
        return random.Random(f"{seed}-{ordinal}-seconds").randint(*_MODEL_CHOICE_SECONDS)  # noqa: S311
    return round(duration)


def _video_size(quality: object, aspect_ratio: object) -> tuple[int, int]:
    sizes = _PIXELS.get(str(quality), _PIXELS["720p"])
    if aspect_ratio in _LANDSCAPE_OF:
        height, width = sizes[_LANDSCAPE_OF[str(aspect_ratio)]]
        return width, height
    # "adaptive" follows the input media, which the emulator does not open.
    return sizes.get(str(aspect_ratio), sizes["16:9"])


def _image_spec(body: Mapping[str, object]) -> ImageSpec:
    count = body.get("n")
    return ImageSpec(*_image_size(body.get("size")), count if isinstance(count, int) else 1)


def _image_size(size: object) -> tuple[int, int]:
    width, _, height = str(size).partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return _DEFAULT_IMAGE_SIZE
    return max(1, min(int(width), _IMAGE_EDGE_LIMIT)), max(1, min(int(height), _IMAGE_EDGE_LIMIT))
