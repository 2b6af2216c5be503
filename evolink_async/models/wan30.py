"""The Wan 3.0 models, each also as Prime: videos from a text, from frames, and from references.

Only what the vendor's pages say of them; how rules are applied is in `params`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from ..errors import InvalidValue
from ..media import MB, SLACK_SECONDS, LocalMedia, MediaFacts, MediaRule, in_seconds, lengths
from ..params import Between, Flag, Length, OneOf, Params, Url, Urls, optional_url, optional_urls, rule, url

Quality: TypeAlias = Literal["480p", "720p", "1080p"]
AspectRatio: TypeAlias = Literal["adaptive", "16:9", "9:16", "1:1", "4:3", "3:4"]

_PROMPT = Length(20000, cut=True)
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

_MAX_SECONDS_IN_ALL = 15
_MAX_SECONDS_WITH_OUTPUT = 30


@attrs.frozen(kw_only=True)
class _FromText(Params):
    prompt: str = attrs.field(metadata=rule(_PROMPT))
    duration: int = attrs.field(default=5, metadata=rule(_DURATION))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="adaptive", metadata=rule(_ASPECT_RATIO))
    generate_audio: bool = attrs.field(default=True, metadata=rule(Flag()))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))


@attrs.frozen(kw_only=True)
class _FromFrames(Params):
    prompt: str | None = attrs.field(default=None, metadata=rule(_PROMPT))
    image_start: str | LocalMedia = attrs.field(converter=url, metadata=rule(Url(_IMAGE)))
    image_end: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(_IMAGE)))
    duration: int = attrs.field(default=5, metadata=rule(_DURATION))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    aspect_ratio: AspectRatio = attrs.field(default="adaptive", metadata=rule(_ASPECT_RATIO))
    generate_audio: bool = attrs.field(default=True, metadata=rule(Flag()))
    seed: int | None = attrs.field(default=None, metadata=rule(_SEED))


@attrs.frozen(kw_only=True)
class _FromReferences(Params):
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
        """Take a document or a web page, not both."""
        if self.file_url is not None and self.link_url is not None:
            yield InvalidValue("model_params.link_url", "cannot be given together with model_params.file_url")

    def between_media(self, facts: Mapping[str, MediaFacts]) -> Iterator[InvalidValue]:
        """15 s of clips, 15 s of sounds, and 30 s of clips and output together."""
        for name in ("video_urls", "audio_urls"):
            known = lengths(facts, name)
            if len(known) > 1 and sum(known) > _MAX_SECONDS_IN_ALL + SLACK_SECONDS * len(known):
                yield InvalidValue(name, f"must be up to {_MAX_SECONDS_IN_ALL} s in all, not {in_seconds(sum(known))}")
        known = lengths(facts, "video_urls")
        total = sum(known) + max(self.duration, 0)  # -1: the model chooses
        if known and total > _MAX_SECONDS_WITH_OUTPUT + SLACK_SECONDS * len(known):
            limit = f"must be up to {_MAX_SECONDS_WITH_OUTPUT} s together with the clips"
            yield InvalidValue("duration", f"{limit}, not {in_seconds(total)}")


@attrs.frozen(kw_only=True)
class Wan30TextToVideo(_FromText):
    """A video from a text.

    Billed by the second of output; 480p costs less, 1080p more. With `duration=-1` the service holds credits
    for 30 s.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes a result repeatable, 0 to 2147483647; random when it is left out.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-text-to-video (read 2026-11-20).

    >>> Wan30TextToVideo(prompt="A cat playing piano", duration=-1).aspect_ratio
    'adaptive'
    """

    model = "wan3.0-text-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-text-to-video"


@attrs.frozen(kw_only=True)
class Wan30PrimeTextToVideo(_FromText):
    """A video from a text, by the dearer Prime model.

    Billed by the second of output; 480p costs less, 1080p more. With `duration=-1` the service holds credits
    for 30 s.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes a result repeatable, 0 to 2147483647; random when it is left out.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-text-to-video (read 2026-11-20).

    >>> Wan30PrimeTextToVideo(prompt="A cat playing piano", duration=-1).aspect_ratio
    'adaptive'
    """

    model = "wan3.0-prime-text-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-text-to-video"


@attrs.frozen(kw_only=True)
class Wan30ImageToVideo(_FromFrames):
    """A video from its first frame, or from its first and last.

    Billed by the second of output; 480p costs less, 1080p more. With `duration=-1` the service holds credits
    for 30 s.

    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        image_start: The first frame.
        image_end: The last frame.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes a result repeatable, 0 to 2147483647; random when it is left out.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-image-to-video (read 2026-11-20).

    >>> Wan30ImageToVideo(image_start="https://example.com/first_frame.jpg").duration
    5
    """

    model = "wan3.0-image-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-image-to-video"


@attrs.frozen(kw_only=True)
class Wan30PrimeImageToVideo(_FromFrames):
    """A video from its first frame, or from its first and last, by the dearer Prime model.

    Billed by the second of output; 480p costs less, 1080p more. With `duration=-1` the service holds credits
    for 30 s.

    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        image_start: The first frame.
        image_end: The last frame.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes a result repeatable, 0 to 2147483647; random when it is left out.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-image-to-video (read 2026-11-20).

    >>> Wan30PrimeImageToVideo(image_start="https://example.com/first_frame.jpg").duration
    5
    """

    model = "wan3.0-prime-image-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-image-to-video"


@attrs.frozen(kw_only=True)
class Wan30ReferenceVideo(_FromReferences):
    """A video with the material of images, clips, sounds and a document or web page.

    Billed by the second of output plus at most 15 s of input; 480p costs less, 1080p more. With `duration=-1`
    the service holds credits for 30 s.

    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.
    Each clip: mp4 or mov, up to 100 MB, 1 to 15 s and 15 s in all, 240 to 4096 pixels a side, 1:8 to 8:1; with the
    output 30 s at most. Each sound: wav or mp3, up to 15 MB, 1 to 15 s and 15 s in all. The document: docx, doc,
    xlsx, xls, pptx, ppt, pdf, txt, key, pages, numbers or md; up to 100 MB and 50 pages.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        image_urls: Up to ten images.
        video_urls: Up to five clips.
        audio_urls: Up to five sounds; they are not bound to anyone's voice, as they are in Wan 2.7.
        file_url: The document.
        link_url: The web page; not together with `file_url`.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes a result repeatable, 0 to 2147483647; random when it is left out.

    Raises:
        ParamsError: A value breaks its rule, or both `file_url` and `link_url` are given.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-reference-video (read 2026-11-20).

    >>> Wan30ReferenceVideo(link_url="https://example.com/story.html").image_urls
    ()
    """

    model = "wan3.0-reference-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-reference-video"


@attrs.frozen(kw_only=True)
class Wan30PrimeReferenceVideo(_FromReferences):
    """A video with the material of images, clips, sounds and a document or web page, by the dearer Prime model.

    Billed by the second of output plus at most 15 s of input; 480p costs less, 1080p more. With `duration=-1`
    the service holds credits for 30 s.

    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.
    Each clip: mp4 or mov, up to 100 MB, 1 to 15 s and 15 s in all, 240 to 4096 pixels a side, 1:8 to 8:1; with the
    output 30 s at most. Each sound: wav or mp3, up to 15 MB, 1 to 15 s and 15 s in all. The document: docx, doc,
    xlsx, xls, pptx, ppt, pdf, txt, key, pages, numbers or md; up to 100 MB and 50 pages.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        image_urls: Up to ten images.
        video_urls: Up to five clips.
        audio_urls: Up to five sounds; they are not bound to anyone's voice, as they are in Wan 2.7.
        file_url: The document.
        link_url: The web page; not together with `file_url`.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Shape of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes a result repeatable, 0 to 2147483647; random when it is left out.

    Raises:
        ParamsError: A value breaks its rule, or both `file_url` and `link_url` are given.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-reference-video (read 2026-11-20).

    >>> Wan30PrimeReferenceVideo(link_url="https://example.com/story.html").image_urls
    ()
    """

    model = "wan3.0-prime-reference-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-reference-video"
