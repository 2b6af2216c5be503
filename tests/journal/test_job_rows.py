"""A job as a row, and back: the same job, and the same bytes."""

from __future__ import annotations

import json

import pytest

from evolink_async import ConfigurationError, Job, RawParams, Wan26ReferenceVideo
from evolink_async.jobs import digest
from evolink_async.journal import intent_of, job_of
from evolink_async.media import LocalMedia
from evolink_async.params import dump_params, load_params
from tests.kit import dance
from tests.laws.bodies import base
from tests.laws.vendor import VENDOR

PATH = Wan26ReferenceVideo.path


@pytest.mark.parametrize("name", sorted(VENDOR))
def test_a_job_of_every_model_comes_back(name):
    """As a value of the class of its model, so that callbacks and prices go on working."""
    job = Job("a", load_params(base(VENDOR[name])))
    intent = intent_of(job)
    assert job_of("a", intent.path, intent.body) == job
    assert (intent.digest, intent.idempotency_key, intent.session) == (digest(job.params), "", "")
    assert intent.price_class.startswith(name)


@pytest.mark.parametrize(
    "params",
    [
        dance(callback_url="https://films.example.com/hook", extra={"new_field": [None, 1.5, {"a": "ö"}]}),
        RawParams("of-tomorrow", {"prompt": None, "nested": {"b": [1, True]}}, "/v1/images/generations"),
        RawParams("wan2.6-reference-video", {"video_urls": 5}),
        RawParams("wan2.6-reference-video", {"video_urls": ["https://a.b/c"], "prompt": "x", "seed": None}),
        RawParams("wan2.6-reference-video", {"prompt": "x", "video_urls": ["https://a.b/c"]}, "/v2/videos"),
    ],
)
def test_what_is_sent_is_what_was_given(params):
    """Byte for byte, also where the class of the model would write it otherwise."""
    intent = intent_of(Job("a", params))
    back = job_of("a", intent.path, intent.body)
    assert intent_of(back) == intent
    assert json.loads(intent.body) == dump_params(params)


@pytest.mark.parametrize("media", [LocalMedia("/films/cat.mp4"), LocalMedia("/films/cat.mp4", sha256="0" * 64)])
def test_a_local_file_is_refused(media):
    """When it is written, and when somebody else has written it."""
    params = dance(video_urls=[media])
    with pytest.raises(ConfigurationError, match=r"cat\.mp4.*upload it first"):
        intent_of(Job("a", params))
    with pytest.raises(ConfigurationError, match=r"video_urls\[0\].*upload it first"):
        job_of("a", PATH, json.dumps(dump_params(params)).encode())
