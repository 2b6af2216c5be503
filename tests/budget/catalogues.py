"""Price catalogues of tests, in the vendor's form and of our own making."""

from __future__ import annotations

import json
from typing import Any

from evolink_async.wire import PriceRules, Response, decode_price_rules

Node = dict[str, Any]


def variable(name: str) -> Node:
    return {"op": "variable", "name": name}


def constant(value: object) -> Node:
    return {"op": "constant", "value": str(value)}


def call(op: str, *args: Node) -> Node:
    return {"op": op, "args": list(args)}


def lookup(key: Node, **values: str) -> Node:
    return {"op": "lookup", "key": key, "values": {name.lstrip("_"): value for name, value in values.items()}}


def money(credits_text: str) -> Node:
    return {"credits": credits_text}


def component(quantity: Node, rate: str = "1", least: str = "0", **more: Any) -> Node:
    return {
        "id": "video",
        "rate": money(rate),
        "minimum_charge": money(least),
        "pricing_status": "available",
        "quantity_rule": quantity,
        "rounding": {"point": "per_component_subtotal", "mode": "half_up"},
        "tiers": [],
    } | more


def parameter(name: str, **more: Any) -> Node:
    return {"name": name, "type": "decimal"} | more


def entry(model: str, *components: Node, parameters: tuple[Node, ...] = (), **more: Any) -> Node:
    return {
        "model_id": model,
        "pricing_status": "available",
        "parameters": list(parameters),
        "components": list(components),
    } | more


def answer(body: object, status: int = 200, **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=headers, body=raw)


def catalogue(*entries: Any) -> PriceRules:
    return decode_price_rules(answer({"meta": {"updated_at": "2026-11-01T00:00:00Z"}, "models": list(entries)}))


SECONDS = parameter("output_seconds", minimum="-1", maximum="30", default="5")
INPUT = parameter("input_seconds", minimum="0", default="0")
QUALITY = parameter("quality", type="enum", values=["720p", "1080p"], default="720p")
FACTOR = lookup(variable("quality"), _720p="1", _1080p="1.67")
CHOSEN = call("if", call("eq", variable("output_seconds"), constant(-1)), constant(30), variable("output_seconds"))
REFERENCE = entry(
    "film",
    component(
        call("multiply", call("add", call("min", variable("input_seconds"), constant(15)), CHOSEN), FACTOR),
        "2.55",
        "5.1",
    ),
    parameters=(SECONDS, INPUT, QUALITY),
)
"""A model that bills input and output, at 2.55 credits a second."""
