"""The price catalogue: what the emulator charges, in the form of the vendor's own catalogue.

It names only the models that have a stored price, and only what `pricing` charges: input seconds are not counted here,
so no rule has them.

Source of the form: an answer that EvoLink's own command-line client recorded on 2026-10-10.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import cast

from .json_types import Json, JsonObject
from .ledger import UNITS_PER_CREDIT
from .pricing import HALF_PRICE_WHEN_SILENT, HELD_SECONDS_OF_KEPT_LENGTH, HELD_SECONDS_OF_MODEL_CHOICE
from .replies import Reply
from .request_schemas import Model

UPDATED_AT = "2026-10-10T06:52:34Z"
"""Source: the catalogue that the stored prices are from."""
_FRESH_SECONDS = 300
_UNITS_PER_USD = 680_000


def catalogue_reply(models: Iterable[Model], known_etag: str | None, *, now: float) -> Reply:
    """Return the catalogue, or 304 to a client that has it.

    Args:
        models: The models with a stored schema.
        known_etag: The version that the client has.
        now: Emulated unix seconds.
    """
    entries: list[Json] = [entry for model in models if (entry := _entry(model)) is not None]
    version = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:24]
    headers = {"ETag": f'"{version}"', "Cache-Control": "public, max-age=300"}
    if known_etag == headers["ETag"]:
        return Reply(304, {}, headers)
    meta: JsonObject = {
        "schema_version": "2",
        "catalog_version": f"cat_{version}",
        "pricing_version": f"prc_{version}",
        "price_scope": "public_default",
        "currency": "USD",
        "exchange_rate_version": "pricing-fx/v1:USD-CNY=6.8",
        "updated_at": UPDATED_AT,
        "fresh_until": datetime.fromtimestamp(now + _FRESH_SECONDS, UTC).isoformat().replace("+00:00", "Z"),
    }
    return Reply(200, {"meta": meta, "models": entries}, headers)


def _entry(model: Model) -> JsonObject | None:
    vendor = cast("Mapping[str, object]", model.schema.get("x-evolink") or {})
    price = cast("Mapping[str, object] | None", vendor.get("price"))
    if price is None:
        return None
    is_image = "images" in model.path
    factors = {
        name: _text(factor)
        for name, factor in cast("Mapping[str, object]", price.get("quality_multiplier") or {}).items()
    }
    has_silence = model.name in HALF_PRICE_WHEN_SILENT
    return {
        "model_id": model.name,
        "modality": "image" if is_image else "video",
        "lifecycle": "active",
        "pricing_status": "available",
        "settlement_basis": "request_then_actual",
        "policy_source": "published",
        "parameters": _parameters(model, factors, has_silence=has_silence),
        "components": [
            {
                "id": "output_image" if is_image else "video_output",
                "role": "output_image" if is_image else "video_output",
                "dimension": "image_output" if is_image else "output_second",
                "unit": "image" if is_image else "output_second",
                "billing_unit_size": 1,
                "display_unit_size": 1,
                "rate": _money(price.get("credits_per_unit")),
                "minimum_charge": _money(price.get("minimum_credits")),
                "billing_rule": "per_call" if is_image else "per_second",
                "pricing_status": "available",
                "quantity_rule": _quantity(model, factors, has_silence=has_silence),
                "rounding": {"point": "per_component_subtotal", "mode": "half_up"},
                "tiers": [],
            }
        ],
    }


def _parameters(model: Model, factors: Mapping[str, str], *, has_silence: bool) -> list[Json]:
    if "images" in model.path:
        return [{"name": "image_count", "type": "integer", "minimum": "1", "default": "1"}]
    found: list[Json] = [{"name": "duration_seconds", "type": "decimal", "minimum": "-1", "default": "5"}]
    if factors:
        qualities: list[Json] = list(factors)
        found.append({"name": "quality", "type": "enum", "values": qualities, "default": "720p"})
    if has_silence:
        found.append({"name": "generate_audio", "type": "boolean", "default": True})
    return found


def _quantity(model: Model, factors: Mapping[str, str], *, has_silence: bool) -> JsonObject:
    if "images" in model.path:
        return _variable("image_count")
    terms: list[Json] = [_seconds(model)]
    if factors:
        terms.append({"op": "lookup", "key": _variable("quality"), "values": dict(factors)})
    if has_silence:
        terms.append(_if(_variable("generate_audio"), _constant("1"), _constant("0.5")))
    return {"op": "multiply", "args": terms} if len(terms) > 1 else cast("JsonObject", terms[0])


def _seconds(model: Model) -> JsonObject:
    """Return the seconds that are held: a number where the request leaves the length to the model or to its input."""
    seconds, special = _variable("duration_seconds"), {"-1": HELD_SECONDS_OF_MODEL_CHOICE}
    if model.name == "wan2.7-video-edit":
        special = {"0": HELD_SECONDS_OF_KEPT_LENGTH}
    [(value, held)] = special.items()
    is_special: JsonObject = {"op": "eq", "args": [seconds, _constant(value)]}
    return _if(is_special, _constant(str(held)), seconds)


def _if(condition: JsonObject, yes: JsonObject, no: JsonObject) -> JsonObject:
    return {"op": "if", "args": [condition, yes, no]}


def _variable(name: str) -> JsonObject:
    return {"op": "variable", "name": name}


def _constant(value: str) -> JsonObject:
    return {"op": "constant", "value": value}


def _money(value: object) -> JsonObject:
    amount = float(value) if isinstance(value, int | float) else 0.0
    units = round(amount * UNITS_PER_CREDIT)
    return {
        "uc": str(units),
        "credits": _text(units / UNITS_PER_CREDIT),
        "cny": _text(units / UNITS_PER_CREDIT / 10),
        "usd": _text(round(units / _UNITS_PER_USD, 8)),
    }


def _text(number: object) -> str:
    """Write a number as the vendor does: a decimal without an exponent."""
    amount = float(number) if isinstance(number, int | float) else 0.0
    return f"{amount:.8f}".rstrip("0").rstrip(".")
