"""Reading the vendor's price catalogue: the rules by which its models are priced, as values.

What a rule gives for a job is computed in `budget`. No page documents the catalogue, so what cannot be read costs the
price of that model, and nothing else.

Source: EvoLink's own command-line client, and an answer of the route that it recorded on 2026-10-10 (read 2026-11-26).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

import attrs

from ..json_text import Json
from .messages import Response, unreadable

UNITS_PER_CREDIT = 10_000
"""The vendor's own unit, in which the catalogue names its prices too."""
MAX_MODELS = 1000
"""Models that are read. Source: the limit of the vendor's client."""
MAX_DEPTH = 32
"""Levels of a rule. Source: the limit of the vendor's client."""
MAX_ARGUMENTS = 32
"""Most arguments of an operation that takes any number of them."""
_ANY = (2, MAX_ARGUMENTS)

ARGUMENTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        **dict.fromkeys(("add", "multiply", "min", "max", "and", "or"), _ANY),
        **dict.fromkeys(("subtract", "divide", "eq", "neq", "lt", "lte", "gt", "gte"), (2, 2)),
        **dict.fromkeys(("ceil", "floor", "not"), (1, 1)),
        **dict.fromkeys(("if", "clamp"), (3, 3)),
    }
)
"""The operations with arguments, and how many each takes."""
POINTS = ("per_quantity", "per_tier", "per_component_subtotal")
"""What a rule may round: the quantity, each tier, or the price of the part."""
MODES = ("half_up", "ceil", "floor")
"""How a rule may round."""

_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,20})?")


@attrs.frozen
class PriceTerm:
    """A node of a rule.

    Attributes:
        op: "constant", "variable", "lookup", or one of `ARGUMENTS`.
        arguments: The nodes below; of a lookup its key.
        text: The value of a constant, or the name of a variable.
        table: The numbers of a lookup, by their keys.
    """

    op: str
    arguments: tuple[PriceTerm, ...] = ()
    text: str = ""
    table: tuple[tuple[str, Fraction], ...] = ()


@attrs.frozen
class PriceRate:
    """What a unit costs, in 1/10,000 credit.

    Attributes:
        per_unit: The price of a unit; that of a tier has its multiplier in it.
        least: The fewest that are charged.
        multiplier: Of a tier.
    """

    per_unit: Fraction
    least: Fraction
    multiplier: Fraction = Fraction(1)


@attrs.frozen(kw_only=True)
class PriceComponent:
    """A part of the price of a model; the parts are added.

    Attributes:
        quantity: How many units are billed.
        rate: What each costs.
        condition: When the part is billed; None for always.
        tiers: Rates that take the place of `rate`, and when.
        point: What is rounded, one of `POINTS`.
        mode: How, one of `MODES`.
    """

    quantity: PriceTerm
    rate: PriceRate
    condition: PriceTerm | None
    tiers: tuple[tuple[PriceTerm, PriceRate], ...]
    point: str
    mode: str


@attrs.frozen(kw_only=True)
class PriceParameter:
    """A variable of the rules of a model.

    Attributes:
        default: Its value, as text, when a request does not have it.
        values: The values that have a price; None for any.
        least: The lowest number that has a price.
        most: The highest.
    """

    default: str | None = None
    values: tuple[str, ...] | None = None
    least: Fraction | None = None
    most: Fraction | None = None


@attrs.frozen(kw_only=True)
class ModelPrice:
    """How a model is priced.

    Attributes:
        parameters: The variables of its rules, by name.
        components: The parts of its price.
    """

    parameters: Mapping[str, PriceParameter]
    components: tuple[PriceComponent, ...]


@attrs.frozen(kw_only=True)
class PriceRules:
    """The vendor's price catalogue, as far as it can be read: public prices, without discounts of an account.

    Attributes:
        models: How each model is priced, by the vendor's name of the model.
        updated_at: When the vendor last changed it, as the catalogue says it; empty if it does not.
        etag: Its version, for the next request; None if it has none.
    """

    models: Mapping[str, ModelPrice] = attrs.field(repr=False)
    updated_at: str = ""
    etag: str | None = None


def decode_price_rules(response: Response) -> PriceRules:
    """Read the answer to `encode_price_rules`. A model with a rule that cannot be read is left out.

    Raises:
        ReplyError: The answer is not a catalogue.
    """
    try:
        body = _object(response.json)
        entries = _list(body.get("models"))
    except ValueError:
        raise unreadable(response, "the service's answer about prices is not a price catalogue") from None
    models: dict[str, ModelPrice] = {}
    doubled: set[str] = set()
    for entry in entries[:MAX_MODELS]:
        name = entry.get("model_id") if isinstance(entry, dict) else None
        if isinstance(name, str) and name in models:
            doubled.add(name)  # nobody knows which of the two holds
        elif isinstance(name, str) and (price := _readable_model(_object(entry))) is not None:
            models[name] = price
    meta = body.get("meta")
    updated = meta.get("updated_at") if isinstance(meta, dict) else None
    return PriceRules(
        models=MappingProxyType({name: price for name, price in models.items() if name not in doubled}),
        updated_at=updated[:40] if isinstance(updated, str) and updated.isprintable() else "",
        etag=_version(response.headers.get("etag")),
    )


def _version(etag: str | None) -> str | None:
    """Return an ETag that can be sent back; else the next request asks for the whole catalogue again."""
    return etag if etag is not None and etag.isascii() and etag.isprintable() and len(etag) <= 200 else None


def number_of(value: object) -> Fraction:
    """Read a decimal number, as text or as JSON.

    Raises:
        ValueError: It is none, or has more digits than any price.
    """
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or _DECIMAL.fullmatch(text) is None:
        raise ValueError("not a decimal number")
    return Fraction(text)


def _readable_model(entry: dict[str, Json]) -> ModelPrice | None:
    try:
        return _model(entry)
    except ValueError:
        return None


def _model(entry: dict[str, Json]) -> ModelPrice:
    _check_available(entry)
    components = tuple([_component(_object(each)) for each in _list(entry.get("components"))])
    if not components:
        raise ValueError("no component")
    parameters = [_object(each) for each in _list(entry.get("parameters") or [])]
    return ModelPrice(
        parameters=MappingProxyType({_text(each.get("name")): _parameter(each) for each in parameters}),
        components=components,
    )


def _component(entry: dict[str, Json]) -> PriceComponent:
    rounding, condition = _object(entry.get("rounding")), entry.get("condition")
    point, mode = _text(rounding.get("point")), _text(rounding.get("mode"))
    if point not in POINTS or mode not in MODES:
        raise ValueError("unknown rounding")
    tiers = [_object(each) for each in _list(entry.get("tiers") or [])]
    return PriceComponent(
        quantity=_term(entry.get("quantity_rule")),
        rate=_rate(entry),
        condition=None if condition is None else _term(condition),
        tiers=tuple([(_term(each.get("when")), _rate(each)) for each in tiers]),
        point=point,
        mode=mode,
    )


def _rate(entry: dict[str, Json]) -> PriceRate:
    _check_available(entry)
    multiplier = number_of(entry.get("multiplier", "1"))
    if multiplier <= 0:
        raise ValueError("a tier multiplies by 0 or less")
    return PriceRate(_units(entry.get("rate")), _units(entry.get("minimum_charge")), multiplier)


def _units(amount: Json) -> Fraction:
    """Read an amount, which is named in several currencies."""
    named = _object(amount)
    units = number_of(named.get("credits")) * UNITS_PER_CREDIT
    if units < 0 or ("uc" in named and number_of(named["uc"]) != units):
        raise ValueError("an amount is negative, or contradicts itself")
    return units


def _check_available(entry: dict[str, Json]) -> None:
    if entry.get("pricing_status", "available") != "available":
        raise ValueError("not available")


def _parameter(entry: dict[str, Json]) -> PriceParameter:
    values, least, most = entry.get("values", entry.get("enum")), entry.get("minimum"), entry.get("maximum")
    default = entry.get("default")
    return PriceParameter(
        default=None if default is None else _text(default),
        values=None if values is None else tuple([_text(each) for each in _list(values)]),
        least=None if least is None else number_of(least),
        most=None if most is None else number_of(most),
    )


def _term(value: Json, depth: int = 0) -> PriceTerm:
    node = _object(value)
    op = _text(node.get("op"))
    if depth >= MAX_DEPTH:
        raise ValueError("nested too deeply")
    if op == "constant":
        return PriceTerm(op, text=_text(node.get("value")))
    if op == "variable":
        return PriceTerm(op, text=_text(node.get("name")))
    if op == "lookup":
        table = tuple([(key, number_of(each)) for key, each in _object(node.get("values")).items()])
        return PriceTerm(op, (_term(node.get("key"), depth + 1),), table=table)
    least, most = ARGUMENTS.get(op, (1, 0))
    arguments = _list(node.get("args"))
    if not least <= len(arguments) <= most:
        raise ValueError("unknown operation, or a wrong number of arguments")
    return PriceTerm(op, tuple([_term(each, depth + 1) for each in arguments]))


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _text(value: Json) -> str:
    """Read a scalar as the catalogue writes it in texts: `true` and `5` are also "true" and "5"."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise ValueError("not a scalar")
    return str(value)
