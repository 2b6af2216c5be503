"""The registry, the table of fields and the schema, with a model that the test defines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from evolink_async.errors import InvalidValue, ParamsError
from evolink_async.params import (
    Between,
    Flag,
    Length,
    OneOf,
    Params,
    Urls,
    dump_params,
    independent,
    is_given,
    json_schema,
    load_params,
    optional_urls,
    registered_models,
    rule,
    unregister,
)
from evolink_async.params.fields import fields_of
from tests.params.kit import faults_of


@pytest.fixture
def tiny() -> Iterator[type[Params]]:
    """A twentieth model, registered while the test runs."""

    @attrs.frozen(kw_only=True)
    class Tiny(Params):
        model = "tiny-1"
        source = "https://example.com/tiny"

        prompt: str = attrs.field(metadata=rule(Length(10, cut=True)))
        image_urls: tuple[str, ...] = attrs.field(default=(), converter=optional_urls, metadata=rule(Urls(1, 2)))
        shot: str | None = attrs.field(default=None, metadata=rule(OneOf("single"), inside="model_params"))
        seconds: int = attrs.field(default=5, metadata=rule(Between(2, 10)))
        loud: bool | None = attrs.field(default=None, metadata=rule(Flag()))

        def between_fields(self) -> Iterator[InvalidValue]:
            if self.shot and self.seconds > 5:
                yield InvalidValue("seconds", "must be up to 5 with a shot")

    yield Tiny
    unregister("tiny-1")


def test_a_new_model_is_one_class(tiny):
    """Defining it is enough: registry, table, schema, load and dump know it."""
    assert registered_models()["tiny-1"] is tiny
    params = load_params({"model": "tiny-1", "prompt": "A", "model_params": {"shot": "single"}})
    assert params == tiny(prompt="A", shot="single")  # type: ignore[call-arg]
    assert dump_params(params) == {"model": "tiny-1", "prompt": "A", "model_params": {"shot": "single"}, "seconds": 5}
    assert faults_of({"model": "tiny-1", "prompt": "A", "seconds": 6, "model_params": {"shot": "single"}}) == [
        "must be up to 5 with a shot @ seconds"
    ]


def test_the_table_of_fields_tells_all(tiny):
    """The documentation and the command line are generated from the table of fields."""
    assert [(field.path, field.required, field.default, field.text) for field in fields_of(tiny)] == [
        ("prompt", True, None, "up to 10 characters (longer text is cut)"),
        ("image_urls", False, None, "1 to 2 URLs"),
        ("model_params.shot", False, None, "single"),
        ("seconds", False, 5, "2 to 10"),
        ("loud", False, None, "true or false"),
        ("callback_url", False, None, "an https URL of up to 2048 characters with a public host"),
    ]


def test_the_schema_follows_the_rules(tiny):
    """The schema is that of the request body: nested fields are nested, defaults and required fields are named."""
    schema: Any = json_schema(tiny)
    assert schema["required"] == ["model", "prompt"]
    assert schema["properties"]["model"] == {"const": "tiny-1"}
    assert schema["properties"]["seconds"] == {
        "description": "2 to 10",
        "type": "integer",
        "minimum": 2,
        "maximum": 10,
        "default": 5,
    }
    assert schema["properties"]["prompt"]["x-overflow"] == "truncated"
    assert list(schema["properties"]["model_params"]["properties"]) == ["shot"]


def test_two_classes_for_one_model_are_refused(tiny):
    """The second class is named as such; the same class again, as after a reload, takes the first one's place."""
    with pytest.raises(TypeError, match=r"tiny-1 has a class already: .*\.Tiny"):

        @attrs.frozen(kw_only=True)
        class Other(Params):
            model = "tiny-1"

    @attrs.frozen(kw_only=True)
    class PollAgain(Params):
        model = "tiny-1"
        __qualname__ = tiny.__qualname__

    assert registered_models()["tiny-1"] is PollAgain


def test_the_registry_is_read_only():
    """Only defining a class adds a model."""
    with pytest.raises(TypeError):
        registered_models()["x"] = Params  # type: ignore[index]  # what the test is about
    with pytest.raises(KeyError):
        unregister("x")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (attrs.field(default=None), r"Wrong\.seconds needs a rule"),
        (attrs.field(factory=set, metadata=rule(Between(1, 2))), r"Wrong\.seconds needs a default that is JSON"),
    ],
)
def test_a_field_without_rule_or_with_an_odd_default_is_found_in_its_class(field, message):
    """A model that could not be checked cannot be defined."""
    with pytest.raises(TypeError, match=message):

        @attrs.frozen(kw_only=True)
        class Wrong(Params):
            model = "wrong-1"
            seconds: int | None = field

    assert "wrong-1" not in registered_models()


def test_a_mistake_in_between_fields_is_not_hidden():
    """Only an AttributeError for a field with an invalid type is caught; any other one is raised."""

    @attrs.frozen(kw_only=True)
    class Clumsy(Params):
        model = "clumsy-1"
        seconds: int = attrs.field(default=5, metadata=rule(Between(2, 10)))

        def between_fields(self) -> Iterator[InvalidValue]:
            return independent(self._first(), self._second())

        def _first(self) -> Iterator[InvalidValue]:
            yield self.secnods  # type: ignore[attr-defined]  # what the test is about

        def _second(self) -> Iterator[InvalidValue]:
            if is_given(self, "sceonds"):
                yield InvalidValue("seconds", "is never reached")

    try:
        with pytest.raises(AttributeError, match="sceonds"):
            Clumsy()
        with pytest.raises(ParamsError, match="must be a whole number"):
            Clumsy(seconds="5")  # type: ignore[arg-type]
    finally:
        unregister("clumsy-1")
