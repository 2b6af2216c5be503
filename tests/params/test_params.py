"""Parameters made in Python: model classes that check their values, and raw ones that must only be JSON."""

from __future__ import annotations

import math
import pickle
from typing import Any

import attrs
import pytest

from evolink_async.errors import ParamsError
from evolink_async.models import Wan26ReferenceVideo, Wan27ReferenceVideo, Wan27TextToVideo
from evolink_async.params import ParamsWarning, RawParams, dump_params, load_params, registered_models

CLIP = "https://example.com/reference.mp4"


def test_parameters_are_values():
    """Equal values make equal, hashable, picklable parameters; lists and tuples are the same."""
    one = Wan26ReferenceVideo(prompt="A", video_urls=[CLIP], extra={"a": [1, {"b": None}]})
    same = Wan26ReferenceVideo(prompt="A", video_urls=(CLIP,), extra={"a": (1, {"b": None})})
    assert one == same
    assert hash(one) == hash(same)
    assert pickle.loads(pickle.dumps(one)) == one
    assert attrs.evolve(one, duration=7).duration == 7
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.prompt = "B"  # type: ignore[misc]  # what the test is about
    with pytest.raises(TypeError):
        one.extra["a"] = 2  # type: ignore[index]  # what the test is about


def test_the_repr_shows_what_is_sent():
    """The repr leaves out what the body leaves out, and `callback_url` comes last."""
    params = Wan26ReferenceVideo(prompt="A", video_urls=[CLIP], callback_url="https://example.com/", extra={"a": 1})
    assert repr(params) == (
        f"Wan26ReferenceVideo(prompt='A', video_urls=('{CLIP}',), aspect_ratio='16:9', quality='720p', "
        "callback_url='https://example.com/', extra={'a': 1})"
    )


def test_every_fault_is_named_at_once():
    """A constructor reports types, limits and rules between fields together."""
    with pytest.raises(ParamsError) as caught:
        Wan27ReferenceVideo(prompt=5, seed=0, image_urls=[CLIP] * 3, video_urls=[CLIP] * 3, duration=11)  # type: ignore[arg-type]
    assert [str(fault) for fault in caught.value.faults] == [
        "must be text, not 5 @ prompt",
        "must be 1 to 2147483647, not 0 @ seed",
        "must be up to 5 together with image_urls, not 6 @ video_urls",
        "must be 2 to 10 with video_urls, not 11 @ duration",
    ]
    assert caught.value.model == "wan2.7-reference-video"
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults


def test_a_bare_string_is_no_list_of_urls():
    """A URL where a list belongs is one fault, not one per character."""
    with pytest.raises(
        ParamsError, match=r"must be a list of URLs, not 'https://example.com/reference.mp4' @ video_urls"
    ):
        Wan26ReferenceVideo(prompt="A", video_urls=CLIP)


def test_a_missing_required_field_is_pythons_own_error():
    """Python itself names a missing argument."""
    with pytest.raises(TypeError, match="prompt"):
        Wan26ReferenceVideo(video_urls=[CLIP])  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ({"quality": "4k"}, "must be set as a field of the model, not in extra @ extra.quality"),
        ({"model": "other"}, "must be set as a field of the model, not in extra @ extra.model"),
        (
            {"model_params": {"shot_type": "multi"}},
            "must be set as a field of the model, not in extra @ extra.model_params.shot_type",
        ),
        ({"model_params": 5}, "must be an object, not 5 @ extra.model_params"),
        ({"a": math.nan}, "must be a finite number, not nan @ extra.a"),
        ([], "must be an object, not a list @ extra"),
        (None, "must be an object, not null @ extra"),
    ],
)
def test_extra_holds_json_that_the_class_does_not_know(extra, fault):
    """Extra fields cannot replace checked ones, and must be JSON."""
    with pytest.raises(ParamsError) as caught:
        Wan26ReferenceVideo(prompt="A", video_urls=[CLIP], extra=extra)
    assert [str(each) for each in caught.value.faults] == [fault]


def test_overlong_text_that_the_service_cuts_warns_the_caller():
    """The warning points at the line that made the parameters, from a constructor and from `load_params`."""
    with pytest.warns(ParamsWarning, match="cuts prompt from 5001 to 5000 characters") as made:
        Wan27TextToVideo(prompt="a" * 5001)
    with pytest.warns(ParamsWarning, match="cuts negative_prompt from 501 to 500 characters") as loaded:
        load_params({"model": "wan2.7-text-to-video", "prompt": "A", "negative_prompt": "a" * 501})
    assert made[0].filename == loaded[0].filename == __file__


def test_raw_parameters_are_values():
    """The body may repeat the model; the result is the same, hashable and picklable."""
    raw = RawParams("wan9", {"model": "wan9", "a": [1]}, path="/v2/x")
    assert raw == RawParams(model="wan9", body={"a": (1,)}, path="/v2/x")
    assert hash(raw) == hash(pickle.loads(pickle.dumps(raw)))
    assert dump_params(raw) == {"model": "wan9", "a": [1]}
    assert dump_params(RawParams("wan9")) == {"model": "wan9"}
    assert "wan9" not in registered_models()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("",), "is required @ model"),
        ((5,), "must be text, not 5 @ model"),
        (("wan9", {"model": "wan8"}), "must be 'wan9', the model of the request, not 'wan8' @ body.model"),
        (("wan9", []), "must be an object, not a list @ body"),
        (("wan9", {"a": [math.inf]}), "must be a finite number, not inf @ body.a[0]"),
        (("wan9", {"a": {1: 2}}), "must have text as keys, not 1 @ body.a"),
        (("wan9", {"\ud800": 1}), "must have Unicode that can be sent as keys, not '\\ud800' @ body"),
        (("wan9", {"a": [{"b\ud800": 1}]}), "must have Unicode that can be sent as keys, not 'b\\ud800' @ body.a[0]"),
        (("wan9", {"a": object()}), "must be JSON, not a Python object @ body.a"),
        *(
            (("wan9", {}, path), f"must be an absolute path such as /v1/videos/generations, not {path!r} @ path")
            for path in ("v1/x", "//evil.example/x", "/a/../b", "/a b", "/a?b", "/", "https://evil.example/")
        ),
    ],
)
def test_raw_parameters_must_be_json_for_a_path_of_the_service(arguments, fault):
    """Only JSON is sent, and only to the host of the service."""
    with pytest.raises(ParamsError) as caught:
        RawParams(*arguments)
    assert [str(each) for each in caught.value.faults] == [fault]
    assert str(caught.value).encode()  # also about what could not be encoded


def knotted() -> dict[str, Any]:
    """An object that holds itself in two places: twice as many values on each level."""
    node: dict[str, Any] = {"name": "shot"}
    node["children"] = [{"parent": node, "root": node}]
    return node


def doubled(levels: int) -> list[Any]:
    """A list with an end, whose values are twice as many on each level."""
    found: list[Any] = [1]
    for _ in range(levels):
        found = [found, found]
    return found


ENDLESS = [
    (knotted(), "must not nest deeper than 64 levels"),
    ([knotted(), knotted()], "must not nest deeper than 64 levels"),
    (doubled(60), "must not hold more than 100000 values at all levels"),
    ({"a": doubled(30), "b": math.nan}, "must not hold more than 100000 values at all levels"),
    ([None] * 100_001, "must not hold more than 100000 values at all levels"),
]


@pytest.mark.parametrize("make", ["extra", "raw", "load", "voices"])
@pytest.mark.parametrize(("value", "what"), ENDLESS)
def test_a_value_that_grows_without_end_is_refused(make, value, what):
    """Wherever it is given, with one fault for all of it: there would be no end of faults, or of the body."""
    with pytest.raises(ParamsError) as caught:
        if make == "extra":
            Wan26ReferenceVideo(prompt="A", video_urls=[CLIP], extra={"scene": value})
        elif make == "raw":
            RawParams("wan9", {"scene": value})
        elif make == "load":
            load_params({"model": "wan2.6-reference-video", "prompt": "A", "video_urls": [CLIP], "scene": value})
        else:
            Wan27ReferenceVideo(prompt="A", video_urls=[CLIP], voice_bindings={"video1": value})
    (fault,) = (fault for fault in caught.value.faults if "unknown field" not in fault.what)
    assert fault.what.startswith(what if make != "voices" else "must be text, not ")


def test_as_many_values_as_are_sent_are_sent():
    """Objects that stand in several places are no fault, and count in each."""
    wide = doubled(14)
    body = dump_params(RawParams("wan9", {"scene": wide}))
    assert body["scene"] == wide


def test_faults_before_the_end_of_a_long_value_are_named():
    """The walk ends at the fault that ends it, not before."""
    with pytest.raises(ParamsError) as caught:
        RawParams("wan9", {"a": math.inf, "b": knotted(), "c": math.inf})
    assert [fault.path.partition(".name")[0][:6] for fault in caught.value.faults] == ["body.a", "body.b"]


BESIDE: list[tuple[dict[str, Any], list[str]]] = [
    ({"image_urls": [5], "duration": 12}, ["image_urls[0]", "duration"]),
    ({"voice_bindings": [CLIP], "duration": 12}, ["model_params.voice_bindings", "duration"]),
    ({"image_urls": "x", "voice_bindings": {"video2": CLIP}}, ["image_urls", "model_params.voice_bindings.video2"]),
    ({"duration": "12", "image_urls": [CLIP] * 5}, ["duration", "video_urls"]),
    ({"video_urls": [5], "duration": 12}, ["video_urls[0]", "duration"]),
]


@pytest.mark.parametrize(("values", "paths"), BESIDE)
def test_a_wrong_type_hides_no_rule_of_other_fields(values, paths):
    """Rules between fields are independent; one that asks whether a field was given takes a wrong one as given."""
    given: dict[str, Any] = {"prompt": "A", "video_urls": [CLIP], **values}
    with pytest.raises(ParamsError) as caught:
        Wan27ReferenceVideo(**given)
    assert [fault.path for fault in caught.value.faults] == paths
    voices = {"voice_bindings": given.pop("voice_bindings")} if "voice_bindings" in given else {}
    with pytest.raises(ParamsError) as loaded:
        load_params({"model": "wan2.7-reference-video", **given} | ({"model_params": voices} if voices else {}))
    assert [fault.path for fault in loaded.value.faults] == paths


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (
            {"model": "wan2.7-image-to-video", "generation_mode": "first_frame", "image_end": 5, "video_urls": "x"},
            ["video_urls", "image_end", "image_start", "image_end", "video_urls"],
        ),
        (
            {"model": "wan2.7-image-to-video", "generation_mode": 5, "video_urls": [CLIP], "audio_urls": [CLIP]},
            ["generation_mode", "audio_urls"],
        ),
        (
            {"model": "wan3.0-reference-video", "model_params": {"file_url": 5, "link_url": CLIP}},
            ["model_params.file_url", "model_params.link_url"],
        ),
        # No default stands in for what is not JSON.
        ({"model": "wan2.7-reference-video", "prompt": "A", "image_urls": [math.nan]}, ["image_urls[0]"]),
    ],
)
def test_what_was_given_was_given_whatever_its_type(body, paths):
    """A field of a wrong type counts as given where only that matters."""
    with pytest.raises(ParamsError) as caught:
        load_params(body)
    assert sorted(fault.path for fault in caught.value.faults) == sorted(paths)


@pytest.mark.parametrize("extra", [{"model_params": {}}, {"model_params": {}, "x": {}}, {"model_params": {"y": {}}}])
@pytest.mark.parametrize("shot_type", [None, "multi"])
def test_an_empty_object_of_fields_says_nothing(extra, shot_type):
    """It is not sent, so that what is dumped is loaded as the same value."""
    params = Wan26ReferenceVideo(prompt="A", video_urls=[CLIP], shot_type=shot_type, extra=extra)
    assert load_params(dump_params(params), check=False) == params
    assert params.extra.get("model_params", True)
