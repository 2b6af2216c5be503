"""The rules that the Wan 2.7 models share: texts, numbers, choices and media files.

The models are in `wan27`, what a rule is in `params` and `media`.

Source: the four pages below https://docs.evolink.ai/en/api-manual/video-series/wan2.7 (read 2026-11-20).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import attrs

from ..media import MB, MediaRule
from ..params import Between, Length, OneOf

Quality: TypeAlias = Literal["720p", "1080p"]
AspectRatio: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4"]
GenerationMode: TypeAlias = Literal["first_frame", "first_last_frame", "video_continuation"]

# The pages say that the service truncates longer text, so it gives a warning and no error.
PROMPT = Length(5000, cut=True)
NEGATIVE_PROMPT = Length(500, cut=True)

# The pages type `duration` as a number, but every value they name is whole: 5.0 and 2.5 are refused.
DURATION = Between(2, 15)
SEED = Between(1, 2147483647)
QUALITY = OneOf(*get_args(Quality))
ASPECT_RATIO = OneOf(*get_args(AspectRatio))
GENERATION_MODE = OneOf(*get_args(GenerationMode))

IMAGE = MediaRule(
    kind="image",
    formats=("jpeg", "png", "bmp", "webp"),
    max_bytes=20 * MB,
    sides=(240, 8000),
    max_ratio=8,
    alpha=False,
)
CLIP = MediaRule(
    kind="video", formats=("mp4", "mov"), max_bytes=100 * MB, seconds=(2, 10), sides=(240, 4096), max_ratio=8
)
# A reference may be shorter and longer than a clip that is continued or edited.
REFERENCE_CLIP = attrs.evolve(CLIP, seconds=(1, 30))
SOUND = MediaRule(kind="audio", formats=("wav", "mp3"), max_bytes=15 * MB, seconds=(2, 30))
VOICE = attrs.evolve(SOUND, seconds=(1, 10))
