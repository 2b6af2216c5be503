"""The Wan 2.5 models: two that make videos, two that make images.

How rules are applied is in `params`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

import attrs

from ..errors import InvalidValue
from ..media import MB, LocalMedia, MediaRule
from ..params import Between, Flag, Length, OneOf, Params, Size, Urls, rule, urls

Quality: TypeAlias = Literal["480p", "720p", "1080p"]
AspectRatio: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4"]
Seconds: TypeAlias = Literal[5, 10]

# The pages say 2000 tokens, but their schemas count characters, so characters are counted here.
_PROMPT = Length(2000)
_QUALITY = OneOf(*get_args(Quality))
# The pages name no default, so nothing is sent unless the caller chooses.
_DURATION = OneOf(*get_args(Seconds))

_FRAME = MediaRule(
    kind="image", formats=("jpeg", "png", "bmp", "webp"), max_bytes=10 * MB, sides=(360, 2000), alpha=False
)
_SOURCE = attrs.evolve(_FRAME, sides=(384, 5000))


@attrs.frozen(kw_only=True)
class Wan25TextToVideo(Params):
    """A video from a text. Billed by the second of output; 480p costs less, 1080p more.

    Attributes:
        prompt: What to show, up to 2000 characters.
        aspect_ratio: Aspect ratio of the frame; 480p has only 16:9, 9:16 and 1:1.
        quality: Height of the frame.
        duration: Seconds, 5 or 10; if it is left out, the service chooses.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule, or 480p is asked for in 4:3 or 3:4.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.5/wan2.5-text-to-video (read 2026-11-20).

    >>> Wan25TextToVideo(prompt="A cat", quality="480p", aspect_ratio="1:1").duration is None
    True
    """

    model = "wan2.5-text-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.5/wan2.5-text-to-video"

    prompt: str = attrs.field(metadata=rule(_PROMPT))
    aspect_ratio: AspectRatio = attrs.field(default="16:9", metadata=rule(OneOf(*get_args(AspectRatio))))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    duration: Seconds | None = attrs.field(default=None, metadata=rule(_DURATION))
    prompt_extend: bool = attrs.field(default=True, metadata=rule(Flag()))

    def between_fields(self) -> Iterator[InvalidValue]:
        """Check that the aspect ratio exists at 480p."""
        # Only the text of the page says so; its schema allows all five at every quality.
        if self.quality == "480p" and self.aspect_ratio in ("4:3", "3:4"):
            yield InvalidValue("aspect_ratio", f"must be 16:9, 9:16 or 1:1 at 480p, not {self.aspect_ratio}")


@attrs.frozen(kw_only=True)
class Wan25ImageToVideo(Params):
    """A video that starts from an image. Billed by the second of output; 480p costs less, 1080p more.

    The image: jpeg, png without transparency, bmp or webp; up to 10 MB; 360 to 2000 pixels a side.

    Attributes:
        prompt: What to show, up to 2000 characters.
        image_urls: The first frame, one URL.
        quality: Height of the frame.
        duration: Seconds, 5 or 10; if it is left out, the service chooses.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.5/wan2.5-image-to-video (read 2026-11-20).

    >>> Wan25ImageToVideo(prompt="A cat", image_urls=["https://example.com/image1.png"]).quality
    '720p'
    """

    model = "wan2.5-image-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.5/wan2.5-image-to-video"

    prompt: str = attrs.field(metadata=rule(_PROMPT))
    image_urls: tuple[str | LocalMedia, ...] = attrs.field(converter=urls, metadata=rule(Urls(1, 1, _FRAME)))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    duration: Seconds | None = attrs.field(default=None, metadata=rule(_DURATION))
    prompt_extend: bool = attrs.field(default=True, metadata=rule(Flag()))


@attrs.frozen(kw_only=True)
class Wan25TextToImage(Params):
    """Images from a text. Billed by the image.

    Attributes:
        prompt: What to draw, up to 2000 characters.
        size: Pixels as `WIDTHxHEIGHT`: from 768x768 to 1440x1440 in all, from 1:4 to 4:1.
        n: How many images, 1 to 4; if it is left out, the service chooses.
        prompt_extend: Let a language model rewrite the prompt.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/image-series/wan2.5/wan2.5-text-to-image (read 2026-11-20).

    >>> Wan25TextToImage(prompt="A cat playing piano", size="1280x720", n=2).path
    '/v1/images/generations'
    """

    model = "wan2.5-text-to-image"
    path = "/v1/images/generations"
    source = "https://docs.evolink.ai/en/api-manual/image-series/wan2.5/wan2.5-text-to-image"

    prompt: str = attrs.field(metadata=rule(_PROMPT))
    # The page limits the number of pixels and the ratio, not each side.
    size: str | None = attrs.field(default=None, metadata=rule(Size(768 * 768, 1440 * 1440, max_ratio=4)))
    n: int | None = attrs.field(default=None, metadata=rule(Between(1, 4)))
    prompt_extend: bool = attrs.field(default=True, metadata=rule(Flag()))


@attrs.frozen(kw_only=True)
class Wan25ImageToImage(Params):
    """Images made from one or two others. Billed by the image.

    Each image: jpeg, png without transparency, bmp or webp; up to 10 MB; 384 to 5000 pixels a side.

    Attributes:
        prompt: The picture or the change wanted, up to 2000 characters.
        image_urls: The images to start from, one or two URLs.
        n: How many images, 1 to 4; if it is left out, the service chooses.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/image-series/wan2.5/wan2.5-image-to-image (read 2026-11-20).

    >>> Wan25ImageToImage(prompt="Winter", image_urls=["https://example.com/image1.png"]).n is None
    True
    """

    model = "wan2.5-image-to-image"
    path = "/v1/images/generations"
    source = "https://docs.evolink.ai/en/api-manual/image-series/wan2.5/wan2.5-image-to-image"

    prompt: str = attrs.field(metadata=rule(_PROMPT))
    image_urls: tuple[str | LocalMedia, ...] = attrs.field(converter=urls, metadata=rule(Urls(1, 2, _SOURCE)))
    n: int | None = attrs.field(default=None, metadata=rule(Between(1, 4)))
