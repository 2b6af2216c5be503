"""The Wan 3.0 models, each with a Prime variant: videos from a text, from frames, and from references.

Their parameters and rules are in `wan30_base`.
"""

from __future__ import annotations

import attrs

from .wan30_base import Wan30FromFrames, Wan30FromReferences, Wan30FromText

# A Prime variant repeats the docstring of its model, because the reference pages show each class by itself.


@attrs.frozen(kw_only=True)
class Wan30TextToVideo(Wan30FromText):
    """A video from a text.

    Billed by the second of output; 480p costs less, 1080p more. With `duration=-1` the service holds credits
    for 30 s.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Aspect ratio of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes the result repeatable, 0 to 2147483647; random if it is left out.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-text-to-video (read 2026-11-20).

    >>> Wan30TextToVideo(prompt="A cat playing piano", duration=-1).aspect_ratio
    'adaptive'
    """

    model = "wan3.0-text-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-text-to-video"


@attrs.frozen(kw_only=True)
class Wan30PrimeTextToVideo(Wan30FromText):
    """A video from a text, by the Prime model, which costs more.

    Billed by the second of output; 480p costs less, 1080p more. With `duration=-1` the service holds credits
    for 30 s.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Aspect ratio of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes the result repeatable, 0 to 2147483647; random if it is left out.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-text-to-video (read 2026-11-20).

    >>> Wan30PrimeTextToVideo(prompt="A cat playing piano", duration=-1).aspect_ratio
    'adaptive'
    """

    model = "wan3.0-prime-text-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-text-to-video"


@attrs.frozen(kw_only=True)
class Wan30ImageToVideo(Wan30FromFrames):
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
        aspect_ratio: Aspect ratio of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes the result repeatable, 0 to 2147483647; random if it is left out.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-image-to-video (read 2026-11-20).

    >>> Wan30ImageToVideo(image_start="https://example.com/first_frame.jpg").duration
    5
    """

    model = "wan3.0-image-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-image-to-video"


@attrs.frozen(kw_only=True)
class Wan30PrimeImageToVideo(Wan30FromFrames):
    """A video from its first frame, or from its first and last, by the Prime model, which costs more.

    Billed by the second of output; 480p costs less, 1080p more. With `duration=-1` the service holds credits
    for 30 s.

    Each image: jpeg, png without transparency, bmp or webp; up to 20 MB; 240 to 8000 pixels a side, 1:8 to 8:1.

    Attributes:
        prompt: What to show; the service reads 20000 characters.
        image_start: The first frame.
        image_end: The last frame.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Aspect ratio of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes the result repeatable, 0 to 2147483647; random if it is left out.

    Raises:
        ParamsError: A value breaks its rule.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-image-to-video (read 2026-11-20).

    >>> Wan30PrimeImageToVideo(image_start="https://example.com/first_frame.jpg").duration
    5
    """

    model = "wan3.0-prime-image-to-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-image-to-video"


@attrs.frozen(kw_only=True)
class Wan30ReferenceVideo(Wan30FromReferences):
    """A video from images, clips, sounds and a document or web page.

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
        audio_urls: Up to five sounds; unlike in Wan 2.7, they are not bound to a speaker.
        file_url: The document.
        link_url: The web page; not together with `file_url`.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Aspect ratio of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes the result repeatable, 0 to 2147483647; random if it is left out.

    Raises:
        ParamsError: A value breaks its rule, or both `file_url` and `link_url` are given.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-reference-video (read 2026-11-20).

    >>> Wan30ReferenceVideo(link_url="https://example.com/story.html").image_urls
    ()
    """

    model = "wan3.0-reference-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-reference-video"


@attrs.frozen(kw_only=True)
class Wan30PrimeReferenceVideo(Wan30FromReferences):
    """A video from images, clips, sounds and a document or web page, by the Prime model, which costs more.

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
        audio_urls: Up to five sounds; unlike in Wan 2.7, they are not bound to a speaker.
        file_url: The document.
        link_url: The web page; not together with `file_url`.
        duration: Seconds, 2 to 30, or -1 to let the model choose.
        quality: Height of the frame.
        aspect_ratio: Aspect ratio of the frame; `adaptive` lets the model choose.
        generate_audio: Make sound, at the same price.
        seed: Makes the result repeatable, 0 to 2147483647; random if it is left out.

    Raises:
        ParamsError: A value breaks its rule, or both `file_url` and `link_url` are given.

    Source: https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-reference-video (read 2026-11-20).

    >>> Wan30PrimeReferenceVideo(link_url="https://example.com/story.html").image_urls
    ()
    """

    model = "wan3.0-prime-reference-video"
    source = "https://docs.evolink.ai/en/api-manual/video-series/wan3.0/wan3.0-prime-reference-video"
