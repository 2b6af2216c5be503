"""The rules of parameters as data: each checks a value, describes itself and gives its JSON Schema.

Which parameter has which rule is in `models`; rules about URLs are in `url_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Protocol

import attrs

from ..errors import InvalidValue
from ..json_text import Json
from ..wording import either
from .json_faults import number_faults, shown, text_faults


class Rule(Protocol):
    """A rule for the value of a field.

    `faults` is called only for a value in which `type_faults` found nothing. Neither is called for an optional value
    that was not given. `path` is the place of the field in the request body.
    """

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Find why the value has the wrong type. Nothing is coerced: `True` is not a number, a text not a list."""
        ...

    def faults(self, value: Any, path: str) -> Iterator[InvalidValue]:  # noqa: ANN401  # of the type just checked
        """Find what breaks the rule in a value of the right type."""
        ...

    def schema(self) -> dict[str, Json]:
        """Return the JSON Schema of the value in the request body."""
        ...

    def describe(self) -> str:
        """Describe the allowed values, as in "2 to 10"; messages put it after "must be"."""
        ...


@attrs.frozen
class Length:
    """A text with a greatest length.

    Attributes:
        max_length: Most characters.
        cut: Whether the service shortens longer text.
    """

    max_length: int
    cut: bool = False

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is not a text that UTF-8 can encode."""
        return text_faults(value, path)

    def faults(self, value: str, path: str) -> Iterator[InvalidValue]:
        """Refuse text of more than `max_length` characters, unless the service cuts it."""
        # Longer text that the service cuts is no fault: `warn_of_cuts` gives a warning.
        if self.is_exceeded(value) and not self.cut:
            yield InvalidValue(path, f"must be {self.describe()}, not {len(value)}")

    def is_exceeded(self, value: str) -> bool:
        """Whether the text is longer than the limit."""
        return len(value) > self.max_length

    def schema(self) -> dict[str, Json]:
        """Return a string schema; `x-overflow` marks text that the service cuts."""
        overflow: dict[str, Json] = {"x-overflow": "truncated"} if self.cut else {}
        return {"type": "string", "maxLength": self.max_length, **overflow}

    def describe(self) -> str:
        """Describe it, as in "up to 1500 characters"."""
        return f"up to {self.max_length} characters{' (longer text is cut)' if self.cut else ''}"


@attrs.frozen
class Between:
    """A whole number in a range, or one of some single values.

    Attributes:
        low: Least value of the range, which is included.
        high: Largest value of the range, which is included.
        also: Single values outside of the range.
    """

    low: int
    high: int
    also: tuple[int, ...] = ()

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is not a whole number; `True` and 5.0 are not."""
        return number_faults(value, path)

    def faults(self, value: int, path: str) -> Iterator[InvalidValue]:
        """Refuse a number that is neither in the range nor in `also`."""
        if not self.low <= value <= self.high and value not in self.also:
            yield InvalidValue(path, f"must be {self.describe()}, not {shown(value)}")

    def schema(self) -> dict[str, Json]:
        """Return an integer schema with the limits and, if there are any, the single values."""
        span: dict[str, Json] = {"minimum": self.low, "maximum": self.high}
        if not self.also:
            return {"type": "integer", **span}
        singles: list[Json] = [{"const": single} for single in self.also]
        return {"type": "integer", "anyOf": [*singles, span]}

    def describe(self) -> str:
        """Describe it, as in "2 to 10, or 15"."""
        return ", or ".join([f"{self.low} to {self.high}", *map(str, self.also)])


@attrs.frozen(init=False)
class OneOf:
    """One of some values.

    Attributes:
        values: At least one; all are texts, or all are whole numbers.
    """

    values: tuple[str, ...] | tuple[int, ...]

    # attrs writes no constructor with `*values`.
    def __init__(self, *values: Any) -> None:  # noqa: ANN401  # get_args() of a Literal has no better type
        object.__setattr__(self, "values", values)

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is not of the type of the values."""
        check = text_faults if isinstance(self.values[0], str) else number_faults
        return check(value, path)

    def faults(self, value: str | int, path: str) -> Iterator[InvalidValue]:
        """Refuse a value that is not one of the values."""
        if value not in self.values:
            yield InvalidValue(path, f"must be {self.describe()}, not {shown(value)}")

    def schema(self) -> dict[str, Json]:
        """Return a schema with the values as an enum."""
        return {"type": "string" if isinstance(self.values[0], str) else "integer", "enum": [*self.values]}

    def describe(self) -> str:
        """Describe it, as in "16:9, 9:16 or 1:1"."""
        return either(self.values)


@attrs.frozen
class Flag:
    """True or false; 0, 1 and "true" are refused."""

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is not `True` or `False`."""
        if not isinstance(value, bool):
            yield InvalidValue(path, f"must be true or false, not {shown(value)}")

    def faults(self, value: bool, path: str) -> Iterator[InvalidValue]:
        """Find nothing: both values are allowed."""
        return iter(())

    def schema(self) -> dict[str, Json]:
        """Return a boolean schema."""
        return {"type": "boolean"}

    def describe(self) -> str:
        """Describe it as "true or false"."""
        return "true or false"


@attrs.frozen
class Size:
    """A size in pixels as `WIDTHxHEIGHT`, with limits for their product and for the ratio of the sides.

    Attributes:
        min_pixels: Least product of width and height.
        max_pixels: Largest product of width and height.
        max_ratio: How many times longer one side can be than the other.
    """

    min_pixels: int
    max_pixels: int
    max_ratio: int

    def type_faults(self, value: object, path: str) -> Iterator[InvalidValue]:
        """Refuse what is not a text that UTF-8 can encode."""
        return text_faults(value, path)

    def faults(self, value: str, path: str) -> Iterator[InvalidValue]:
        """Refuse another form, then too few or too many pixels, then a too long side: the first that applies."""
        # Not `\d`, which takes the digits of every script.
        found = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", value)
        if found is None:
            yield InvalidValue(path, f"must be WIDTHxHEIGHT as in 1024x768, not {shown(value)}")
            return
        short, long = sorted(map(int, found.groups()))
        if not self.min_pixels <= short * long <= self.max_pixels:
            limits = f"{self.min_pixels} to {self.max_pixels}"
            yield InvalidValue(path, f"must have {limits} pixels in all, not {short * long}")
        elif long > short * self.max_ratio:
            ratio = f"1:{self.max_ratio} to {self.max_ratio}:1"
            yield InvalidValue(path, f"must have a ratio of {ratio}, not {value}")

    def schema(self) -> dict[str, Json]:
        """Return a string schema with the form alone: JSON Schema cannot express a product or a ratio."""
        return {"type": "string", "pattern": "^[0-9]+x[0-9]+$"}

    def describe(self) -> str:
        """Describe it as "WIDTHxHEIGHT", with the limits."""
        ratio = f"1:{self.max_ratio} to {self.max_ratio}:1"
        return f"WIDTHxHEIGHT, {self.min_pixels} to {self.max_pixels} pixels in all, {ratio}"
