"""Which price a job is expected to have: one that the service named, else its catalogue's, else the list's.

The jobs are read, and the catalogue is asked, in `pool`. Nothing is guessed: what no source names stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from ..wire import PriceRules
from .catalogue_price import INPUT, catalogue_span
from .estimates import Estimate, JobPrice, PriceLine, PriceSource, UnknownPrice
from .price_class import PriceClass
from .price_list import READ_ON, list_span, listed
from .price_terms import Span, UnpricedError
from .units import UNITS, units_of


@attrs.frozen(cache_hash=True)
class PriceBasis:
    """What is known of a job that its price may depend on.

    Attributes:
        price_class: The class that its price is learned for.
        input_seconds: The fewest and the most seconds of its input videos that may be billed; None if they are not
            known.
    """

    price_class: PriceClass
    input_seconds: tuple[float, float] | None = None


@attrs.frozen(kw_only=True)
class KnownPrices:
    """The prices at hand.

    Attributes:
        learned: The most credits that were ever named for a price class, by its text.
        catalogue: The price catalogue of the service; None if it was not asked, or did not answer.
    """

    learned: Mapping[str, float] = MappingProxyType({})
    catalogue: PriceRules | None = None


def price_of(basis: PriceBasis, prices: KnownPrices) -> JobPrice | UnknownPrice:
    """Return what a job is expected to cost, or why that is not known."""
    learned = prices.learned.get(str(basis.price_class))
    if learned is not None and _is_settled(basis, prices.catalogue):
        return JobPrice(low=units_of(learned), high=units_of(learned), source="learned")
    reasons: list[str] = []
    try:
        if (span := _in_catalogue(basis, prices.catalogue)) is not None:
            return _job_price(span, "catalogue", (prices.catalogue and prices.catalogue.updated_at) or None)
    except UnpricedError as error:
        reasons.append(str(error))
    try:
        return _job_price(list_span(basis.price_class, _span(basis)), "list", READ_ON)
    except UnpricedError as error:
        reasons.append(str(error))
    return UnknownPrice(price_class=basis.price_class, jobs=1, why="; ".join(dict.fromkeys(reasons)))


def estimate(counts: Mapping[PriceBasis, int], prices: KnownPrices, standing: Estimate = Estimate()) -> Estimate:  # noqa: B008
    """Return what jobs will cost.

    Args:
        counts: How many jobs there are to be bought of each kind.
        prices: The prices at hand.
        standing: The counts of the jobs that cost nothing.
    """
    lines: dict[tuple[PriceClass, PriceSource], PriceLine] = {}
    unknown: dict[tuple[PriceClass, str], UnknownPrice] = {}
    for basis, jobs in counts.items():
        price, shown = price_of(basis, prices), basis.price_class.without_input_seconds()
        if isinstance(price, UnknownPrice):
            more = unknown.get((shown, price.why))
            unknown[shown, price.why] = UnknownPrice(
                price_class=shown, jobs=jobs + (more.jobs if more else 0), why=price.why
            )
        else:
            lines[shown, price.source] = _extended(lines.get((shown, price.source)), shown, jobs, price)
    return attrs.evolve(standing, lines=tuple(lines.values()), unknown=tuple(unknown.values()))


def _is_settled(basis: PriceBasis, catalogue: PriceRules | None) -> bool:
    """Whether all jobs of a class cost the same, as far as is known, so that the price of one is that of another."""
    price_class = basis.price_class
    row, rules = listed(price_class), catalogue.models.get(price_class.model) if catalogue is not None else None
    duration = price_class.value("duration")
    if duration is None:
        is_chosen = row is not None and row.default_seconds <= 0
    else:
        is_chosen = duration.startswith("-") or duration in ("0", "0.0")
    bills_input = (row is not None and row.input_seconds > 0) or (rules is not None and INPUT in rules.parameters)
    # The class has the seconds of an input only if the model counts them in its own way.
    is_lumped = bills_input and basis.input_seconds != (0.0, 0.0) and price_class.input_seconds is None
    return not (is_chosen or is_lumped)


def _in_catalogue(basis: PriceBasis, catalogue: PriceRules | None) -> Span | None:
    price = catalogue.models.get(basis.price_class.model) if catalogue is not None else None
    return None if price is None else catalogue_span(price, basis.price_class, _span(basis))


def _span(basis: PriceBasis) -> Span | None:
    if basis.input_seconds is None:
        return None
    low, high = basis.input_seconds
    return Span.of(f"{low:.6f}").hull(Span.of(f"{high:.6f}"))


def _job_price(span: Span, source: PriceSource, as_of: str | None) -> JobPrice:
    # Outwards, so that a fraction of a unit is never lost.
    return JobPrice(low=int(span.low // 1), high=int(-(-span.high // 1)), source=source, as_of=as_of)


def _extended(line: PriceLine | None, price_class: PriceClass, jobs: int, price: JobPrice) -> PriceLine:
    """Return the line with more jobs of its class, as with inputs of another length."""
    low, high = price.low / UNITS, price.high / UNITS
    if line is None:
        line = PriceLine(
            price_class=price_class, jobs=0, low=0.0, high=0.0, low_each=low, high_each=high,
            source=price.source, as_of=price.as_of,
        )  # fmt: skip
    return attrs.evolve(
        line,
        jobs=line.jobs + jobs,
        low=(units_of(line.low) + jobs * price.low) / UNITS,
        high=(units_of(line.high) + jobs * price.high) / UNITS,
        low_each=min(line.low_each, low),
        high_each=max(line.high_each, high),
    )
