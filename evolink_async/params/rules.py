"""The rules a parameter can have, as data: each checks a value, describes itself and gives its JSON Schema.

Neither a model nor a request is known here: `models` chooses the rules, `params` asks them.
"""

# ruff: noqa: D102  # what the four methods do is said once, at Rule

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

import attrs

from ..errors import Fault
from ..json_text import Json
from ..media.rules import LocalMedia, MediaRule
from ..urls import foreign_sign, is_public_host, web_host
from .json_faults import number_faults, shown, text_faults


class Rule(Protocol):
    """What a field's value must be.

    `faults` is only asked about values in which `type_faults` found nothing, and neither about an optional
    value that was not given. Both name where they find it by `path`, the field's place in the wire body.
    """

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        """Find why the value has another type. Nothing is coerced: `True` is no number, text is no list."""
        ...

    def faults(self, value: Any, path: str) -> Iterator[Fault]:  # noqa: ANN401  # of the type just checked
        """Find what breaks the rule in a value of the right type."""
        ...

    def schema(self) -> dict[str, Json]:
        """Return the JSON Schema of the value in the wire body."""
        ...

    def describe(self) -> str:
        """Say what is allowed, as in "2 to 10"; fits after "must be"."""
        ...


@attrs.frozen
class Length:
    """Text of at most `max_length` characters; with `cut`, longer text is shortened by the service."""

    max_length: int
    cut: bool = False

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        return text_faults(value, path)

    def faults(self, value: str, path: str) -> Iterator[Fault]:
        if self.is_exceeded(value) and not self.cut:
            yield Fault(path, f"must be {self.describe()}, not {len(value)}")

    def is_exceeded(self, value: str) -> bool:
        """Whether the text is longer than the limit."""
        return len(value) > self.max_length

    def schema(self) -> dict[str, Json]:
        overflow: dict[str, Json] = {"x-overflow": "truncated"} if self.cut else {}
        return {"type": "string", "maxLength": self.max_length, **overflow}

    def describe(self) -> str:
        return f"up to {self.max_length} characters{' (longer text is cut)' if self.cut else ''}"


@attrs.frozen
class Between:
    """A whole number from `low` to `high`, or one of the single values in `also`."""

    low: int
    high: int
    also: tuple[int, ...] = ()

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        return number_faults(value, path)

    def faults(self, value: int, path: str) -> Iterator[Fault]:
        if not self.low <= value <= self.high and value not in self.also:
            yield Fault(path, f"must be {self.describe()}, not {shown(value)}")

    def schema(self) -> dict[str, Json]:
        span: dict[str, Json] = {"minimum": self.low, "maximum": self.high}
        if not self.also:
            return {"type": "integer", **span}
        singles: list[Json] = [{"const": single} for single in self.also]
        return {"type": "integer", "anyOf": [*singles, span]}

    def describe(self) -> str:
        return ", or ".join([f"{self.low} to {self.high}", *map(str, self.also)])


@attrs.frozen(init=False)
class OneOf:
    """One of the values listed: all text, or all whole numbers."""

    values: tuple[str, ...] | tuple[int, ...]

    def __init__(self, *values: Any) -> None:  # noqa: ANN401  # get_args() of a Literal has no better type
        object.__setattr__(self, "values", values)

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        check = text_faults if isinstance(self.values[0], str) else number_faults
        return check(value, path)

    def faults(self, value: str | int, path: str) -> Iterator[Fault]:
        if value not in self.values:
            yield Fault(path, f"must be {self.describe()}, not {shown(value)}")

    def schema(self) -> dict[str, Json]:
        return {"type": "string" if isinstance(self.values[0], str) else "integer", "enum": [*self.values]}

    def describe(self) -> str:
        *head, last = map(str, self.values)
        return f"{', '.join(head)} or {last}" if head else last


@attrs.frozen
class Flag:
    """True or false; never 0, 1 or "true"."""

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        if not isinstance(value, bool):
            yield Fault(path, f"must be true or false, not {shown(value)}")

    def faults(self, value: bool, path: str) -> Iterator[Fault]:  # nothing more to ask
        return iter(())

    def schema(self) -> dict[str, Json]:
        return {"type": "boolean"}

    def describe(self) -> str:
        return "true or false"


@attrs.frozen
class Url:
    """An absolute http or https URL with a host, percent-encoded where RFC 3986 demands it.

    With `media`, also a file of this machine that is uploaded first; `media` says what the model takes there. What a
    file holds is not checked here but in `files.preflight`.
    """

    media: MediaRule | None = None

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        return text_faults(_place(value) if self.media is not None else value, path)

    def faults(self, value: str | LocalMedia, path: str) -> Iterator[Fault]:
        if isinstance(value, str) and web_host(value) is None:
            way_out = "" if self.media is None else " or a file as pathlib.Path"
            yield Fault(path, f"must be {self.describe()}{way_out}, not {shown(value)}{_encoding_hint(value)}")

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "format": "uri"}

    def describe(self) -> str:
        return "an http or https URL"


@attrs.frozen
class Urls:
    """A list of `least` to `most` URLs, with `media` also of files. An optional list left empty counts as not given."""

    least: int
    most: int
    media: MediaRule | None = None

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        if not isinstance(value, list | tuple):
            yield Fault(path, f"must be a list of URLs, not {shown(value)}")
            return
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            yield from Url(self.media).type_faults(item, f"{path}[{index}]")

    def faults(self, value: tuple[str | LocalMedia, ...], path: str) -> Iterator[Fault]:
        if not self.least <= len(value) <= self.most:
            yield Fault(path, f"must be {self.describe()}, not {len(value)}")
        for index, item in enumerate(value):
            yield from Url(self.media).faults(item, f"{path}[{index}]")

    def schema(self) -> dict[str, Json]:
        return {"type": "array", "items": Url().schema(), "minItems": self.least, "maxItems": self.most}

    def describe(self) -> str:
        if self.least == self.most:
            return f"{self.most} URL{'s' if self.most > 1 else ''}"
        return f"{self.least} to {self.most} URLs"


@attrs.frozen
class CallbackUrl:
    """Where the service reports the end of a task: https, at most 2048 characters, no private address.

    Only what the URL itself says is checked: a public name may still resolve to a private address.

    Source: the "Security Restrictions" of every model page (read 2026-11-20).
    """

    max_length: int = 2048

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        return text_faults(value, path)

    def faults(self, value: str, path: str) -> Iterator[Fault]:
        host = web_host(value)
        if len(value) > self.max_length:
            yield Fault(path, f"must be up to {self.max_length} characters, not {len(value)}")
        elif host is None or not value.startswith("https://"):
            yield Fault(path, f"must be an https URL, not {shown(value)}{_encoding_hint(value)}")
        elif not is_public_host(host):
            yield Fault(path, f"must have a public host, not {shown(host)}")

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "format": "uri", "pattern": "^https://", "maxLength": self.max_length}

    def describe(self) -> str:
        return f"an https URL of up to {self.max_length} characters with a public host"


@attrs.frozen
class Size:
    """Pixels as `WIDTHxHEIGHT`: their product bounded, neither side over `max_ratio` times the other."""

    min_pixels: int
    max_pixels: int
    max_ratio: int

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        return text_faults(value, path)

    def faults(self, value: str, path: str) -> Iterator[Fault]:
        found = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", value)
        if found is None:
            yield Fault(path, f"must be WIDTHxHEIGHT as in 1024x768, not {shown(value)}")
            return
        short, long = sorted(map(int, found.groups()))
        if not self.min_pixels <= short * long <= self.max_pixels:
            limits = f"{self.min_pixels} to {self.max_pixels}"
            yield Fault(path, f"must have {limits} pixels in all, not {short * long}")
        elif long > short * self.max_ratio:
            ratio = f"1:{self.max_ratio} to {self.max_ratio}:1"
            yield Fault(path, f"must have a ratio of {ratio}, not {value}")

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "pattern": "^[0-9]+x[0-9]+$"}

    def describe(self) -> str:
        ratio = f"1:{self.max_ratio} to {self.max_ratio}:1"
        return f"WIDTHxHEIGHT, {self.min_pixels} to {self.max_pixels} pixels in all, {ratio}"


@attrs.frozen
class VoiceBindings:
    """At most `most` voices: URLs of sounds by who speaks: `image1`, `video2` ... counted from 1.

    With `media`, also files.
    """

    most: int
    media: MediaRule | None = None

    def type_faults(self, value: object, path: str) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield Fault(path, f"must be an object of URLs, not {shown(value)}")
            return
        for name, url in cast("Mapping[object, object]", value).items():
            if not isinstance(name, str):
                yield Fault(path, f"must have text as keys, not {shown(name)}")
            else:
                yield from Url(self.media).type_faults(url, f"{path}.{name}")

    def faults(self, value: Mapping[str, str | LocalMedia], path: str) -> Iterator[Fault]:
        if len(value) > self.most:
            yield Fault(path, f"must be up to {self.most} voices, not {len(value)}")
        for name, url in value.items():
            if voice_target(name) is None:
                yield Fault(f"{path}.{name}", "must be named image1, video2 and so on")
            yield from Url(self.media).faults(url, f"{path}.{name}")

    def schema(self) -> dict[str, Json]:
        return {
            "type": "object",
            "additionalProperties": Url().schema(),
            "propertyNames": {"pattern": "^(image|video)[1-9][0-9]*$"},
            "maxProperties": self.most,
        }

    def describe(self) -> str:
        return f"up to {self.most} URLs by image1, video2 and so on"


def _place(value: object) -> object:
    return str(value.path) if isinstance(value, LocalMedia) else value


def _encoding_hint(url: str) -> str:
    sign = foreign_sign(url)
    return f" ({sign!r} must be percent-encoded)" if sign else ""


def voice_target(name: str) -> tuple[str, int] | None:
    """Split the key of a voice binding into kind and number, counted from 1; None if it is no such key."""
    found = re.fullmatch(r"(image|video)([1-9][0-9]{0,8})", name)
    return (found[1], int(found[2])) if found else None
