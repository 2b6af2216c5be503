"""Uploads: once for each content, repeated until they succeed, and the key goes to the file service only."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

import evolink_async as ev
from evolink_async.client import AiohttpTransport, ApiKey, HttpOptions, Session, base_url
from evolink_async.concurrency import Limiter
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.rendering.canvas import Title, png
from evolink_async.errors import EvolinkError, JournalError, UploadError
from evolink_async.events import Event, Uploaded, Uploading
from evolink_async.journal import Journal, MemoryJournal
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.media import LocalMedia, Upload
from evolink_async.uploads import Uploads
from evolink_async.uploads.content import LocalFileError, OnSent
from evolink_async.uploads.sender import Sender
from evolink_async.uploads.uploads import CLOCK_SECONDS, LINK_MARGIN_SECONDS
from evolink_async.wire import Response
from tests.kit import PATIENT, open_pool, own_tasks, until
from tests.servers import Act, hang, reply, reset
from tests.uploads.file_service import LINK, FileService, file_service, receipt, refusal

pytestmark = pytest.mark.anyio

CANARY = "sk-canary-0123456789abcdef"
SPARE = "sk-canary-spare-0123456789"
CALM = HttpOptions()
HASTY = HttpOptions(upload_timeout=0.4)
"""For a service that says nothing."""
NAME = CANARY.encode()
FILM = b"\0\0\0\x18ftypisom" + bytes(range(256)) * 500
DAY = 24 * 3600.0
NOON = 1_790_000_000.0


@attrs.define
class Clock:
    """Unix seconds that the test sets."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@attrs.frozen
class House:
    """Uploads on a file service, two accounts, and all that was told."""

    uploads: Uploads
    session: Session
    spare: Session
    clock: Clock
    events: list[Event]

    @property
    def ended(self) -> list[Uploaded]:
        """How uploads ended."""
        return [event for event in self.events if isinstance(event, Uploaded)]


@asynccontextmanager
async def house(
    url: str,
    journal: Journal | None = None,
    *,
    limiter: int = 4,
    policy: ev.RetryPolicy = PATIENT,
    is_observed: bool = True,
    options: HttpOptions = CALM,
    service: str = "",
) -> AsyncIterator[House]:
    """Uploads to a file service; closed at the end."""
    keys = [ApiKey(CANARY), ApiKey(SPARE)]
    transports = {key.fingerprint: AiohttpTransport(base_url(url), key, options=options) for key in keys}
    session, spare = (Session(transports[key.fingerprint], key.fingerprint, policy=policy) for key in keys)
    clock, events = Clock(), list[Event]()
    emit = events.append if is_observed else None
    kept, others = journal or MemoryJournal(), own_tasks()
    uploads = Uploads(transports, kept, Limiter(limiter), policy=policy, service=service, emit=emit, clock=clock)
    try:
        yield House(uploads, session, spare, clock, events)
    finally:
        await uploads.aclose()
        assert own_tasks() <= others
        assert uploads.limiter.used == 0
        assert "canary" not in repr(events)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteJournal]:
    """A journal file, as one process has it."""
    journal = SqliteJournal(path)
    await journal.open()
    try:
        yield journal
    finally:
        await journal.aclose()


def local(path: Path, content: bytes = FILM) -> LocalMedia:
    """A file of this content, measured."""
    path.write_bytes(content)
    return LocalMedia(path, hashlib.sha256(content).hexdigest())


@pytest.fixture
def film(tmp_path: Path) -> LocalMedia:
    """A measured file."""
    return local(tmp_path / "film.mp4")


# --- once for each content


async def test_fifty_jobs_that_share_a_clip_upload_it_once(film):
    """Jobs that come during the upload wait for it; later ones find its link."""
    async with file_service(receipt()) as service, house(service.url) as here:
        uploads = await asyncio.gather(*(here.uploads.host(film, here.session) for _ in range(50)))
        later = await here.uploads.host(film, here.session)
    assert {upload.url for upload in [*uploads, later]} == {LINK}
    assert len(service.taken) == 1
    assert [event.error for event in here.ended] == [None]


async def test_content_counts_not_the_name(film, tmp_path):
    """The same bytes under another name are the same upload; other bytes under the same name are not."""
    async with file_service(receipt()) as service, house(service.url) as here:
        await here.uploads.host(film, here.session)
        await here.uploads.host(local(tmp_path / "copy.mp4"), here.spare)
        assert len(service.taken) == 1
        await here.uploads.host(local(film.path, b"other"), here.session)
    assert len(service.taken) == 2


async def test_a_file_that_was_not_measured_is_measured_here(film):
    """And found again like any other."""
    async with file_service(receipt()) as service, house(service.url) as here:
        upload = await here.uploads.host(LocalMedia(film.path), here.session)
        assert upload.sha256 == film.sha256
        assert await here.uploads.host(film, here.session) == upload
    assert len(service.taken) == 1


async def test_another_process_finds_it_in_the_journal(film, tmp_path):
    """Even when the file itself is gone by then: the link is all that is needed."""
    async with file_service(receipt()) as service:
        async with opened(tmp_path / "run.db") as journal, house(service.url, journal) as here:
            first = await here.uploads.host(film, here.session)
        film.path.unlink()
        async with opened(tmp_path / "run.db") as journal, house(service.url, journal) as here:
            assert await here.uploads.host(film, here.session) == first
    assert len(service.taken) == 1


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_link_is_used_again_until_six_hours_before_its_end(film, tmp_path, kind):
    """By the wall clock; then the file is uploaded anew."""
    async with (
        file_service(receipt()) as service,
        opened(tmp_path / "run.db") as file,
        house(service.url, MemoryJournal() if kind == "memory" else file) as here,
    ):
        first = await here.uploads.host(film, here.session)
        assert first.expires_at == NOON + 3 * DAY
        here.clock.now = first.expires_at - LINK_MARGIN_SECONDS - 1
        assert await here.uploads.host(film, here.session) == first
        here.clock.now = first.expires_at - LINK_MARGIN_SECONDS
        second = await here.uploads.host(film, here.session)
        assert (second.uploaded_at, len(service.taken)) == (here.clock.now, 2)
        assert await here.uploads.host(film, here.session) == second


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_link_of_the_future_is_not_used_again(film, tmp_path, kind):
    """The clock was a month ahead when it was recorded, so it says nothing of when the link expires."""
    async with (
        file_service(receipt()) as service,
        opened(tmp_path / "run.db") as file,
        house(service.url, MemoryJournal() if kind == "memory" else file) as here,
    ):
        here.clock.now = NOON + 30 * DAY
        first = await here.uploads.host(film, here.session)
        # Clocks of machines that share a journal may differ a little.
        here.clock.now -= CLOCK_SECONDS
        assert await here.uploads.host(film, here.session) == first
        here.clock.now = NOON + 5 * DAY
        second = await here.uploads.host(film, here.session)
        assert (second.expires_at, len(service.taken)) == (NOON + 8 * DAY, 2)
        # The record is mended with it.
        assert await here.uploads.host(film, here.session) == second
    assert len(service.taken) == 2


async def test_a_link_that_lives_shortly_is_good_for_one(film):
    """It is returned, and not given to anybody else."""
    short = receipt(upload_time="2026-01-01T00:00:00Z", expires_at="2026-01-01T01:00:00Z")
    async with file_service(short) as service, house(service.url) as here:
        for _ in range(2):
            assert (await here.uploads.host(film, here.session)).expires_at == NOON + 3600
    assert len(service.taken) == 2


LINKS = {
    "": LINK,
    "http://127.0.0.1:9999": "https://files.a.example/x.mp4",
    "https://mirror.example/e": "https://m.example/",
}


@pytest.mark.parametrize("kind", ["memory", "file", "shared"])
async def test_a_link_belongs_to_the_service_that_gave_it(film, tmp_path, kind, request):
    """A journal that was used with an emulator gives its link to no other service, and one of before is read on."""
    async with one_journal(kind, tmp_path, request) as journal:
        await journal.uploaded(kept(film, "https://files.example.com/before.mp4"))
        for service in [*LINKS, *LINKS]:
            async with (
                file_service(receipt(file_url=LINKS[service])) as files,
                house(files.url, journal, service=service) as here,
            ):
                upload = await here.uploads.host(film, here.session)
                assert upload.sha256 == film.sha256
                again = await here.uploads.host(film, here.session)
            assert again == upload
            assert upload.url == (LINKS[service] if service else "https://files.example.com/before.mp4")
        assert set(await journal.hosted([str(film.sha256)])) == {film.sha256}


def kept(film: LocalMedia, url: str) -> Upload:
    """What an earlier run recorded of a file."""
    return Upload(
        file_id=None,
        url=url,
        sha256=film.sha256,
        size_bytes=5,
        mime_type=None,
        expires_at=NOON + 3 * DAY,
        uploaded_at=NOON,
    )


@asynccontextmanager
async def one_journal(kind: str, folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Journal]:
    """A journal of a kind, open."""
    if kind == "memory":
        yield MemoryJournal()
    elif kind == "file":
        async with opened(folder / "run.db") as journal:
            yield journal
    else:
        shared = PostgresJournal(request.getfixturevalue("postgres"))
        await shared.open()
        try:
            yield shared
        finally:
            await shared.aclose()


async def test_a_journal_is_not_asked_for_links_of_another_service(film, tmp_path):
    """Two pools, two services and one file: each service gets the file once, and jobs get the links of their own."""
    path = tmp_path / "run.db"
    links = []
    for _ in range(2):
        async with Emulator(speed=1000) as one, open_pool(one, journal=path) as pool:
            links.append((await pool.upload(film.path)).url)
            assert (await pool.upload(film.path)).url == links[-1]
            assert [request.kind for request in one.received if request.kind == "upload"] == ["upload"]
    assert links[0] != links[1]


async def test_a_journal_that_cannot_write_costs_no_link(film):
    """The upload is done; the submit that follows reports the failure of the disk."""

    class Full(MemoryJournal):
        async def uploaded(self, upload: Upload) -> None:
            raise JournalError("disk full")

    async with file_service(receipt()) as service, house(service.url, Full()) as here:
        assert (await here.uploads.host(film, here.session)).url == LINK


# --- until it gets through


PASSING: dict[str, list[bytes | Act]] = {
    "reset": [reset],
    "closed": [b""],
    "silence": [hang],
    "500": [refusal(500, status=500)],
    "502 in HTML": [reply(b"<html>Bad Gateway</html>", 502)],
    "503 under 200": [refusal(503)],
    "429, asked to wait": [refusal(429, status=429, Retry_After=0)],
    "429 under 200": [refusal(429)],
    "408": [reply(b"", 408)],
    "425": [reply(b"", 425)],
    "HTML under 200": [reply(b"<html>Welcome</html>")],
    "no link": [receipt(file_url=None)],
    "all of it": [reset, refusal(500, status=500), reply(b"{}"), b"", refusal(50301)],
}


@pytest.mark.parametrize("answers", PASSING.values(), ids=PASSING)
async def test_what_passes_is_tried_again(film, answers):
    """Uploading is free: whether the service kept what came before does not matter."""
    options = HASTY if hang in answers else CALM
    async with file_service(*answers, receipt()) as service, house(service.url, options=options) as here:
        assert (await here.uploads.host(film, here.session)).url == LINK
    assert len(service.taken) == len(answers) + 1
    assert {taken.file for taken in service.taken} == {FILM}
    assert [event.error for event in here.ended] == [None]


@pytest.mark.parametrize(
    "answer", [reset, refusal(500), reply(b"<html>"), refusal(429)], ids=["reset", "500", "html", "429"]
)
async def test_what_does_not_pass_is_given_up_in_the_end(film, answer):
    """After `RetryPolicy.attempts` tries, with one sentence that names the file, their number and the reason."""
    policy = attrs.evolve(PATIENT, attempts=3)
    async with file_service(answer) as service, house(service.url, policy=policy) as here:
        with pytest.raises(UploadError, match=r"film\.mp4 could not be uploaded in 3 tries: ") as caught:
            await here.uploads.host(film, here.session)
    assert len(service.taken) == 3
    assert caught.value.may_resubmit
    assert [event.error for event in here.ended] == [caught.value]


async def test_a_long_wait_asked_for_is_not_waited(film):
    """A Retry-After beyond the patience ends the attempts."""
    async with file_service(refusal(429, status=429, Retry_After=3600)) as service, house(service.url) as here:
        with pytest.raises(UploadError, match="in 1 try: HTTP 429"):
            await here.uploads.host(film, here.session)
    assert len(service.taken) == 1


async def test_patience_ends_too(film):
    """However many attempts are left."""
    policy = attrs.evolve(PATIENT, patience=1e-9, attempts=1000)
    async with file_service(refusal(500)) as service, house(service.url, policy=policy) as here:
        with pytest.raises(UploadError):
            await here.uploads.host(film, here.session)
    assert len(service.taken) == 1


FINAL: dict[str, bytes] = {
    "400 under 200": refusal(400, f"Unsupported file type, {CANARY}"),
    "400": refusal(400, f"Unsupported file type, {CANARY}", 400),
    "413": refusal(413, f"Unsupported file type, {CANARY}", 413),
    "a word": refusal("file_type_not_allowed", f"Unsupported file type, {CANARY}"),
    "no code": refusal(None, f"Unsupported file type, {CANARY}"),
    "the API's words": reply(
        b'{"error": {"code": "bad", "message": "Unsupported file type, %b"}}' % CANARY.encode(), 422
    ),
}


@pytest.mark.parametrize("answer", FINAL.values(), ids=FINAL)
async def test_a_refusal_is_told_in_the_services_words(film, answer):
    """At once, and without the key that it echoes."""
    async with file_service(answer) as service, house(service.url) as here:
        with pytest.raises(UploadError, match=r"refused .*film\.mp4: Unsupported file type, \*\*\* \(code ") as caught:
            await here.uploads.host(film, here.session)
    assert len(service.taken) == 1
    assert caught.value.source == str(film.path)
    assert "canary" not in repr(vars(caught.value))


async def test_a_link_that_we_refuse_uses_up_no_quota(film):
    """The file is not sent ten times for the same answer."""
    async with file_service(receipt(file_url="/photos/photo.png")) as service, house(service.url) as here:
        with pytest.raises(UploadError, match=r"in 1 try: .* its link is no http\(s\) URL: '/photos/photo\.png'"):
            await here.uploads.host(film, here.session)
    assert len(service.taken) == 1


async def test_fifty_who_wait_share_a_refusal(film):
    """The content is refused for every job: one request is enough."""
    async with file_service(refusal(400)) as service, house(service.url) as here:
        waiting = [here.uploads.host(film, here.session) for _ in range(25)]
        waiting += [here.uploads.host(film, here.spare) for _ in range(25)]
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ends} == {UploadError}
    assert len(service.taken) == 1


async def test_a_redirect_takes_the_file_nowhere(film):
    """It is a refusal; the host it names gets no request."""
    async with file_service(receipt()) as other, file_service(reply(b"", 307, Location=other.url)) as service:
        async with house(service.url) as here:
            with pytest.raises(UploadError, match="redirected to"):
                await here.uploads.host(film, here.session)
        assert other.taken == []
    assert len(service.taken) == 1


# --- keys


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.parametrize("under", [200, None])
async def test_a_refused_key_is_told_as_such(film, status, under):
    """So that the caller may take another one."""
    async with file_service(refusal(status, "key", under or status)) as service, house(service.url) as here:
        with pytest.raises(ev.StatusError, match="key") as caught:
            await here.uploads.host(film, here.session)
        assert (caught.value.status, len(service.taken)) == (status, 1)


def for_key(key: str, answer: bytes, other: bytes) -> Act:
    """One answer for a key, another one for every other."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        [service] = SERVICES
        writer.write(answer if key.encode() in service.taken[-1].head else other)
        await writer.drain()

    return act


SERVICES: list[FileService] = []


@pytest.fixture
async def picky() -> AsyncIterator[FileService]:
    """A service that refuses the first key."""
    async with file_service(for_key(CANARY, refusal(401), receipt())) as service:
        SERVICES.append(service)
        yield service
        SERVICES.clear()


async def test_a_key_that_is_refused_does_not_fail_those_with_another(film, picky):
    """A job that waited for an upload under another key starts its own."""
    async with house(picky.url) as here:
        first = asyncio.ensure_future(here.uploads.host(film, here.session))
        await until(lambda: here.uploads.limiter.used)
        second = asyncio.ensure_future(here.uploads.host(film, here.spare))
        with pytest.raises(ev.AuthenticationError):
            await first
        assert (await second).url == LINK
    assert len(picky.taken) == 2


async def test_any_key_will_do(film, picky):
    """The refused one is suspended."""
    async with house(picky.url) as here:
        assert (await here.uploads.upload_with_any_key((here.session, here.spare), film.path)).url == LINK
        assert here.session.health.suspended is not None
        assert (here.session.health.suspended.status, here.spare.health.suspended) == (401, None)
        assert (await here.uploads.upload_with_any_key((here.session, here.spare), b"more")).url == LINK
    assert len(picky.taken) == 3


async def test_no_key_will_do(film):
    """The last refusal is raised; afterwards nothing is sent any more."""
    async with file_service(refusal(401)) as service, house(service.url) as here:
        for _ in range(2):
            with pytest.raises(ev.AuthenticationError):
                await here.uploads.upload_with_any_key((here.session, here.spare), film.path)
    assert len(service.taken) == 2


async def test_a_refusal_that_is_not_about_the_key_suspends_none(film):
    """A file service without room answers 403 too."""
    async with file_service(refusal(403, "File quota exhausted")) as service, house(service.url) as here:
        with pytest.raises(ev.AccessDeniedError, match="quota"):
            await here.uploads.upload_with_any_key((here.session, here.spare), film.path)
        assert (here.session.health.suspended, here.spare.health.suspended, len(service.taken)) == (None, None, 2)


# --- files that change


async def test_a_file_that_changed_since_it_was_measured_has_no_link(film):
    """Not even when the service took it all: the job would be made of something else."""
    film.path.write_bytes(FILM[::-1])
    async with file_service(receipt()) as service, house(service.url) as here:
        with pytest.raises(LocalFileError, match="changed since it was measured"):
            await here.uploads.host(film, here.session)
    assert service.whole == 0


async def test_a_changed_file_does_not_fail_its_twin(film, tmp_path):
    """The same content at another path is uploaded from there."""
    twin = local(tmp_path / "twin.mp4")
    film.path.write_bytes(FILM[::-1])
    async with file_service(receipt()) as service, house(service.url) as here:
        ends = await asyncio.gather(
            *(here.uploads.host(one, here.session) for one in (film, film, twin, twin)), return_exceptions=True
        )
    assert [type(end) for end in ends] == [LocalFileError, LocalFileError, Upload, Upload]
    assert service.whole == 1


async def test_a_deleted_file_is_told_in_one_sentence(film):
    """Before any connection is made."""
    film.path.unlink()
    async with file_service(receipt()) as service, house(service.url) as here:
        with pytest.raises(LocalFileError, match=r"film\.mp4' cannot be read: No such file"):
            await here.uploads.host(film, here.session)
    assert service.listener.accepted == 0


# --- cancelling and closing


@pytest.fixture
async def slow() -> AsyncIterator[tuple[FileService, asyncio.Event]]:
    """A service that answers when the test says so."""
    go = asyncio.Event()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(receipt())
        await writer.drain()

    async with file_service(act) as service:
        yield service, go


async def test_cancelling_one_leaves_the_others(film, slow):
    """Also the one who began."""
    service, go = slow
    async with house(service.url) as here:
        tasks = [asyncio.ensure_future(here.uploads.host(film, here.session)) for _ in range(3)]
        await until(lambda: service.whole)
        tasks[0].cancel()
        await asyncio.wait([tasks[0]])
        go.set()
        assert [(await task).url for task in tasks[1:]] == [LINK, LINK]
    assert tasks[0].cancelled()
    assert len(service.taken) == 1


async def test_cancelling_all_stops_the_upload(film, slow):
    """Its permit is back, and the next job starts a new upload, even at once."""
    service, go = slow
    async with house(service.url, limiter=1) as here:
        tasks = [asyncio.ensure_future(here.uploads.host(film, here.session)) for _ in range(3)]
        await until(lambda: service.whole)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        late = asyncio.ensure_future(here.uploads.host(film, here.session))
        await until(lambda: len(service.taken) == 2)
        assert here.ended == []
        go.set()
        assert (await late).url == LINK
    assert [task.cancelled() for task in tasks] == [True] * 3


async def test_uploads_cancelled_at_every_await(film, tmp_path):
    """No permit, task or entry is left, whenever the cancellation comes, and the next one gets its link."""
    async with (
        file_service(refusal(500), receipt()) as service,
        opened(tmp_path / "run.db") as journal,
        house(service.url, journal, limiter=1) as here,
    ):
        for turns in [*range(60), *range(60, 250, 9)]:
            task = asyncio.ensure_future(here.uploads.host(local(film.path, b"%d" % turns * 1000), here.session))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.result().url == LINK
        await until(lambda: own_tasks() == set())
        assert here.uploads.limiter.used == 0
        assert (await here.uploads.host(local(film.path), here.session)).url == LINK


async def test_closing_stops_uploads_and_tells_who_waits(film, slow):
    """With an error that says so, and nothing can be begun any more."""
    service, _ = slow
    async with house(service.url) as here:
        task = asyncio.ensure_future(here.uploads.host(film, here.session))
        await until(lambda: service.whole)
        await here.uploads.aclose()
        with pytest.raises(ev.ConfigurationError, match="closed while"):
            await task
        with pytest.raises(ev.ConfigurationError, match="is closed"):
            await here.uploads.host(film, here.session)


async def test_closing_ends_the_wait_for_another_try(film):
    """An upload that waits is not waited for."""
    policy = ev.RetryPolicy(base=60)
    async with file_service(refusal(500)) as service, house(service.url, policy=policy) as here:
        task = asyncio.ensure_future(here.uploads.host(film, here.session))
        await until(lambda: service.taken and not here.uploads.limiter.used)
        await here.uploads.aclose()
        with pytest.raises(ev.ConfigurationError):
            await task


# --- how many at once, and what is told


async def test_no_more_at_once_than_permits(tmp_path):
    """Others wait in line."""
    async with Emulator(latency=0.01) as emulator, open_pool(emulator, limits=ev.Limits(uploads=2)) as pool:
        sources = [tmp_path / f"{number}.png" for number in range(8)]
        for number, path in enumerate(sources):
            path.write_bytes(png(8 + number, 8, Title()))
        uploads = await asyncio.gather(*map(pool.upload, sources))
        assert len({upload.url for upload in uploads}) == 8
        assert emulator.peak["upload"] == 2


async def test_progress_is_told_a_few_times_a_second():
    """At the first piece of a try, then not before a tenth of a second has gone; by our clock, not by pieces."""
    events = list[Event]()
    clock = Clock()

    @attrs.frozen
    class Chatty:
        source, sha256, size_bytes = "film.mp4", "0" * 64, 500

        async def send(self, _: object, on_sent: OnSent) -> Response:
            for clock.now in (10.0, 10.05, 10.2, 10.25, 10.4):
                on_sent(round(clock.now * 100))
            return Response(status=200, headers={}, body=receipt().partition(b"\r\n\r\n")[2])

    sender = Sender(Limiter(1), PATIENT, emit=events.append, clock=lambda: NOON, now=clock)
    transport: Any = None
    await sender.upload(Chatty(), transport)
    *uploading, _ = events
    assert uploading == [
        Uploading(at=NOON, source="film.mp4", sent_bytes=sent, total_bytes=500) for sent in (1000, 1020, 1040)
    ]


async def test_what_is_told_of_an_upload(film):
    """How far it is, then its end; nothing of one that was not needed."""
    async with file_service(receipt()) as service, house(service.url) as here:
        for _ in range(2):
            await here.uploads.host(film, here.session)
    [first, *_, last] = here.events
    assert first == Uploading(at=NOON, source=str(film.path), sent_bytes=0, total_bytes=len(FILM))
    assert last == Uploaded(at=NOON, seconds=0, source=str(film.path), size_bytes=len(FILM))
    assert len(here.ended) == 1


# --- three ways, on the emulator


async def test_three_ways_to_upload(emulator, film, tmp_path):
    """A path, bytes and a URL; each gives a link to the same bytes."""
    picture = png(8, 8, Title())
    (tmp_path / "cat.png").write_bytes(picture)
    async with open_pool(emulator) as pool:
        streamed = await pool.upload(tmp_path / "cat.png")
        inline = await pool.upload(png(9, 9, Title()), file_name="a/b c.png")
        fetched = await pool.upload(streamed.url, file_name="copy.png")
        assert await pool.upload(picture) == streamed  # known already, whichever way it came
    assert [upload.mime_type for upload in (streamed, inline, fetched)] == ["image/png"] * 3
    assert (streamed.sha256, streamed.size_bytes) == (hashlib.sha256(picture).hexdigest(), len(picture))
    assert (fetched.sha256, fetched.size_bytes) == (None, len(picture))
    assert inline.url.endswith("-b-c.png")
    assert fetched.url.endswith("-copy.png")
    paths = [request.path.rpartition("/")[2] for request in emulator.received if request.kind == "upload"]
    assert paths == ["stream", "base64", "url"]
    assert emulator.leaked_keys == 0


async def test_the_link_serves_the_bytes(emulator, film):
    """What the emulator keeps is what we sent."""
    async with open_pool(emulator) as pool:
        upload = await pool.upload(film.path)
        async with pool._open_engine().result_reader.open(upload.url) as remote:
            assert b"".join([piece async for piece in remote.pieces]) == FILM


async def test_a_url_that_two_want_is_fetched_once(emulator, film):
    """While the first is under way; it is not remembered, as what it leads to may change."""
    async with open_pool(emulator) as pool:
        link = (await pool.upload(film.path)).url
        await asyncio.gather(*(pool.upload(link) for _ in range(5)))
        await pool.upload(link)
    assert [request.path.rpartition("/")[2] for request in emulator.received if request.kind == "upload"] == [
        "stream",
        "url",
        "url",
    ]


@pytest.mark.parametrize("source", ["clip.mp4", "", "file:///etc/passwd", "ftp://a.b/c", 5, None, ["a"]])
async def test_what_is_no_source(emulator, source):
    """A sentence says what is; nothing is sent."""
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError, match=r"Path\('clip\.mp4'\), bytes or an absolute http"):
            await pool.upload(source)
    assert emulator.received == []


async def test_what_is_no_name(emulator, film):
    """A name is text."""
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError, match="file_name must be text, not '5'"):
            await pool.upload(film.path, file_name=5)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("name", ["", "a" * 5000, "a\ud800.png", "a\0.png", "a\r\nb.png", "a\u2028.png"])
async def test_what_no_file_is_called(emulator, film, name):
    """It is refused before anything is sent, whatever is uploaded."""
    async with open_pool(emulator) as pool:
        for source in (film.path, FILM, "https://example.com/a.png"):
            with pytest.raises(ev.ConfigurationError, match="file_name must be 1 to 255 characters, with no control"):
                await pool.upload(source, file_name=name)
    assert emulator.received == []


async def test_a_file_whose_name_is_no_utf_8(emulator, film):
    """Is uploaded under a name of ASCII; its own is shown with escapes."""
    odd = Path(os.fsdecode(os.fsencode(film.path.parent) + b"/\xff\xe7.mp4"))
    film.path.rename(odd)
    events: list[Event] = []
    async with open_pool(emulator, observer=events.append) as pool:
        await pool.upload(odd)
        odd.unlink()
        with pytest.raises(UploadError, match="udcff") as caught:
            await pool.upload(odd)
    (uploaded,) = (event for event in events if isinstance(event, Uploaded))
    for text in (uploaded.source, str(caught.value), str(caught.value.source)):
        assert text.encode().isascii()


async def test_the_emulator_refuses_as_the_service_does(emulator, film):
    """Under HTTP 200, by a fault; and a type of its own accord."""
    emulator.faults.on("upload", 1, faults.upload_refused(413, "The file is too large"))
    async with open_pool(emulator) as pool:
        with pytest.raises(UploadError, match=r"too large \(code 413\)"):
            await pool.upload(film.path)
        with pytest.raises(UploadError, match="Unsupported file type"):
            await pool.upload(b"%PDF-1.7")


async def test_the_key_is_in_no_text(emulator, film, tmp_path):
    """Not in the message of an error when the service echoes it, nor in the journal."""
    emulator.faults.on("upload", 1, faults.upload_refused(400, "no such key: sk-emulator-canary"))
    path = tmp_path / "run.db"
    async with Emulator(api_keys=["sk-emulator-canary"]) as other:
        other.faults.on("upload", 1, faults.upload_refused(400, "no such key: sk-emulator-canary"))
        async with open_pool(other, api_key="sk-emulator-canary", journal=path) as pool:
            with pytest.raises(EvolinkError) as caught:
                await pool.upload(film.path)
            await pool.upload(film.path)
    assert "canary" not in str(caught.value) + repr(vars(caught.value))
    assert b"canary" not in b"".join(file.read_bytes() for file in tmp_path.glob("run.db*"))


async def test_a_pool_closed_while_it_uploads(emulator, film):
    """The caller learns it; the pool closes cleanly."""
    emulator.faults.on("upload", faults.ALWAYS, faults.HANG_AFTER_ACCEPT)
    async with open_pool(emulator) as pool:
        task = asyncio.ensure_future(pool.upload(film.path))
        await until(lambda: emulator.received)
    with pytest.raises(ev.ConfigurationError, match="closed"):
        await task
    assert own_tasks() == set()
    with pytest.raises(ev.ConfigurationError, match="closed"):
        await pool.upload(film.path)
