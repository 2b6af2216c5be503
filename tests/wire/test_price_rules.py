"""Reading the price catalogue: what cannot be read costs the price of that model, and nothing else."""

from __future__ import annotations

from fractions import Fraction

import pytest

from evolink_async.errors import ReplyError
from evolink_async.wire import decode_price_rules, encode_price_rules, number_of
from tests.budget.catalogues import REFERENCE, answer, call, catalogue, component, constant, entry, money, variable

GOOD = entry("good", component(constant(1)))


def nested(levels: int) -> dict[str, object]:
    """A rule of so many levels."""
    term = constant(1)
    for _ in range(levels - 1):
        term = call("ceil", term)
    return term


def test_the_request():
    """A free read; with the version of the last answer it asks for a newer one alone."""
    assert (encode_price_rules().method, encode_price_rules().path) == ("GET", "/v1/catalog/pricing-rules")
    assert dict(encode_price_rules().headers) == {}
    assert dict(encode_price_rules('"v1"').headers) == {"If-None-Match": '"v1"'}


def test_a_model_is_read():
    """Its parameters with their bounds, and its components with rate, minimum and rounding."""
    film = catalogue(REFERENCE).models["film"]
    assert film.parameters["quality"].values == ("720p", "1080p")
    assert film.parameters["output_seconds"].least == -1
    assert film.parameters["output_seconds"].most == 30
    [part] = film.components
    assert part.rate.per_unit == 25_500
    assert part.rate.least == 51_000
    assert (part.point, part.mode) == ("per_component_subtotal", "half_up")


@pytest.mark.parametrize(
    "odd",
    [
        entry("odd", component(constant(1)), pricing_status="unavailable"),
        entry("odd", component(constant(1), pricing_status="unavailable")),
        entry("odd"),
        entry("odd", component({"op": "power", "args": [constant(1), constant(2)]})),
        entry("odd", component({"op": "add", "args": [constant(1)]})),
        entry("odd", component(call("add", *[constant(1)] * 33))),
        entry("odd", component({"op": "lookup", "key": variable("quality")})),
        entry("odd", component({"op": "lookup", "key": variable("quality"), "values": {"720p": "much"}})),
        entry("odd", component({"op": "variable"})),
        entry("odd", component(constant(1), "-1")),
        entry("odd", component(constant(1), "1e3")),
        entry("odd", component(constant(1), minimum_charge={"credits": "5.1", "uc": "51"})),
        entry("odd", component(constant(1), minimum_charge={"uc": "51000"})),
        entry("odd", component(constant(1), rounding={"point": "somewhere", "mode": "ceil"})),
        entry("odd", component(constant(1), rounding=None)),
        entry("odd", component(constant(1), tiers=[{"multiplier": "0", "when": constant("true")}])),
        entry("odd", component(constant(1), tiers=[{"rate": money("1"), "minimum_charge": money("0")}])),
        entry("odd", component(nested(33))),
        entry("odd", component(constant(1)), parameters=({"default": "1"},)),
        entry("odd", component(constant(1)), components="none"),
        {"model_id": "odd"},
        {"model_id": 7},
        {},
        None,
        "odd",
        [],
    ],
    ids=lambda odd: str(odd)[:60],
)
def test_an_odd_model_costs_itself(odd):
    """The others are read."""
    assert set(catalogue(odd, GOOD).models) == {"good"}


def test_the_deepest_rule_that_is_read():
    """32 levels, as the vendor's own client reads them."""
    assert set(catalogue(entry("deep", component(nested(32)))).models) == {"deep"}


def test_a_model_that_is_there_twice():
    """Nobody knows which of the two holds, so neither does, and a third does not either."""
    assert set(catalogue(GOOD, REFERENCE, GOOD, GOOD).models) == {"film"}


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b"{}", b'{"models": {}}', b'{"models": null}', b"[" * 9000], ids=repr
)
def test_what_is_no_catalogue(body):
    """Is an error, as of any other answer."""
    with pytest.raises(ReplyError, match="not a price catalogue"):
        decode_price_rules(answer(body))


@pytest.mark.parametrize("meta", [None, [], {}, {"updated_at": 5}, {"updated_at": "\x1b[31m"}], ids=repr)
def test_a_catalogue_without_a_date(meta):
    """Is read, and has none."""
    assert decode_price_rules(answer({"meta": meta, "models": []})).updated_at == ""


@pytest.mark.parametrize(
    ("etag", "kept"), [('W/"a"', 'W/"a"'), ("", ""), ("\ufffd", None), ("a\nb", None), ("x" * 201, None)], ids=repr
)
def test_the_version(etag, kept):
    """Is kept if it can be sent back."""
    assert decode_price_rules(answer({"models": []}, etag=etag)).etag == kept


@pytest.mark.parametrize(
    "value", ["1e3", "", "-", "1.", ".5", "0x1", "1_0", "٣", " 1", "1" * 41, True, None, [], 1e300]
)
def test_what_is_no_number(value):
    """No exponent, no other digits, no truth values."""
    with pytest.raises(ValueError, match="decimal"):
        number_of(value)


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("-1", -1), ("1.67", Fraction(167, 100)), (5, 5), (0.5, 0.5)])
def test_numbers(value, number):
    """Texts and JSON numbers are read exactly."""
    assert number_of(value) == number
