"""Rules about URLs: one URL, a list, a callback, voices by speaker.

The other rules and their protocol are in `rules`; the rules for files are in `media`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

import attrs

from ..errors import InvalidValue
from ..json_text import Json
from ..media import LocalMedia, MediaRule
from ..urls import is_public_host, unquoted_character, web_host
from .json_faults import json_faults, key_faults, shown, text_faults

# Two letters or more: C:\clips\cat.png is a path.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_HOST = re.compile(r"https?://([^/?#]*)")


@attrs.frozen
class Url:
    """An absolute http or https URL with a host, percent-encoded as RFC 3986 requires.

    With `media`, also a local file, which is uploaded before the job is submitted. The content of a file is checked
    at that time, in `uploads`.

    Attributes:
        media: The rules for local files; None if only URLs are allowed.
    """

    media: MediaRule | None = None

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is neither a text nor, with `media`, a file whose name a system can write."""
        if self.media is not None and isinstance(value, LocalMedia):
            return _name_faults(value, path)
        return text_faults(value, path)

    def faults(self, value: str | LocalMedia, path: str) -> Iterator[InvalidValue]:
        """Refuse a text that is no http or https URL with a host; a file is checked in `uploads`."""
        if isinstance(value, str) and web_host(value) is None:
            or_file = "" if self.media is None else _or_file(value)
            yield InvalidValue(path, f"must be {self.describe()}{or_file}, not {shown(value)}{_encoding_hint(value)}")

    def schema(self) -> dict[str, Json]:
        """Return a string schema with `format` `uri`; a file is sent as a URL too."""
        return {"type": "string", "format": "uri"}

    def describe(self) -> str:
        """Describe it as "an http or https URL"."""
        return "an http or https URL"


@attrs.frozen
class Urls:
    """A list of URLs, with `media` also of files. An optional list that is empty is not sent.

    Attributes:
        least: Fewest items.
        most: Most items.
        media: The rules for local files; None if only URLs are allowed.
    """

    least: int
    most: int
    media: MediaRule | None = None

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is not a list or tuple, and each item that is no URL or file."""
        if not isinstance(value, list | tuple):
            yield InvalidValue(path, f"must be a list of URLs, not {shown(value)}")
            return
        one = Url(self.media)
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            yield from one.type_faults(item, f"{path}[{index}]")

    def faults(self, value: tuple[str | LocalMedia, ...], path: str) -> Iterator[InvalidValue]:
        """Refuse a list that is too short or too long, and each item that `Url` refuses."""
        if not self.least <= len(value) <= self.most:
            yield InvalidValue(path, f"must be {self.describe()}, not {len(value)}")
        one = Url(self.media)
        for index, item in enumerate(value):
            yield from one.faults(item, f"{path}[{index}]")

    def schema(self) -> dict[str, Json]:
        """Return an array schema of URLs, with its limits."""
        return {"type": "array", "items": Url().schema(), "minItems": self.least, "maxItems": self.most}

    def describe(self) -> str:
        """Describe it, as in "1 to 9 URLs"."""
        if self.least == self.most:
            return f"{self.most} URL{'s' if self.most > 1 else ''}"
        return f"{self.least} to {self.most} URLs"


@attrs.frozen
class CallbackUrl:
    """An https URL with a public host, which the service calls when a task has ended.

    Only the text of the URL is checked: a public name can still resolve to a private address.

    Attributes:
        max_length: Most characters.

    Source: "Security Restrictions" on every model page (read 2026-11-20).
    """

    max_length: int = 2048

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is not a text that UTF-8 can encode."""
        return text_faults(value, path)

    def faults(self, value: str, path: str) -> Iterator[InvalidValue]:
        """Refuse a URL that is too long, not https, or has no public host: the first that applies."""
        host = web_host(value)
        # One fault is enough for a URL; the first that applies is named.
        if len(value) > self.max_length:
            yield InvalidValue(path, f"must be up to {self.max_length} characters, not {len(value)}")
        elif host is None or not value.startswith("https://"):
            yield InvalidValue(path, f"must be an https URL, not {shown(value)}{_encoding_hint(value)}")
        elif not is_public_host(host):
            yield InvalidValue(path, f"must have a public host, not {shown(host)}")

    def schema(self) -> dict[str, Json]:
        """Return a URL schema with the scheme and the length; a public host cannot be expressed."""
        return {"type": "string", "format": "uri", "pattern": "^https://", "maxLength": self.max_length}

    def describe(self) -> str:
        """Describe it as "an https URL", with the limits."""
        return f"an https URL of up to {self.max_length} characters with a public host"


@attrs.frozen
class VoiceBindings:
    """Voices: URLs of sounds by speaker, as `image1` or `video2`, counted from 1. With `media`, also files.

    Attributes:
        most: Most voices.
        media: The rules for local files; None if only URLs are allowed.
    """

    most: int
    media: MediaRule | None = None

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is not a mapping, each name that is no text, and each value that is no URL or file."""
        if not isinstance(value, Mapping):
            yield InvalidValue(path, f"must be an object of URLs, not {shown(value)}")
            return
        for name, url in cast("Mapping[object, object]", value).items():
            found = tuple(key_faults(name, path))
            yield from found or Url(self.media).type_faults(url, f"{path}.{name}")

    def faults(self, value: Mapping[str, str | LocalMedia], path: str) -> Iterator[InvalidValue]:
        """Refuse more than `most` voices, names that are not as `image1`, and what `Url` refuses."""
        if len(value) > self.most:
            yield InvalidValue(path, f"must be up to {self.most} voices, not {len(value)}")
        for name, url in value.items():
            if voice_target(name) is None:
                yield InvalidValue(f"{path}.{name}", "must be named image1, video2 and so on")
            yield from Url(self.media).faults(url, f"{path}.{name}")

    def schema(self) -> dict[str, Json]:
        """Return an object schema: names by a pattern, values as URLs."""
        return {
            "type": "object",
            "additionalProperties": Url().schema(),
            "propertyNames": {"pattern": "^(image|video)[1-9][0-9]*$"},
            "maxProperties": self.most,
        }

    def describe(self) -> str:
        """Describe it, as in "up to 5 URLs by image1, video2 and so on"."""
        return f"up to {self.most} URLs by image1, video2 and so on"


def _name_faults(media: LocalMedia, path: str) -> Iterator[InvalidValue]:
    # The name is not sent. It can hold lone surrogates, each for a byte that is no UTF-8; no file has others.
    place = str(media.path)
    if re.search("[\ud800-\udc7f\udd00-\udfff]", place):
        yield InvalidValue(path, f"must be a file whose name a system can write, not {shown(place)}")


def is_path(text: str) -> bool:
    """Whether a text seems to be the path of a file: it is not empty, and has no scheme but the drive of Windows."""
    is_url = _SCHEME.match(text) or text.startswith("//")
    return bool(text.strip()) and not is_url and not any(json_faults(text, ""))


def _or_file(text: str) -> str:
    # How JSON names a file is said where JSON is read.
    return " or a file as pathlib.Path" if is_path(text) else " or a local file"


def _encoding_hint(url: str) -> str:
    sign = unquoted_character(url)
    if (host := _HOST.match(url)) is not None and not host[1].isascii():
        return " (its host must be written in Punycode, as xn--...)"
    return f" ({sign!r} must be percent-encoded)" if sign else ""


def voice_target(name: str) -> tuple[str, int] | None:
    """Split the key of a voice binding into kind and number, counted from 1; None if it is not such a key."""
    # The page allows no leading zero. Nine digits are more than any list has entries, and cheap to convert.
    found = re.fullmatch(r"(image|video)([1-9][0-9]{0,8})", name)
    return (found[1], int(found[2])) if found else None
