"""What type checkers must see of the parameters; never run.

A line with an ignore is one that has to be refused: strict settings complain about an ignore that is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, assert_type

from evolink_async.media import LocalMedia, MediaFacts
from evolink_async.models import (
    Wan25TextToVideo,
    Wan26ImageToVideo,
    Wan26ReferenceVideo,
    Wan27ReferenceVideo,
    Wan30ImageToVideo,
    Wan30ReferenceVideo,
    Wan30TextToVideo,
)
from evolink_async.params import (
    AnyParams,
    ParamField,
    Params,
    RawParams,
    dump_params,
    fields_of,
    load_params,
    local_media,
    registered_models,
    with_media,
)
from evolink_async.uploads import Preflight, billed_input_seconds

URL = "https://example.com/a.mp4"

from_list = Wan26ReferenceVideo(prompt="A", video_urls=[URL])
from_tuple = Wan26ReferenceVideo(prompt="A", video_urls=(URL,), duration=None, shot_type="multi", extra={"a": 1})
from_files = Wan26ReferenceVideo(prompt="A", video_urls=[Path("a.mp4"), LocalMedia("b.mp4")])
from_both = Wan26ReferenceVideo(prompt="A", video_urls=(URL, Path("a.mp4")))
from_paths: list[Path] = [Path("a.mp4")]
Wan26ReferenceVideo(prompt="A", video_urls=from_paths)
Wan26ImageToVideo(prompt="A", image_urls=[Path("a.png")], audio_url=Path("a.mp3"))
from_frame = Wan30ImageToVideo(image_start=Path("a.png"), image_end=None)
Wan30ReferenceVideo(file_url=Path("a.pdf"), link_url=URL)
Wan27ReferenceVideo(prompt="A", video_urls=[URL], voice_bindings={"video1": Path("a.mp3")}, image_start=LocalMedia("b"))
nothing = Wan27ReferenceVideo(prompt="A", image_urls=None, voice_bindings={"image1": URL})

assert_type(from_list.video_urls, tuple[str | LocalMedia, ...])
assert_type(from_list.duration, int | None)
assert_type(from_list.quality, Literal["720p", "1080p"])
assert_type(nothing.voice_bindings, Mapping[str, str | LocalMedia])
assert_type(from_list.extra, Mapping[str, Any])
assert_type(from_list.path, str)
assert_type(Wan26ReferenceVideo.billed_input_seconds([5, 2.5]), float)

Wan26ReferenceVideo(prompt="A")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Wan26ReferenceVideo(prompt=5, video_urls=[URL])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan26ReferenceVideo("A", [URL])  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
Wan26ReferenceVideo(prompt="A", video_urls=[5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
Wan26ImageToVideo(prompt="A", image_urls=[URL], audio_url=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan30ImageToVideo(image_start=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan30ReferenceVideo(link_url=Path("a.html"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan30TextToVideo(prompt="A", callback_url=Path("a"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan26ReferenceVideo(prompt="A", video_urls=[URL], quality="480p")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan26ReferenceVideo(prompt="A", video_urls=[URL], colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Wan25TextToVideo(prompt="A", duration=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Wan30TextToVideo(prompt="A", duration=2.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
from_list.prompt = "B"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]

body: dict[str, object] = {"model": "wan2.6-reference-video"}
assert_type(load_params(body), Params)
assert_type(load_params(body, check=True), Params)
assert_type(load_params(body, check=False), Params | RawParams)
assert_type(load_params(body, files_from=Path()), Params)
assert_type(load_params(body, check=False, files_from=None), Params | RawParams)
assert_type(from_frame.image_start, str | LocalMedia)
assert_type(from_frame.image_end, str | LocalMedia | None)
assert_type(local_media(from_files), tuple[LocalMedia, ...])
assert_type(with_media(from_files, {LocalMedia("b.mp4"): URL}), Wan26ReferenceVideo)
assert_type(registered_models(), Mapping[str, type[Params]])
assert_type(fields_of(Wan26ReferenceVideo), tuple[ParamField, ...])

wish: AnyParams = RawParams("wan9", {"prompt": "A"})
wish = from_list
dump_params(wish)["prompt"]


async def before_it_is_paid(preflight: Preflight) -> None:
    """Parameters keep their class."""
    assert_type(await preflight.with_digests(from_files), Wan26ReferenceVideo)
    assert_type(await preflight.with_digests(wish), Params | RawParams)
    assert_type(preflight.facts(LocalMedia("b.mp4")), MediaFacts | None)
    assert_type(billed_input_seconds(from_files, preflight.facts_of(from_files)), float | None)
