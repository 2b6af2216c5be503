"""The file service: three ways to upload, one link to download."""

import base64

import aiohttp
import pytest

from evolink_async.emulator import faults
from evolink_async.emulator.rendering.canvas import Title, png

pytestmark = pytest.mark.anyio

PICTURE = png(8, 8, Title())
CLIP = b"\0\0\0\x18ftypisom" + b"\0" * 32
UPLOAD = "/api/v1/files/upload"


def form(content: bytes, content_type: str, **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData()
    made.add_field("file", content, filename="cat.png", content_type=content_type)
    for name, value in fields.items():
        made.add_field(name, value)
    return made


async def test_stream(client, emulator, http):
    """A multipart upload gives the documented receipt; the link serves the bytes from the results port."""
    reply = await client.call("POST", f"{UPLOAD}/stream", data=form(PICTURE, "image/png", upload_path="cats"))
    receipt = reply.body["data"]
    assert (reply.status, reply.body["success"], reply.body["code"]) == (200, True, 200)
    assert receipt["file_url"].startswith(emulator.results_url)
    assert {name: receipt[name] for name in ("file_name", "file_size", "mime_type", "upload_path")} == {
        "file_name": "cat.png",
        "file_size": len(PICTURE),
        "mime_type": "image/png",
        "upload_path": "cats",
    }
    assert (receipt["upload_time"], receipt["expires_at"]) == ("2025-09-06T14:42:23Z", "2025-09-09T14:42:23Z")
    async with http.get(receipt["file_url"], headers={"Range": "bytes=1-3"}) as response:
        assert (response.status, await response.read()) == (206, b"PNG")


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
async def test_base64(client, prefix):
    """Plain base64 and data URLs are accepted."""
    sent = {"base64_data": prefix + base64.b64encode(PICTURE).decode(), "file_name": "a/b.png"}
    reply = await client.call("POST", f"{UPLOAD}/base64", json=sent)
    assert (reply.status, reply.body["data"]["file_name"]) == (200, "a_b.png")


async def test_url(client, emulator):
    """A URL is fetched; one that cannot be fetched is refused."""
    first = await client.call("POST", f"{UPLOAD}/stream", data=form(CLIP, "video/mp4"))
    link = first.body["data"]["file_url"]
    copied = await client.call("POST", f"{UPLOAD}/url", json={"file_url": link})
    assert copied.body["data"]["file_size"] == len(CLIP)
    gone = await client.call("POST", f"{UPLOAD}/url", json={"file_url": emulator.results_url + "/nothing"})
    assert (gone.status, gone.body["success"]) == (400, False)
    assert (await client.call("POST", f"{UPLOAD}/url", json={"file_url": "file:///etc/passwd"})).status == 400


@pytest.mark.parametrize(
    ("content", "declared", "status"),
    [
        (PICTURE, "image/png", 200),
        (b"\xff\xd8\xff\xe0" + b"\0" * 9, "image/jpeg", 200),
        (b"GIF89a", "image/gif", 200),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp", 200),
        (CLIP, "application/octet-stream", 200),
        (b"anything", "video/x-something", 200),
        (b"anything", "audio/basic", 200),
        (b"BM" + b"\0" * 20, "image/bmp", 400),
        (b"no picture at all", "image/png", 400),
        (b"%PDF-1.7", "application/pdf", 400),
        (b"", "image/png", 400),
    ],
    ids=["png", "jpeg", "gif", "webp", "mp4", "video", "audio", "bmp", "no-png", "pdf", "empty"],
)
async def test_types(client, content, declared, status):
    """Accepts four image types by their bytes, and any audio and video."""
    reply = await client.call("POST", f"{UPLOAD}/stream", data=form(content, declared))
    assert (reply.status, reply.body["success"], reply.body["code"]) == (status, status == 200, status)


async def test_errors_have_the_form_of_the_file_service(client):
    """A wrong key, a wrong content type and bad base64 give success, code, msg."""
    wrong_type = await client.call("POST", f"{UPLOAD}/stream", json={})
    bad_text = await client.call("POST", f"{UPLOAD}/base64", json={"base64_data": "!!"})
    client.headers = {}
    no_key = await client.call("POST", f"{UPLOAD}/base64", json={})
    for reply, status in ((wrong_type, 415), (bad_text, 400), (no_key, 401)):
        assert (reply.status, reply.body["success"], reply.body["code"]) == (status, False, status)
        assert reply.body["msg"]


async def test_files_expire(client, http, clock):
    """A file expires 72 hours after the upload."""
    reply = await client.call("POST", f"{UPLOAD}/stream", data=form(PICTURE, "image/png"))
    clock.advance(72 * 3600)
    async with http.get(reply.body["data"]["file_url"]) as response:
        assert response.status == 404


async def test_uploads_get_faults(client, emulator):
    """An upload can be dropped after its body was read, and is counted as its kind."""
    emulator.faults.on("upload", 1, faults.DROP_BEFORE_ACCEPT)
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await client.call("POST", f"{UPLOAD}/stream", data=form(PICTURE, "image/png"))
    assert (await client.call("POST", f"{UPLOAD}/stream", data=form(PICTURE, "image/png"))).status == 200
    assert [one.kind for one in emulator.received] == ["upload", "upload"]
