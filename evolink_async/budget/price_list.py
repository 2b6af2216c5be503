"""The vendor's public prices on one day, for an estimate and for a first guess where nothing newer is known.

A guess counts as held, so that unknown is not taken for free. It never refuses a job: prices move, and the first price
that the service names takes its place.

Source: the vendor's price pages and its price catalogue, read on 2026-10-10.
"""

from __future__ import annotations

from fractions import Fraction

import attrs

from .price_class import PriceClass
from .price_terms import Span, UnpricedError
from .units import UNITS, half_up

READ_ON = "2026-10-10"
"""When the prices were read."""

DEFAULT_QUALITY = "720p"
"""What the pages name as the default."""
SHORTEST_SECONDS = 1
"""No video is shorter, where the length is the choice of the model, or that of its input."""


@attrs.frozen
class ListPrice:
    """A row of the list.

    Attributes:
        begin: How the names of its models begin.
        credits: Credits a second, or an image.
        least: The fewest credits that a task costs.
        factors: By quality; empty if the price does not depend on it.
        silent: The factor of a video without sound.
        input_seconds: The most seconds of input that are billed; 0 if none are.
        default_seconds: The length of a video without a `duration`.
        chosen_seconds: The length that is held where `duration` names none, as 0 or -1.
    """

    begin: str
    credits: str
    least: str
    factors: tuple[tuple[str, str], ...] = (("720p", "1"), ("1080p", "1.67"))
    silent: str = "1"
    input_seconds: int = 0
    default_seconds: int = 5
    chosen_seconds: int = 30


_WAN25 = (("480p", "0.5"), ("720p", "1"), ("1080p", "1.67"))
_WAN30 = (("480p", "1"), ("720p", "2"), ("1080p", "4"))
_PRIME = (("480p", "1"), ("720p", "2.06"), ("1080p", "4.12"))

# The longest name that fits comes first.
PRICES = (
    ListPrice("wan2.5-text-to-image", "1.5", "1.5", ()),
    ListPrice("wan2.5-image-to-image", "1.5", "1.5", ()),
    ListPrice("wan2.5", "5.1", "5.1", _WAN25),
    ListPrice("wan2.6-image-to-video-flash", "2.38", "6", silent="0.5"),
    ListPrice("wan2.6-reference-video-flash", "2.38", "9", silent="0.5", input_seconds=5),
    ListPrice("wan2.6-reference", "4.76", "9", input_seconds=5),
    ListPrice("wan2.6", "4.76", "6"),
    ListPrice("wan2.7-reference", "5.44", "10.88", input_seconds=5),
    ListPrice("wan2.7-video-edit", "5.44", "10.88", input_seconds=10, default_seconds=0, chosen_seconds=10),
    ListPrice("wan2.7", "5.44", "10.88"),
    ListPrice("wan3.0-prime-reference", "3.9304", "7.8608", _PRIME, input_seconds=15),
    ListPrice("wan3.0-prime", "3.9304", "7.8608", _PRIME),
    ListPrice("wan3.0-reference", "2.55", "5.1", _WAN30, input_seconds=15),
    ListPrice("wan3.0", "2.55", "5.1", _WAN30),
)


def listed(price_class: PriceClass) -> ListPrice | None:
    """Return the row of a model; None if the list does not have it."""
    return next((row for row in PRICES if price_class.model.startswith(row.begin)), None)


def list_price(price_class: PriceClass) -> float | None:
    """Return what the list says for a class at most, in credits; None if it says nothing.

    Seconds of input that are not known are not counted.
    """
    try:
        span = list_span(price_class, Span.of(price_class.input_seconds or 0))
    except UnpricedError:
        return None
    return float(span.high / UNITS)


def list_span(price_class: PriceClass, input_seconds: Span | None) -> Span:
    """Return the bounds of what the list says for a job, in units.

    Args:
        price_class: The class of the job.
        input_seconds: Seconds of its input videos; None if they are not known.

    Raises:
        UnpricedError: The list does not have the model, or no price for its parameters.
    """
    row = listed(price_class)
    if row is None:
        raise UnpricedError(f"neither the service nor the price list of {READ_ON} names a price of {price_class.model}")
    rate = Fraction(row.credits) * _factor(row, price_class)
    billed = _images(price_class) if makes_images(price_class) else _seconds(row, price_class, input_seconds)
    low, high = (half_up(max(bound * rate, Fraction(row.least)) * UNITS) for bound in (billed.low, billed.high))
    return Span(low, high)


def makes_images(price_class: PriceClass) -> bool:
    """Whether a model of the list makes images."""
    return "image" in price_class.model.rpartition("-to-")[2]


def seconds_of(text: str | None, default: int, chosen: int) -> Span:
    """Return the length of a video.

    Args:
        text: Its duration, as a price class has it.
        default: Seconds without a duration.
        chosen: The most seconds where the model, or the input, decides.

    Raises:
        UnpricedError: The duration is no number.
    """
    seconds = exact(text) if text is not None else Fraction(default)
    return Span.of(seconds) if seconds > 0 else Span(Fraction(SHORTEST_SECONDS), Fraction(chosen))


def exact(text: str) -> Fraction:
    """Read a number of a price class.

    Raises:
        UnpricedError: It is none.
    """
    try:
        return Fraction(float(text)).limit_denominator(10**9)
    except (ValueError, OverflowError):
        raise UnpricedError(f"{text[:40]!r} is no number that a price can be computed with") from None


def _factor(row: ListPrice, price_class: PriceClass) -> Fraction:
    quality = price_class.value("quality") or DEFAULT_QUALITY
    factor = dict(row.factors).get(quality, None if row.factors else "1")
    if factor is None:
        raise UnpricedError(f"the price list of {READ_ON} has no price of {price_class.model} in {quality}")
    is_silent = price_class.value("generate_audio") == "False"
    return Fraction(factor) * (Fraction(row.silent) if is_silent else 1)


def _seconds(row: ListPrice, price_class: PriceClass, input_seconds: Span | None) -> Span:
    """Return the billed seconds of output and input."""
    output = seconds_of(price_class.value("duration"), row.default_seconds, row.chosen_seconds)
    most = Fraction(row.input_seconds)
    if not most or price_class.value("video_urls") is None:
        return output
    counted = Span(Fraction(), most) if input_seconds is None else input_seconds
    return Span(output.low + min(counted.low, most), output.high + min(counted.high, most))


def _images(price_class: PriceClass) -> Span:
    count = exact(price_class.value("n") or "1")
    return Span.of(max(count, Fraction(1)))
