"""Images, clips, sounds and documents: what a model takes, what a file is, and what is wrong with it.

Decisions over values; no file is opened here. What a model takes stands as data beside its parameters, in `models`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import attrs

MediaKind: TypeAlias = Literal["image", "video", "audio", "file"]

MB = 1 << 20
"""Bytes of a megabyte, as the vendor's own client counts them."""


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
        return f"sha256:{self.sha256}" if self.sha256 else f"file:{self.path}"


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
        alpha: Whether transparency is taken.
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


@attrs.frozen(kw_only=True)
class MediaFacts:
    """What a file is; None where nobody could tell.

    Attributes:
        format: By its content: jpeg, png, bmp, webp, gif, heic, mp4, mov, mp3, wav ...
        size_bytes: Its length.
        width: Pixels, as shown.
        height: Pixels, as shown.
        seconds: How long it plays.
        has_alpha: Whether pixels may be transparent.
    """

    format: str | None
    size_bytes: int
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    has_alpha: bool | None = None
