"""The vendor's schemas, the classes, and where the two differ on purpose.

Every entry of `DISAGREEMENTS` has its reason and a repair that ends the difference. The law: once every repair is
made, class and schema agree on any body. Nothing here makes bodies.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker

from evolink_async.errors import ParamsError
from evolink_async.params import Params, ParamsWarning, load_params

Body = dict[str, Any]
Schema = dict[str, Any]

URL = "https://example.com/a.mp4"
NOT_ASCII = "https://example.com/图.mp4"
ENCODED = "https://example.com/%E5%9B%BE.mp4"
PRIVATE = ["https://127.0.0.1/hook", "https://10.1.2.3/hook", "https://localhost/hook", "https://[::1]/hook"]


def _stored() -> dict[str, Schema]:
    folder = files("evolink_async.emulator.service").joinpath("schemas")
    texts = {file.name.removesuffix(".json"): file.read_text("utf-8") for file in folder.iterdir()}
    return {name: json.loads(text) for name, text in texts.items() if name.startswith("wan")}


VENDOR = _stored()


# --- what the schema says, what the class says

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("uri", raises=ValueError)
def _is_web_address(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    spaced = any(sign.isspace() or not sign.isprintable() for sign in value)
    return not spaced and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0


def schema_takes(schema: Schema, body: Body) -> bool:
    return Draft202012Validator(schema, format_checker=_FORMATS).is_valid(body)


def load_quietly(body: Body) -> Params | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParamsWarning)
        try:
            return load_params(body)
        except ParamsError:
            return None


def class_takes(body: Body) -> bool:
    return load_quietly(body) is not None


# --- where they differ on purpose


def _properties(schema: Schema, body: Body) -> Iterator[tuple[Body, str, Schema, bool]]:
    """Every known entry of the body: the object that holds it, its name, its schema, whether it is required."""
    nested = schema["properties"].get("model_params", {}).get("properties", {})
    for name in [*body]:
        if name in schema["properties"]:
            yield body, name, schema["properties"][name], name in schema["required"]
    if isinstance(body.get("model_params"), dict):
        for name in [*body["model_params"]]:
            if name in nested:
                yield body["model_params"], name, nested[name], False


def _without_unknown(schema: Schema, body: Body) -> None:
    nested = schema["properties"].get("model_params", {}).get("properties", {})
    for name in body.keys() - schema["properties"].keys():
        del body[name]
    if isinstance(body.get("model_params"), dict):
        for name in body["model_params"].keys() - nested.keys():
            del body["model_params"][name]


def _without_null(schema: Schema, body: Body) -> None:
    for holder, name, _, required in _properties(schema, body):
        if holder[name] is None and not required:
            del holder[name]


def _without_empty_optional(schema: Schema, body: Body) -> None:
    for holder, name, _, required in _properties(schema, body):
        if holder[name] == [] and not required and schema["properties"].get(name, {}).get("type") == "array":
            del holder[name]


def _filled_required(schema: Schema, body: Body) -> None:
    for holder, name, _, required in _properties(schema, body):
        if holder[name] == [] and required:
            holder[name] = [URL]


def _whole_numbers(schema: Schema, body: Body) -> None:
    for holder, name, entry, _ in _properties(schema, body):
        fractions = entry.get("type") == "number"
        if isinstance(holder[name], float) and (fractions or holder[name].is_integer()):
            holder[name] = int(holder[name])


def cut(schema: Schema, body: Body) -> None:
    for holder, name, entry, _ in _properties(schema, body):
        if entry.get("x-overflow") == "truncated" and isinstance(holder[name], str):
            holder[name] = holder[name][: entry["maxLength"]]


def _five_references(_: Schema, body: Body) -> None:
    if body["model"] == "wan2.7-reference-video":
        images, clips = body.get("image_urls"), body.get("video_urls")
        if (
            isinstance(images, list)
            and isinstance(clips, list)
            and max(len(images), len(clips)) <= 5 < len(images + clips)
        ):
            body["image_urls"] = images[: 5 - len(clips)]
            if not body["image_urls"]:
                del body["image_urls"]


def _voices_of_references(_: Schema, body: Body) -> None:
    holder = body.get("model_params")
    if body["model"] == "wan2.7-reference-video" and isinstance(holder, dict):
        voices = holder.get("voice_bindings")
        there = {"image": body.get("image_urls"), "video": body.get("video_urls")}
        if not isinstance(voices, dict):
            return
        for name in [*voices]:
            kind, number = name[:5], name[5:]
            known = there.get(kind)
            if number.isdigit() and number[0] != "0" and int(number) > (len(known) if isinstance(known, list) else 0):
                del voices[name]


def _possible_size(schema: Schema, body: Body) -> None:
    if "size" in schema["properties"] and body.get("size") in ("767x768", "1440x1441", "400x2000", "0x0"):
        body["size"] = "1024x768"


def _public_callback(_: Schema, body: Body) -> None:
    if body.get("callback_url") in PRIVATE:
        body["callback_url"] = URL


def _encoded(_: Schema, body: Body) -> None:
    encoded = json.loads(json.dumps(body, ensure_ascii=False).replace(NOT_ASCII, ENCODED))
    body.update(encoded)


class Disagreement(NamedTuple):
    reason: str
    taken_by: str
    repair: Callable[[Schema, Body], None]
    example: Body


DANCE = {"model": "wan2.6-reference-video", "prompt": "A", "video_urls": [URL]}
REFERENCES = {"model": "wan2.7-reference-video", "prompt": "A", "image_urls": [URL] * 3}
DISAGREEMENTS = [
    Disagreement(
        "unknown fields are refused: nearly always a slip", "schema", _without_unknown, DANCE | {"duratoin": 5}
    ),
    Disagreement("an optional null counts as not given", "class", _without_null, DANCE | {"duration": None}),
    Disagreement(
        "an empty optional list counts as not given",
        "class",
        _without_empty_optional,
        {"model": "wan2.7-text-to-video", "prompt": "A", "audio_urls": []},
    ),
    Disagreement("a required list cannot be empty", "schema", _filled_required, DANCE | {"video_urls": []}),
    Disagreement(
        "5.0 is no whole number here, and 2.5 s no length", "schema", _whole_numbers, DANCE | {"duration": 5.0}
    ),
    Disagreement(
        "text that the service cuts warns",
        "class",
        cut,
        {"model": "wan2.7-text-to-video", "prompt": "a" * 5001},
    ),
    Disagreement("five references in all (prose)", "schema", _five_references, REFERENCES | {"video_urls": [URL] * 3}),
    Disagreement(
        "a voice needs its reference (prose)",
        "schema",
        _voices_of_references,
        REFERENCES | {"model_params": {"voice_bindings": {"image4": URL}}},
    ),
    Disagreement(
        "pixels and ratio of an image (prose)",
        "schema",
        _possible_size,
        {"model": "wan2.5-text-to-image", "prompt": "A", "size": "767x768"},
    ),
    Disagreement("no private callback host (prose)", "schema", _public_callback, DANCE | {"callback_url": PRIVATE[0]}),
    Disagreement("a URI is ASCII (RFC 3986)", "schema", _encoded, DANCE | {"video_urls": [NOT_ASCII]}),
]


def assert_agreement(schema: Schema, body: Body) -> None:
    """Repaired, both say the same; and the class refuses what an entry says it refuses."""
    repaired = json.loads(json.dumps(body))
    refused = False
    for disagreement in DISAGREEMENTS:
        before = json.dumps(repaired)
        disagreement.repair(schema, repaired)
        refused |= disagreement.taken_by == "schema" and json.dumps(repaired) != before
    assert class_takes(repaired) == schema_takes(schema, repaired), repaired
    if refused:
        assert not class_takes(body)
