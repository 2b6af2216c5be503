"""What a journal remembers of money, and what jobs of one price have in common.

What fits into a budget is decided in `account`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from ..json_text import Json

PriceClass: TypeAlias = str


def price_class(body: Mapping[str, Json]) -> PriceClass:
    """What jobs of one price have in common, off the wire body: model, quality, seconds, sound, inputs."""
    words = [f"{name}={body[name]}" for name in ("quality", "duration", "generate_audio", "size", "n") if name in body]
    for name, value in body.items():
        if name.endswith("_urls") and isinstance(value, list):
            words.append(f"{name}={len(value)}")
        elif name in ("image_start", "image_end", "audio_url"):
            words.append(name)
    return " ".join([str(body.get("model")), *sorted(words)])


@attrs.frozen(kw_only=True)
class Ledger:
    """What a journal remembers of money.

    Attributes:
        spent: Charged for jobs that have ended.
        held: Reserved for unfinished jobs, by key.
        unpriced: Shapes of those held for whose price was never learned, by key.
        prices: The most that was ever reserved for a price class.
    """

    spent: float = 0.0
    held: Mapping[str, float] = attrs.field(factory=dict[str, float])
    unpriced: Mapping[str, PriceClass] = attrs.field(factory=dict[str, str])
    prices: Mapping[PriceClass, float] = attrs.field(factory=dict[str, float])
