"""The Wan 2.7 models: videos from a text, from frames or a clip, from references, and edits of a clip.

Only what the vendor's pages say of them; how rules are applied is in `params`. The pages call `duration` a number
and its values whole, so it is an `int` here: 5.0 and 2.5 are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from ..errors import InvalidValue
from ..frozen import FrozenMap
from ..media import MB, SLACK_SECONDS, LocalMedia, MediaFacts, MediaRule, in_seconds, lengths
from ..params import (
    Between,
    Flag,
    Length,
    OneOf,
    Params,
    Url,
    Urls,
    VoiceBindings,
    optional_url,
    optional_urls,
    optional_voices,
    rule,
    urls,
    voice_target,
)

Quality: TypeAlias = Literal["720p", "1080p"]
AspectRatio: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4"]
GenerationMode: TypeAlias = Literal["first_frame", "first_last_frame", "video_continuation"]

_PROMPT = Length(5000, cut=True)
_NEGATIVE_PROMPT = Length(500, cut=True)
_QUALITY = OneOf(*get_args(Quality))
_ASPECT_RATIO = OneOf(*get_args(AspectRatio))
_DURATION = Between(2, 15)
_SEED = Between(1, 2147483647)

_MAX_REFERENCES = 5
_MAX_SECONDS_WITH_CLIPS = 10

# What a mode of image-to-video needs, and what it bars.
_MODES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "first_frame": (("image_start",), ("image_end", "video_urls")),
    "first_last_frame": (("image_start", "image_end"), ("video_urls",)),
    "video_continuation": (("video_urls",), ("image_start", "audio_urls")),
}

_IMAGE = MediaRule(
    kind="image",
    formats=("jpeg", "png", "bmp", "webp"),
    max_bytes=20 * MB,
    sides=(240, 8000),
    max_ratio=8,
    alpha=False,
)
_CLIP = MediaRule(
    kind="video", formats=("mp4", "mov"), max_bytes=100 * MB, seconds=(2, 10), sides=(240, 4096), max_ratio=8
)
_REFERENCE_CLIP = attrs.evolve(_CLIP, seconds=(1, 30))
_SOUND = MediaRule(kind="audio", formats=("wav", "mp3"), max_bytes=15 * MB, seconds=(2, 30))
_VOICE = attrs.evolve(_SOUND, seconds=(1, 10))


@attrs.frozen(kw_only=True)
class Wan27TextToVideo(Params):
    """A video from a text, several takes if the prompt asks for them. Billed by the second of output.

    1080p costs more. The sound: wav or mp3, up to 15 MB, 2 to 30 s; what is longer than the video is cut, what is
    missing is silent.

    Attributes:
        prompt: What to show; the service reads 5000 characters.
        negative_prompt: What to avoid; the service reads 500 characters.
        audio_urls: The sound that drives the video, one URL; left out, the service makes one.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame.
        duration: Seconds, 2 to 15.
        seed: Makes a result repeatable, 1 to 2147483647; random when it is left out.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-text-to-video (read 2026-11-20).

    >>> Wan27TextToVideo(prompt="A cat playing piano", negative_prompt="Blurry, low quality", seed=42).duration
    5
    """

    model = "wan2.7-text-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-text-to-video"

    prompt: str = attrs.field(metadata=rule(_PROMPT))
    negative_prompt: str | None = attrs.field(default=None, metadata=rule(_NEGATIVE_PROMPT))
    audio_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 1, _SOUND))
    )
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="16:9", metadata=rule(_ASPECT_RATIO))
    duration: int = attrs.field(default=5, metadata=rule(_DURATION))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))
    prompt_extend: bool = attrs.field(default=False, metadata=rule(Flag()))


@attrs.frozen(kw_only=True)
class Wan27ImageToVideo(Params):
    """A video from its first frame, from its first and last, or going on from a clip.

    Billed by the second of output; 1080p costs more. When a clip is continued, `duration` is the length of the
    whole, billed as such, and the service fails the task if the clip is longer.

    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.
    The clip: mp4 or mov, up to 100 MB, 2 to 10 s, 240 to 4096 pixels a side, 1:8 to 8:1.
    The sound: wav or mp3, up to 15 MB, 2 to 30 s; what is longer than the video is cut, what is missing is silent.

    Attributes:
        generation_mode: `first_frame` needs `image_start` and bars `image_end` and `video_urls`;
            `first_last_frame` needs both images and bars `video_urls`; `video_continuation` needs `video_urls` and
            bars `image_start` and `audio_urls`. Left out, the service tells by the material.
        prompt: What to show; the service reads 5000 characters.
        negative_prompt: What to avoid; the service reads 500 characters.
        image_start: The first frame.
        image_end: The last frame.
        video_urls: The clip to go on from, one URL; not together with `audio_urls`.
        audio_urls: The sound that drives the video, one URL.
        quality: Height of the frame.
        duration: Seconds, 2 to 15.
        seed: Makes a result repeatable, 1 to 2147483647; random when it is left out.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule, or the material does not fit the mode.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-image-to-video (read 2026-11-20).

    >>> Wan27ImageToVideo(generation_mode="first_frame", image_start="https://example.com/first_frame.jpg").seed
    """

    model = "wan2.7-image-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-image-to-video"

    generation_mode: GenerationMode | None = attrs.field(default=None, metadata=rule(OneOf(*get_args(GenerationMode))))
    prompt: str | None = attrs.field(default=None, metadata=rule(_PROMPT))
    negative_prompt: str | None = attrs.field(default=None, metadata=rule(_NEGATIVE_PROMPT))
    image_start: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(_IMAGE)))
    image_end: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(_IMAGE)))
    video_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 1, _CLIP))
    )
    audio_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 1, _SOUND))
    )
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    duration: int = attrs.field(default=5, metadata=rule(_DURATION))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))
    prompt_extend: bool = attrs.field(default=False, metadata=rule(Flag()))

    def between_fields(self) -> Iterator[InvalidValue]:
        """The material must fit the mode, and a clip brings its own sound."""
        mode = self.generation_mode
        if self.video_urls and self.audio_urls and mode != "video_continuation":
            yield InvalidValue("audio_urls", "cannot be given together with video_urls")
        needed, barred = _MODES.get(mode or "", ((), ()))
        for name in needed:
            if getattr(self, name) in (None, ()):
                yield InvalidValue(name, f"is required in mode {mode}")
        for name in barred:
            if getattr(self, name) not in (None, ()):
                yield InvalidValue(name, f"cannot be given in mode {mode}")

    def between_media(self, facts: Mapping[str, MediaFacts]) -> Iterator[InvalidValue]:
        """The whole video is no shorter than the clip it goes on from."""
        for seconds in lengths(facts, "video_urls"):
            if self.duration < seconds - SLACK_SECONDS:
                yield InvalidValue(
                    "duration", f"must be at least the clip's {in_seconds(seconds)} s, not {self.duration}"
                )


@attrs.frozen(kw_only=True)
class Wan27ReferenceVideo(Params):
    """A video with the people, things or places of up to five images and clips.

    Billed by the second of output plus at most 5 s of input; 1080p costs more. The prompt calls them "Image 1" or
    "Video 1" (in Chinese 图1, 视频1), each kind counted from 1 in the order given.

    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.
    Each clip: mp4 or mov, up to 100 MB, 1 to 30 s, 240 to 4096 pixels a side, 1:8 to 8:1.
    Each voice: wav or mp3, up to 15 MB, 1 to 10 s.

    Attributes:
        prompt: What to show; the service reads 5000 characters.
        negative_prompt: What to avoid; the service reads 500 characters.
        image_start: The first frame; counts as no reference and has no voice.
        image_urls: Images to take someone or something from, one character each.
        video_urls: Clips to do so from; a clip's own sound is kept unless a voice is bound to it.
        audio_urls: Up to 5 voices by position, first for the clips, then for the images. The page keeps it for
            old callers; the service ignores it beside `voice_bindings`.
        voice_bindings: Up to 5 voices by who speaks: `{"image1": url, "video2": url}`.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame; the service ignores it beside `image_start`.
        duration: Seconds, 2 to 15; 2 to 10 with `video_urls`.
        seed: Makes a result repeatable, 1 to 2147483647; random when it is left out.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule; there is no reference or more than five; a voice is bound to a
            reference that is not there; the video is longer than 10 s with `video_urls`.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-reference-video (read 2026-11-20).

    >>> params = Wan27ReferenceVideo(
    ...     prompt="The character from the reference video dancing on a meadow",
    ...     video_urls=["https://example.com/reference.mp4"],
    ...     voice_bindings={"video1": "https://example.com/voice1.mp3"},
    ... )
    >>> params.duration
    5
    """

    model = "wan2.7-reference-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-reference-video"

    prompt: str = attrs.field(metadata=rule(_PROMPT))
    negative_prompt: str | None = attrs.field(default=None, metadata=rule(_NEGATIVE_PROMPT))
    image_start: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(_IMAGE)))
    image_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 5, _IMAGE))
    )
    video_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 5, _REFERENCE_CLIP))
    )
    audio_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 5, _VOICE))
    )
    voice_bindings: Mapping[str, str | LocalMedia] = attrs.field(
        default=FrozenMap(), converter=optional_voices, metadata=rule(VoiceBindings(5, _VOICE), inside="model_params")
    )
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="16:9", metadata=rule(_ASPECT_RATIO))
    duration: int = attrs.field(default=5, metadata=rule(_DURATION))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))
    prompt_extend: bool = attrs.field(default=False, metadata=rule(Flag()))

    def between_fields(self) -> Iterator[InvalidValue]:
        """One to five references in all, voices only for those, shorter videos with clips."""
        images, clips = len(self.image_urls), len(self.video_urls)
        if not images and not clips:
            yield InvalidValue("video_urls", "is required, or image_urls; image_start is no reference")
        if images + clips > _MAX_REFERENCES >= max(images, clips):
            yield InvalidValue("video_urls", f"must be up to 5 together with image_urls, not {images + clips}")
        for name in self.voice_bindings:
            kind, number = voice_target(name) or ("image", 0)
            there = images if kind == "image" else clips
            if number > there:
                yield InvalidValue(
                    f"model_params.voice_bindings.{name}", f"is bound to nothing: {kind}_urls has {there}"
                )
        if self.video_urls and _MAX_SECONDS_WITH_CLIPS < self.duration <= _DURATION.high:
            yield InvalidValue("duration", f"must be 2 to 10 with video_urls, not {self.duration}")


@attrs.frozen(kw_only=True)
class Wan27VideoEdit(Params):
    """An edit of a clip, with up to four images to draw on.

    Billed by the second of output (`duration=0` is held as 10 s) plus at most 10 s of input; 1080p costs more.

    The clip: mp4 or mov, up to 100 MB, 2 to 10 s, 240 to 4096 pixels a side, 1:8 to 8:1.
    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.

    Attributes:
        prompt: What to change; the service reads 5000 characters.
        negative_prompt: What to avoid; the service reads 500 characters.
        video_urls: The clip, one URL.
        image_urls: Images the edit may draw on, up to four.
        keep_original_sound: Keep the clip's sound; otherwise the model decides.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame; left out, that of the clip.
        duration: 0 for the clip's own length, else 2 to 10 seconds from its start.
        seed: Makes a result repeatable, 1 to 2147483647; random when it is left out.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-video-edit (read 2026-11-20).

    >>> Wan27VideoEdit(prompt="Make it winter", video_urls=["https://example.com/clip.mp4"]).duration
    0
    """

    model = "wan2.7-video-edit"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-video-edit"

    prompt: str | None = attrs.field(default=None, metadata=rule(_PROMPT))
    negative_prompt: str | None = attrs.field(default=None, metadata=rule(_NEGATIVE_PROMPT))
    video_urls: tuple[str | LocalMedia, ...] = attrs.field(converter=urls, metadata=rule(Urls(1, 1, _CLIP)))
    image_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 4, _IMAGE))
    )
    keep_original_sound: bool = attrs.field(default=False, metadata=rule(Flag()))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    aspect_ratio: AspectRatio | None = attrs.field(default=None, metadata=rule(_ASPECT_RATIO))
    duration: int = attrs.field(default=0, metadata=rule(Between(2, 10, also=(0,))))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))
    prompt_extend: bool = attrs.field(default=False, metadata=rule(Flag()))
