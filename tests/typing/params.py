"""What type checkers must see of the parameters; never run.

A line with an ignore is one that has to be refused: strict settings complain about an ignore that is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, assert_type

from evolink_async.models import Wan25TextToVideo, Wan26ReferenceVideo, Wan27ReferenceVideo, Wan30TextToVideo
from evolink_async.params import (
    AnyParams,
    ParamField,
    Params,
    RawParams,
    dump_params,
    fields_of,
    load_params,
    registered_models,
)

URL = "https://example.com/a.mp4"

from_list = Wan26ReferenceVideo(prompt="A", video_urls=[URL])
from_tuple = Wan26ReferenceVideo(prompt="A", video_urls=(URL,), duration=None, shot_type="multi", extra={"a": 1})
nothing = Wan27ReferenceVideo(prompt="A", image_urls=None, voice_bindings={"image1": URL})

assert_type(from_list.video_urls, tuple[str, ...])
assert_type(from_list.duration, int | None)
assert_type(from_list.quality, Literal["720p", "1080p"])
assert_type(nothing.voice_bindings, Mapping[str, str])
assert_type(from_list.extra, Mapping[str, Any])
assert_type(from_list.path, str)
assert_type(Wan26ReferenceVideo.billed_input_seconds([5, 2.5]), float)

Wan26ReferenceVideo(prompt="A")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Wan26ReferenceVideo(prompt=5, video_urls=[URL])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan26ReferenceVideo("A", [URL])  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
Wan26ReferenceVideo(prompt="A", video_urls=[URL], quality="480p")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan26ReferenceVideo(prompt="A", video_urls=[URL], colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Wan25TextToVideo(prompt="A", duration=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan30TextToVideo(prompt="A", duration=2.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
from_list.prompt = "B"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]

body: dict[str, object] = {"model": "wan2.6-reference-video"}
assert_type(load_params(body), Params)
assert_type(load_params(body, check=True), Params)
assert_type(load_params(body, check=False), Params | RawParams)
assert_type(registered_models(), Mapping[str, type[Params]])
assert_type(fields_of(Wan26ReferenceVideo), tuple[ParamField, ...])

wish: AnyParams = RawParams("wan9", {"prompt": "A"})
wish = from_list
dump_params(wish)["prompt"]
