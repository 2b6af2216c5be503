"""What the price catalogue says for a job: its variables from the price class, its rules evaluated.

A rule is never given a value that is not known of the job: such a job has no price here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

from ..wire import ModelPrice, PriceComponent, PriceParameter, PriceRate
from .price_class import PriceClass
from .price_list import SHORTEST_SECONDS, exact, listed, makes_images
from .price_terms import Span, UnpricedError, Value, condition, number, value_of
from .units import half_up

_LENGTHS = ("duration_seconds", "output_seconds")
_COUNTS = ("image_count", "video_count")
INPUT = "input_seconds"
"""The variable that the seconds of input videos have in rules."""


def catalogue_span(price: ModelPrice, price_class: PriceClass, input_seconds: Span | None) -> Span:
    """Return the bounds of what the catalogue says for a job, in units.

    Args:
        price: How its model is priced.
        price_class: The class of the job.
        input_seconds: Seconds of its input videos; None if they are not known.

    Raises:
        UnpricedError: The rules depend on what is not known, or have no price for the job.
    """
    values = dict(_variables(price, price_class, input_seconds))
    span = _total(price, values)
    lengths = [name for name in _LENGTHS if isinstance(length := values.get(name), Span) and length.high <= 0]
    if lengths:
        # The length is the choice of the model, or that of its input. The rules name what is held for it.
        shortest = _total(price, {**values, **dict.fromkeys(lengths, Span.of(SHORTEST_SECONDS))})
        span = span.hull(shortest)
    return span


def _variables(price: ModelPrice, price_class: PriceClass, input_seconds: Span | None) -> Iterator[tuple[str, Value]]:
    """Return the variables of a model that are known. A default stands for what a request leaves out, and only that."""
    parameters = price.parameters
    if exact(price_class.value("n") or "1") > 1 and not any(name in parameters for name in _COUNTS):
        raise UnpricedError("the catalogue does not say what more than one result costs")
    named = {
        **dict.fromkeys(_LENGTHS, _duration(price_class)),
        **dict.fromkeys(_COUNTS, price_class.value("n")),
        "quality": price_class.value("quality"),
        "generate_audio": _lower(price_class.value("generate_audio")),
    }
    for name, parameter in parameters.items():
        if name == INPUT and input_seconds is not None:
            yield name, input_seconds
        elif name in named and (text := parameter.default if named[name] is None else named[name]) is not None:
            yield name, _checked(name, parameter, text)


def _duration(price_class: PriceClass) -> str | None:
    """Return the duration of a job, 0 for one that keeps the length of its input by default."""
    text, row = price_class.value("duration"), listed(price_class)
    keeps_length = row is not None and row.default_seconds == 0 and not makes_images(price_class)
    return "0" if text is None and keeps_length else text


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _checked(name: str, parameter: PriceParameter, text: str) -> Value:
    """Return a value that the catalogue has a price for."""
    value = value_of(text)
    is_known = parameter.values is None or text in parameter.values
    if isinstance(value, Span):
        is_known = is_known and (parameter.least is None or parameter.least <= value.low)
        is_known = is_known and (parameter.most is None or value.high <= parameter.most)
    if not is_known or (name in (*_LENGTHS, *_COUNTS) and not isinstance(value, Span)):
        raise UnpricedError(f"the catalogue has no price for {name}={text[:40]}")
    return value


def _total(price: ModelPrice, values: Mapping[str, Value]) -> Span:
    spans = [_component_span(component, values) for component in price.components]
    return Span(sum((span.low for span in spans), Fraction()), sum((span.high for span in spans), Fraction()))


def _component_span(component: PriceComponent, values: Mapping[str, Value]) -> Span:
    is_billed = True if component.condition is None else condition(component.condition, values)
    if is_billed is False:
        return Span.of(0)
    quantity = number(component.quantity, values)
    if quantity.low < 0:
        raise UnpricedError("a rule of the catalogue bills less than nothing")
    spans = [_charge(component, quantity, rate) for rate in _rates(component, values)]
    span = Span(min(each.low for each in spans), max(each.high for each in spans))
    return span if is_billed else span.hull(Span.of(0))


def _rates(component: PriceComponent, values: Mapping[str, Value]) -> list[PriceRate]:
    """Return the rates that may apply."""
    answers = [(condition(when, values), rate) for when, rate in component.tiers]
    certain = [rate for answer, rate in answers if answer]
    if len(certain) > 1:
        raise UnpricedError("more than one tier of the catalogue applies")
    possible = [rate for answer, rate in answers if answer is None]
    return [*(certain or [component.rate]), *possible]


def _charge(component: PriceComponent, quantity: Span, rate: PriceRate) -> Span:
    low, high = (_amount(component, bound, rate) for bound in (quantity.low, quantity.high))
    return Span(max(low, rate.least), max(high, rate.least))


def _amount(component: PriceComponent, quantity: Fraction, rate: PriceRate) -> Fraction:
    # Source: the vendor's client. The rate of a tier has its multiplier in it already.
    if component.point == "per_quantity":
        return _rounded(quantity * rate.multiplier, component.mode) * (rate.per_unit / rate.multiplier)
    if component.point == "per_tier":
        return quantity * _rounded(rate.per_unit, component.mode)
    return _rounded(quantity * rate.per_unit, component.mode)


def _rounded(amount: Fraction, mode: str) -> Fraction:
    if mode == "half_up":
        return half_up(amount)
    return Fraction(math.ceil(amount) if mode == "ceil" else math.floor(amount))
