"""The laws of the parameters: classes against the vendor's schemas in both directions, round trips, odd input."""

from __future__ import annotations

import json
import pickle
import warnings
from itertools import islice
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from evolink_async.errors import ParamsError
from evolink_async.media import LocalMedia
from evolink_async.params import (
    Between,
    Length,
    Params,
    ParamsWarning,
    RawParams,
    Urls,
    dump_params,
    json_schema,
    load_params,
    local_media,
    registered_models,
    rule,
    unregister,
    urls,
    with_media,
)
from tests.kit import soak
from tests.laws.bodies import URLS, base, bodies, edges, mixtures
from tests.laws.effort import effort
from tests.laws.vendor import (
    DISAGREEMENTS,
    URL,
    VENDOR,
    Schema,
    assert_agreement,
    class_takes,
    cut,
    load_quietly,
    schema_takes,
)

NAMES = sorted(VENDOR)


def test_every_model_has_a_schema_and_every_schema_a_model():
    """Nineteen of each, under the same names and endpoints."""
    assert sorted(registered_models()) == NAMES
    assert len(NAMES) == 19
    assert {name: model.path for name, model in registered_models().items()} == {
        name: schema["x-evolink"]["path"] for name, schema in VENDOR.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_class_and_schema_agree_at_every_boundary(name):
    """Each field alone, at and around each of its limits, of every wrong type, null and missing."""
    schema = VENDOR[name]
    body = base(schema)
    assert class_takes(body)
    assert schema_takes(schema, body)
    for field, entry in schema["properties"].items():
        assert_agreement(schema, {other: value for other, value in body.items() if other != field or field == "model"})
        for value in edges(entry) if field != "model" else []:
            assert_agreement(schema, body | {field: value})
    for field, entry in schema["properties"].get("model_params", {}).get("properties", {}).items():
        for value in edges(entry):
            assert_agreement(schema, body | {"model_params": {field: value}})


@pytest.mark.parametrize("step", [7, soak(1)])
@pytest.mark.parametrize("name", [name for name in NAMES if "allOf" in VENDOR[name] or "anyOf" in VENDOR[name]])
def test_class_and_schema_agree_on_every_choice_of_material(name, step):
    """Where the vendor has rules between fields, every `step`-th combination of the fields they name is tried."""
    for body in islice(mixtures(VENDOR[name]), 0, None, step):
        assert_agreement(VENDOR[name], body)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@effort(0.4)
def test_class_and_schema_agree_on_any_mixture(name, data):
    """Fields together, so that the rules between them are met from both sides."""
    assert_agreement(VENDOR[name], data.draw(bodies(VENDOR[name])))


@pytest.mark.parametrize("disagreement", DISAGREEMENTS, ids=lambda each: each.reason)
def test_each_disagreement_is_real(disagreement):
    """The example is taken by one side only, and its own repair alone makes both take it."""
    schema = VENDOR[disagreement.example["model"]]
    body = json.loads(json.dumps(disagreement.example))
    assert class_takes(body) == (disagreement.taken_by == "class")
    assert schema_takes(schema, body) == (disagreement.taken_by == "schema")
    disagreement.repair(schema, body)
    assert class_takes(body)
    assert schema_takes(schema, body)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@effort(0.15)
def test_what_is_sent_is_what_the_vendor_takes_and_loads_again(name, data):
    """A body made of parameters satisfies the vendor's schema and gives the same parameters back."""
    params = load_quietly(data.draw(bodies(VENDOR[name], wild=1)))
    if params is None:
        return
    body = dump_params(params)
    sent = json.loads(json.dumps(body))
    assert sent == body
    cut(VENDOR[name], sent)
    assert schema_takes(VENDOR[name], sent)
    assert load_quietly(body) == params
    assert load_params(body, check=False) == params
    assert pickle.loads(pickle.dumps(params)) == params
    assert hash(pickle.loads(pickle.dumps(params))) == hash(params)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        params.callback_url = URL  # type: ignore[misc]  # what is tested


FILE_NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=12)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@effort(0.1)
def test_files_in_the_place_of_links_are_loaded_dumped_and_replaced(name, data):
    """Any file name comes back; refused without leave; and with links put in, nothing is left of the files."""
    params = load_quietly(data.draw(bodies(VENDOR[name], wild=0)))
    if params is None or not params.media_fields:
        return
    body = json.loads(
        json.dumps(dump_params(params)), object_hook=lambda each: {key: local(key, each[key], data) for key in each}
    )
    files = load_params(body, check=False, files_from=Path())
    assert dump_params(files) == body
    assert load_params(body, check=False, files_from=Path()) == files
    assert pickle.loads(pickle.dumps(files)) == files
    if local_media(files):
        with pytest.raises(ParamsError, match="files_from"):
            load_params(body)
    sent = with_media(files, {one: LocalMedia(one.path, "00ff") for one in local_media(files)})
    assert {one.sha256 for one in local_media(sent)} <= {"00ff"}
    assert local_media(with_media(files, dict.fromkeys(local_media(files), URL))) == ()


def local(name: str, value: object, data: st.DataObject) -> object:
    """A value with a file in the place of each link to media."""
    if isinstance(value, list):
        return [local(name, item, data) for item in value]
    is_link = isinstance(value, str) and value.startswith("http") and name not in ("callback_url", "link_url", "prompt")
    return str(LocalMedia(data.draw(FILE_NAMES))) if is_link and name != "negative_prompt" else value


@pytest.mark.parametrize("name", NAMES)
def test_our_schema_has_the_vendors_fields_and_defaults(name):
    """The schema made of the rules names the same fields, requires the same and states the same defaults."""
    ours: Schema = json_schema(registered_models()[name])
    vendor = VENDOR[name]
    assert ours["properties"].keys() == vendor["properties"].keys()
    assert sorted(ours["required"]) == sorted(vendor["required"])
    Draft202012Validator.check_schema(ours)
    for field, entry in vendor["properties"].items():
        if field != "model":
            assert ours["properties"][field].get("default") == entry.get("default"), field
            nested = entry.get("properties", {}).keys()
            assert ours["properties"][field].get("properties", {}).keys() == nested


@given(data=st.data())
@effort(0.5)
def test_a_twentieth_model_is_under_the_laws_by_its_own_schema(data):
    """One new class, and schema, loading and the strategies of this file work on it."""

    @attrs.frozen(kw_only=True)
    class Another(Params):
        model = "another-1"
        prompt: str = attrs.field(metadata=rule(Length(20)))
        video_urls: tuple[str, ...] = attrs.field(converter=urls, metadata=rule(Urls(1, 2)))
        duration: int = attrs.field(default=5, metadata=rule(Between(2, 10, also=(-1,))))

    try:
        assert "another-1" in registered_models()
        assert_agreement(json_schema(Another), data.draw(bodies(json_schema(Another))))
    finally:
        unregister("another-1")


KEYS = st.sampled_from(
    ["model", "prompt", "video_urls", "duration", "model_params", "shot_type", "callback_url"]
) | st.text(max_size=8)
# `st.text` draws no lone surrogates: what is taken would raise a foreign error when it is written as UTF-8.
ODD_TEXT = st.text(st.characters(codec=None), max_size=3) | st.text(st.characters(categories=["Cs"]), max_size=2)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([*NAMES, *URLS]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
ODD_OBJECTS = st.dictionaries(st.integers() | KEYS, ANY_JSON | st.binary() | st.sets(st.integers()), max_size=5)
ODD_NAMES = st.recursive(
    st.none() | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | ODD_TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(mapping=ANY_JSON | ODD_OBJECTS, name=st.none() | st.sampled_from(NAMES), check=st.booleans())
@effort()
def test_loading_anything_gives_parameters_or_a_params_error(mapping, name, check):
    """No input raises anything else, and what is loaded can be dumped and written as JSON."""
    if name is not None and isinstance(mapping, dict):
        mapping = mapping | {"model": name}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ParamsWarning)
            params = load_params(mapping, check=check)
    except ParamsError:
        return
    json.dumps(dump_params(params), allow_nan=False)
    assert load_params(dump_params(params), check=False) == params


@given(body=st.dictionaries(st.text(max_size=8).filter(lambda name: name != "model"), ANY_JSON, max_size=4))
@effort(0.5)
def test_raw_parameters_are_sent_as_they_are(body):
    """Any JSON object goes through unchanged; anything else is a ParamsError."""
    try:
        raw = RawParams("wan9", body)
    except ParamsError:
        assert "NaN" in json.dumps(body) or "Infinity" in json.dumps(body)
        return
    assert dump_params(raw) == {"model": "wan9"} | body
    assert load_params(dump_params(raw), check=False) == raw


@given(body=st.dictionaries(KEYS | ODD_TEXT, ODD_NAMES, max_size=4), name=st.sampled_from(["wan9", *NAMES]))
@effort(0.5)
def test_what_is_taken_can_be_sent_and_what_is_not_can_be_printed(body, name):
    """No text in a body, name or value at any depth, raises anything but a ParamsError."""
    body = {key: value for key, value in body.items() if key != "model"}
    makes = [lambda: RawParams(name, body), lambda: load_params({"model": name} | body, check=False)]
    for make in makes:
        try:
            params = make()
        except ParamsError as error:
            assert str(error).encode() is not None
        else:
            assert json.dumps(dump_params(params), ensure_ascii=False).encode()
