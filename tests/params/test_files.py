"""Local files as parameters: accepted in place of URLs, dumped, loaded if that is allowed, replaced."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from evolink_async.errors import ParamsError
from evolink_async.jobs import digest
from evolink_async.media import LocalMedia
from evolink_async.models import (
    Wan26ImageToVideo,
    Wan26ReferenceVideo,
    Wan27ReferenceVideo,
    Wan30ReferenceVideo,
    Wan30TextToVideo,
)
from evolink_async.params import RawParams, dump_params, json_schema, load_params, local_media, with_media

URL = "https://example.com/a.mp4"
SINGER = Wan27ReferenceVideo(
    prompt="Image 1 sings to Video 1",
    image_start=Path("start.png"),
    image_urls=[Path("cat.png"), URL],
    video_urls=(URL, LocalMedia("dance.mp4")),
    voice_bindings={"image1": Path("voice.mp3"), "video1": URL},
)
BODY = {
    "model": "wan2.7-reference-video",
    "prompt": "Image 1 sings to Video 1",
    "image_start": "file:start.png",
    "image_urls": ["file:cat.png", URL],
    "video_urls": [URL, "file:dance.mp4"],
    "model_params": {"voice_bindings": {"image1": "file:voice.mp3", "video1": URL}},
    "quality": "720p",
    "aspect_ratio": "16:9",
    "duration": 5,
    "prompt_extend": False,
}


def faults_of(make) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        make()
    return [str(fault) for fault in caught.value.faults]


def test_a_path_goes_wherever_a_url_does():
    """One, in a list, by name; and it is a file from then on, with a digest to come."""
    assert SINGER.image_start == LocalMedia("start.png")
    assert SINGER.image_urls == (LocalMedia("cat.png"), URL)
    assert SINGER.voice_bindings["image1"] == LocalMedia("voice.mp3")
    assert pickle.loads(pickle.dumps(SINGER)) == SINGER
    assert hash(pickle.loads(pickle.dumps(SINGER))) == hash(SINGER)


def test_files_are_dumped_by_place_and_loaded_again():
    """A body that is not sent yet names its files; it is plain JSON."""
    assert dump_params(SINGER) == BODY
    assert load_params(json.loads(json.dumps(BODY)), files_from=Path()) == SINGER
    assert load_params(BODY, check=False, files_from=Path()) == SINGER


def test_relative_paths_start_where_the_body_was_found():
    """Relative paths start at the given folder; absolute ones stay."""
    body = {"model": "wan2.6-reference-video", "prompt": "A", "video_urls": ["file:a.mp4", "file:///films/b%20c.mp4"]}
    params = load_params(body, files_from=Path("/jobs"))
    assert [str(local.path) for local in local_media(params)] == ["/jobs/a.mp4", "/films/b c.mp4"]


@pytest.mark.parametrize("check", [True, False])
def test_a_body_names_no_files_unless_that_is_allowed(check):
    """The author of a JSON body cannot choose which files of a web back end are uploaded."""
    faults = faults_of(lambda: load_params(BODY, check=check))
    assert faults == [
        f"must be a URL: a text can name local files only with files_from=FOLDER, not {text} @ {path}"
        for text, path in [
            ("'file:start.png'", "image_start"),
            ("'file:cat.png'", "image_urls[0]"),
            ("'file:dance.mp4'", "video_urls[1]"),
            ("'file:voice.mp3'", "model_params.voice_bindings.image1"),
        ]
    ]


def test_each_bad_file_name_is_one_fault_among_the_others():
    """All of them are named at once, with their places."""
    body = BODY | {"image_start": "file://nas/a.png", "duration": 99, "video_urls": ["file:", "a.mp4"]}
    assert faults_of(lambda: load_params(body, files_from=Path())) == [
        "must be a file on this computer, not 'file://nas/a.png' @ image_start",
        "must name a file after file:, not 'file:' @ video_urls[0]",
        "must be an http or https URL, or 'file:a.mp4' for a file, not 'a.mp4' @ video_urls[1]",
        "must be 2 to 15, not 99 @ duration",
    ]


def test_files_go_nowhere_else():
    """Parameters that the service calls or reads take URLs only."""
    assert faults_of(lambda: Wan30TextToVideo(prompt="A", callback_url=Path("a"))) == [  # type: ignore[arg-type]
        "must be text, not a Python PosixPath @ callback_url"
    ]
    assert faults_of(lambda: Wan30ReferenceVideo(link_url=LocalMedia("a.html"))) == [  # type: ignore[arg-type]
        "must be text, not a Python LocalMedia @ model_params.link_url"
    ]
    body = {"model": "wan3.0-reference-video", "model_params": {"link_url": "file:a.html"}}
    assert faults_of(lambda: load_params(body, files_from=Path())) == [
        "must be an http or https URL, not 'file:a.html' @ model_params.link_url"
    ]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ([5], "must be text, not 5 @ video_urls[0]"),
        (["clips/a.mp4"], "must be an http or https URL or a file as pathlib.Path, not 'clips/a.mp4' @ video_urls[0]"),
        (Path("a.mp4"), "must be a list of URLs, not a Python PosixPath @ video_urls"),
        ([Path("a.mp4")] * 4, "must be 1 to 3 URLs, not 4 @ video_urls"),
        (
            [Path("a\ud800.mp4")],
            "must be a file whose name a system can write, not 'a\\ud800.mp4' @ video_urls[0]",
        ),
    ],
)
def test_what_is_neither_is_named(value, fault):
    """Text is a URL; a path is a Path; nothing is guessed."""
    assert faults_of(lambda: Wan26ReferenceVideo(prompt="A", video_urls=value)) == [fault]


def test_local_media_names_each_file_once():
    """In the order of the request body; parameters without files have none."""
    twice = Wan26ReferenceVideo(prompt="A", video_urls=[Path("a.mp4"), Path("b.mp4"), Path("a.mp4")])
    assert local_media(twice) == (LocalMedia("a.mp4"), LocalMedia("b.mp4"))
    names = ["start.png", "cat.png", "dance.mp4", "voice.mp3"]
    assert [local.path.name for local in local_media(SINGER)] == names
    for none in (Wan30TextToVideo(prompt="A"), RawParams("wan9", {"video_urls": ["file:a.mp4"]})):
        assert local_media(none) == ()


def test_files_are_replaced_wherever_they_stand():
    """A file is replaced by its digest, then by a link; the class and the other values stay."""
    measured = with_media(SINGER, {local: LocalMedia(local.path, "00ff") for local in local_media(SINGER)})
    assert dump_params(measured)["model_params"] == {"voice_bindings": {"image1": "sha256:00ff", "video1": URL}}
    sent = with_media(measured, dict.fromkeys(local_media(measured), URL))
    assert type(sent) is Wan27ReferenceVideo
    assert local_media(sent) == ()
    assert load_params(dump_params(sent)) == sent
    assert (sent.prompt, sent.duration, sent.extra) == (SINGER.prompt, SINGER.duration, {})


def test_replacing_runs_no_rules_and_touches_nothing_else():
    """A link is inserted unchecked; raw parameters and other files stay."""
    params = Wan26ImageToVideo(prompt="A", image_urls=[Path("a.png")])
    assert with_media(params, {LocalMedia("a.png"): "odd"}).image_urls == ("odd",)
    assert with_media(params, {LocalMedia("b.png"): URL}) == params
    raw = RawParams("wan9", {"a": "file:a.png"})
    assert with_media(raw, {LocalMedia("a.png"): URL}) is raw


def test_the_digest_of_measured_files_is_that_of_their_content():
    """The same clip under another name is the same job; another clip under the same name is not."""

    def job(name: str, sha256: str) -> str:
        return digest(Wan26ReferenceVideo(prompt="A", video_urls=[LocalMedia(name, sha256)]))

    assert job("a.mp4", "00ff") == job("b/c.mp4", "00ff") != job("a.mp4", "00fe")


def test_the_schema_knows_the_wire_only():
    """The schema of the request body has URLs only."""
    schema: Any = json_schema(Wan26ReferenceVideo)
    assert schema["properties"]["video_urls"] == {
        "description": "1 to 3 URLs",
        "type": "array",
        "items": {"type": "string", "format": "uri"},
        "minItems": 1,
        "maxItems": 3,
    }


@pytest.mark.parametrize("place", ["/films/a\udcff.mp4", "a\udcff b.mp4", "//nas/\udc80.mp4"])
def test_a_name_of_other_bytes_than_utf_8_is_taken(place):
    """It is never sent. Until the file is measured, a text of UTF-8 stands for it that names no file."""
    params = Wan26ReferenceVideo(prompt="A", video_urls=[Path(place)])
    body = dump_params(params)
    json.dumps(body, ensure_ascii=False).encode()
    assert local_media(params) == (LocalMedia(place),)
    with pytest.raises(ParamsError, match=r"must be a file (URI in percent-encoded UTF-8|on this computer)"):
        load_params(body, files_from=Path("/films"))
