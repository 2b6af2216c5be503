"""The models that the emulator serves, each with the JSON Schema that its requests must satisfy.

The schemas are the vendor's, stored in `schemas/`. A model that is registered in the SDK and has no stored schema
uses the schema of its class.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Protocol, cast

from attrs import field, frozen

from .schema_errors import InvalidParameter, is_callback_scheme, is_truncated_by_vendor, most_relevant
from .urls import is_web_address

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_VIDEO_PATH = "/v1/videos/generations"


class _Validator(Protocol):
    def iter_errors(self, instance: object) -> Iterator[ValidationError]: ...


@frozen
class Model:
    """One model that the emulator serves.

    Attributes:
        name: The vendor's id.
        path: The endpoint that serves it.
        schema: Its JSON Schema.
        validator: The compiled schema.
    """

    name: str
    path: str
    schema: Mapping[str, object] = field(repr=False)
    validator: _Validator = field(repr=False)

    def invalid_parameter(
        self, body: Mapping[str, object], *, strict_fields: bool, any_callback_scheme: bool
    ) -> InvalidParameter | None:
        """Return the most relevant error in `body`, or None.

        Args:
            body: The parsed request.
            strict_fields: Refuse top-level fields that the schema does not name. What the vendor does with
                them is not documented; refusing them reveals misspelled names.
            any_callback_scheme: Accept http callback URLs too, for receivers without a certificate.
        """
        errors = [
            error
            for error in self.validator.iter_errors(body)
            if not is_truncated_by_vendor(error) and not (any_callback_scheme and is_callback_scheme(error))
        ]
        if errors:
            return most_relevant(errors)
        known = cast("Mapping[str, object]", self.schema.get("properties", {}))
        unknown = next((name for name in body if name not in known), None) if strict_fields else None
        if unknown is None:
            return None
        return InvalidParameter(unknown, f"{unknown}: unknown parameter of {self.name}")


class Catalogue:
    """Every model with a stored schema, and every other model that is registered in the SDK."""

    def __init__(self) -> None:
        self._stored = {model.name: model for model in _stored_models()}
        # Keyed by class, not by name: a name may be unregistered and registered again with another class.
        self._registered: dict[type[object], Model] = {}

    def find(self, name: object) -> Model | None:
        """Return the model called `name`, or None."""
        if not isinstance(name, str):
            return None
        return self._stored.get(name) or self._from_sdk(name)

    def stored(self) -> list[Model]:
        """Return the models with a schema of the vendor's, in the order of their names."""
        return [self._stored[name] for name in sorted(self._stored)]

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
        # The other files are schemas of replies, which tests use.
        if not file.name.startswith("wan"):
            continue
        schema = cast("dict[str, object]", json.loads(file.read_text(encoding="utf-8")))
        vendor = cast("Mapping[str, str]", schema["x-evolink"])
        yield _model(file.name.removesuffix(".json"), vendor.get("path", _VIDEO_PATH), schema)


def _model(name: str, path: str, schema: Mapping[str, object]) -> Model:
    # Imported here because jsonschema is part of the extra and takes long to import.
    from jsonschema import Draft202012Validator, FormatChecker

    # jsonschema's own check of `uri` needs another package, and accepts file:///etc/passwd.
    formats = FormatChecker(formats=())
    formats.checks("uri")(is_web_address)
    validator = Draft202012Validator(dict(schema), format_checker=formats)
    return Model(name, path, schema, cast("_Validator", validator))
