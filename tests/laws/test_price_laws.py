"""The laws of prices: a span holds every value it stands for, any catalogue is survived, no figure is too low."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.budget import JobPrice, KnownPrices, PriceBasis, UnknownPrice, estimate, price_class_of, price_of
from evolink_async.budget.price_terms import Span, UnpricedError, evaluate
from evolink_async.emulator import EmulatorSettings
from evolink_async.emulator.service.output_spec import output_spec
from evolink_async.emulator.service.price_catalogue import catalogue_reply
from evolink_async.emulator.service.pricing import price_of as price_at_the_emulator
from evolink_async.emulator.service.request_schemas import Catalogue
from evolink_async.errors import ReplyError
from evolink_async.wire import PriceTerm, decode_price_rules
from tests.budget.catalogues import REFERENCE, answer, component, entry

UNITS = 10_000
SEED = EmulatorSettings().seed
MODELS = Catalogue().stored()
CATALOGUE = decode_price_rules(answer(catalogue_reply(MODELS, None, now=0.0).body))

# --- spans

NUMBERS = st.integers(-3, 5).map(lambda number: PriceTerm("constant", text=str(number)))
LEAVES = st.one_of(NUMBERS, st.sampled_from("xy").map(lambda name: PriceTerm("variable", text=name)))
COMPARED = st.sampled_from(["lt", "lte", "gt", "gte", "eq", "neq"])


def _node(op: str, *arguments: PriceTerm) -> PriceTerm:
    return PriceTerm(op, arguments)


def _more(terms: st.SearchStrategy[PriceTerm]) -> st.SearchStrategy[PriceTerm]:
    conditions = st.builds(_node, COMPARED, terms, terms)
    conditions = st.one_of(
        conditions,
        st.builds(_node, st.sampled_from(["and", "or"]), conditions, conditions),
        conditions.map(lambda term: _node("not", term)),
    )
    return st.one_of(
        st.builds(_node, st.sampled_from(["add", "multiply", "subtract", "divide", "min", "max"]), terms, terms),
        st.builds(_node, st.sampled_from(["ceil", "floor"]), terms),
        st.builds(_node, st.just("clamp"), terms, NUMBERS, NUMBERS),
        st.builds(_node, st.just("if"), conditions, terms, terms),
    )


TERMS = st.recursive(LEAVES, _more, max_leaves=12)
POINTS = st.fractions(0, 4, max_denominator=4)


@given(TERMS, st.lists(POINTS, min_size=2, max_size=5), st.lists(POINTS, min_size=1, max_size=2))
def test_a_span_holds_every_value_that_it_stands_for(term, xs, ys):
    """A rule over bounds gives bounds of what it gives for every number between them."""
    bounds = {"x": Span(min(xs), max(xs)), "y": Span(min(ys), max(ys))}
    try:
        whole = evaluate(term, bounds)
    except UnpricedError:
        return
    for x in xs:
        for y in ys:
            value = evaluate(term, {"x": Span.of(x), "y": Span.of(y)})
            assert isinstance(whole, Span)
            assert isinstance(value, Span)
            assert whole.low <= value.low == value.high <= whole.high


# --- any catalogue

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["1", "-1", "0", "1e9", "9" * 70, "true", "available", "film", "quality", "input_seconds", "add"]),
    st.text(max_size=5),
)
NAMES = st.sampled_from(
    ["op", "name", "value", "args", "key", "values", "rate", "credits", "uc", "minimum_charge", "when", "tiers",
     "condition", "quantity_rule", "rounding", "components", "parameters", "default", "pricing_status", "model_id"]
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=20,
)


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A good catalogue with some of its values replaced, at any depth."""
    body = json.loads(json.dumps({"meta": {}, "models": [REFERENCE, entry("more", component({"op": "x"}))]}))
    for _ in range(draw(st.integers(1, 4))):
        holder: Any = body
        while True:
            names = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not names:
                break
            name = draw(st.sampled_from(names))
            if not isinstance(holder[name], dict | list) or draw(st.integers(0, 5)) == 0:
                holder[name] = draw(JSON)
                break
            holder = holder[name]
    return body


BASES = st.builds(
    lambda body, seconds: PriceBasis(price_class_of({"model": "film"} | body), seconds),
    st.fixed_dictionaries(
        {},
        optional={
            "quality": st.sampled_from(["720p", "1080p", "4k", ""]),
            "duration": st.sampled_from([-1, 0, 5, 5.5, 30, 31, "x", 1e300]),
            "n": st.sampled_from([0, 1, 4, "x"]),
            "generate_audio": st.booleans(),
            "video_urls": st.just(["u"]),
        },
    ),
    st.sampled_from([None, (0.0, 0.0), (3.0, 3.0), (1.94, 75.3)]),
)


@given(st.one_of(spoilt(), JSON, st.fixed_dictionaries({"models": st.lists(JSON, max_size=3)})), BASES)
def test_any_catalogue_gives_a_price_or_a_reason(body, basis):
    """No answer raises anything but a ReplyError; a price is 0 or more, and its bounds are in order."""
    try:
        rules = decode_price_rules(answer(body))
    except ReplyError:
        rules = None
    price = price_of(basis, KnownPrices(catalogue=rules))
    if isinstance(price, JobPrice):
        assert 0 <= price.low <= price.high
    else:
        assert price.why
    total = estimate({basis: 3}, KnownPrices(catalogue=rules))
    assert total.jobs == 3
    assert (total.high is None) == isinstance(price, UnknownPrice)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_catalogue_or_an_error(body):
    """And nothing else."""
    try:
        decode_price_rules(answer(body))
    except ReplyError:
        return


# --- what the emulator charges

QUALITIES = {"wan2.5": ["480p", "720p", "1080p"], "wan3.0": ["480p", "720p", "1080p"]}


@st.composite
def requests(draw: st.DrawFn) -> tuple[Any, dict[str, Any], tuple[float, float] | None]:
    """A model, a body that asks for it, and what is known of its input."""
    model = draw(st.sampled_from(MODELS))
    body: dict[str, Any] = {"model": model.name}
    if "images" in model.path:
        body |= draw(st.fixed_dictionaries({}, optional={"n": st.integers(1, 4)}))
        return model, body, (0.0, 0.0)
    special = [0] if model.name == "wan2.7-video-edit" else [-1] if model.name.startswith("wan3.0") else []
    optional = {
        "duration": st.one_of(st.integers(2, 15), st.sampled_from(special or [5])),
        "quality": st.sampled_from(QUALITIES.get(model.name[:6], ["720p", "1080p"])),
        "generate_audio": st.booleans(),
    }
    body |= draw(st.fixed_dictionaries({}, optional=optional))
    has_video = "reference" in model.name or "edit" in model.name
    if has_video:
        body["video_urls"] = ["https://example.com/a.mp4"] * draw(st.integers(1, 3))
    return model, body, draw(st.sampled_from([None, (0.0, 30.06)])) if has_video else (0.0, 0.0)


@pytest.mark.parametrize("rules", [None, CATALOGUE], ids=["list", "catalogue"])
@given(request=requests(), ordinal=st.integers(1, 1000))
def test_no_figure_is_too_low(rules, request, ordinal):
    """Every model has a price; what the emulator charges, and what it holds, is within it."""
    model, body, seconds = request
    price = price_of(PriceBasis(price_class_of(body), seconds), KnownPrices(catalogue=rules))
    assert isinstance(price, JobPrice)
    assert price.source == ("list" if rules is None else "catalogue")
    spec = output_spec(body, path=model.path, seed=SEED, ordinal=ordinal)
    paid = price_at_the_emulator(model.schema, body, spec)
    charged, reserved = round(paid.charged * UNITS), round(paid.reserved * UNITS)
    # The emulator computes in floats, and may round a half the other way.
    assert price.low - 1 <= charged <= reserved <= price.high + 1
    if rules is not None:
        assert abs(price.high - reserved) <= 1


def test_every_model_with_a_price_is_in_the_catalogue():
    """And none without: the emulator says only what it knows."""
    assert {model.name for model in MODELS} == set(CATALOGUE.models)
    assert all(term.rate.per_unit > Fraction(0) for price in CATALOGUE.models.values() for term in price.components)
