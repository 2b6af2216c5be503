"""The messages of the file service: requests byte for byte, and the verdict on each answer."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest

from evolink_async.errors import (
    AccessDeniedError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    TransportError,
)
from evolink_async.media import Upload
from evolink_async.wire import (
    decode_upload,
    denies,
    encode_fetch,
    encode_inline,
    encode_stream,
    may_upload_again,
    on_upload,
)
from evolink_async.wire.files import LIFE_SECONDS, LinkError, stored_name
from tests.vendor_samples import answer, sample

NOON = 1_790_000_000.0
SHA256 = hashlib.sha256(b"film").hexdigest()
HOUR = 3600.0


def receipt(**changes: object) -> dict[str, Any]:
    """The page's example with other values in `data`; None takes one away."""
    reply = sample("upload-stream")
    values = reply["data"] | changes
    return reply | {"data": {name: value for name, value in values.items() if value is not None}}


# --- requests


def test_a_stream_is_these_bytes():
    """A form of two fields; its length is in a header, and its boundary is made of the file's digest."""
    frame = encode_stream("films/My clip.MP4", 4, SHA256)
    boundary = f"evolink-async-{SHA256[:40]}"
    name = f"{SHA256[:16]}-My-clip.MP4"
    whole = frame.before + b"film" + frame.after
    assert whole.decode() == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file_name"\r\n\r\n{name}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: video/mp4\r\n\r\nfilm\r\n--{boundary}--\r\n"
    )
    request = frame.request
    assert (request.kind, request.method, request.path) == ("upload", "POST", "/api/v1/files/upload/stream")
    assert request.headers == {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(whole)),
    }


def test_the_other_two_ways_are_json():
    """A content in base64 with its type, and a URL; a name only where there is one."""
    inline = encode_inline(b"film", "a.png", SHA256)
    assert (inline.path, json.loads(inline.body or b"")) == (
        "/api/v1/files/upload/base64",
        {
            "base64_data": "data:image/png;base64," + base64.b64encode(b"film").decode(),
            "file_name": f"{SHA256[:16]}-a.png",
        },
    )
    assert json.loads(encode_inline(b"film", "content", SHA256).body or b"")["base64_data"] == "ZmlsbQ=="
    fetch = encode_fetch("https://example.com/a.png?signed=1", None)
    assert (fetch.path, json.loads(fetch.body or b"")) == (
        "/api/v1/files/upload/url",
        {"file_url": "https://example.com/a.png?signed=1"},
    )
    assert json.loads(encode_fetch("https://example.com/a.png", "b.png").body or b"")["file_name"].endswith("-b.png")


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("clip.mp4", "-clip.mp4"),
        ("../../etc/passwd", "-passwd"),
        ("..\\..\\boot.ini", "-boot.ini"),
        ('a"; filename="b.exe\r\nX-A: 1.mp4', "-a-filename-b-exe-X-A-1.mp4"),
        ("видео.mp4", ".mp4"),
        ("наш Dance №5.mov", "-Dance-5.mov"),
        (".hidden", "-hidden"),
        ("", ""),
        ("..", ""),
        ("x" * 500 + ".png", "-" + "x" * 60 + ".png"),
        ("a." + "y" * 50, "-a." + "y" * 10),
        ("nul\0byte.png", "-nul-byte.png"),
    ],
)
def test_a_stored_name_is_plain_and_only_this_contents(name, rest):
    """No sign of a header, a path or another script is left, and two contents of one name get different names."""
    assert stored_name(name, SHA256) == SHA256[:16] + rest
    assert re.fullmatch(r"[A-Za-z0-9._-]{16,90}", stored_name(name, SHA256))
    assert stored_name(name, "0" * 64) != stored_name(name, SHA256)


# --- answers


def test_the_pages_example_is_an_upload():
    """Its link is the one that models take; its life counts from now, whatever the service's time zone."""
    upload = decode_upload(answer(sample("upload-stream")), now=NOON, sha256=SHA256, size_bytes=4)
    assert upload == Upload(
        file_id="file_abc123",
        url="https://files.evolink.ai/photos/photo.png",
        sha256=SHA256,
        size_bytes=4,
        mime_type="image/png",
        expires_at=NOON + 72 * HOUR,
        uploaded_at=NOON,
    )
    fetched = decode_upload(answer(sample("upload-stream")), now=NOON)
    assert (fetched.sha256, fetched.size_bytes) == (None, 2048)


@pytest.mark.parametrize(
    ("begin", "end", "life"),
    [
        ("2025-10-09T00:00:00+08:00", "2025-10-10T00:00:00+08:00", 24 * HOUR),
        ("2025-10-09T00:00:00Z", "2025-10-09T10:00:00+08:00", 2 * HOUR),
        ("2025-10-09 00:00:00", "2025-10-09 01:00:00", HOUR),
        ("2025-10-09T00:00:00Z", "2025-10-08T00:00:00Z", 0.0),
        ("2025-10-09T00:00:00Z", "2035-10-09T00:00:00Z", LIFE_SECONDS),
        ("2025-10-09T00:00:00Z", "2025-10-10T00:00:00", LIFE_SECONDS),
        ("2025-10-09T00:00:00Z", "soon", LIFE_SECONDS),
        (1760000000, 1760003600, LIFE_SECONDS),
        (None, "2025-10-10T00:00:00Z", LIFE_SECONDS),
        (None, None, LIFE_SECONDS),
    ],
)
def test_the_life_of_a_link_is_what_the_service_says_up_to_72_hours(begin, end, life):
    """If the times cannot be read, the life is that of the pages."""
    upload = decode_upload(answer(receipt(upload_time=begin, expires_at=end)), now=NOON)
    assert upload.expires_at == NOON + life


@pytest.mark.parametrize("field", ["file_id", "mime_type", "file_size"])
@pytest.mark.parametrize("value", [None, 5.5, [], -1, True])
def test_odd_fields_are_left_out_not_coerced(field, value):
    """A valid link is kept even if other fields are invalid."""
    upload = decode_upload(answer(receipt(**{field: value})), now=NOON)
    assert upload.url == "https://files.evolink.ai/photos/photo.png"
    assert {type(upload.file_id), type(upload.mime_type)} <= {str, type(None)}
    assert upload.size_bytes in (2048, None)


SHAPELESS = {
    "nothing": b"",
    "html": b"<html>Welcome</html>",
    "half": b'{"success": true, "data": {',
    "a list": [],
    "a text": "https://files.evolink.ai/a.png",
    "no data": {"success": True, "code": 200},
    "data is a list": {"success": True, "data": [{"file_url": "https://a.b/c"}]},
    "data is a text": {"success": True, "data": "https://a.b/c"},
    "success is a word": {"success": "false", "data": {"file_url": "https://a.b/c"}},
    "success is null": {"success": None, "data": {"file_url": "https://a.b/c"}},
    "no link": receipt(file_url=None),
    "link is a number": receipt(file_url=5),
    "link is empty": receipt(file_url=""),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("content", SHAPELESS.values(), ids=SHAPELESS)
def test_what_is_no_upload_is_a_reply_error(content):
    """The upload is sent again: an answer of another structure can come from a proxy."""
    with pytest.raises(ReplyError, match="not with an upload") as caught:
        decode_upload(answer(content), now=NOON)
    assert may_upload_again(caught.value)
    assert not denies(caught.value)


@pytest.mark.parametrize(
    "link",
    [
        "/photos/photo.png",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://a:99999/x",
        "https://[::1/x",
    ],
)
def test_a_link_that_no_model_takes_is_refused_for_good(link):
    """The service has taken the file: another upload would use up its quota, and give the same link."""
    with pytest.raises(LinkError, match=r"its link is no http\(s\) URL: ") as caught:
        decode_upload(answer(receipt(file_url=link)), now=NOON)
    assert not may_upload_again(caught.value)
    assert not denies(caught.value)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://files.evolink.ai/a b.png", "https://files.evolink.ai/a%20b.png"),
        ("https://files.evolink.ai/猫 1.png?x=ä&y=%E7", "https://files.evolink.ai/%E7%8C%AB%201.png?x=%C3%A4&y=%E7"),
        (" https://files.evolink.ai/100%.png\n", "https://files.evolink.ai/100%25.png"),
        ("https://bücher.example/a.png", "https://xn--bcher-kva.example/a.png"),
        ("https://files.evolink.ai/a%2Fb.png?s=%3d", "https://files.evolink.ai/a%2Fb.png?s=%3d"),
    ],
)
def test_a_link_is_quoted_as_a_url_must_be(link, url):
    """What is quoted stays as it is, to the letter: a signature may cover it."""
    assert decode_upload(answer(receipt(file_url=link)), now=NOON).url == url


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (402, InsufficientCreditsError),
        (403, AccessDeniedError),
        (413, InvalidRequestError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServerError),
        (50001, ServerError),
        (10**30, ServerError),
        (200, InvalidRequestError),
        (0, InvalidRequestError),
        (-1, InvalidRequestError),
        (True, InvalidRequestError),
        (503.0, InvalidRequestError),
        ("429", InvalidRequestError),
        ("quota_exceeded", InvalidRequestError),
        (None, InvalidRequestError),
    ],
)
def test_a_refusal_under_http_200_counts_as_its_code(code, kind):
    """With the service's sentence, and its Retry-After."""
    reply = answer({"success": False, "code": code, "msg": "no, sorry"}, headers={"retry-after": "7"})
    error = on_upload(reply, now=NOON, sha256=None, size_bytes=None)
    assert type(error) is kind
    assert isinstance(error, StatusError)
    assert (error.message, error.retry_after) == ("no, sorry", 7.0)


@pytest.mark.parametrize("name", ["upload-refused", "upload-quota"])
@pytest.mark.parametrize("status", [200, 400])
def test_the_samples_of_refusals_are_refusals(name, status):
    """The status of the answer has no effect."""
    error = on_upload(answer(sample(name), status), now=NOON, sha256=None, size_bytes=None)
    assert isinstance(error, StatusError)
    assert error.message == sample(name)["msg"]
    assert not may_upload_again(error)


@pytest.mark.parametrize("status", [300, 301, 307, 400, 404, 405, 409, 410, 411, 413, 415, 422, 451])
def test_final_refusals(status):
    """A redirect is never followed, so it is one of them."""
    error = on_upload(
        answer({"success": False, "code": status, "msg": "no"}, status), now=NOON, sha256=None, size_bytes=None
    )
    assert isinstance(error, StatusError)
    assert not may_upload_again(error)
    assert not denies(error)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_passing_refusals(status):
    """Errors that can pass are retried."""
    error = on_upload(answer(b"no", status), now=NOON, sha256=None, size_bytes=None)
    assert isinstance(error, StatusError)
    assert may_upload_again(error)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_refused_keys(status):
    """These errors are about the key, so another key is tried."""
    refusal = {"success": False, "code": status, "msg": "no"}
    error = on_upload(answer(refusal, status), now=NOON, sha256=None, size_bytes=None)
    assert isinstance(error, StatusError)
    assert denies(error)
    assert not may_upload_again(error)
    page = on_upload(answer(b"no", status), now=NOON, sha256=None, size_bytes=None)
    assert isinstance(page, StatusError)
    assert not denies(page)
    assert may_upload_again(page) is (status != 402)


def test_no_answer_is_asked_for_again():
    """Uploads are free, so it does not matter whether the service got the file."""
    assert may_upload_again(TransportError("reset"))
    assert not denies(TransportError("reset"))


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"{", b"\xef\xbb\xbf{"), (b"{", b'{"x": NaN, '), (b"{", b'{"x": "\\ud83d", '), (b"{", b'{"x": "caf\xe9", ')],
    ids=["a byte order mark", "NaN", "a lone surrogate", "a byte of Latin-1"],
)
def test_an_odd_detail_costs_no_upload(before, after):
    """The link is what counts."""
    content = json.dumps(receipt()).encode().replace(before, after, 1)
    assert decode_upload(answer(content), now=NOON).url == receipt()["data"]["file_url"]
