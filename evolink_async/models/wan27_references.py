"""The Wan 2.7 models that draw on references: videos with given characters, and edits of a clip.

The other models of this generation are in `wan27`, the rules of both in `wan27_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ..errors import InvalidValue
from ..frozen import FrozenMap
from ..media import LocalMedia
from ..params import (
    Between,
    Flag,
    Params,
    Url,
    Urls,
    VoiceBindings,
    independent,
    is_given,
    optional_url,
    optional_urls,
    optional_voices,
    rule,
    urls,
    voice_target,
)
from .wan27_rules import (
    ASPECT_RATIO,
    CLIP,
    DURATION,
    IMAGE,
    NEGATIVE_PROMPT,
    PROMPT,
    QUALITY,
    REFERENCE_CLIP,
    SEED,
    VOICE,
    AspectRatio,
    Quality,
)

_MAX_REFERENCES = 5
_MAX_SECONDS_WITH_CLIPS = 10


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
        image_start: The first frame; it does not count as a reference and has no voice.
        image_urls: Images of characters or things, one in each image.
        video_urls: Clips of characters or things; a clip keeps its own sound unless a voice is bound to it.
        audio_urls: Up to 5 voices by position, first for the clips, then for the images. An older
            parameter; the service ignores it if `voice_bindings` is given.
        voice_bindings: Up to 5 voices by speaker: `{"image1": url, "video2": url}`.
        quality: Height of the frame.
        aspect_ratio: Aspect ratio of the frame; the service ignores it if `image_start` is given.
        duration: Seconds, 2 to 15; 2 to 10 with `video_urls`.
        seed: Makes the result repeatable, 1 to 2147483647; random if it is left out.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule; there is no reference or more than five; a voice is bound to a
            reference that does not exist; the video is longer than 10 s with `video_urls`.

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

    prompt: str = attrs.field(metadata=rule(PROMPT))
    negative_prompt: str | None = attrs.field(default=None, metadata=rule(NEGATIVE_PROMPT))
    image_start: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(IMAGE)))
    image_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 5, IMAGE))
    )
    video_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 5, REFERENCE_CLIP))
    )
    audio_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 5, VOICE))
    )
    voice_bindings: Mapping[str, str | LocalMedia] = attrs.field(
        default=FrozenMap(), converter=optional_voices, metadata=rule(VoiceBindings(5, VOICE), inside="model_params")
    )
    quality: Quality = attrs.field(default="720p", metadata=rule(QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="16:9", metadata=rule(ASPECT_RATIO))
    duration: int = attrs.field(default=5, metadata=rule(DURATION))
    seed: int | None = attrs.field(default=None, metadata=rule(SEED))
    prompt_extend: bool = attrs.field(default=False, metadata=rule(Flag()))

    def between_fields(self) -> Iterator[InvalidValue]:
        """Check the number of references, the targets of the voices, and the shorter limit for videos with clips."""
        return independent(self._references(), self._voices_of("image"), self._voices_of("video"), self._seconds())

    def _references(self) -> Iterator[InvalidValue]:
        images, clips = len(self.image_urls), len(self.video_urls)
        if not images and not clips:
            yield InvalidValue("video_urls", "is required, or image_urls; image_start is no reference")
        # A list that alone is too long breaks the rule of its field, and is named there.
        if images + clips > _MAX_REFERENCES >= max(images, clips):
            yield InvalidValue("video_urls", f"must be up to 5 together with image_urls, not {images + clips}")

    def _voices_of(self, kind: str) -> Iterator[InvalidValue]:
        for name in self.voice_bindings:
            # The rule of the field names a key without a target.
            target, number = voice_target(name) or ("", 0)
            if target != kind:
                continue
            there = len(getattr(self, f"{kind}_urls"))
            if number > there:
                yield InvalidValue(
                    f"model_params.voice_bindings.{name}", f"is bound to nothing: {kind}_urls has {there}"
                )

    def _seconds(self) -> Iterator[InvalidValue]:
        # A duration over 15 breaks the rule of its field.
        if is_given(self, "video_urls") and _MAX_SECONDS_WITH_CLIPS < self.duration <= DURATION.high:
            yield InvalidValue("duration", f"must be 2 to 10 with video_urls, not {self.duration}")


@attrs.frozen(kw_only=True)
class Wan27VideoEdit(Params):
    """An edit of a clip, with up to four images as references.

    Billed by the second of output (`duration=0` is held as 10 s) plus at most 10 s of input; 1080p costs more.

    The clip: mp4 or mov, up to 100 MB, 2 to 10 s, 240 to 4096 pixels a side, 1:8 to 8:1.
    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.

    Attributes:
        prompt: What to change; the service reads 5000 characters.
        negative_prompt: What to avoid; the service reads 500 characters.
        video_urls: The clip, one URL.
        image_urls: Images that the edit uses, up to four.
        keep_original_sound: Keep the clip's sound; otherwise the model decides.
        quality: Height of the frame.
        aspect_ratio: Aspect ratio of the frame; if it is left out, that of the clip.
        duration: 0 for the clip's own length, else 2 to 10 seconds from its start.
        seed: Makes the result repeatable, 1 to 2147483647; random if it is left out.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-video-edit (read 2026-11-20).

    >>> Wan27VideoEdit(prompt="Make it winter", video_urls=["https://example.com/clip.mp4"]).duration
    0
    """

    model = "wan2.7-video-edit"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.7/wan2.7-video-edit"

    prompt: str | None = attrs.field(default=None, metadata=rule(PROMPT))
    negative_prompt: str | None = attrs.field(default=None, metadata=rule(NEGATIVE_PROMPT))
    video_urls: tuple[str | LocalMedia, ...] = attrs.field(converter=urls, metadata=rule(Urls(1, 1, CLIP)))
    image_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 4, IMAGE))
    )
    keep_original_sound: bool = attrs.field(default=False, metadata=rule(Flag()))
    quality: Quality = attrs.field(default="720p", metadata=rule(QUALITY))
    aspect_ratio: AspectRatio | None = attrs.field(default=None, metadata=rule(ASPECT_RATIO))
    duration: int = attrs.field(default=0, metadata=rule(Between(2, 10, also=(0,))))
    seed: int | None = attrs.field(default=None, metadata=rule(SEED))
    prompt_extend: bool = attrs.field(default=False, metadata=rule(Flag()))
