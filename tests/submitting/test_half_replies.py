"""A paid request whose answer has no end: a task id that came whole is kept, half an id is not believed."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from evolink_async import Completed, HttpOptions, Unknown
from evolink_async.errors import SubmissionUnknownError
from tests.kit import error_of, jobs
from tests.servers import Act, then_hang, then_reset
from tests.submitting.small_vendor import HASTY, SmallVendor, pool_of, small_vendor

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 Word\r\n"


@pytest.fixture
async def vendor():
    """A vendor."""
    async with small_vendor() as one:
        yield one


def accepted(vendor: SmallVendor, post: object) -> bytes:
    """The body with which a job is accepted."""
    return vendor.accept(post).partition(b"\r\n\r\n")[2]  # type: ignore[arg-type]  # it is a Post


def too_long(body: bytes) -> bytes:
    """Two bytes fewer than it says, then a close."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) + 2) + body


def chunked(body: bytes) -> bytes:
    """Without the last chunk."""
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body)


CUTS: dict[str, Callable[[bytes], bytes | Act]] = {
    "Content-Length too large": too_long,
    "no last chunk": chunked,
    "then a reset": lambda body: then_reset(too_long(body)),
    "then silence": lambda body: then_hang(too_long(body)),
    "chunked, then silence": lambda body: then_hang(chunked(body)),
}


def options_of(name: str) -> HttpOptions:
    """A small time-out only for a vendor that is silent."""
    return HASTY if "silence" in name else HttpOptions(allow_private_results=True)


@pytest.mark.parametrize("name", CUTS)
async def test_a_task_id_that_came_whole_is_believed(vendor, name):
    """The JSON is whole, only the end of the HTTP message is missing: the job is watched, and bought once."""

    def answer(post: object) -> bytes | Act:
        return CUTS[name](accepted(vendor, post))

    vendor.on_post = answer
    async with pool_of(vendor, http=options_of(name)) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, Completed)
    assert outcome.task_id == "task-1-1"
    assert vendor.paid == [1]


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("kept", [1, 12, -1])
async def test_half_a_json_is_a_doubt_that_shows_what_came(vendor, name, kept):
    """Half an id is the id of another task. What came helps whoever settles the job."""
    came = []

    def answer(post: object) -> bytes | Act:
        came.append(accepted(vendor, post)[:kept])
        return CUTS[name](came[0])

    vendor.on_post = answer
    async with pool_of(vendor, http=options_of(name)) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, Unknown)
    error = error_of(outcome)
    assert isinstance(error, SubmissionUnknownError)
    assert error.excerpt == came[0].decode()
    assert "no complete answer" in str(error)
    assert vendor.paid == [1]


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_refusal_whose_end_is_missing_refuses_nothing(vendor, status):
    """It is not sent again."""
    body = b'{"error": {"code": "rate_limit_exceeded", "message": "no"}}'
    vendor.on_post = lambda _: too_long(body).replace(b"200", b"%d" % status, 1)
    async with pool_of(vendor) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, Unknown)
    assert len(vendor.posts) == 1


async def test_an_answer_that_is_cut_while_compressed_is_a_doubt(vendor):
    """What came cannot be read."""

    def answer(post: object) -> bytes:
        body = gzip.compress(accepted(vendor, post))[:-9]
        return too_long(body).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1)

    vendor.on_post = answer
    async with pool_of(vendor) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, Unknown)


async def test_an_answer_with_many_headers_is_read(vendor):
    """A gateway may add more than the 128 that aiohttp reads."""

    def answer(post: object) -> bytes:
        body = accepted(vendor, post)
        return HEAD + b"X-Hop: y\r\n" * 400 + b"Content-Length: %d\r\n\r\n" % len(body) + body

    vendor.on_post = answer
    async with pool_of(vendor) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, Completed)
