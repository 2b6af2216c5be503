"""An outage of the file service: it costs few uploads, and ends them all with one error when it lasts too long."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

import evolink_async as ev
from evolink_async.errors import EvolinkError, OutageError, UploadError
from evolink_async.media import LocalMedia, Upload
from tests.kit import until
from tests.servers import Act, hang, reply, reset
from tests.uploads.file_service import FileService, file_service, receipt, refusal
from tests.uploads.test_uploads import CALM, CANARY, HASTY, House, house, local

pytestmark = pytest.mark.anyio

LIMIT = 4
OVERTAKEN = LIMIT - 2
"""Uploads of the first few whose trouble is forgotten, when the two that were accepted end after them."""
FILES = 30
QUICK = ev.RetryPolicy(base=0.01, cap=0.05, patience=30, grace=1)
SHORT = ev.RetryPolicy(base=0.01, cap=0.02, patience=0.1, grace=1)
OUTAGES: dict[str, bytes | Act] = {
    "500 in its words": refusal(500, status=500),
    "502 with a page": reply(b"<html>bad gateway</html>", 502),
    "404 with a page": reply(b"<html>no backend</html>", 404),
    "200 with a page": reply(b"<html>log in</html>", 200),
    "reset": reset,
    "no answer": hang,
}


class Outage:
    """Uploads meet a fault from the third on, until it is switched off."""

    def __init__(self, fault: bytes | Act, *, after: int = 2) -> None:
        self.is_on = True
        self.met = 0
        self._came = 0
        self._fault = fault
        self._after = after

    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one upload."""
        self._came += 1
        if not self.is_on or self._came <= self._after:
            writer.write(receipt(file_id=f"file_{self._came}"))
        elif callable(self._fault):
            self.met += 1
            await self._fault(reader, writer)
            return
        else:
            self.met += 1
            writer.write(self._fault)
        await writer.drain()


def time_outs(fault: bytes | Act) -> ev.HttpOptions:
    """Short ones for a service that says nothing."""
    return HASTY if fault is hang else CALM


def films(folder: Path, count: int = FILES) -> list[LocalMedia]:
    """Small files, each unlike the others."""
    return [local(folder / f"film-{number}.mp4", b"film %d" % number) for number in range(count)]


async def upload_all(here: House, files: list[LocalMedia]) -> list[Upload | BaseException]:
    """Upload them side by side."""
    return await asyncio.gather(*(here.uploads.host(film, here.session) for film in files), return_exceptions=True)


def kinds(ends: list[Upload | BaseException]) -> set[type]:
    """What came of them."""
    return {type(end) for end in ends}


@pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_costs_few_uploads(tmp_path, fault):
    """Those under way when it began, and one at a time afterwards; all files are there when it is over."""
    outage = Outage(fault)
    options = time_outs(fault)
    async with (
        file_service(outage.act) as service,
        house(service.url, limiter=LIMIT, policy=QUICK, options=options) as here,
    ):
        task = asyncio.create_task(upload_all(here, films(tmp_path)))
        await until(lambda: outage.met >= OVERTAKEN + LIMIT + 2 + 2)
        outage.is_on = False
        assert kinds(await task) == {Upload}
    assert outage.met <= OVERTAKEN + LIMIT + 2 + 3


@pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)
async def test_many_files_do_not_all_run_into_an_outage(tmp_path, fault):
    """Most of them are never sent, however many wait for a place."""
    outage = Outage(fault)
    policy = ev.RetryPolicy(base=60, cap=60, patience=0.4, grace=1)
    options = time_outs(fault)
    async with (
        file_service(outage.act) as service,
        house(service.url, limiter=LIMIT, policy=policy, options=options) as here,
    ):
        ends = await upload_all(here, films(tmp_path))
    assert kinds(ends) <= {Upload, OutageError, UploadError}
    # The brake closes at the third in trouble, with the others under way; nothing is due before patience is over.
    assert outage.met <= OVERTAKEN + LIMIT + 2


@pytest.mark.parametrize("fault", [OUTAGES["502 with a page"], reset], ids=["502", "reset"])
async def test_a_longer_outage_ends_with_outage_error(tmp_path, fault):
    """It may be tried again, it names what was met, and each caller has a copy of its own."""
    outage = Outage(fault)
    async with file_service(outage.act) as service, house(service.url, limiter=LIMIT, policy=SHORT) as here:
        ends = await upload_all(here, films(tmp_path))
    errors = [end for end in ends if isinstance(end, EvolinkError)]
    assert len(errors) == FILES - 2
    told = [error for error in errors if isinstance(error, OutageError)]
    assert told
    assert all(error.trouble is not None and error.may_resubmit for error in told)
    assert len({id(error) for error in told}) == len(told)


async def test_uploads_go_on_after_a_longer_outage(tmp_path):
    """The first one that may be sent finds out; the others follow."""
    outage = Outage(OUTAGES["502 with a page"])
    async with file_service(outage.act) as service, house(service.url, limiter=LIMIT, policy=SHORT) as here:
        files = films(tmp_path)
        assert OutageError in kinds(await upload_all(here, files))
        outage.is_on = False
        while kinds(await upload_all(here, files)) != {Upload}:
            await asyncio.sleep(0.001)


async def test_a_file_that_is_refused_is_no_outage(tmp_path):
    """A judgement about a file says that the service is well."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(refusal(400, status=400))
        await writer.drain()

    async with file_service(act) as service, house(service.url, limiter=LIMIT, policy=QUICK) as here:
        assert kinds(await upload_all(here, films(tmp_path, 10))) == {UploadError}
    assert len(service.taken) == 10


async def test_one_file_in_trouble_does_not_stop_the_others(tmp_path):
    """Its own tries are no outage, however many there are."""
    files = films(tmp_path, 10)

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_bad = b"film 3" in service.taken[-1].body
        writer.write(refusal(500, status=500) if is_bad else receipt())
        await writer.drain()

    policy = ev.RetryPolicy(base=0.001, cap=0.002, patience=30, attempts=8)
    service: FileService
    async with file_service(act) as service, house(service.url, limiter=1, policy=policy) as here:
        ends = await upload_all(here, files)
    assert [type(end) for end in ends].count(UploadError) == 1
    assert isinstance(ends[3], UploadError)
    assert len(service.taken) == 9 + 8


async def test_a_trial_that_is_cancelled_hands_its_place_on(tmp_path):
    """The next upload finds out in its stead."""
    outage = Outage(refusal(500, status=500), after=0)
    async with file_service(outage.act) as service, house(service.url, limiter=LIMIT, policy=QUICK) as here:
        files = films(tmp_path, 8)
        tasks = [asyncio.create_task(here.uploads.host(film, here.session)) for film in files]
        await until(lambda: outage.met >= LIMIT + 2)
        for task in tasks[:-1]:
            task.cancel()
        await asyncio.wait(tasks[:-1])
        outage.is_on = False
        assert isinstance(await tasks[-1], Upload)


@pytest.mark.parametrize("fault", [OUTAGES[name] for name in ("500 in its words", "502 with a page", "reset")])
async def test_the_first_failure_is_told_at_once(tmp_path, fault, caplog):
    """In the figures and, where nobody observes, in the log, once; it is over with the next file that is accepted."""
    outage = Outage(fault, after=0)
    async with (
        file_service(outage.act) as service,
        house(service.url, limiter=LIMIT, policy=QUICK, is_observed=False) as here,
    ):
        task = asyncio.create_task(upload_all(here, films(tmp_path, 1)))
        await until(lambda: outage.met >= 2)
        trouble = here.uploads.trouble
        assert trouble is not None
        assert trouble.tries >= 1
        outage.is_on = False
        assert kinds(await task) == {Upload}
        assert here.uploads.trouble is None
    [told] = [record.getMessage() for record in caplog.records]
    assert "for an upload; files are tried for up to 30 s" in told


@pytest.mark.parametrize("asked", [1, 3600], ids=["within patience", "beyond it"])
async def test_a_delay_that_one_upload_is_asked_for_holds_for_all(tmp_path, asked):
    """None of the same key is sent before; if that is beyond patience, all end with the refusal. Other keys go on."""
    limit = refusal(429, status=429, Retry_After=asked)
    came: list[tuple[float, bool]] = []
    answered = set[int]()

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The last one taken may be another, whose body still comes.
        [one] = [one for one in service.taken if one.is_whole and id(one) not in answered]
        answered.add(id(one))
        is_first = CANARY.encode() in one.head
        came.append((time.monotonic(), is_first))
        refused = is_first and time.monotonic() < came[0][0] + asked
        writer.write(limit if refused else receipt())
        await writer.drain()

    service: FileService
    policy = ev.RetryPolicy(base=0.01, cap=0.02, patience=30, grace=1)
    async with file_service(act) as service, house(service.url, limiter=LIMIT, policy=policy) as here:
        files = films(tmp_path, 20)
        task = asyncio.create_task(upload_all(here, files[:-1]))
        await until(lambda: came)
        assert isinstance(await here.uploads.host(files[-1], here.spare), Upload)
        ends = await task
    early = [at for at, is_first in came if is_first and at < came[0][0] + asked]
    assert len(early) <= LIMIT  # those under way together
    if asked < policy.patience:
        assert kinds(ends) == {Upload}
    else:
        assert kinds(ends) == {UploadError}
        assert {end.status for end in ends if isinstance(end, UploadError)} == {429}
        assert sum("was not uploaded: HTTP 429" in str(end) for end in ends) >= len(ends) - LIMIT
