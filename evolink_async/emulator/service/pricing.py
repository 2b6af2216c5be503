"""What a request costs, by the price in its model's schema.

The account that pays is in `ledger`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from attrs import frozen

from .output_spec import OutputSpec, VideoSpec

_DEFAULT_PRICE: Mapping[str, object] = {"credits_per_unit": 1.0, "minimum_credits": 1.0}
# Source: the price notes in the schemas of these two models ("times 0.5 without sound"), catalogue of 2026-10-10.
HALF_PRICE_WHEN_SILENT = frozenset({"wan2.6-image-to-video-flash", "wan2.6-reference-video-flash"})

# Source: catalogue of 2026-10-10. The length is not known at submission, so the vendor holds an upper limit.
HELD_SECONDS_OF_MODEL_CHOICE = 30
HELD_SECONDS_OF_KEPT_LENGTH = 10


@frozen
class Price:
    """Credits held at submission, and credits charged when the task completes."""

    reserved: float
    charged: float


def price_of(schema: Mapping[str, object], body: Mapping[str, object], spec: OutputSpec) -> Price:
    """Return the price of an accepted request.

    The price is units times the factor of the quality, and at least the model's minimum. Units are output seconds
    or images. Input seconds are not counted, because the emulator does not open input videos. `duration` -1 holds
    30 s and 0 (video edit) holds 10 s; both are charged by the seconds of the result. A model without a catalogue
    price costs 1 credit per unit.
    """
    vendor = cast("Mapping[str, object]", schema.get("x-evolink") or {})
    price = cast("Mapping[str, object]", vendor.get("price") or _DEFAULT_PRICE)
    factor = _quality_factor(price, body) * _sound_factor(body, spec)
    per_unit = _number(price.get("credits_per_unit")) * factor
    minimum = _number(price.get("minimum_credits"))
    charged = max(minimum, per_unit * _units(spec))
    # A request is never charged more than was held for it.
    return Price(max(charged, per_unit * _held_seconds(body)), charged)


def _quality_factor(price: Mapping[str, object], body: Mapping[str, object]) -> float:
    factors = cast("Mapping[str, object]", price.get("quality_multiplier") or {})
    return _number(factors.get(str(body.get("quality", "720p")), 1.0))


def _sound_factor(body: Mapping[str, object], spec: OutputSpec) -> float:
    silent = isinstance(spec, VideoSpec) and not spec.audio
    return 0.5 if silent and body.get("model") in HALF_PRICE_WHEN_SILENT else 1.0


def _units(spec: OutputSpec) -> int:
    return spec.seconds if isinstance(spec, VideoSpec) else spec.count


def _held_seconds(body: Mapping[str, object]) -> int:
    if body.get("duration") == -1:
        return HELD_SECONDS_OF_MODEL_CHOICE
    # Only this model accepts 0 and may leave `duration` out to keep the length of its input.
    keeps_length = body.get("model") == "wan2.7-video-edit" and not body.get("duration")
    return HELD_SECONDS_OF_KEPT_LENGTH if keeps_length else 0


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
