"""Parameters read from a mapping: all faults at once, and the checks that `check=False` keeps."""

from __future__ import annotations

import math
import pickle

import pytest

from evolink_async.models import Wan26ReferenceVideo
from evolink_async.params import RawParams, dump_params, load_params
from tests.params.kit import faults_of

CLIP = "https://example.com/reference.mp4"
DANCE = {"model": "wan2.6-reference-video", "prompt": "A person dancing", "video_urls": [CLIP]}
TEN_WRONG = {
    "model": "wan2.7-reference-video",
    "prompt": 5,
    "negative_prompt": ["blurry"],
    "image_start": "first_frame.jpg",
    "video_urls": CLIP,
    "quality": "480p",
    "aspect_ratio": "21:9",
    "duration": 2.5,
    "seed": 0,
    "prompt_extend": "yes",
    "callback_url": "https://127.0.0.1/hook",
}


def test_ten_wrong_fields_are_ten_faults():
    """One error names them all."""
    faults = faults_of(TEN_WRONG)
    assert len(faults) == 10
    assert {fault.split(" @ ")[1] for fault in faults} == TEN_WRONG.keys() - {"model"}


def test_missing_and_unknown_fields_are_named_with_the_nearest_known_one():
    """A misspelt field is answered with the most similar one, inside `model_params` too."""
    body = {
        "model": "wan2.6-reference-video",
        "promt": "A",
        "shot_type": "multi",
        "model_params": {"shot_typ": 1},
        "zzz": 1,
    }
    assert faults_of(body) == [
        "is required @ prompt",
        "is required @ video_urls",
        "unknown field, did you mean 'prompt'? @ promt",
        "unknown field, did you mean 'model_params.shot_type'? @ shot_type",
        "unknown field, did you mean 'model_params.shot_type'? @ model_params.shot_typ",
        "unknown field @ zzz",
    ]


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        ([], "must be an object, not a list"),
        (None, "must be an object, not null"),
        ({"prompt": "A", "video_urls": []}, "is required, perhaps 'wan2.6-reference-video' @ model"),
        ({"model": None}, "is required @ model"),
        ({}, "is required @ model"),
        ({"custom": 1, "input": {"prompt": "A"}}, "is required @ model"),
        ({"model": 5}, "must be text, not 5 @ model"),
        (
            {"model": "wan2.6-referense-video"},
            "unknown model 'wan2.6-referense-video', did you mean 'wan2.6-reference-video'? @ model",
        ),
        ({"model": "x"}, "unknown model 'x' @ model"),
        (DANCE | {"prompt": None}, "must be text, not null @ prompt"),
        (DANCE | {"prompt": math.nan}, "must be a finite number, not nan @ prompt"),
        (DANCE | {"model_params": "multi"}, "must be an object, not 'multi' @ model_params"),
        (
            DANCE | {"model_params.shot_type": "multi"},
            "unknown field, did you mean 'model_params.shot_type'? @ model_params.shot_type",
        ),
        (DANCE | {1: 2}, "must have text as keys, not 1"),
        (DANCE | {"model_params": {1: 2}}, "must have text as keys, not 1 @ model_params"),
        (DANCE | {"\udc00": 1}, "must have Unicode that can be sent as keys, not '\\udc00'"),
        (
            DANCE | {"model_params": {"\udc00": 1}},
            "must have Unicode that can be sent as keys, not '\\udc00' @ model_params",
        ),
    ],
)
def test_a_body_with_one_fault_has_one(mapping, fault):
    """A body that is invalid as a whole has exactly one fault."""
    assert faults_of(mapping) == [fault]


def test_null_counts_as_not_given():
    """An optional field given as null takes its default, at every place of the body."""
    nulls = {"duration": None, "quality": None, "callback_url": None, "model_params": {"shot_type": None}}
    assert load_params(DANCE | nulls) == load_params(DANCE | {"model_params": None}) == load_params(DANCE)


def test_without_checks_limits_do_not_hold_but_types_do():
    """With `check=False` the body is sent as it was given, even if it breaks rules."""
    body = DANCE | {"duration": 60, "quality": "4k", "beta": None, "model_params": {"shot_type": "wild", "mood": [1]}}
    params = load_params(body, check=False)
    assert dump_params(params) == body | {"aspect_ratio": "16:9"}
    assert load_params(dump_params(params), check=False) == params
    assert pickle.loads(pickle.dumps(params)) == params
    assert faults_of({"model": DANCE["model"], "video_urls": [], "duration": "5", "seed": 5}, check=False) == [
        "is required @ prompt",
        "must be a whole number, not '5' @ duration",
    ]
    params = load_params(DANCE | {"video_urls": []}, check=False)
    assert isinstance(params, Wan26ReferenceVideo)
    assert params.video_urls == ()


def test_without_checks_an_unknown_model_is_sent_as_it_is():
    """`load_params` returns `RawParams` only if the checks are off."""
    body = {"model": "wan9", "prompt": None, "nested": {"a": [1]}}
    params = load_params(body, check=False)
    assert params == RawParams("wan9", {"prompt": None, "nested": {"a": [1]}})
    assert dump_params(params) == body
