"""Local files in the place of URLs, and walking over the values of parameters that hold them.

What a file must be is in `rules`; files are opened in `probe` and uploaded in `uploads`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import quote, unquote, urlsplit

import attrs

from ..frozen import FrozenMap

FILE_PREFIX = "file:"
"""The start of a text that names a local file."""


@attrs.frozen
class LocalMedia:
    """A local file in the place of a URL. It is checked and uploaded before the job is submitted.

    Attributes:
        path: The file.
        sha256: The SHA-256 of its bytes, in hex, once they were read. The digest of a job is made of this one.
    """

    path: Path = attrs.field(converter=Path)
    sha256: str | None = None

    def __str__(self) -> str:
        """The text in a request body that is not sent yet: the digest if it is known, else the path."""
        # By the digest a job has the same key wherever the file is, and another key when the file changes.
        if self.sha256:
            return f"sha256:{self.sha256}"
        place = str(self.path)
        # A path with two slashes at its start would be read as a URI with a host. A name that is no UTF-8 cannot be
        # written as it is; no text names such a file, so that it is never mistaken for another.
        is_odd = place.startswith("//") or not is_unicode(place)
        return f"{FILE_PREFIX}//{quote(place, errors='surrogatepass')}" if is_odd else f"{FILE_PREFIX}{place}"

    @classmethod
    def named(cls, text: str, base: Path | None) -> LocalMedia:
        """Read `file:PATH`, or a `file://` URI, which is percent-decoded; the inverse of `str`.

        Args:
            text: A text that begins with `file:`.
            base: The folder for relative paths; None if the author of the text has no right to name local files.

        Raises:
            ValueError: The text names no local file, or `base` is None; the message says what it must be.
        """
        if base is None:
            raise ValueError("must be a URL: a text can name local files only with files_from=FOLDER")
        place = text.removeprefix(FILE_PREFIX)
        if place.startswith("//"):
            place = _path_of_uri(text)
        # No path holds a NUL; the functions of the system would raise another error for it.
        if not place or "\0" in place:
            raise ValueError("must name a file after file:")
        return cls(base / place)


def is_unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8: it has no lone surrogates, as names of files have."""
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


def printable(path: Path) -> str:
    """Write a path for messages and events: what UTF-8 cannot write is shown as in `repr`."""
    return str(path).encode(errors="backslashreplace").decode()


def _path_of_uri(text: str) -> str:
    try:
        parts = urlsplit(text)
        place = unquote(parts.path, errors="strict")
    except ValueError:
        # Brackets in the host, or percent-encoded bytes that are not UTF-8.
        raise ValueError("must be a file URI in percent-encoded UTF-8") from None
    if parts.netloc not in ("", "localhost"):
        raise ValueError("must be a file on this computer")
    if parts.query or parts.fragment:
        raise ValueError("must be a file URI with ? and # percent-encoded")
    return place


Media: TypeAlias = str | Path | LocalMedia
"""A value that a parameter takes as media: a URL, or a local file."""


def media_in(value: object, path: str) -> Iterator[tuple[str, str | LocalMedia]]:
    """Iterate over the media in the value of a parameter, each with its place in the request body.

    The value is one URL or file, a tuple of them, or a mapping of them.
    """
    if isinstance(value, str | LocalMedia):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[str, str | LocalMedia]", value).items():
            yield f"{path}.{name}", item
    elif isinstance(value, tuple):
        for index, item in enumerate(cast("tuple[str | LocalMedia, ...]", value)):
            yield f"{path}[{index}]", item


def files_in(value: object) -> Sequence[LocalMedia]:
    """Return the local files in the value of a parameter."""
    # Nearly all values are tuples, and this runs for every job.
    if isinstance(value, tuple):
        return [item for item in cast("tuple[object, ...]", value) if isinstance(item, LocalMedia)]
    return [item for _, item in media_in(value, "") if isinstance(item, LocalMedia)]


def replace_media(value: object, change: Callable[[str, str | LocalMedia], object], path: str) -> object:
    """Replace each URL or file in the value of a parameter; the structure stays.

    Args:
        value: The value of the parameter; a value without media is returned unchanged.
        change: Takes a place and the URL or file there, and returns the replacement.
        path: The place of the parameter in the request body.
    """
    if isinstance(value, str | LocalMedia):
        return change(path, value)
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value).items()
        return FrozenMap({name: replace_media(item, change, f"{path}.{name}") for name, item in named})
    if isinstance(value, tuple):
        listed = enumerate(cast("tuple[object, ...]", value))
        return tuple(replace_media(item, change, f"{path}[{index}]") for index, item in listed)
    return value
