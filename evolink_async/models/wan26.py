"""The Wan 2.6 models: videos from a text, from an image, and from clips that give looks and voices.

How rules are applied is in `params`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, cast, get_args

import attrs

from ..errors import InvalidValue, ParamsError
from ..media import MB, LocalMedia, MediaRule
from ..params import Between, Flag, Length, OneOf, Params, Url, Urls, optional_url, rule, shown, urls

Quality: TypeAlias = Literal["720p", "1080p"]
AspectRatio: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4"]
ShotType: TypeAlias = Literal["single", "multi"]

# The pages do not say that longer text is cut, so it is refused.
_PROMPT = Length(1500)
_QUALITY = OneOf(*get_args(Quality))
_ASPECT_RATIO = OneOf(*get_args(AspectRatio))
_SHOT_TYPE = OneOf(*get_args(ShotType))

# The longest billed part of each clip, in seconds, by the number of clips. Source: the model's page.
_BILLED_PART = {1: 5.0, 2: 2.5, 3: 1.65}

_FRAME = MediaRule(
    kind="image", formats=("jpeg", "png", "bmp", "webp"), max_bytes=10 * MB, sides=(360, 2000), alpha=False
)
_CLIP = MediaRule(kind="video", formats=("mp4", "mov"), max_bytes=100 * MB, seconds=(2, 30))
_SOUND = MediaRule(kind="audio", formats=("mp3",), max_bytes=15 * MB, seconds=(3, 30))


@attrs.frozen(kw_only=True)
class _FromImage(Params):
    # The fields of image-to-video and of its flash variant, whose pages agree.
    prompt: str = attrs.field(metadata=rule(_PROMPT))
    image_urls: tuple[str | LocalMedia, ...] = attrs.field(converter=urls, metadata=rule(Urls(1, 1, _FRAME)))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    duration: int | None = attrs.field(default=None, metadata=rule(Between(2, 15)))
    prompt_extend: bool = attrs.field(default=True, metadata=rule(Flag()))
    shot_type: ShotType | None = attrs.field(default=None, metadata=rule(_SHOT_TYPE, inside="model_params"))
    audio_url: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(_SOUND)))


@attrs.frozen(kw_only=True)
class _FromReferences(Params):
    # The fields of reference-video and of its flash variant, whose pages agree.
    prompt: str = attrs.field(metadata=rule(_PROMPT))
    video_urls: tuple[str | LocalMedia, ...] = attrs.field(converter=urls, metadata=rule(Urls(1, 3, _CLIP)))
    aspect_ratio: AspectRatio = attrs.field(default="16:9", metadata=rule(_ASPECT_RATIO))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    # An older copy of the page allows 5 and 10 only; the newer one and the price list allow every whole second.
    duration: int | None = attrs.field(default=None, metadata=rule(Between(2, 10)))
    shot_type: ShotType | None = attrs.field(default=None, metadata=rule(_SHOT_TYPE, inside="model_params"))

    @staticmethod
    def billed_input_seconds(durations: Sequence[float]) -> float:
        """Return the seconds of input that are billed on top of the output.

        Up to 5 s count of one clip, up to 2.5 s each of two, up to 1.65 s each of three.

        Args:
            durations: The length of each reference clip, in seconds.

        Raises:
            ParamsError: The number of clips is not 1 to 3, or a length is negative, infinite or not a number.

        Source: "Input Video Billing Rules" of the model's page (read 2026-11-20).

        >>> Wan26ReferenceVideo.billed_input_seconds([8.0, 1.5])
        4.0
        """
        faults = [
            InvalidValue(f"durations[{index}]", f"must be a number of seconds from 0, not {shown(seconds)}")
            for index, seconds in enumerate(cast("Sequence[object]", durations))
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf
        ]
        if len(durations) not in _BILLED_PART:
            faults.append(InvalidValue("durations", f"must be 1 to 3 clips, not {len(durations)}"))
        if faults:
            raise ParamsError(faults)
        counted = sum(min(seconds, _BILLED_PART[len(durations)]) for seconds in durations)
        # 3 * 1.65 is 4.949999999999999 in binary; bills say 4.95.
        return round(counted, 6)


@attrs.frozen(kw_only=True)
class Wan26TextToVideo(Params):
    """A video from a text. Billed by the second of output; 1080p costs more.

    The sound: mp3, up to 15 MB, 3 to 30 s; a longer one is cut, after a shorter one the video is silent.

    Attributes:
        prompt: What to show, up to 1500 characters.
        aspect_ratio: Aspect ratio of the frame.
        quality: Height of the frame.
        duration: Seconds, 2 to 15; if it is left out, the service chooses.
        prompt_extend: Let a language model rewrite the prompt.
        shot_type: One take or several; overrides the prompt, and works only with `prompt_extend`. If it is
            left out, the service makes one take.
        audio_url: The sound that drives the video.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-text-to-video (read 2026-11-20).

    >>> Wan26TextToVideo(prompt="A cat playing piano", duration=15, shot_type="multi").prompt_extend
    True
    """

    model = "wan2.6-text-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-text-to-video"

    prompt: str = attrs.field(metadata=rule(_PROMPT))
    aspect_ratio: AspectRatio = attrs.field(default="16:9", metadata=rule(_ASPECT_RATIO))
    quality: Quality = attrs.field(default="720p", metadata=rule(_QUALITY))
    duration: int | None = attrs.field(default=None, metadata=rule(Between(2, 15)))
    prompt_extend: bool = attrs.field(default=True, metadata=rule(Flag()))
    shot_type: ShotType | None = attrs.field(default=None, metadata=rule(_SHOT_TYPE, inside="model_params"))
    audio_url: str | LocalMedia | None = attrs.field(default=None, converter=optional_url, metadata=rule(Url(_SOUND)))


@attrs.frozen(kw_only=True)
class Wan26ImageToVideo(_FromImage):
    """A video that starts from an image. Billed by the second of output; 1080p costs more.

    The image: jpeg, png without transparency, bmp or webp; up to 10 MB; 360 to 2000 pixels a side.
    The sound: mp3, up to 15 MB, 3 to 30 s; a longer one is cut, after a shorter one the video is silent.

    Attributes:
        prompt: What to show, up to 1500 characters.
        image_urls: The first frame, one URL.
        quality: Height of the frame.
        duration: Seconds, 2 to 15; if it is left out, the service chooses.
        prompt_extend: Let a language model rewrite the prompt.
        shot_type: One take or several; overrides the prompt, and works only with `prompt_extend`. If it is
            left out, the service makes one take.
        audio_url: The sound that drives the video.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-image-to-video (read 2026-11-20).

    >>> Wan26ImageToVideo(prompt="A cat", image_urls=["https://example.com/image1.png"]).quality
    '720p'
    """

    model = "wan2.6-image-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-image-to-video"


@attrs.frozen(kw_only=True)
class Wan26ImageToVideoFlash(_FromImage):
    """A video that starts from an image, by the faster model. Billed by the second of output.

    1080p costs more, a video without sound less. The service holds credits for `duration` and charges the
    seconds it made. The page's own example leaves out `image_urls`, which the page requires.

    The image: jpeg, png without transparency, bmp or webp; up to 10 MB; 360 to 2000 pixels a side.
    The sound: mp3, up to 15 MB, 3 to 30 s; a longer one is cut, after a shorter one the video is silent.

    Attributes:
        prompt: What to show, up to 1500 characters.
        image_urls: The first frame, one URL.
        quality: Height of the frame.
        duration: Seconds, 2 to 15; if it is left out, the service chooses.
        prompt_extend: Let a language model rewrite the prompt.
        shot_type: One take or several; overrides the prompt, and works only with `prompt_extend`. If it is
            left out, the service makes one take.
        audio_url: The sound that drives the video.
        generate_audio: Make sound.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-image-to-video-flash
    (read 2026-11-20).

    >>> params = Wan26ImageToVideoFlash(
    ...     prompt="A cat", image_urls=["https://example.com/image1.png"], generate_audio=False
    ... )
    >>> params.image_urls
    ('https://example.com/image1.png',)
    """

    model = "wan2.6-image-to-video-flash"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-image-to-video-flash"

    generate_audio: bool = attrs.field(default=True, metadata=rule(Flag()))


@attrs.frozen(kw_only=True)
class Wan26ReferenceVideo(_FromReferences):
    """A video whose characters look and sound like those in one to three clips.

    Billed by the second of output plus the counted seconds of input, see `billed_input_seconds`; 1080p costs
    more.

    Each clip: mp4 or mov, up to 100 MB, 2 to 30 s.

    Attributes:
        prompt: What to show, up to 1500 characters.
        video_urls: The clips, one to three URLs.
        aspect_ratio: Aspect ratio of the frame; both qualities take the same five.
        quality: Height of the frame.
        duration: Seconds, 2 to 10; if it is left out, the service chooses.
        shot_type: One take or several; overrides the prompt. If it is left out, the service makes one take.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-reference-video (read 2026-11-20).

    >>> clip = "https://help-static-aliyun-doc.aliyuncs.com/file-manage-files/xxx.mp4"
    >>> Wan26ReferenceVideo(prompt="A person dancing", video_urls=[clip]).quality
    '720p'
    """

    model = "wan2.6-reference-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-reference-video"


@attrs.frozen(kw_only=True)
class Wan26ReferenceVideoFlash(_FromReferences):
    """A video whose characters look and sound like those in one to three clips, by the faster model.

    Billed by the second of output plus the counted seconds of input, see `billed_input_seconds`; 1080p costs
    more, a video without sound less.

    Each clip: mp4 or mov, up to 100 MB, 2 to 30 s.

    Attributes:
        prompt: What to show, up to 1500 characters.
        video_urls: The clips, one to three URLs.
        aspect_ratio: Aspect ratio of the frame; both qualities take the same five.
        quality: Height of the frame.
        duration: Seconds, 2 to 10; if it is left out, the service chooses.
        shot_type: One take or several; overrides the prompt. If it is left out, the service makes one take.
        generate_audio: Make sound.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-reference-video-flash
    (read 2026-11-20).

    >>> clip = "https://help-static-aliyun-doc.aliyuncs.com/file-manage-files/xxx.mp4"
    >>> Wan26ReferenceVideoFlash(prompt="A person dancing", video_urls=[clip]).generate_audio
    True
    """

    model = "wan2.6-reference-video-flash"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan2.6/wan2.6-reference-video-flash"

    generate_audio: bool = attrs.field(default=True, metadata=rule(Flag()))
