"""The nineteen models: the vendor's own examples, the rules between fields, what their docstrings promise."""

from __future__ import annotations

import doctest
import math
from collections import Counter
from importlib import import_module

import pytest

from evolink_async import models
from evolink_async.errors import ParamsError
from evolink_async.media import MB, MediaFacts
from evolink_async.models import (
    Wan26ImageToVideoFlash,
    Wan26ReferenceVideo,
    Wan26ReferenceVideoFlash,
    Wan27ImageToVideo,
    Wan27ReferenceVideo,
    Wan30PrimeReferenceVideo,
    Wan30ReferenceVideo,
)
from evolink_async.params import dump_params, load_params, registered_models
from evolink_async.params.fields import fields_of
from tests.laws.vendor import VENDOR

OSS = "https://help-static-aliyun-doc.aliyuncs.com/file-manage-files/xxx.mp4"
URL = "https://example.com/1.png"
NAMES = sorted(registered_models())
MODULES = Counter(getattr(models, name).__module__ for name in models.__all__)

EXAMPLES = [
    # The requests on the four vendor pages, with every default the pages state (read 2026-11-20). The page of
    # wan2.6-image-to-video-flash leaves out image_urls, which it requires; the value is the field's own example.
    (
        Wan26ReferenceVideo(prompt="A person dancing", video_urls=[OSS]),
        {"model": "wan2.6-reference-video", "prompt": "A person dancing", "video_urls": [OSS]},
        {"aspect_ratio": "16:9", "quality": "720p"},
    ),
    (
        Wan26ReferenceVideoFlash(prompt="A person dancing", video_urls=[OSS]),
        {"model": "wan2.6-reference-video-flash", "prompt": "A person dancing", "video_urls": [OSS]},
        {"aspect_ratio": "16:9", "quality": "720p", "generate_audio": True},
    ),
    (
        Wan26ImageToVideoFlash(prompt="A cat playing piano", image_urls=["https://example.com/image1.png"]),
        {
            "model": "wan2.6-image-to-video-flash",
            "prompt": "A cat playing piano",
            "image_urls": ["https://example.com/image1.png"],
        },
        {"quality": "720p", "prompt_extend": True, "generate_audio": True},
    ),
    (
        Wan27ReferenceVideo(
            prompt="The character from the reference video dancing on a meadow",
            video_urls=["https://example.com/reference.mp4"],
        ),
        {
            "model": "wan2.7-reference-video",
            "prompt": "The character from the reference video dancing on a meadow",
            "video_urls": ["https://example.com/reference.mp4"],
        },
        {"quality": "720p", "aspect_ratio": "16:9", "duration": 5, "prompt_extend": False},
    ),
]

REFERENCES = {"model": "wan2.7-reference-video", "prompt": "A"}
FRAMES = {"model": "wan2.7-image-to-video"}
BETWEEN = [
    (
        {"model": "wan2.5-text-to-video", "prompt": "A", "quality": "480p", "aspect_ratio": "4:3"},
        ["must be 16:9, 9:16 or 1:1 at 480p, not 4:3 @ aspect_ratio"],
    ),
    (REFERENCES, ["is required, or image_urls; image_start is no reference @ video_urls"]),
    (REFERENCES | {"image_start": URL}, ["is required, or image_urls; image_start is no reference @ video_urls"]),
    (
        REFERENCES | {"image_urls": [URL] * 4, "video_urls": [URL] * 2},
        ["must be up to 5 together with image_urls, not 6 @ video_urls"],
    ),
    (REFERENCES | {"image_urls": [URL] * 6}, ["must be 1 to 5 URLs, not 6 @ image_urls"]),
    (REFERENCES | {"image_urls": [URL], "duration": 15}, []),
    (REFERENCES | {"video_urls": [URL], "duration": 11}, ["must be 2 to 10 with video_urls, not 11 @ duration"]),
    (REFERENCES | {"video_urls": [URL], "duration": 16}, ["must be 2 to 15, not 16 @ duration"]),
    (
        REFERENCES | {"image_urls": [URL], "model_params": {"voice_bindings": {"image2": URL, "video1": URL}}},
        [
            "is bound to nothing: image_urls has 1 @ model_params.voice_bindings.image2",
            "is bound to nothing: video_urls has 0 @ model_params.voice_bindings.video1",
        ],
    ),
    (REFERENCES | {"image_urls": [URL] * 2, "model_params": {"voice_bindings": {"image1": URL, "image2": URL}}}, []),
    (FRAMES, []),
    (FRAMES | {"video_urls": [URL], "audio_urls": [URL]}, ["cannot be given together with video_urls @ audio_urls"]),
    (
        FRAMES | {"generation_mode": "first_frame", "image_end": URL, "video_urls": [URL]},
        [
            "is required in mode first_frame @ image_start",
            "cannot be given in mode first_frame @ image_end",
            "cannot be given in mode first_frame @ video_urls",
        ],
    ),
    (
        FRAMES | {"generation_mode": "first_last_frame", "image_start": URL},
        ["is required in mode first_last_frame @ image_end"],
    ),
    (FRAMES | {"generation_mode": "video_continuation", "video_urls": [URL], "image_end": URL}, []),
    (
        FRAMES | {"generation_mode": "video_continuation", "video_urls": [URL], "audio_urls": [URL]},
        ["cannot be given in mode video_continuation @ audio_urls"],
    ),
    (
        FRAMES | {"generation_mode": "other", "video_urls": [URL]},
        ["must be first_frame, first_last_frame or video_continuation, not 'other' @ generation_mode"],
    ),
    (
        {"model": "wan3.0-reference-video", "model_params": {"file_url": URL, "link_url": URL}},
        ["cannot be given together with model_params.file_url @ model_params.link_url"],
    ),
]


@pytest.mark.parametrize(("params", "example", "defaults"), EXAMPLES)
def test_the_vendors_own_examples(params, example, defaults):
    """The body sent is the page's example and the defaults the page states, nothing else."""
    assert load_params(example) == params
    assert dump_params(params) == example | defaults
    assert list(dump_params(params))[:2] == ["model", "prompt"]


@pytest.mark.parametrize(("body", "faults"), BETWEEN)
def test_rules_between_fields(body, faults):
    """Each rule that a page states between fields, and the nearest case that it allows."""
    found = []
    try:
        load_params(body)
    except ParamsError as error:
        found = [str(fault) for fault in error.faults]
    assert found == faults


def test_voices_travel_inside_model_params():
    """Nested fields of the service are flat here; the dump nests them again."""
    params = Wan27ReferenceVideo(prompt="A", image_urls=[URL], voice_bindings={"image1": URL})
    assert dump_params(params)["model_params"] == {"voice_bindings": {"image1": URL}}
    assert Wan27ReferenceVideo(prompt="A", image_urls=[URL], voice_bindings=None).voice_bindings == {}


def as_the_page_has_it(field):
    """The media rule of a parameter, written as the vendor's limits are."""
    rule = field.media
    formats = [f"{form} (no alpha)" if form == "png" and not rule.alpha else form for form in rule.formats]
    limits = {"formats": set(formats), "max_mb": rule.max_bytes / MB}
    if rule.seconds:
        limits["seconds"] = list(rule.seconds)
    if rule.sides:
        limits["width_height_px"] = list(rule.sides)
    if rule.max_ratio:
        limits["aspect_ratio"] = [f"1:{rule.max_ratio:g}", f"{rule.max_ratio:g}:1"]
    if rule.max_pages:
        limits["max_pages"] = rule.max_pages
    return limits


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_of_the_vendor_stands_beside_its_parameter(name):
    """The page's limits and ours are the same, parameter by parameter."""
    told = VENDOR[name]["x-evolink"].get("media_limits", {})
    kept = {field.name: as_the_page_has_it(field) for field in fields_of(registered_models()[name]) if field.media}
    between = {"overflow", "total_seconds"}
    page = {
        field: {
            key: set(value) - {"jpg"} if key == "formats" else value
            for key, value in limits.items()
            if key not in between
        }
        for field, limits in told.items()
    }
    assert kept == page


def clip_of(seconds):
    return MediaFacts(format="mp4", size_bytes=1, seconds=seconds)


MATERIAL = [
    (Wan27ImageToVideo(video_urls=[URL]), {"video_urls[0]": 5}, []),
    (Wan27ImageToVideo(video_urls=[URL]), {"video_urls[0]": 5.05}, []),
    (Wan27ImageToVideo(video_urls=[URL]), {"video_urls[0]": None}, []),
    (
        Wan27ImageToVideo(video_urls=[URL]),
        {"video_urls[0]": 6.2},
        ["must be at least the clip's 6.2 s, not 5 @ duration"],
    ),
    (Wan30ReferenceVideo(video_urls=[URL] * 2, duration=15), {"video_urls[0]": 10, "video_urls[1]": 5}, []),
    (
        Wan30PrimeReferenceVideo(video_urls=[URL] * 2, duration=14),
        {"video_urls[0]": 10, "video_urls[1]": 6},
        ["must be up to 15 s in all, not 16 @ video_urls"],
    ),
    (
        Wan30ReferenceVideo(audio_urls=[URL] * 2, duration=30),
        {"audio_urls[0]": 10, "audio_urls[1]": 6},
        ["must be up to 15 s in all, not 16 @ audio_urls"],
    ),
    (
        Wan30ReferenceVideo(video_urls=[URL] * 2, duration=16),
        {"video_urls[0]": 10, "video_urls[1]": 5},
        ["must be up to 30 s together with the clips, not 31 @ duration"],
    ),
    (Wan30ReferenceVideo(video_urls=[URL], duration=-1), {"video_urls[0]": 15}, []),
    (Wan30ReferenceVideo(image_urls=[URL], duration=30), {"image_urls[0]": None}, []),
    (Wan26ReferenceVideo(prompt="A", video_urls=[URL] * 2), {"video_urls[0]": 30, "video_urls[1]": 30}, []),
]


@pytest.mark.parametrize(("params", "seconds", "faults"), MATERIAL)
def test_rules_between_files(params, seconds, faults):
    """Each rule that a page states over several files, or over files and the output."""
    facts = {path: clip_of(length) for path, length in seconds.items()}
    assert [str(fault) for fault in params.between_media(facts)] == faults


@pytest.mark.parametrize("name", NAMES)
def test_wherever_a_url_of_media_goes_a_file_goes_too(name):
    """Other URLs, of callbacks and web pages, take no files: the service must reach them."""
    taking = {field.name for field in fields_of(registered_models()[name]) if field.media}
    urls = {field.name for field in fields_of(registered_models()[name]) if "URL" in field.text}
    assert urls - taking <= {"callback_url", "link_url"}
    assert not taking & {"callback_url", "link_url"}


@pytest.mark.parametrize("model", [Wan26ReferenceVideo, Wan26ReferenceVideoFlash])
def test_billed_input_seconds(model):
    """Up to 5 s count of one clip, up to 2.5 s each of two, up to 1.65 s each of three."""
    assert model.billed_input_seconds([30]) == 5
    assert model.billed_input_seconds([3.25]) == 3.25
    assert model.billed_input_seconds((30, 2)) == 4.5
    assert model.billed_input_seconds([30, 30, 30]) == 4.95
    assert model.billed_input_seconds([30, 1, 0]) == 2.65


@pytest.mark.parametrize(
    ("durations", "fault"),
    [
        ([], "must be 1 to 3 clips, not 0 @ durations"),
        ([1] * 4, "must be 1 to 3 clips, not 4 @ durations"),
        ([1, -1], "must be a number of seconds from 0, not -1 @ durations[1]"),
        ([math.nan], "must be a number of seconds from 0, not nan @ durations[0]"),
        ([math.inf], "must be a number of seconds from 0, not inf @ durations[0]"),
        ([True], "must be a number of seconds from 0, not true @ durations[0]"),
        (["5"], "must be a number of seconds from 0, not '5' @ durations[0]"),
    ],
)
def test_billed_input_seconds_refuses_what_has_no_length(durations, fault):
    """Lengths are finite numbers from 0, for one to three clips."""
    with pytest.raises(ParamsError) as caught:
        Wan26ReferenceVideo.billed_input_seconds(durations)
    assert [str(each) for each in caught.value.faults] == [fault]


def test_all_models_are_exported_and_registered():
    """Seventeen video models and two image models, each under the vendor's name."""
    exported = {getattr(models, name).model for name in models.__all__}
    assert exported == set(NAMES)
    assert len(exported) == 19
    images = [name for name in NAMES if registered_models()[name].path == "/v1/images/generations"]
    assert images == ["wan2.5-image-to-image", "wan2.5-text-to-image"]


@pytest.mark.parametrize("name", NAMES)
def test_a_class_names_its_model_its_page_and_its_fields(name):
    """The class is named after the model, and the docstring has every field, the billing and the dated source."""
    model = registered_models()[name]
    assert model.__name__.lower() == name.replace(".", "").replace("-", "")
    assert model.source.endswith(f"/{name}")
    text = " ".join((model.__doc__ or "").split())
    assert f"Source: {model.source} (read 2026-11-20)." in text
    assert "Billed by the " in text
    for field in fields_of(model):
        assert f" {field.name}: " in text or field.name == "callback_url"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_examples_in_the_docstrings_run(module):
    """Every class shows one request that works."""
    loaded = import_module(module)
    result = doctest.testmod(loaded, raise_on_error=True)
    assert result.attempted >= MODULES[module]
    assert result.failed == 0
