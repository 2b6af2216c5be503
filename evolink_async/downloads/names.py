"""What a saved result is called: a name that means the same on every system and cannot leave its folder.

Text in, text out: whether a name is free is the folder's business.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from string import Formatter
from typing import Self
from urllib.parse import urlsplit

import attrs

from ..errors import ConfigurationError
from ..jobs import Completed

STEM_BYTES = 120
"""Longest stem, so that a suffix and an ordinal fit behind it on every file system."""
SUFFIXES = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
}
UNKNOWN_SUFFIX = ".bin"
FIELDS = ("key", "index", "ext", "task_id", "model")

_RESERVED = re.compile(r"(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(\..*)?", re.IGNORECASE)  # on Windows
_PADDING = re.compile(r"0?\d")
_LITERAL_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


def _fault(text: object) -> str | None:
    """What is wrong with a template, behind its name in a sentence."""
    if not isinstance(text, str):
        return "is no text"
    try:
        fields = [field for _, *field in Formatter().parse(text) if field[0] is not None]
    except ValueError as error:
        return f"cannot be read: {error}"
    names = [name for name, _, _ in fields]
    for name, shape, conversion in fields:
        if name not in FIELDS:
            return f"has the unknown field {{{name}}}"
        if conversion or (shape and not (name == "index" and _PADDING.fullmatch(shape))):
            return f"says how {{{name}}} is to look"
    if not {"key", "task_id"} & set(names):
        return "gives every job the same name"
    if any(sign in text for sign in "/\\\0"):
        return "is a path"
    if "ext" in names and (names.count("ext") > 1 or not text.endswith("{ext}")):
        return "has {ext} in its middle"
    return None


@attrs.frozen
class Name:
    """The name of one file: `suffix` is None while only the host of the result knows it."""

    stem: str
    suffix: str | None = None


@attrs.frozen
class Template:
    """How files are named: text with fields in braces.

    Attributes:
        text: As it was given.

    Raises:
        ConfigurationError: A field is unknown, no field tells jobs apart, or the name would be a path.
    """

    text: str

    def __attrs_post_init__(self) -> None:
        fault = _fault(self.text)
        if fault is not None:
            raise ConfigurationError(
                f"the file name {self.text!r} {fault}; it may hold {{key}}, {{index}} (or {{index:03}}), {{task_id}}"
                " and {model}, one of {key} and {task_id} at least, and {ext} at its end"
            )

    def name(self, completed: Completed, index: int) -> Name:
        """What the file of one link is called; the first link has the index 1."""
        stem, suffix = self.text.removesuffix("{ext}"), None
        if stem == self.text:
            suffix = PurePosixPath(stem).suffix
            suffix = suffix if _LITERAL_SUFFIX.fullmatch(suffix) else ""
            stem = stem.removesuffix(suffix)
        values = {"index": index, "task_id": completed.task_id, "model": completed.snapshot.model or ""}
        beside = len(_safe(stem.format(key="", **values)).encode())
        key = _cut(_safe(completed.key), max(STEM_BYTES - beside, STEM_BYTES // 2))  # so that it is not the index
        return Name(file_stem(stem.format(key=key, **values)), suffix)


ONE, MANY = Template("{key}{ext}"), Template("{key}-{index}{ext}")
"""How the files of a job are named by default: a number tells the files of one job apart."""


@attrs.frozen
class Exactly:
    """A name that somebody chose for one job, as it stands."""

    stem: str
    suffix: str

    @classmethod
    def of(cls, file_name: str) -> Self:
        """Take a file's name apart."""
        path = PurePosixPath(file_name)
        return cls(path.stem, path.suffix)

    def name(self, completed: Completed, index: int) -> Name:
        """The same for every link: those after the first take the next free ordinals."""
        return Name(self.stem, self.suffix)


def names_of(completed: Completed, template: Template | Exactly | None) -> tuple[Name, ...]:
    """What the files of a job are called, one for each link."""
    template = template or (ONE if len(completed.urls) == 1 else MANY)
    return tuple(template.name(completed, index) for index, _ in enumerate(completed.urls, 1))


def numbered(stem: str, suffix: str, ordinal: int) -> str:
    """A file's name, if `ordinal` is 1; else the one to take when those before it are taken."""
    return stem + suffix if ordinal == 1 else f"{stem}-{ordinal}{suffix}"


def suffix_of(url: str, content_type: str) -> str:
    """The suffix for what a host sent: by its type, else by its link, as far as we know them."""
    named = PurePosixPath(urlsplit(url).path).suffix.lower()
    return SUFFIXES.get(content_type) or (named if named in SUFFIXES.values() else UNKNOWN_SUFFIX)


def file_stem(text: str) -> str:
    """A file name that means the same on Linux, macOS and Windows, and cannot leave its folder."""
    stem = _cut(_safe(text), STEM_BYTES).rstrip("._ ")
    if _RESERVED.fullmatch(stem):
        stem = "_" + _cut(stem, STEM_BYTES - 1).rstrip("._ ")
    return stem or "_"


def _safe(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", text)).strip("._ ")


def _cut(text: str, size_bytes: int) -> str:
    return text.encode("utf-8", "ignore")[:size_bytes].decode("utf-8", "ignore")
