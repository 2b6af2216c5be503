"""The models and the vendor's JSON Schemas that decide which request is refused.

Nothing here knows accounts, tasks or HTTP; the SDK's own rules are not used for a model with a schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import urlsplit

from attrs import field, frozen

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_MESSAGE_LIMIT = 300
_VIDEO_PATH = "/v1/videos/generations"


class _Validator(Protocol):
    def iter_errors(self, instance: object) -> Iterator[ValidationError]: ...


@frozen
class Complaint:
    """Why a request body is refused: the parameter at fault and a sentence that names it."""

    param: str
    message: str


@frozen
class Model:
    """One model the emulator takes requests for.

    Attributes:
        name: The vendor's id.
        path: The endpoint it is asked through.
        schema: Its JSON Schema.
        validator: The compiled schema.
    """

    name: str
    path: str
    schema: Mapping[str, object] = field(repr=False)
    validator: _Validator = field(repr=False)

    def complaint(
        self, body: Mapping[str, object], *, strict_fields: bool, any_callback_scheme: bool
    ) -> Complaint | None:
        """Return what is wrong with `body`, the most telling fault first, or None.

        Args:
            body: The parsed request.
            strict_fields: Refuse top-level fields that the schema does not name. What the vendor does with
                them is not documented; refusing finds typing errors.
            any_callback_scheme: Take http callback links too, for receivers without a certificate.
        """
        # jsonschema leaves the result of best_match untyped.
        from jsonschema.exceptions import best_match  # pyright: ignore[reportUnknownVariableType]

        faults = [
            fault
            for fault in self.validator.iter_errors(body)
            if not _is_cut_by_vendor(fault) and not (any_callback_scheme and _is_callback_scheme(fault))
        ]
        if faults:
            return _complaint(cast("ValidationError", best_match(iter(faults))))
        known = cast("Mapping[str, object]", self.schema.get("properties", {}))
        unknown = next((name for name in body if name not in known), None) if strict_fields else None
        if unknown is None:
            return None
        return Complaint(unknown, f"{unknown}: unknown parameter of {self.name}")


class Catalogue:
    """Every model with a stored schema, and every other one that is registered in the SDK."""

    def __init__(self) -> None:
        self._stored = {model.name: model for model in _stored_models()}
        self._registered: dict[type[object], Model] = {}

    def find(self, name: object) -> Model | None:
        """Return the model called `name`, or None when nobody knows it."""
        if not isinstance(name, str):
            return None
        return self._stored.get(name) or self._from_sdk(name)

    def names(self) -> list[str]:
        """Return the ids of all models, sorted."""
        from ...params import registered_models

        return sorted({*self._stored, *registered_models()})

    def _from_sdk(self, name: str) -> Model | None:
        from ...params import json_schema, registered_models

        params = registered_models().get(name)
        if params is None:
            return None
        if params not in self._registered:
            self._registered[params] = _model(name, params.path, json_schema(params))
        return self._registered[params]


def _stored_models() -> Iterable[Model]:
    folder = resources.files("evolink_async.emulator.service").joinpath("schemas")
    for file in folder.iterdir():
        if not file.name.startswith("wan"):
            continue
        schema = cast("dict[str, object]", json.loads(file.read_text(encoding="utf-8")))
        vendor = cast("Mapping[str, str]", schema["x-evolink"])
        yield _model(file.name.removesuffix(".json"), vendor.get("path", _VIDEO_PATH), schema)


def _model(name: str, path: str, schema: Mapping[str, object]) -> Model:
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(formats=())
    formats.checks("uri")(is_web_address)
    validator = Draft202012Validator(dict(schema), format_checker=formats)
    return Model(name, path, schema, cast("_Validator", validator))


def is_web_address(value: object) -> bool:
    """Tell whether `value` is an absolute http or https URL with a host; anything but text passes."""
    if not isinstance(value, str):
        return True
    if any(sign.isspace() or not sign.isprintable() for sign in value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_cut_by_vendor(fault: ValidationError) -> bool:
    # The pages of 2.7 and 3.0 say that overlong text is truncated, so it is no reason to refuse.
    schema = cast("Mapping[str, object]", fault.schema)
    return fault.validator == "maxLength" and schema.get("x-overflow") == "truncated"


def _is_callback_scheme(fault: ValidationError) -> bool:
    return fault.validator == "pattern" and list(fault.absolute_path) == ["callback_url"]


def _complaint(fault: ValidationError) -> Complaint:
    steps = [str(step) for step in fault.absolute_path]
    if fault.validator == "required":
        instance = cast("Mapping[str, object]", fault.instance)
        required = cast("Iterable[str]", fault.validator_value)
        steps += [name for name in required if name not in instance][:1]
    if steps:
        param = ".".join(steps)
        return Complaint(param, f"{param}: {fault.message}"[:_MESSAGE_LIMIT])
    # A rule between fields; its own message would repeat the whole body.
    fields = list(dict.fromkeys(_required_in(fault.validator_value))) or ["body"]
    if fault.validator == "not":
        return Complaint(fields[0], f"{', '.join(fields)}: not allowed in this combination")
    return Complaint(fields[0], f"{' or '.join(fields)}: required by rule {fault.validator}")


def _required_in(fragment: object) -> Iterator[str]:
    """Yield the field names in all `required` lists of a piece of schema."""
    if isinstance(fragment, list):
        for item in cast("list[object]", fragment):
            yield from _required_in(item)
    elif isinstance(fragment, dict):
        for keyword, value in cast("dict[str, object]", fragment).items():
            yield from cast("list[str]", value) if keyword == "required" else _required_in(value)
