"""Texts and numbers of derived classes: what is sent, stored and looked for is their value, never their own `str`."""

from __future__ import annotations

import enum
import json
import pickle
from typing import Any, cast

import attrs
import pytest

import evolink_async as ev
from evolink_async.client import HttpOptions
from evolink_async.errors import ParamsError
from evolink_async.frozen import freeze, plain, thaw
from evolink_async.jobs import Job, KeyAssigner
from evolink_async.models import Wan25TextToImage, Wan26ImageToVideo, Wan26ReferenceVideo, Wan27ReferenceVideo
from evolink_async.params import Params, RawParams, Url, Urls, dump_params, load_params, rule, unregister
from tests.kit import open_pool

CLIP = "https://example.com/reference.mp4"


class Word(str, enum.Enum):  # noqa: UP042  # a StrEnum shows itself by its value
    """Texts that show themselves by their names."""

    CLIP = CLIP
    QUALITY = "1080p"
    MODEL = "wan2.6-reference-video"
    FIELD = "duration"
    KEY = "shot-17"
    VOICE = "video1"


class Number(enum.IntEnum):
    """Numbers with names."""

    LONG = 7


class Loud(str):
    """A text that shows itself in its own way."""

    __slots__ = ()

    def __str__(self) -> str:
        return "LOUD"

    def __format__(self, _: str) -> str:
        return "LOUD"


class Share(float):
    """A number that shows itself in its own way."""

    def __repr__(self) -> str:
        return "half"


def exact(value: Any) -> bool:
    """Whether a value is made of the classes that JSON is read to, at every level."""
    if isinstance(value, dict):
        return type(value) is dict and all(type(name) is str and exact(item) for name, item in value.items())
    if isinstance(value, list):
        return type(value) is list and all(map(exact, value))
    return type(value) in (str, int, float, bool, type(None))


BODIES: list[Params | RawParams] = [
    Wan26ReferenceVideo(
        prompt=Loud("A"), video_urls=[Word.CLIP, Loud(CLIP)], quality=cast("Any", Word.QUALITY), duration=Number.LONG
    ),
    Wan26ImageToVideo(
        prompt="A", image_urls=(Loud(CLIP),), audio_url=Word.CLIP, callback_url=Loud("https://a.example/")
    ),
    Wan27ReferenceVideo(
        prompt="A",
        image_start=Loud(CLIP),
        video_urls=[CLIP],
        voice_bindings={Word.VOICE: Word.CLIP},
        duration=Number.LONG,
    ),
    Wan25TextToImage(prompt="A", size=Loud("1024x768"), n=Number(7) - 4, extra={Loud("x"): [{Word.FIELD: Share(0.5)}]}),
    RawParams(
        Loud("wan9"), {"model": Loud("wan9"), Word.FIELD: Number.LONG, "urls": (Word.CLIP,)}, path=Loud("/v1/other")
    ),
    load_params({"model": Word.MODEL, "prompt": Loud("A"), "video_urls": [Word.CLIP], Word.FIELD: Number.LONG}),
]


@pytest.mark.parametrize("params", BODIES, ids=lambda params: type(params).__name__)
def test_what_is_sent_is_the_value(params):
    """Of every field, of keys and of what is inside `extra`; the same as if it had been read from JSON."""
    body = dump_params(params)
    assert exact(body)
    assert json.loads(json.dumps(body)) == body
    assert "LOUD" not in str(body)
    assert "Word" not in str(body)
    assert dump_params(load_params(body, check=False)) == body
    assert dump_params(pickle.loads(pickle.dumps(params))) == body


def test_a_model_without_converters_sends_values_too():
    """A class of somebody else may hold its links as they were given."""

    @attrs.frozen(kw_only=True)
    class Bare(Params):
        model = "bare-1"
        cover: str = attrs.field(metadata=rule(Url()))
        clips: tuple[str, ...] = attrs.field(metadata=rule(Urls(1, 2)))

    try:
        assert dump_params(Bare(cover=Word.CLIP, clips=(Loud(CLIP),))) == {
            "model": "bare-1",
            "cover": CLIP,
            "clips": [CLIP],
        }
    finally:
        unregister("bare-1")


def test_a_field_in_extra_is_found_whatever_class_its_name_has():
    """A member of an enum is hashed by its name, so that the field would have stood twice in the body."""
    with pytest.raises(ParamsError, match=r"must be set as a field of the model, not in extra @ extra\.duration"):
        Wan26ReferenceVideo(prompt="A", video_urls=[CLIP], extra={Word.FIELD: 5})


def test_the_key_of_a_job_is_its_value():
    """It is found by equal text, and given twice is given twice."""
    job = Job(Word.KEY, BODIES[0])
    assert (type(job.key), job.key, f"{job.key}") == (str, "shot-17", "shot-17")
    assigner = KeyAssigner()
    assigner.job(job)
    with pytest.raises(ev.ConfigurationError, match="was given twice"):
        assigner.job(Job("shot-17", BODIES[1]))


def test_what_is_no_scalar_stays():
    """The checks name it."""
    odd = object()
    assert (plain(odd), thaw(odd), freeze({5: odd})[5]) == (odd, odd, odd)
    assert [type(plain(value)) for value in (True, None, Number.LONG, Share(2), Word.KEY)] == [
        bool,
        type(None),
        int,
        float,
        str,
    ]


def test_the_name_of_an_application_is_sent_by_its_value():
    """A header holds no Python name."""
    assert HttpOptions(user_agent=Loud("studio/2")).agent.startswith("studio/2 evolink-async/")


@pytest.mark.anyio
async def test_jobs_are_asked_for_by_the_value_of_their_key(emulator, tmp_path):
    """In a journal that another run wrote, under a plain text."""
    async with open_pool(emulator, journal=tmp_path / "run.db") as pool:
        made = await pool.generate(Wan26ReferenceVideo(prompt="A", video_urls=[Word.CLIP]), key=Word.KEY)
        assert emulator.tasks[made.task_id].body["video_urls"] == [CLIP]
        assert await pool.find(Word.KEY) == await pool.find("shot-17") != None  # noqa: E711  # found at all
        assert (await pool.wait(key=Word.KEY)).task_id == made.task_id
        assert (await pool.poll(Loud(made.task_id))).task_id == made.task_id
