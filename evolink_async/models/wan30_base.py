"""The parameters of the Wan 3.0 models; a model and its Prime variant have the same.

The models are in `wan30`, what a rule is in `params` and `media`.

Source: the six pages below https://docs.evolink.ai/en/api-manual/video-series/wan3.0 (read 2026-11-20).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from ..errors import InvalidValue
from ..media import MB, SLACK_SECONDS, LocalMedia, MediaFacts, MediaRule, in_seconds, lengths
from ..params import Between, Flag, Length, OneOf, Params, Url, Urls, is_given, optional_url, optional_urls, rule, url

Quality: TypeAlias = Literal["480p", "720p", "1080p"]
AspectRatio: TypeAlias = Literal["adaptive", "16:9", "9:16", "1:1", "4:3", "3:4"]

# The pages say that the service truncates longer text, so it gives a warning and no error.
_PROMPT = Length(20000, cut=True)
# -1 lets the model choose.
_DURATION = Between(2, 30, also=(-1,))
_QUALITY = OneOf(*get_args(Quality))
_ASPECT_RATIO = OneOf(*get_args(AspectRatio))
_SEED = Between(0, 2147483647)

_IMAGE = MediaRule(
    kind="image",
    formats=("jpeg", "png", "bmp", "webp"),
    max_bytes=20 * MB,
    sides=(240, 8000),
    max_ratio=8,
    alpha=False,
)
_CLIP = MediaRule(
    kind="video", formats=("mp4", "mov"), max_bytes=100 * MB, seconds=(1, 15), sides=(240, 4096), max_ratio=8
)
_SOUND = MediaRule(kind="audio", formats=("wav", "mp3"), max_bytes=15 * MB, seconds=(1, 15))
_DOCUMENT = MediaRule(
    kind="file",
    formats=("docx", "doc", "xlsx", "xls", "pptx", "ppt", "pdf", "txt", "key", "pages", "numbers", "md"),
    max_bytes=100 * MB,
    max_pages=50,
)

# Of all clips, of all sounds, and of the clips plus the output.
_MAX_SECONDS_IN_ALL = 15
_MAX_SECONDS_WITH_OUTPUT = 30


@attrs.frozen(kw_only=True)
class Wan30FromText(Params):
    """The parameters of a video from a text."""

    prompt: str = attrs.field(metadata=rule(_PROMPT))
    duration: int = attrs.field(default=5, metadata=rule(_DURATION))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="adaptive", metadata=rule(_ASPECT_RATIO))
    generate_audio: bool = attrs.field(default=True, metadata=rule(Flag()))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))


@attrs.frozen(kw_only=True)
class Wan30FromFrames(Params):
    """The parameters of a video from its first frame, or from its first and last frame."""

    prompt: str | None = attrs.field(default=None, metadata=rule(_PROMPT))
    image_start: str | LocalMedia = attrs.field(converter=url, metadata=rule(Url(_IMAGE)))
    image_end: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(_IMAGE)))
    duration: int = attrs.field(default=5, metadata=rule(_DURATION))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="adaptive", metadata=rule(_ASPECT_RATIO))
    generate_audio: bool = attrs.field(default=True, metadata=rule(Flag()))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))


@attrs.frozen(kw_only=True)
class Wan30FromReferences(Params):
    """The parameters of a video from references: images, clips, sounds, a document or a web page."""

    prompt: str | None = attrs.field(default=None, metadata=rule(_PROMPT))
    image_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 10, _IMAGE))
    )
    video_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 5, _CLIP))
    )
    audio_urls: tuple[str | LocalMedia, ...] = attrs.field(
        default=(), converter=optional_urls, metadata=rule(Urls(1, 5, _SOUND))
    )
    # The page puts these two into the object `model_params`.
    file_url: str | LocalMedia | None = attrs.field(
        default=None, converter=optional_url, metadata=rule(Url(_DOCUMENT), inside="model_params")
    )
    link_url: str | None = attrs.field(default=None, metadata=rule(Url(), inside="model_params"))
    duration: int = attrs.field(default=5, metadata=rule(_DURATION))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="adaptive", metadata=rule(_ASPECT_RATIO))
    generate_audio: bool = attrs.field(default=True, metadata=rule(Flag()))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))

    def between_fields(self) -> Iterator[InvalidValue]:
        """Refuse a document together with a web page."""
        if is_given(self, "file_url") and is_given(self, "link_url"):
            yield InvalidValue("model_params.link_url", "cannot be given together with model_params.file_url")

    def between_media(self, facts: Mapping[str, MediaFacts]) -> Iterator[InvalidValue]:
        """Limit the clips to 15 s in all, the sounds to 15 s in all, and clips plus output to 30 s."""
        for name in ("video_urls", "audio_urls"):
            known = lengths(facts, name)
            # The rule of the field judges a single file.
            if len(known) > 1 and sum(known) > _MAX_SECONDS_IN_ALL + SLACK_SECONDS * len(known):
                yield InvalidValue(name, f"must be up to {_MAX_SECONDS_IN_ALL} s in all, not {in_seconds(sum(known))}")
        known = lengths(facts, "video_urls")
        # With -1 the model chooses the duration, so only the clips can be counted.
        total = sum(known) + max(self.duration, 0)
        if known and total > _MAX_SECONDS_WITH_OUTPUT + SLACK_SECONDS * len(known):
            limit = f"must be up to {_MAX_SECONDS_WITH_OUTPUT} s together with the clips"
            yield InvalidValue("duration", f"{limit}, not {in_seconds(total)}")
