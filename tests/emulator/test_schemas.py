"""What the emulator accepts and refuses: the vendor's schemas decide, not the SDK."""

import json
from importlib import resources
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

IMAGE, CLIP, SOUND = "https://example.com/a.png", "https://example.com/a.mp4", "https://example.com/a.mp3"
TEXT = {"prompt": "A person dancing"}
EXAMPLES: dict[str, dict[str, Any]] = {
    "wan2.5-text-to-video": TEXT | {"duration": 10, "quality": "480p"},
    "wan2.5-image-to-video": TEXT | {"image_urls": [IMAGE]},
    "wan2.5-text-to-image": TEXT | {"size": "1024x768", "n": 2},
    "wan2.5-image-to-image": TEXT | {"image_urls": [IMAGE]},
    "wan2.6-text-to-video": TEXT | {"model_params": {"shot_type": "multi"}},
    "wan2.6-image-to-video": TEXT | {"image_urls": [IMAGE], "audio_url": SOUND},
    "wan2.6-image-to-video-flash": TEXT | {"image_urls": [IMAGE], "generate_audio": False},
    "wan2.6-reference-video": TEXT | {"video_urls": [CLIP, CLIP, CLIP]},
    "wan2.6-reference-video-flash": TEXT | {"video_urls": [CLIP], "duration": 2},
    "wan2.7-text-to-video": TEXT | {"prompt": "long " * 2000, "duration": 15},
    "wan2.7-image-to-video": {"image_start": IMAGE, "generation_mode": "first_frame"},
    "wan2.7-reference-video": TEXT | {"image_urls": [IMAGE], "model_params": {"voice_bindings": {"image1": SOUND}}},
    "wan2.7-video-edit": {"video_urls": [CLIP], "duration": 0},
    "wan3.0-text-to-video": TEXT | {"duration": -1},
    "wan3.0-prime-text-to-video": TEXT,
    "wan3.0-image-to-video": {"image_start": IMAGE},
    "wan3.0-prime-image-to-video": {"image_start": IMAGE},
    "wan3.0-reference-video": {"model_params": {"link_url": "https://example.com"}},
    "wan3.0-prime-reference-video": {"video_urls": [CLIP], "seed": 0},
}
FLASH = {"model": "wan2.6-reference-video-flash", "prompt": "x", "video_urls": [CLIP]}
REFERENCE = {"model": "wan2.7-reference-video", "prompt": "x", "video_urls": [CLIP]}
BAD = [
    ({}, "model"),
    ({"model": 5}, "model"),
    ({"model": "wan9"}, "model"),
    ({"model": "wan2.5-text-to-image", "prompt": "x"}, "model"),
    ({"model": "wan2.6-reference-video-flash", "video_urls": [CLIP]}, "prompt"),
    (FLASH | {"prompt": None}, "prompt"),
    (FLASH | {"prompt": "x" * 1501}, "prompt"),
    (FLASH | {"video_urls": [CLIP] * 4}, "video_urls"),
    (FLASH | {"video_urls": [CLIP, "file:///etc/passwd"]}, "video_urls.1"),
    (FLASH | {"video_urls": ["https:///no-host.mp4"]}, "video_urls.0"),
    (FLASH | {"video_urls": ["https://example.com/a b"]}, "video_urls.0"),
    (FLASH | {"quality": "4k"}, "quality"),
    (FLASH | {"duration": 11}, "duration"),
    (FLASH | {"duration": "5"}, "duration"),
    (FLASH | {"duration": True}, "duration"),
    (FLASH | {"model_params": {"shot_type": "many"}}, "model_params.shot_type"),
    (FLASH | {"generate_audio": "yes"}, "generate_audio"),
    (FLASH | {"qualty": "720p"}, "qualty"),
    (FLASH | {"callback_url": "http://example.com/"}, "callback_url"),
    (FLASH | {"callback_url": "https://127.0.0.1/"}, "callback_url"),
    (FLASH | {"callback_url": "https://10.1.2.3/"}, "callback_url"),
    (FLASH | {"callback_url": "https://169.254.169.254/"}, "callback_url"),
    (FLASH | {"callback_url": "https://[::1]/"}, "callback_url"),
    (FLASH | {"callback_url": "https://[::ffff:10.0.0.1]/"}, "callback_url"),
    (FLASH | {"callback_url": "https://2130706433/"}, "callback_url"),
    (FLASH | {"callback_url": "https://LOCALHOST./"}, "callback_url"),
    ({"model": "wan2.7-reference-video", "prompt": "x"}, "image_urls"),
    (REFERENCE | {"duration": 11}, "duration"),
    (REFERENCE | {"duration": 2.5}, "duration"),
    (REFERENCE | {"model_params": {"voice_bindings": {"image01": SOUND}}}, "model_params.voice_bindings"),
    ({"model": "wan2.7-image-to-video", "video_urls": [CLIP], "audio_urls": [SOUND]}, "video_urls"),
    ({"model": "wan3.0-text-to-video", "prompt": "x", "duration": 1}, "duration"),
]


def stored_schemas():
    folder = resources.files("evolink_async.emulator.service") / "schemas"
    return {file.name.removesuffix(".json"): json.loads(file.read_text("utf-8")) for file in folder.iterdir()}


def test_there_is_an_example_for_every_schema():
    """The package contains the schemas of 19 models and of three kinds of replies."""
    assert set(stored_schemas()) == {*EXAMPLES, "task", "error", "file-upload"}


@pytest.mark.parametrize("model", EXAMPLES)
async def test_a_good_request_is_accepted(client, emulator, model):
    """Each model accepts its example and holds at least the minimum price of its schema."""
    schema = stored_schemas()[model]["x-evolink"]
    reply = await client.submit({"model": model} | EXAMPLES[model], path=schema["path"])
    assert reply.status == 200, reply.body
    assert reply.body["status"] == "pending"
    assert reply.body["usage"]["credits_reserved"] >= schema["price"]["minimum_credits"]
    assert emulator.ledger.reserved == pytest.approx(reply.body["usage"]["credits_reserved"], abs=1e-4)


@pytest.mark.parametrize(("bad", "param"), BAD, ids=[f"{n}-{param}" for n, (_, param) in enumerate(BAD)])
async def test_a_bad_request_is_refused(client, emulator, bad, param):
    """The reply is the vendor's 400 and names the field; nothing is booked."""
    reply = await client.submit(bad)
    assert reply.status == 400
    assert reply.body["error"] | {"message": ""} == {
        "code": "invalid_request",
        "type": "invalid_request_error",
        "message": "",
        "param": param,
    }
    assert param in reply.body["error"]["message"]
    assert emulator.ledger.accepted == 0


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b'{"a": NaN}', b'{"a": 1e999}', b"\xff", b"[" * 200_000])
async def test_a_body_that_is_not_a_json_object_is_refused(client, raw):
    """Invalid bytes give a 400."""
    reply = await client.call("POST", "/v1/videos/generations", data=raw, headers={"Content-Type": "application/json"})
    assert (reply.status, reply.body["error"]["param"]) == (400, "body")


async def test_strictness_can_be_switched_off(new_client, http, body, clock):
    """With `strict_fields=False`, unknown fields are accepted."""
    from evolink_async.emulator import Emulator

    async with Emulator(clock=clock, strict_fields=False) as emulator:
        assert (await new_client(http, emulator).submit(body | {"brand_new": 1})).status == 200
