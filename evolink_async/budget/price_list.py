"""The vendor's public prices, as a first guess for a model that no price was named for yet.

A guess counts as held, so that unknown is not taken for free. It never refuses a job: prices move, and the first price
that the service names takes its place.

Source: the vendor's price pages, read on 2026-10-10.
"""

from __future__ import annotations

import attrs

from .price_class import PriceClass

READ_ON = "2026-10-10"
"""When the prices were read."""

DEFAULT_SECONDS = 5.0
"""What the pages show for a video without a duration."""
CHOSEN_SECONDS = 30.0
"""Held for a duration of -1, where the model chooses."""


@attrs.frozen
class ListPrice:
    """A row of the list.

    Attributes:
        begin: How the names of its models begin.
        credits: Credits a second, or an image.
        least: The fewest credits that a task costs.
        factors: By quality; a quality that is not listed counts 1.
        silent: The factor of a video without sound.
    """

    begin: str
    credits: float
    least: float
    factors: tuple[tuple[str, float], ...] = (("1080p", 1.67),)
    silent: float = 1.0


# The longest name that fits comes first.
PRICES = (
    ListPrice("wan2.5-text-to-image", 1.5, 1.5),
    ListPrice("wan2.5-image-to-image", 1.5, 1.5),
    ListPrice("wan2.5", 5.1, 5.1, (("480p", 0.5), ("1080p", 1.67))),
    ListPrice("wan2.6-image-to-video-flash", 2.38, 6.0, silent=0.5),
    ListPrice("wan2.6-reference-video-flash", 2.38, 9.0, silent=0.5),
    ListPrice("wan2.6-reference", 4.76, 9.0),
    ListPrice("wan2.6", 4.76, 6.0),
    ListPrice("wan2.7", 5.44, 10.88),
    ListPrice("wan3.0-prime", 3.9304, 7.8608, (("720p", 2.06), ("1080p", 4.12))),
    ListPrice("wan3.0", 2.55, 5.1, (("720p", 2.0), ("1080p", 4.0))),
)


def list_price(price_class: PriceClass) -> float | None:
    """Return what the list says for a class, in credits; None if the model is not listed."""
    row = next((row for row in PRICES if price_class.model.startswith(row.begin)), None)
    if row is None:
        return None
    factor = dict(row.factors).get(price_class.value("quality") or "", 1.0)
    if price_class.value("generate_audio") == "False":
        factor *= row.silent
    return max(row.credits * _units(price_class) * factor, row.least)


def _units(price_class: PriceClass) -> float:
    """Billed seconds, or images."""
    if "image" in price_class.model.rpartition("-to-")[2]:
        return _number(price_class.value("n"), 1.0)
    seconds = _number(price_class.value("duration"), DEFAULT_SECONDS)
    return (CHOSEN_SECONDS if seconds < 0 else seconds) + (price_class.input_seconds or 0.0)


def _number(text: str | None, default: float) -> float:
    try:
        return default if text is None else float(text)
    except ValueError:
        return default
