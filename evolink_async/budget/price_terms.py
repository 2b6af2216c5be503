"""What a rule of the price catalogue gives, when some of its numbers are only known to lie between two bounds.

How rules are read is in `wire`; which values they get is decided in `catalogue_price`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import reduce
from itertools import product
from types import MappingProxyType
from typing import TypeAlias

import attrs

from ..wire import PriceTerm, number_of

MAX_BITS = 4096
"""The longest numerator or denominator that is computed with. Prices have some tens of bits."""


class UnpricedError(ValueError):
    """There is no price; the text says why."""


@attrs.frozen
class Span:
    """A number that lies between two bounds, both included."""

    low: Fraction
    high: Fraction

    @classmethod
    def of(cls, number: Fraction | float | str) -> Span:
        """Return the span of one number."""
        exact = Fraction(number)
        return cls(exact, exact)

    @property
    def is_exact(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high

    def hull(self, other: Span) -> Span:
        """Return the span that holds both."""
        return Span(min(self.low, other.low), max(self.high, other.high))


Value: TypeAlias = Span | str | bool | None
"""A number, a word, or a condition: None for one that may be true or false."""


def evaluate(term: PriceTerm, values: Mapping[str, Value]) -> Value:
    """Return what a rule gives.

    Args:
        term: The rule.
        values: The variables, by name.

    Raises:
        UnpricedError: A variable is not known, or the rule cannot be computed.
    """
    match term.op:
        case "constant":
            return value_of(term.text)
        case "variable":
            if term.text not in values:
                raise UnpricedError(f"the price depends on {term.text}, which is not known before the task has ended")
            return values[term.text]
        case "lookup":
            return _look_up(term, values)
        case "if":
            return _choose(term, values)
        case "and" | "or":
            return _joined(term.op == "or", (condition(each, values) for each in term.arguments))
        case "not":
            return _negated(condition(term.arguments[0], values))
        case "eq" | "neq":
            is_equal = _equals(*(evaluate(each, values) for each in term.arguments))
            return is_equal if term.op == "eq" else _negated(is_equal)
        case _:
            return _computed(term.op, [number(each, values) for each in term.arguments])


def number(term: PriceTerm, values: Mapping[str, Value]) -> Span:
    """Return the number that a rule gives.

    Raises:
        UnpricedError: It gives none.
    """
    value = evaluate(term, values)
    if not isinstance(value, Span):
        raise UnpricedError("a rule of the catalogue gives no number")
    return value


def condition(term: PriceTerm, values: Mapping[str, Value]) -> bool | None:
    """Return whether a rule says yes; None if it may.

    Raises:
        UnpricedError: It says neither yes nor no.
    """
    value = evaluate(term, values)
    if isinstance(value, Span | str):
        raise UnpricedError("a rule of the catalogue gives no yes or no")
    return value


def value_of(text: str) -> Value:
    """Read a constant, or the value of a parameter: a number, "true", "false", or any other word."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return Span.of(number_of(text))
    except ValueError:
        return text


def _look_up(term: PriceTerm, values: Mapping[str, Value]) -> Span:
    key = evaluate(term.arguments[0], values)
    if isinstance(key, bool):
        key = str(key).lower()
    for name, found in term.table:
        if name == key or (isinstance(key, Span) and value_of(name) == key and key.is_exact):
            return Span.of(found)
    shown = key if isinstance(key, str) else "this value"
    raise UnpricedError(f"the catalogue has no price for {shown}")


def _choose(term: PriceTerm, values: Mapping[str, Value]) -> Value:
    """Only what may be chosen is evaluated: the other branch may depend on what is not known."""
    asked, yes, no = term.arguments
    answer = condition(asked, values)
    if answer is not None:
        return evaluate(yes if answer else no, values)
    return number(yes, values).hull(number(no, values))


def _joined(decisive: bool, answers: Iterator[bool | None]) -> bool | None:
    """Join conditions by "and", which False decides, or by "or", which True decides."""
    joined: bool | None = not decisive
    for answer in answers:
        if answer is decisive:
            return decisive
        joined = None if answer is None else joined
    return joined


def _negated(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _equals(mine: Value, other: Value) -> bool | None:
    if mine is None or other is None:
        return None
    if type(mine) is not type(other):
        raise UnpricedError("a rule of the catalogue compares unlike values")
    if not (isinstance(mine, Span) and isinstance(other, Span)):
        return mine == other
    if mine.is_exact and other.is_exact:
        return mine == other
    return False if mine.high < other.low or other.high < mine.low else None


def _computed(op: str, numbers: list[Span]) -> Value:
    result = _OPERATIONS[op](*numbers)
    if isinstance(result, Span) and any(
        max(bound.numerator.bit_length(), bound.denominator.bit_length()) > MAX_BITS
        for bound in (result.low, result.high)
    ):
        raise UnpricedError("a rule of the catalogue computes with numbers that are no prices")
    return result


def _add(*numbers: Span) -> Span:
    return Span(sum((each.low for each in numbers), Fraction()), sum((each.high for each in numbers), Fraction()))


def _multiply(*numbers: Span) -> Span:
    return reduce(lambda mine, other: _corners(lambda a, b: a * b, mine, other), numbers)


def _subtract(mine: Span, other: Span) -> Span:
    return Span(mine.low - other.high, mine.high - other.low)


def _divide(mine: Span, other: Span) -> Span:
    if other.low <= 0 <= other.high:
        raise UnpricedError("a rule of the catalogue divides by zero")
    return _corners(lambda a, b: a / b, mine, other)


def _corners(act: Callable[[Fraction, Fraction], Fraction], mine: Span, other: Span) -> Span:
    """Return the span of a result that is greatest and least where both numbers are."""
    results = [act(a, b) for a, b in product((mine.low, mine.high), (other.low, other.high))]
    return Span(min(results), max(results))


def _least(*numbers: Span) -> Span:
    return Span(min(each.low for each in numbers), min(each.high for each in numbers))


def _most(*numbers: Span) -> Span:
    return Span(max(each.low for each in numbers), max(each.high for each in numbers))


def _clamp(mine: Span, least: Span, most: Span) -> Span:
    if least.high > most.low:
        raise UnpricedError("a rule of the catalogue has a lower bound above its upper one")
    return _least(_most(mine, least), most)


def _less(mine: Span, other: Span) -> bool | None:
    return True if mine.high < other.low else False if mine.low >= other.high else None


def _less_or_equal(mine: Span, other: Span) -> bool | None:
    return True if mine.high <= other.low else False if mine.low > other.high else None


def _ceil(mine: Span) -> Span:
    return Span(Fraction(math.ceil(mine.low)), Fraction(math.ceil(mine.high)))


def _floor(mine: Span) -> Span:
    return Span(Fraction(math.floor(mine.low)), Fraction(math.floor(mine.high)))


def _greater(mine: Span, other: Span) -> bool | None:
    return _less(other, mine)


def _greater_or_equal(mine: Span, other: Span) -> bool | None:
    return _less_or_equal(other, mine)


_OPERATIONS: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "add": _add,
        "multiply": _multiply,
        "subtract": _subtract,
        "divide": _divide,
        "min": _least,
        "max": _most,
        "clamp": _clamp,
        "ceil": _ceil,
        "floor": _floor,
        "lt": _less,
        "lte": _less_or_equal,
        "gt": _greater,
        "gte": _greater_or_equal,
    }
)
