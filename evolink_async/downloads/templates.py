"""Which names the files of a job get: by a template, or exactly as the user chose.

Text in, text out. What a safe name is, is decided in `names`; whether a name is free, in `folder`.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from string import Formatter
from typing import Self

import attrs

from ..errors import ConfigurationError
from ..jobs import Completed
from .names import STEM_BYTES, Name, cut, escaped, file_stem, safe_text

FIELDS = ("key", "index", "ext", "task_id", "model")
"""What may stand in braces in a template."""

_PADDING = re.compile(r"0?\d")
_LITERAL_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


def _problem(text: object) -> str | None:
    """Return what is wrong with a template, as the end of a sentence about it; None for a good one."""
    if not isinstance(text, str):
        return "is not text"
    try:
        fields = [field for _, *field in Formatter().parse(text) if field[0] is not None]
    except ValueError as error:
        return f"cannot be read: {error}"
    names = [name for name, _, _ in fields]
    for name, spec, conversion in fields:
        # `str.format` would look up attributes and items, as in {key.__class__}; only plain names pass.
        if name not in FIELDS:
            return f"has the unknown field {{{name}}}"
        if conversion or (spec and not (name == "index" and _PADDING.fullmatch(spec))):
            return f"has a format for {{{name}}}"
    if not {"key", "task_id"} & set(names):
        return "gives every job the same name"
    if any(sign in text for sign in "/\\\0"):
        return "is a path"
    if "ext" in names and (names.count("ext") > 1 or not text.endswith("{ext}")):
        return "has {ext} before its end"
    return None


@attrs.frozen
class Template:
    """A pattern for file names: text with fields in braces.

    Attributes:
        text: The pattern, as in `"{model}-{key}-{index:02}{ext}"`.

    Raises:
        ConfigurationError: A field is unknown, neither `{key}` nor `{task_id}` is there, or the name would be a path.
    """

    text: str

    def __attrs_post_init__(self) -> None:
        problem = _problem(self.text)
        if problem is not None:
            raise ConfigurationError(
                f"the file name {self.text!r} {problem}; it may hold {{key}}, {{index}} (or {{index:03}}), {{task_id}}"
                " and {model}, at least one of {key} and {task_id}, and {ext} at its end"
            )

    def name(self, completed: Completed, index: int) -> Name:
        """Return the name for one result of a job.

        Args:
            completed: The job.
            index: The place of the link among the job's links, from 1.
        """
        stem, suffix = self.text.removesuffix("{ext}"), None
        # Without {ext} the suffix is the template's own, whatever the content type is.
        if stem == self.text:
            suffix = PurePosixPath(stem).suffix
            suffix = suffix if _LITERAL_SUFFIX.fullmatch(suffix) else ""
            stem = stem.removesuffix(suffix)
        values = {"index": index, "task_id": completed.task_id, "model": completed.snapshot.model or ""}
        # A long key is cut before it is filled in: cutting the whole stem would cut off the index behind it.
        other_bytes = len(safe_text(stem.format(key="", **values)).encode())
        key = cut(safe_text(completed.key), max(STEM_BYTES - other_bytes, STEM_BYTES // 2))
        return Name(file_stem(stem.format(key=key, **values)), suffix)


SINGLE, NUMBERED = Template("{key}{ext}"), Template("{key}-{index}{ext}")
"""Default templates of a job with one link, and of a job with several."""


@attrs.frozen
class Exactly:
    """A name that the user chose for one job; it is used unchanged.

    Attributes:
        stem: The name without its suffix.
        suffix: The suffix with its dot; empty for none.
    """

    stem: str
    suffix: str

    @classmethod
    def of(cls, file_name: str) -> Self:
        """Split a file name into stem and suffix."""
        path = PurePosixPath(file_name)
        return cls(path.stem, path.suffix)

    def name(self, completed: Completed, index: int) -> Name:
        """Return the same name for every link; the second and later files get the next free numbers."""
        return Name(self.stem, self.suffix)


def names_of(completed: Completed, template: Template | Exactly | None) -> tuple[Name, ...]:
    """Return the names for a job's files, one for each link; `None` means the default template."""
    template = template or (SINGLE if len(completed.urls) == 1 else NUMBERED)
    spare = escaped(file_stem(completed.task_id))
    names = [template.name(completed, index) for index, _ in enumerate(completed.urls, 1)]
    return tuple(attrs.evolve(name, spare=spare) for name in names)
