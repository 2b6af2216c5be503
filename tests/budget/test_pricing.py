"""Which price a job is expected to have, by which source, and what is said where there is none."""

from __future__ import annotations

import pytest

from evolink_async.budget import (
    Estimate,
    JobPrice,
    KnownPrices,
    PriceBasis,
    UnknownPrice,
    estimate,
    price_class_of,
    price_of,
)
from evolink_async.budget.price_list import READ_ON
from evolink_async.wire import PriceRules
from tests.budget.catalogues import (
    FACTOR,
    INPUT,
    QUALITY,
    REFERENCE,
    call,
    catalogue,
    component,
    constant,
    entry,
    money,
    parameter,
    variable,
)

SILENT = (0.0, 0.0)


def basis(model: str = "film", input_seconds: tuple[float, float] | None = SILENT, **body: object) -> PriceBasis:
    values = {"model": model} | body
    return PriceBasis(price_class_of(values), input_seconds)  # type: ignore[arg-type]


def priced(of: PriceBasis, rules: PriceRules | None = None, **learned: float) -> tuple[float, float, str]:
    """The figures of a job in credits, and their source."""
    known = {str(basis(name).price_class): price for name, price in learned.items()}
    price = price_of(of, KnownPrices(learned=known, catalogue=rules))
    assert isinstance(price, JobPrice), price
    return price.low / 10_000, price.high / 10_000, price.source


def why(of: PriceBasis, rules: PriceRules | None = None) -> str:
    """Why a job has no price."""
    price = price_of(of, KnownPrices(catalogue=rules))
    assert isinstance(price, UnknownPrice), price
    return price.why


# --- the sources


def test_a_learned_price_comes_first():
    """What the service named for such a job is nearer than its public prices, as discounts are in it."""
    assert priced(basis(), catalogue(REFERENCE), film=9.9) == (9.9, 9.9, "learned")
    assert priced(basis(), catalogue(REFERENCE)) == (12.75, 12.75, "catalogue")


def test_the_catalogue_comes_before_the_list():
    """Each has its date."""
    rules = catalogue(entry("wan2.6-text-to-video", component(variable("duration_seconds"), "3"),
                            parameters=(parameter("duration_seconds", default="5"),)))  # fmt: skip
    price = price_of(basis("wan2.6-text-to-video", duration=4), KnownPrices(catalogue=rules))
    assert price == JobPrice(low=120_000, high=120_000, source="catalogue", as_of="2026-11-01T00:00:00Z")
    price = price_of(basis("wan2.6-text-to-video", duration=4), KnownPrices(catalogue=catalogue()))
    assert price == JobPrice(low=190_400, high=190_400, source="list", as_of=READ_ON)


def test_a_learned_price_of_clips_of_any_length_is_not_that_of_the_next():
    """Jobs of one class differ in length behind their links, so the most that was named is no price of another."""
    of = basis("wan2.6-reference-video", (2.0, 5.0), video_urls=["u"], duration=5)
    known = KnownPrices(learned={str(of.price_class): 33.3})
    assert price_of(of, known) == JobPrice(low=333_200, high=476_000, source="list", as_of=READ_ON)
    measured = PriceBasis(of.price_class.with_input_seconds(4), (4.0, 4.0))
    known = KnownPrices(learned={str(measured.price_class): 33.3})
    assert price_of(measured, known) == JobPrice(low=333_000, high=333_000, source="learned")


@pytest.mark.parametrize("duration", [-1, 0])
def test_a_learned_price_of_a_chosen_length_is_not_that_of_the_next(duration):
    """Where the model or the input decides on the length, what was reserved once is not what is charged."""
    of = basis("wan3.0-text-to-video", duration=duration)
    price = price_of(of, KnownPrices(learned={str(of.price_class): 99.0}))
    assert isinstance(price, JobPrice)
    assert price.source == "list"


# --- the list


@pytest.mark.parametrize(
    ("body", "low", "high"),
    [
        ({"model": "wan2.5-text-to-image", "n": 3}, 4.5, 4.5),
        ({"model": "wan2.5-text-to-video", "duration": 5, "quality": "480p"}, 12.75, 12.75),
        ({"model": "wan2.6-image-to-video-flash", "duration": 10, "generate_audio": False}, 11.9, 11.9),
        ({"model": "wan2.6-image-to-video-flash", "duration": 2, "generate_audio": False}, 6, 6),
        ({"model": "wan2.7-text-to-video", "duration": 10, "quality": "1080p"}, 90.848, 90.848),
        ({"model": "wan2.7-reference-video", "duration": 5, "video_urls": ["u"]}, 27.2, 54.4),
        ({"model": "wan2.7-reference-video", "duration": 5, "image_urls": ["u"]}, 27.2, 27.2),
        ({"model": "wan2.7-video-edit", "duration": 0, "video_urls": ["u"]}, 10.88, 108.8),
        ({"model": "wan2.7-video-edit", "video_urls": ["u"]}, 10.88, 108.8),
        ({"model": "wan2.7-video-edit", "duration": 4, "video_urls": ["u"]}, 21.76, 76.16),
        ({"model": "wan3.0-text-to-video"}, 25.5, 25.5),
        ({"model": "wan3.0-text-to-video", "duration": -1, "quality": "1080p"}, 10.2, 306),
        ({"model": "wan3.0-prime-reference-video", "quality": "480p", "video_urls": ["u"]}, 19.652, 78.608),
    ],
)  # fmt: skip
def test_the_list(body, low, high):
    """The public prices of 2026-10-10, for requests whose input is not known."""
    assert priced(PriceBasis(price_class_of(body))) == (low, high, "list")


def test_what_the_list_does_not_say():
    """Neither a model nor a quality that it does not have is priced by its neighbour."""
    assert why(basis("film")) == f"neither the service nor the price list of {READ_ON} names a price of film"
    assert "in 4k" in why(basis("wan2.7-text-to-video", quality="4k"))
    assert "no number" in why(basis("wan2.7-text-to-video", duration="long"))


# --- the catalogue


def test_input_of_unknown_length_has_the_bounds_of_the_rule():
    """A rule that counts 15 s at most gives a range; one without a bound has no price without the length."""
    rules = catalogue(REFERENCE)
    assert priced(basis(input_seconds=(1.0, 75.0)), rules) == (15.3, 51.0, "catalogue")
    assert priced(basis(input_seconds=(4.0, 4.0), quality="1080p"), rules) == (38.3265, 38.3265, "catalogue")
    assert "input_seconds, which is not known" in why(basis(input_seconds=None), rules)


def test_a_length_that_the_model_chooses():
    """What is held is the most, a second the least; the minimum charge holds."""
    assert priced(basis(duration=-1), catalogue(REFERENCE)) == (5.1, 76.5, "catalogue")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"quality": "4k"}, "quality=4k"),
        ({"duration": 31}, "output_seconds=31"),
        ({"duration": "long"}, "output_seconds=long"),
        ({"n": 2}, "more than one result"),
    ],
)
def test_what_the_catalogue_does_not_price(body, word):
    """A value that it does not list has no price, rather than that of another value."""
    assert word in why(basis(**body), catalogue(REFERENCE))


def test_a_default_stands_only_for_what_a_request_leaves_out():
    """A variable that is measured, or that we do not know, is not taken to have its default."""
    tokens = entry("film", component(variable("image_tokens")), parameters=(parameter("image_tokens", default="7"),))
    assert "image_tokens, which is not known" in why(basis(), catalogue(tokens))


@pytest.mark.parametrize(
    ("quantity", "credits_charged"),
    [
        (call("subtract", constant(7), constant(2)), 5),
        (call("divide", constant(7), constant(2)), 3.5),
        (call("max", constant(7), constant(2)), 7),
        (call("clamp", constant(7), constant(1), constant(3)), 3),
        (call("ceil", constant("1.2")), 2),
        (call("floor", constant("1.8")), 1),
        (call("if", call("and", constant("true"), call("gte", constant(2), constant(2))), constant(1), constant(9)), 1),
        (call("if", call("or", constant("false"), call("lt", constant(2), constant(2))), constant(1), constant(9)), 9),
        (call("if", call("not", call("neq", constant("a"), constant("b"))), constant(1), constant(9)), 9),
        (call("if", call("gt", constant(2), constant(1)), constant(1), variable("nobody_knows")), 1),
        (call("if", call("lte", constant(2), constant(1)), variable("nobody_knows"), constant(9)), 9),
        (FACTOR, 1.67),
    ],
)
def test_operations(quantity, credits_charged):
    """Each operation of the vendor's rules; the branch that is not taken may be anything."""
    rules = catalogue(entry("film", component(quantity), parameters=(QUALITY,)))
    assert priced(basis(quality="1080p"), rules) == (credits_charged, credits_charged, "catalogue")


@pytest.mark.parametrize(
    ("quantity", "low", "high"),
    [
        (call("subtract", constant(10), variable("input_seconds")), 6, 9),
        (call("divide", constant(12), variable("input_seconds")), 3, 12),
        (call("multiply", constant(2), variable("input_seconds")), 2, 8),
        (call("max", constant(2), variable("input_seconds")), 2, 4),
        (call("min", constant(2), variable("input_seconds")), 1, 2),
        (call("clamp", variable("input_seconds"), constant(2), constant(3)), 2, 3),
        (call("ceil", call("divide", variable("input_seconds"), constant(3))), 1, 2),
        (call("floor", call("divide", variable("input_seconds"), constant(3))), 0, 1),
        (call("if", call("eq", variable("input_seconds"), constant(2)), constant(7), constant(5)), 5, 7),
        (call("if", call("eq", variable("input_seconds"), constant(9)), constant(7), constant(5)), 5, 5),
    ],
)
def test_operations_on_an_input_of_one_to_four_seconds(quantity, low, high):
    """Each gives the bounds of what it gives for the numbers between."""
    rules = catalogue(entry("film", component(quantity), parameters=(INPUT,)))
    assert priced(basis(input_seconds=(1.0, 4.0)), rules) == (low, high, "catalogue")


@pytest.mark.parametrize(
    "quantity",
    [
        call("divide", constant(1), constant(0)),
        call("subtract", constant(1), constant(2)),
        call("clamp", constant(1), constant(3), constant(2)),
        call("add", constant("a"), constant(1)),
        call("if", constant(1), constant(1), constant(2)),
        call("not", constant(1)),
        call("eq", constant(1), constant("a")),
        constant("true"),
    ],
)
def test_rules_that_give_no_price(quantity):
    """Such a model is not known, and the list is asked next."""
    assert "names a price of film" in why(basis(), catalogue(entry("film", component(quantity))))


def test_components_conditions_and_tiers():
    """Components are added; a condition that cannot be decided gives a range; the rate of a tier is its own."""
    long = {"when": call("gt", variable("input_seconds"), constant(3)), "multiplier": "2",
            "rate": money("4"), "minimum_charge": money("0")}  # fmt: skip
    sound = component(constant(10), condition=call("lt", variable("input_seconds"), constant(8)))
    rules = catalogue(entry("film", component(constant(1), "2", tiers=[long]), sound, parameters=(INPUT,)))
    assert priced(basis(input_seconds=(2.0, 2.0)), rules)[:2] == (12, 12)
    assert priced(basis(input_seconds=(4.0, 4.0)), rules)[:2] == (14, 14)
    assert priced(basis(input_seconds=(9.0, 9.0)), rules)[:2] == (4, 4)
    assert priced(basis(input_seconds=(2.0, 9.0)), rules)[:2] == (2, 14)


@pytest.mark.parametrize(
    ("point", "mode", "units"),
    [
        ("per_component_subtotal", "half_up", 3),
        ("per_component_subtotal", "floor", 2),
        ("per_component_subtotal", "ceil", 3),
        ("per_quantity", "ceil", 4),
        ("per_tier", "half_up", 2.5),
    ],
)
def test_rounding(point, mode, units):
    """Where and how the vendor rounds; a fraction that is left is rounded outwards."""
    rounded = component(constant("1.25"), "0.0002", rounding={"point": point, "mode": mode})
    price = price_of(basis(), KnownPrices(catalogue=catalogue(entry("film", rounded))))
    assert isinstance(price, JobPrice)
    assert price.low <= units <= price.high < units + 1


# --- the sum


def test_the_sum_says_what_it_does_not_know():
    """Lines by price class and source, whatever the length of the input; the unknown ones apart, never as nothing."""
    rules = catalogue(REFERENCE)
    counts = {
        basis(input_seconds=(1.0, 1.0)): 2,
        basis(input_seconds=(3.0, 4.0)): 1,
        basis("other"): 3,
        basis("other", input_seconds=None): 1,
    }
    total = estimate(counts, KnownPrices(catalogue=rules), Estimate(ended=4))
    [line] = total.lines
    assert (line.jobs, line.low_each, line.high_each) == (3, 15.3, 22.95)
    assert (line.low, line.high) == (51.0, 53.55)
    [unknown] = total.unknown
    assert (str(unknown.price_class), unknown.jobs) == ("other", 4)
    assert (total.jobs, total.low, total.high, total.ended) == (7, 51.0, None, 4)
    assert str(total) == "at least 51 credits for 7 jobs"


def test_a_sum_of_many_is_exact():
    """Ten times a tenth is one: sums are made in whole units."""
    rules = catalogue(entry("film", component(constant(1), "0.1")))
    total = estimate({basis(duration=n): 1 for n in range(1, 11)}, KnownPrices(catalogue=rules))
    assert (total.low, total.high, str(total)) == (1.0, 1.0, "1 credit for 10 jobs")


def test_words():
    """One figure or two, one job or many, and nothing at all."""
    assert str(Estimate()) == "0 credits for 0 jobs"
    total = estimate({basis(input_seconds=(0.0, 2.0)): 1}, KnownPrices(catalogue=catalogue(REFERENCE)))
    assert str(total) == "12.75 to 17.85 credits for 1 job"


def test_a_request_without_a_duration():
    """Has the catalogue's own default."""
    rules = catalogue(
        entry("film", component(variable("output_seconds")), parameters=(parameter("output_seconds", default="3"),))
    )
    assert priced(basis(), rules)[:2] == (3, 3)
