"""The Wan 2.7 models that make a video from a text, from frames, or from the start of a clip.

The models that draw on references are in `wan27_references`, the rules of both in `wan27_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ..errors import InvalidValue
from ..media import SLACK_SECONDS, LocalMedia, MediaFacts, in_seconds, lengths
from ..params import Flag, Params, Url, Urls, is_given, optional_url, optional_urls, rule
from .wan27_rules import (
    ASPECT_RATIO,
    CLIP,
    DURATION,
    GENERATION_MODE,
    IMAGE,
    NEGATIVE_PROMPT,
    PROMPT,
    QUALITY,
    SEED,
    SOUND,
    AspectRatio,
    GenerationMode,
    Quality,
)

# The fields that a mode of image-to-video requires, and those that it forbids.
_MODES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "first_frame": (("image_start",), ("image_end", "video_urls")),
    "first_last_frame": (("image_start", "image_end"), ("video_urls",)),
    "video_continuation": (("video_urls",), ("image_start", "audio_urls")),
}


# The classes repeat their common fields. The fields of a base class would come first in the body, and the digest of
# the body makes the keys of jobs.


@attrs.frozen(kw_only=True)
class Wan27TextToVideo(Params):
    """A video from a text, several takes if the prompt asks for them. Billed by the second of output.

    1080p costs more. The sound: wav or mp3, up to 15 MB, 2 to 30 s; a longer one is cut, after a shorter one the video
    is silent.

    Attributes:
        prompt: What to show; the service reads 5000 characters.
        negative_prompt: What to avoid; the service reads 500 characters.
        audio_urls: The sound that drives the video, one URL; if it is left out, the service makes one.
        quality: Height of the frame.
        aspect_ratio: Aspect ratio of the frame.
        duration: Seconds, 2 to 15.
        seed: Makes the result repeatable, 1 to 2147483647; random if it is left out.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-text-to-video (read 2026-11-20).

    >>> Wan27TextToVideo(prompt="A cat", negative_prompt="Blurry, low quality", seed=42).duration
    5
    """

    model = "wan2.7-text-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-text-to-video"

    prompt: str = attrs.field(metadata=rule(PROMPT))
    negative_prompt: str | None = attrs.field(default=None, metadata=rule(NEGATIVE_PROMPT))
    audio_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 1, SOUND))
    )
    quality: Quality = attrs.field(default="720p", metadata=rule(QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="16:9", metadata=rule(ASPECT_RATIO))
    duration: int = attrs.field(default=5, metadata=rule(DURATION))
    seed: int | None = attrs.field(default=None, metadata=rule(SEED))
    prompt_extend: bool = attrs.field(default=False, metadata=rule(Flag()))


@attrs.frozen(kw_only=True)
class Wan27ImageToVideo(Params):
    """A video from its first frame, from its first and last, or from a clip that it continues.

    Billed by the second of output; 1080p costs more. When a clip is continued, `duration` is the length of clip
    and continuation together, all of it is billed, and the service fails the task if the clip is longer.

    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.
    The clip: mp4 or mov, up to 100 MB, 2 to 10 s, 240 to 4096 pixels a side, 1:8 to 8:1.
    The sound: wav or mp3, up to 15 MB, 2 to 30 s; a longer one is cut, after a shorter one the video is silent.

    Attributes:
        generation_mode: `first_frame` requires `image_start` and forbids `image_end` and `video_urls`;
            `first_last_frame` requires both images and forbids `video_urls`; `video_continuation` requires `video_urls`
            and forbids `image_start` and `audio_urls`. If it is left out, the service chooses by the material.
        prompt: What to show; the service reads 5000 characters.
        negative_prompt: What to avoid; the service reads 500 characters.
        image_start: The first frame.
        image_end: The last frame.
        video_urls: The clip to continue, one URL; not together with `audio_urls`.
        audio_urls: The sound that drives the video, one URL.
        quality: Height of the frame.
        duration: Seconds, 2 to 15.
        seed: Makes the result repeatable, 1 to 2147483647; random if it is left out.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule, or the material does not fit the mode.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-image-to-video (read 2026-11-20).

    >>> Wan27ImageToVideo(generation_mode="first_frame", image_start="https://example.com/a.jpg").seed
    """

    model = "wan2.7-image-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-image-to-video"

    generation_mode: GenerationMode | None = attrs.field(default=None, metadata=rule(GENERATION_MODE))
    prompt: str | None = attrs.field(default=None, metadata=rule(PROMPT))
    negative_prompt: str | None = attrs.field(default=None, metadata=rule(NEGATIVE_PROMPT))
    image_start: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(IMAGE)))
    image_end: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(IMAGE)))
    video_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 1, CLIP))
    )
    audio_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 1, SOUND))
    )
    quality: Quality = attrs.field(default="720p", metadata=rule(QUALITY))
    duration: int = attrs.field(default=5, metadata=rule(DURATION))
    seed: int | None = attrs.field(default=None, metadata=rule(SEED))
    prompt_extend: bool = attrs.field(default=False, metadata=rule(Flag()))

    def between_fields(self) -> Iterator[InvalidValue]:
        """Check that the material fits the mode, and that a clip comes without a separate sound."""
        # The only field whose value counts. A mode of a wrong type bars and needs nothing.
        mode = getattr(self, "generation_mode", None)
        # The table of modes names this fault for `video_continuation`.
        if is_given(self, "video_urls") and is_given(self, "audio_urls") and mode != "video_continuation":
            yield InvalidValue("audio_urls", "cannot be given together with video_urls")
        needed, barred = _MODES.get(mode or "", ((), ()))
        for name in needed:
            if not is_given(self, name):
                yield InvalidValue(name, f"is required in mode {mode}")
        for name in barred:
            if is_given(self, name):
                yield InvalidValue(name, f"cannot be given in mode {mode}")

    def between_media(self, facts: Mapping[str, MediaFacts]) -> Iterator[InvalidValue]:
        """Check that the video is at least as long as the clip that it continues."""
        for seconds in lengths(facts, "video_urls"):
            if self.duration < seconds - SLACK_SECONDS:
                yield InvalidValue(
                    "duration", f"must be at least the clip's {in_seconds(seconds)} s, not {self.duration}"
                )
