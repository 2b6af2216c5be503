"""The result host: signed links, ranges, expiry, and no API key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.emulator import faults
from evolink_async.emulator.hosts.byte_ranges import ByteRange, UnsatisfiableError, range_of

pytestmark = pytest.mark.anyio

ETAG = '"tag"'


@given(st.integers(1, 1000), st.integers(0, 1200), st.integers(0, 1200))
def test_a_range_is_a_slice(size, first, last):
    """`first-last` gives these bytes, both included, up to the end of the file."""
    content = bytes(index % 251 for index in range(size))
    try:
        part = range_of(size, f"bytes={first}-{last}", if_range=None, etag=ETAG)
    except UnsatisfiableError:
        assert first >= size
        return
    if last < first:
        assert part is None
        return
    assert part is not None
    assert content[part.start : part.stop] == content[first : last + 1]
    assert part.content_range == f"bytes {part.start}-{part.stop - 1}/{size}"


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=5-", ByteRange(5, 10, 10)),
        ("bytes=-3", ByteRange(7, 10, 10)),
        ("bytes=-99", ByteRange(0, 10, 10)),
        ("bytes=-", None),
        ("items=0-1", None),
        ("bytes=0-1,3-4", None),
    ],
)
def test_other_forms_of_a_range(header, part):
    """Open and suffix ranges apply; a malformed range, several ranges and another unit give the whole file."""
    assert range_of(10, header, if_range=None, etag=ETAG) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0"])
def test_a_range_behind_the_end(header):
    """No byte of the file is asked for."""
    with pytest.raises(UnsatisfiableError):
        range_of(10, header, if_range=None, etag=ETAG)


@pytest.fixture
async def link(client, clock):
    """The link of an image, which renders faster than a video."""
    wanted = {"model": "wan2.5-text-to-image", "prompt": "x", "size": "64x64"}
    return (await client.finished(wanted, clock, path="/v1/images/generations"))["results"][0]


async def test_download_in_parts(http, link):
    """Two ranges make the whole; ETag is strong and stable; If-Range with another tag gives everything."""
    async with http.get(link) as response:
        whole, etag = await response.read(), response.headers["ETag"]
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.content_length == len(whole)
    parts = []
    for header in ("bytes=0-99", "bytes=100-"):
        async with http.get(link, headers={"Range": header, "If-Range": etag}) as response:
            assert (response.status, response.headers["ETag"]) == (206, etag)
            parts.append(await response.read())
    assert b"".join(parts) == whole
    async with http.get(link, headers={"Range": "bytes=1-", "If-Range": '"old"'}) as response:
        assert (response.status, await response.read()) == (200, whole)
    async with http.get(link, headers={"Range": f"bytes={len(whole)}-"}) as response:
        assert (response.status, response.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    async with http.get(link, headers={"If-None-Match": etag}) as response:
        assert response.status == 304


async def test_head(http, link):
    """HEAD returns the length and the ETag without the body."""
    async with http.head(link) as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.content_length > 0
        assert response.headers["Content-Type"] == "image/png"


async def test_links_cannot_be_guessed(http, link, emulator):
    """Another token, no token, another file: 403."""
    stem = link.partition("?")[0]
    for bad in (stem, stem + "?token=0", link.replace("0.png", "1.png"), stem + "?token=ü"):
        async with http.get(bad) as response:
            assert response.status == 403


async def test_links_expire(http, link, clock):
    """A link expires 24 emulated hours after completion."""
    clock.advance(24 * 3600 - 1)
    async with http.get(link) as response:
        assert response.status == 200
    clock.advance(1)
    async with http.get(link) as response:
        assert response.status == 403
        assert b"expired" in await response.read()


async def test_a_request_with_an_api_key_is_refused(http, link, emulator):
    """A request that carries an Authorization header is refused and counted."""
    assert emulator.leaked_keys == 0
    async with http.get(link, headers={"Authorization": "Bearer sk-emulator"}) as response:
        assert response.status == 400
    assert emulator.leaked_keys == 1


async def test_downloads_get_faults(http, link, emulator):
    """The ETag can change, and Range can be ignored."""
    emulator.faults.on("result", 1, faults.headers({"ETag": '"new"', "Accept-Ranges": None}))
    emulator.faults.on("result", 2, faults.IGNORE_RANGE)
    async with http.get(link, headers={"Range": "bytes=0-9"}) as response:
        assert (response.status, response.headers["ETag"], len(await response.read())) == (206, '"new"', 10)
        assert "Accept-Ranges" not in response.headers
    async with http.get(link, headers={"Range": "bytes=0-9"}) as response:
        assert response.status == 200
        assert len(await response.read()) > 10
