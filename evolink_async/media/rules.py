"""The rules of a model for a media file, the facts about a file, and the comparison of both.

The rules of each model are beside its parameters, in `models`; the facts are measured in `probe`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import attrs

from ..errors import InvalidValue
from ..wording import either

MediaKind: TypeAlias = Literal["image", "video", "audio", "file"]

MB = 1 << 20
"""Bytes of a megabyte, as the vendor's own client counts them."""

# A sound ends with a whole frame of up to 1152 samples, at 22,050 Hz 0.052 s, and the container counts it: 30 s become
# 30.05 s.
SLACK_SECONDS = 0.06
"""Tolerance for the length of a sound or video, in seconds."""


@attrs.frozen(kw_only=True)
class MediaRule:
    """The rule of a model for the files of one parameter. None stands for a limit that the page does not name.

    Attributes:
        kind: The kind of media.
        formats: The allowed formats, by their names in `MediaFacts.format`.
        max_bytes: Largest size of a file.
        seconds: Shortest and longest length.
        sides: Smallest and largest number of pixels of each side.
        max_ratio: How many times longer one side can be than the other.
        alpha: Whether a png can be transparent.
        max_pages: Most pages of a document.
    """

    kind: MediaKind
    formats: tuple[str, ...]
    max_bytes: int
    seconds: tuple[float, float] | None = None
    sides: tuple[int, int] | None = None
    max_ratio: float | None = None
    alpha: bool = True
    max_pages: int | None = None

    def describe(self) -> str:
        """Describe the allowed files, as in "mp4 or mov; up to 100 MB; 2 to 30 s"."""
        formats = either(self.formats) + ("" if self.alpha else " (png without transparency)")
        parts = [formats, f"up to {self.max_bytes // MB} MB"]
        if self.max_pages is not None:
            parts += [f"up to {self.max_pages} pages"]
        if self.seconds:
            parts += [f"{self.seconds[0]:g} to {self.seconds[1]:g} s"]
        if self.sides:
            parts += [f"{self.sides[0]} to {self.sides[1]} pixels a side"]
        if self.max_ratio is not None:
            parts += [f"1:{self.max_ratio:g} to {self.max_ratio:g}:1"]
        return "; ".join(parts)


@attrs.frozen(kw_only=True)
class MediaFacts:
    """The facts about a file; None for a fact that could not be measured.

    Attributes:
        format: The format of its content: jpeg, png, bmp, webp, gif, heic, mp4, mov, mp3, wav ..., or
            "an unknown format".
        size_bytes: Size of the whole file.
        width: Pixels of the upright picture.
        height: Pixels of the upright picture.
        seconds: Length of a sound or video.
        has_alpha: Whether the pixels have an alpha channel.
        pages: Number of pages of a document.
    """

    format: str | None
    size_bytes: int
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    has_alpha: bool | None = None
    pages: int | None = None


def media_faults(rule: MediaRule, facts: MediaFacts, path: str) -> Iterator[InvalidValue]:
    """Find the facts about a file that break a rule; a fact that is not known breaks none.

    Args:
        rule: The rule of the model.
        facts: The facts about the file.
        path: The place of the file in the request body, as in `video_urls[0]`.
    """
    if facts.format is not None and facts.format not in rule.formats:
        yield InvalidValue(path, f"must be {either(rule.formats)}, not {facts.format}")
    if facts.size_bytes > rule.max_bytes:
        yield InvalidValue(
            path, f"must be up to {rule.max_bytes // MB} MB, not {_megabytes(facts.size_bytes, rule.max_bytes)}"
        )
    if rule.seconds and facts.seconds is not None:
        least, most = rule.seconds
        if not least - SLACK_SECONDS <= facts.seconds <= most + SLACK_SECONDS:
            yield InvalidValue(path, f"must be {least:g} to {most:g} s long, not {in_seconds(facts.seconds)}")
    if facts.width is not None and facts.height is not None:
        yield from _pixel_faults(rule, facts.width, facts.height, path)
    # The pages forbid transparency for png only.
    if not rule.alpha and facts.has_alpha and facts.format == "png":
        yield InvalidValue(path, "must have no alpha channel")
    if rule.max_pages is not None and facts.pages is not None and facts.pages > rule.max_pages:
        yield InvalidValue(path, f"must have up to {rule.max_pages} pages, not {facts.pages}")


def _pixel_faults(rule: MediaRule, width: int, height: int, path: str) -> Iterator[InvalidValue]:
    # The limits are the same for portrait and landscape.
    short, long = sorted((width, height))
    if rule.sides and not rule.sides[0] <= short <= long <= rule.sides[1]:
        yield InvalidValue(path, f"must be {rule.sides[0]} to {rule.sides[1]} pixels a side, not {width}x{height}")
    if rule.max_ratio is not None and long > short * rule.max_ratio:
        limits = f"1:{rule.max_ratio:g} to {rule.max_ratio:g}:1"
        yield InvalidValue(path, f"must have an aspect ratio of {limits}, not {width}x{height}")


def _megabytes(size: int, limit: int) -> str:
    """Write a size that exceeds a limit."""
    # Rounded to one digit, a file one byte over 20 MB would read "not 20.0 MB".
    short = f"{size / MB:.1f}"
    return short if float(short) > limit / MB else f"{size / MB:.6f}"


def lengths(facts: Mapping[str, MediaFacts], name: str) -> list[float]:
    """Return the known lengths of all media of one parameter, in seconds."""
    held = (one.seconds for path, one in facts.items() if path.partition("[")[0] == name)
    return [seconds for seconds in held if seconds is not None]


def in_seconds(seconds: float) -> str:
    """Write a length for a message, with up to two digits after the point."""
    return f"{seconds:.2f}".rstrip("0").rstrip(".")
