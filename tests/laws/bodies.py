"""Values and bodies around every boundary of a JSON Schema.

Made from the schema alone, so a new model needs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from hypothesis import strategies as st

from tests.laws.vendor import NOT_ASCII, PRIVATE, URL, Body, Schema

CALLBACKS = [
    URL,
    *PRIVATE,
    "http://example.com/hook",
    *("https://example.com/".ljust(n, "a") for n in (2047, 2048, 2049)),
]
URLS = [
    URL,
    "http://example.com/a",
    "HTTPS://EXAMPLE.COM",
    NOT_ASCII,
    "",
    "a.mp4",
    "https://a:0",
    "https://a:99999",
    "ftp://example.com/a",
    "https:///a",
    "https://a b",
]
SIZES = ["1024x768", "768x768", "1440x1440", "767x768", "1440x1441", "512x2048", "400x2000", "x", "1024X768", "0x0"]
STRANGE = [None, True, 0, 1, 5, 5.0, 2.5, "", "text", [], [5], {}, {"a": 1}]


def good(entry: Schema) -> list[Any]:
    if "enum" in entry or "const" in entry:
        return [*entry.get("enum", [entry.get("const")])]
    if entry.get("format") == "uri":
        return [URL]
    if "pattern" in entry:
        return ["1024x768"]
    if entry["type"] == "string":
        return ["A", "a" * entry["maxLength"]]
    if entry["type"] == "boolean":
        return [True, False]
    if entry["type"] == "array":
        return [[URL] * count for count in range(1, entry["maxItems"] + 1)]
    if entry["type"] == "object":
        return [{}]
    spans = [entry, *entry.get("anyOf", [])]
    bounds = [span[word] for span in spans for word in ("minimum", "maximum", "const") if word in span]
    return sorted({*bounds, 5} if max(bounds) >= 5 else {*bounds})


def edges(entry: Schema) -> list[Any]:
    values = [*good(entry), *STRANGE]
    if entry.get("format") == "uri":
        return values + (CALLBACKS if "pattern" in entry else URLS)
    if "pattern" in entry:
        return values + SIZES
    if "maxLength" in entry:
        return values + ["图" * (entry["maxLength"] + extra) for extra in (-1, 0, 1)]
    if entry.get("type") == "array":
        return [*values, [URL] * (entry["maxItems"] + 1), [URL, URL], *([url] for url in URLS), [[URL]], [None]]
    if entry.get("type") in ("integer", "number"):
        return values + [value + step for value in good(entry) for step in (-1, 1, 0.5, 0.0)]
    if "additionalProperties" in entry:
        names = ["image1", "image2", "video1", "video6", "image0", "image01", "voice1", ""]
        many = {f"image{number}": URL for number in range(1, 7)}
        return values + [{name: URL} for name in names] + [{"image1": url} for url in [*URLS, None]] + [many]
    return [*values, "wrong"]


def _options(entry: Schema, values: Callable[[Schema], list[Any]]) -> st.SearchStrategy[Any]:
    if "properties" not in entry:
        return st.sampled_from(values(entry))
    nested = {name: st.sampled_from(values(inner)) for name, inner in entry["properties"].items()}
    whole = st.fixed_dictionaries({}, optional=nested)
    return whole if values is good else whole | st.sampled_from([*STRANGE, {"unknown": 1}])


@st.composite
def bodies(draw: st.DrawFn, schema: Schema, *, wild: int = 3) -> Body:
    """A body that is mostly right, with up to `wild` entries at a boundary, of a wrong type, unknown or missing."""
    properties = schema["properties"]
    required = [name for name in schema["required"] if name != "model"]
    optional = [name for name in properties if name not in schema["required"]]
    chosen = [*required, *draw(st.lists(st.sampled_from(optional), unique=True))]
    body = {name: draw(_options(properties[name], good)) for name in chosen}
    for name in draw(st.lists(st.sampled_from([*required, *optional]), unique=True, max_size=wild)):
        body[name] = draw(_options(properties[name], edges))
    if wild and draw(st.integers(0, 9)) == 0:
        body.pop(draw(st.sampled_from([*required, *optional])), None)
        body["unknown"] = draw(st.sampled_from(STRANGE))
    return {"model": draw(st.sampled_from(good(properties["model"]))), **body}


def base(schema: Schema) -> Body:
    required = {name: good(schema["properties"][name])[0] for name in schema["required"]}
    references = {"image_urls": [URL]} if required["model"] == "wan2.7-reference-video" else {}
    return required | references


def mixtures(schema: Schema) -> Iterator[Body]:
    """Every set of optional fields that a rule between fields may look at, with every good value of the named ones."""
    words = ("video_urls", "audio_urls", "image_urls", "image_start", "image_end", "generation_mode", "quality")
    names = [name for name in (*words, "aspect_ratio", "duration") if name in schema["properties"]]
    for size in range(len(names) + 1):
        for chosen in combinations(names, size):
            yield from _filled(schema, [*chosen], base(schema))


def _filled(schema: Schema, names: list[str], body: Body) -> Iterator[Body]:
    if not names:
        yield body
        return
    name, *rest = names
    entry = schema["properties"][name]
    ends = [good(entry)[0], good(entry)[-1]]
    values = entry["enum"] if name in ("generation_mode", "quality", "aspect_ratio") else ends
    for value in values:
        yield from _filled(schema, rest, body | {name: value})
