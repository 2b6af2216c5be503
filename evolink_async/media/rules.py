"""Images, clips, sounds and documents: what a model takes, what a file is, and what is wrong with it.

Decisions over values; no file is opened here. What a model takes stands as data beside its parameters, in `models`;
what a file is, `probe` finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, cast
from urllib.parse import quote, unquote, urlsplit

import attrs

from ..errors import InvalidValue
from ..frozen import FrozenMap
from ..wording import either

MediaKind: TypeAlias = Literal["image", "video", "audio", "file"]

MB = 1 << 20
"""Bytes of a megabyte, as the vendor's own client counts them."""

FILE_SIGN = "file:"
"""How a text begins that names a file of this machine."""

# A sound ends with a whole frame, up to 1152 samples at 22,050 Hz, and a film counts it: 30 s become 30.05.
SLACK_SECONDS = 0.06
"""How much longer or shorter than a limit a sound or film may be."""


@attrs.frozen
class LocalMedia:
    """A file of this machine where a model takes a URL: checked and uploaded before the job is submitted.

    Attributes:
        path: Where it is.
        sha256: The digest of its bytes, in hex, once they were read: what the job is told apart by.
    """

    path: Path = attrs.field(converter=Path)
    sha256: str | None = None

    def __str__(self) -> str:
        """What stands in a body that is not sent yet: the content when it is known, else the place."""
        if self.sha256:
            return f"sha256:{self.sha256}"
        place = str(self.path)
        # With two slashes it would be read as a URI with a host.
        return f"{FILE_SIGN}//{quote(place)}" if place.startswith("//") else f"{FILE_SIGN}{place}"

    @classmethod
    def named(cls, text: str, base: Path | None) -> LocalMedia:
        """Read `file:` and a path as typed, or a `file://` URI, which is percent-decoded: the inverse of `str`.

        Args:
            text: What begins with `file:`.
            base: The folder that a relative path starts from; None if whoever wrote the text may read no files here.

        Raises:
            ValueError: The text names no place on this machine, or none may be named; the message says why.
        """
        if base is None:
            raise ValueError("must be a URL: text may name files of this machine only with files_from=FOLDER")
        place = text.removeprefix(FILE_SIGN)
        if place.startswith("//"):
            place = _path_of_uri(text)
        if not place or "\0" in place:
            raise ValueError("must name a file after file:")
        return cls(base / place)


def _path_of_uri(text: str) -> str:
    try:
        parts = urlsplit(text)
        place = unquote(parts.path, errors="strict")
    except ValueError:  # a host with odd brackets, or percent signs that hide no UTF-8
        raise ValueError("must be a file URI in percent-encoded UTF-8") from None
    if parts.netloc not in ("", "localhost"):
        raise ValueError("must be a file of this machine")
    if parts.query or parts.fragment:
        raise ValueError("must be a file URI with ? and # percent-encoded")
    return place


Media: TypeAlias = str | Path | LocalMedia
"""What is taken for a URL: one, or a file of this machine."""


@attrs.frozen(kw_only=True)
class MediaRule:
    """What a model takes in one place.

    Attributes:
        kind: What it is.
        formats: Names of formats, as `MediaFacts.format` has them.
        max_bytes: Longest file.
        seconds: Shortest and longest; None where the page names none.
        sides: Least and most pixels of each side.
        max_ratio: How many times longer one side may be than the other.
        alpha: Whether a png may be transparent.
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
        """Say what is taken, as in "mp4 or mov; up to 100 MB; 2 to 30 s"."""
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
    """What a file is; None where nobody could tell.

    Attributes:
        format: By its content: jpeg, png, bmp, webp, gif, heic, mp4, mov, mp3, wav ..., or "an unknown format".
        size_bytes: Its length.
        width: Pixels, as shown.
        height: Pixels, as shown.
        seconds: How long it plays.
        has_alpha: Whether pixels may be transparent.
        pages: How many a document has.
    """

    format: str | None
    size_bytes: int
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    has_alpha: bool | None = None
    pages: int | None = None


def media_faults(rule: MediaRule, facts: MediaFacts, path: str) -> Iterator[InvalidValue]:
    """Find what breaks the rule in a file; what is not known of it is not judged.

    Args:
        rule: What the model takes.
        facts: What the file is.
        path: The place in the wire body, as in `video_urls[0]`.
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
    if not rule.alpha and facts.has_alpha and facts.format == "png":  # the pages bar it in png alone
        yield InvalidValue(path, "must have no transparency, nor a channel for it")
    if rule.max_pages is not None and facts.pages is not None and facts.pages > rule.max_pages:
        yield InvalidValue(path, f"must have up to {rule.max_pages} pages, not {facts.pages}")


def _pixel_faults(rule: MediaRule, width: int, height: int, path: str) -> Iterator[InvalidValue]:
    short, long = sorted((width, height))
    if rule.sides and not rule.sides[0] <= short <= long <= rule.sides[1]:
        yield InvalidValue(path, f"must be {rule.sides[0]} to {rule.sides[1]} pixels a side, not {width}x{height}")
    if rule.max_ratio is not None and long > short * rule.max_ratio:
        yield InvalidValue(path, f"must be 1:{rule.max_ratio:g} to {rule.max_ratio:g}:1 in shape, not {width}x{height}")


def _megabytes(size: int, limit: int) -> str:
    """Write a size that is over a limit so that it looks it."""
    short = f"{size / MB:.1f}"
    return short if float(short) > limit / MB else f"{size / MB:.6f}"


def lengths(facts: Mapping[str, MediaFacts], name: str) -> list[float]:
    """Return the seconds of all media of one parameter, as far as they are known."""
    held = (one.seconds for path, one in facts.items() if path.partition("[")[0] == name)
    return [seconds for seconds in held if seconds is not None]


def in_seconds(seconds: float) -> str:
    """Write a length for a message, to the hundredth where it has any."""
    return f"{seconds:.2f}".rstrip("0").rstrip(".")


def places(value: object, path: str) -> Iterator[tuple[str, str | LocalMedia]]:
    """Walk over what a parameter of media holds: one, several, or by name; each with its place in the wire body."""
    if isinstance(value, str | LocalMedia):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[str, str | LocalMedia]", value).items():
            yield f"{path}.{name}", item
    elif isinstance(value, tuple):
        for index, item in enumerate(cast("tuple[str | LocalMedia, ...]", value)):
            yield f"{path}[{index}]", item


def files_in(value: object) -> Sequence[LocalMedia]:
    """Return the files that a parameter of media holds."""
    if isinstance(value, tuple):
        return [item for item in cast("tuple[object, ...]", value) if isinstance(item, LocalMedia)]
    return [item for _, item in places(value, "") if isinstance(item, LocalMedia)]


def changed(value: object, change: Callable[[str, str | LocalMedia], object], path: str) -> object:
    """Put something else at each place of a parameter of media, the shape kept.

    Args:
        value: What the parameter holds; what is no media in any shape is returned as it is.
        change: Given a place and what is there, returns what is to be there.
        path: The place of the parameter.
    """
    if isinstance(value, str | LocalMedia):
        return change(path, value)
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value).items()
        return FrozenMap({name: changed(item, change, f"{path}.{name}") for name, item in named})
    if isinstance(value, tuple):
        listed = enumerate(cast("tuple[object, ...]", value))
        return tuple(changed(item, change, f"{path}[{index}]") for index, item in listed)
    return value
