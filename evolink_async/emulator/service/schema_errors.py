"""From the errors of a JSON Schema validation to one sentence that names the invalid parameter.

The schemas are loaded in `request_schemas`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from attrs import frozen

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_MESSAGE_LIMIT = 300


@frozen
class InvalidParameter:
    """Why a request body is refused: the invalid parameter, and a sentence that names it."""

    param: str
    message: str


def is_truncated_by_vendor(error: ValidationError) -> bool:
    """Whether the vendor truncates the text instead of refusing it.

    Source: docs.evolink.ai, the wan2.7 and wan3.0 pages; their schemas are marked with `x-overflow`.
    """
    schema = cast("Mapping[str, object]", error.schema)
    return error.validator == "maxLength" and schema.get("x-overflow") == "truncated"


def is_callback_scheme(error: ValidationError) -> bool:
    """Whether the only objection is that `callback_url` does not begin with https."""
    return error.validator == "pattern" and list(error.absolute_path) == ["callback_url"]


def most_relevant(errors: Iterable[ValidationError]) -> InvalidParameter:
    """Return the error that explains the refusal best; `errors` has at least one."""
    # jsonschema leaves the result of best_match untyped.
    from jsonschema.exceptions import best_match  # pyright: ignore[reportUnknownVariableType]

    return _described(cast("ValidationError", best_match(iter(errors))))


def _described(error: ValidationError) -> InvalidParameter:
    steps = [str(step) for step in error.absolute_path]
    if error.validator == "required":
        # The path of a missing field ends at its parent.
        instance = cast("Mapping[str, object]", error.instance)
        required = cast("Iterable[str]", error.validator_value)
        steps += [name for name in required if name not in instance][:1]
    if steps:
        param = ".".join(steps)
        return InvalidParameter(param, f"{param}: {error.message}"[:_MESSAGE_LIMIT])
    # A rule between fields has no path, and its own message repeats the whole body.
    fields = list(dict.fromkeys(_required_in(error.validator_value))) or ["body"]
    if error.validator == "not":
        return InvalidParameter(fields[0], f"{', '.join(fields)}: not allowed in this combination")
    return InvalidParameter(fields[0], f"{' or '.join(fields)}: required by rule {error.validator}")


def _required_in(fragment: object) -> Iterator[str]:
    """Yield the field names in every `required` list of a schema fragment."""
    if isinstance(fragment, list):
        for item in cast("list[object]", fragment):
            yield from _required_in(item)
    elif isinstance(fragment, dict):
        for keyword, value in cast("dict[str, object]", fragment).items():
            yield from cast("list[str]", value) if keyword == "required" else _required_in(value)
