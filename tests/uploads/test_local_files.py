"""Local files in the place of URLs, from parameters to a paid task: uploaded once, and only when it makes sense."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from PIL import Image

from evolink_async import Budget, Completed, Job, Unknown, Wan26ImageToVideoFlash
from evolink_async import Wan27ReferenceVideo as Wan27
from evolink_async.cli.demo_material.media import make_media
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import (
    AccessDeniedError,
    AuthenticationError,
    BudgetError,
    JournalConflictError,
    PreflightError,
    UploadError,
)
from evolink_async.media import LocalMedia
from tests.kit import KEY, PATIENT, dance, error_of, open_pool, own_tasks, task_ids, until
from tests.servers import reply
from tests.uploads.file_service import FileService, file_service, receipt

pytestmark = pytest.mark.anyio

REFUSAL = faults.reply(200, json.dumps({"success": False, "code": 400, "msg": "Unsupported file type"}).encode())


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> Path:
    """A folder with a clip, another one, a picture and a voice."""
    folder = tmp_path_factory.mktemp("media")
    for name in ("dancer.mp4", "singer.mp4", "cat.png", "voice.mp3"):
        make_media(name, folder)
    return folder


def clip_jobs(media: Path, count: int) -> list[Job]:
    """Jobs that all go by one clip."""
    return [Job(f"shot-{n}", dance(n, video_urls=[media / "dancer.mp4"])) for n in range(1, count + 1)]


def count(emulator: Emulator, kind: str) -> int:
    """Requests of a kind that came in."""
    return sum(request.kind == kind for request in emulator.received)


async def ran(emulator: Emulator, jobs, **settings) -> dict[str, object]:
    """Run jobs in a pool of their own; gives outcomes by key."""
    async with open_pool(emulator, **settings) as pool:
        return {outcome.key: outcome async for outcome in pool.run(jobs)}


def sent(emulator: Emulator) -> list[dict[str, Any]]:
    """The bodies of paid requests."""
    return [json.loads(request.body) for request in emulator.received if request.kind == "submit"]


# --- what is sent


async def test_every_kind_of_place_takes_a_file(emulator, media):
    """Lists, single fields and voices: the service gets links that its own host serves, and nothing else."""
    params = Wan27(
        prompt="Image 1 sings to Video 1",
        image_urls=[media / "cat.png"],
        video_urls=[LocalMedia(media / "dancer.mp4"), "https://example.com/other.mp4"],
        voice_bindings={"image1": media / "voice.mp3"},
        duration=5,
    )
    async with open_pool(emulator) as pool:
        done = await pool.generate(params)
    assert done.urls
    [body] = sent(emulator)
    links = [*body["image_urls"], body["video_urls"][0], body["model_params"]["voice_bindings"]["image1"]]
    assert all(link.startswith(emulator.results_url) for link in links)
    assert body["video_urls"][1] == "https://example.com/other.mp4"
    assert count(emulator, "upload") == 3


async def test_one_clip_of_many_jobs_travels_once(emulator, media):
    """Twenty jobs at once share one upload."""
    outcomes = await ran(emulator, clip_jobs(media, 20))
    assert all(isinstance(outcome, Completed) for outcome in outcomes.values())
    assert count(emulator, "upload") == 1
    assert len({body["video_urls"][0] for body in sent(emulator)}) == 1


async def test_the_same_jobs_again_send_nothing(emulator, media, tmp_path):
    """A second run of the journal uploads, submits and asks nothing."""
    journal = tmp_path / "jobs.db"
    await ran(emulator, clip_jobs(media, 5), journal=journal)
    before = len(emulator.received)
    outcomes = await ran(emulator, clip_jobs(media, 5), journal=journal)
    assert all(isinstance(outcome, Completed) and outcome.resumed for outcome in outcomes.values())
    assert len(emulator.received) == before


async def test_other_jobs_of_a_later_run_find_the_upload(emulator, media, tmp_path):
    """Content that an earlier process uploaded is not uploaded again while its link lives."""
    journal = tmp_path / "jobs.db"
    await ran(emulator, clip_jobs(media, 1), journal=journal)
    await ran(emulator, [Job("other", dance(99, video_urls=[media / "dancer.mp4"]))], journal=journal)
    assert count(emulator, "submit") == 2
    assert count(emulator, "upload") == 1


async def test_jobs_are_told_apart_by_content_not_by_path(emulator, media, tmp_path):
    """A copy elsewhere is the same job; the same path with other content is another, not bought under its key."""
    journal, path = tmp_path / "jobs.db", tmp_path / "clip.mp4"
    path.write_bytes((media / "dancer.mp4").read_bytes())
    await ran(emulator, [Job("shot", dance(video_urls=[media / "dancer.mp4"]))], journal=journal)
    again = await ran(emulator, [Job("shot", dance(video_urls=[path]))], journal=journal)
    assert isinstance(again["shot"], Completed)
    path.write_bytes((media / "singer.mp4").read_bytes())
    changed = await ran(emulator, [Job("shot", dance(video_urls=[path]))], journal=journal)
    assert isinstance(error_of(changed["shot"]), JournalConflictError)
    assert emulator.ledger.accepted == 1


async def test_a_key_of_our_own_goes_by_content(emulator, media, tmp_path):
    """Parameters without a key: equal content gives equal keys, other content other keys."""
    copy = tmp_path / "copy.mp4"
    copy.write_bytes((media / "dancer.mp4").read_bytes())
    [first] = await ran(emulator, [dance(video_urls=[media / "dancer.mp4"])])
    [second] = await ran(emulator, [dance(video_urls=[copy])])
    [third] = await ran(emulator, [dance(video_urls=[media / "singer.mp4"])])
    assert first == second != third


# --- what is not sent


async def test_a_file_that_is_missing_stops_its_own_job_only(emulator, media, tmp_path):
    """One sentence with its name; the others go on, with and without keys."""
    jobs = [*clip_jobs(media, 2), Job("lost", dance(3, video_urls=[tmp_path / "lost.mp4"]))]
    outcomes = await ran(emulator, jobs)
    assert isinstance(error_of(outcomes["lost"]), PreflightError)
    assert "lost.mp4" in str(error_of(outcomes["lost"]))
    assert emulator.ledger.accepted == 2
    [keyless] = (await ran(emulator, [dance(3, video_urls=[tmp_path / "lost.mp4"])])).values()
    assert isinstance(error_of(keyless), PreflightError)
    async with open_pool(emulator) as pool:
        with pytest.raises(PreflightError, match=r"lost\.mp4"):
            await pool.generate(dance(3, video_urls=[tmp_path / "lost.mp4"]))
    assert emulator.ledger.accepted == 2


async def test_a_refused_upload_costs_nothing_and_can_be_made_good(emulator, media, tmp_path):
    """The job comes back unsent, with the service's words; the next run uploads, and buys it once."""
    journal = tmp_path / "jobs.db"
    emulator.faults.on("upload", 1, REFUSAL)
    outcomes = await ran(emulator, clip_jobs(media, 1), journal=journal)
    error = error_of(outcomes["shot-1"])
    assert isinstance(error, UploadError)
    assert "Unsupported file type" in str(error)
    assert error.may_resubmit
    assert count(emulator, "submit") == 0
    outcomes = await ran(emulator, clip_jobs(media, 1), journal=journal)
    assert isinstance(outcomes["shot-1"], Completed)
    assert emulator.ledger.accepted == 1


async def test_a_refused_upload_frees_its_credits(emulator, media):
    """What was held for a job that is not sent is there for the next."""
    emulator.faults.on("upload", 1, REFUSAL)
    jobs = [Job("refused", dance(1, video_urls=[media / "dancer.mp4"])), Job("plain", dance(2))]
    outcomes = await ran(emulator, jobs, budget=Budget(credits=1))
    assert isinstance(error_of(outcomes["refused"]), UploadError)
    assert isinstance(outcomes["plain"], Completed)


async def test_a_job_beyond_the_budget_uploads_nothing(emulator, media):
    """Money first: what cannot be paid for is not uploaded."""
    jobs = [Job("plain", dance(1)), Job("beyond", dance(2, duration=9, video_urls=[media / "dancer.mp4"]))]
    async with open_pool(emulator, budget=Budget(credits=1)) as pool:
        await pool.generate(jobs[0].params, key="plain")
        with pytest.raises(BudgetError):
            await pool.generate(jobs[1].params, key="beyond")
    assert count(emulator, "upload") == 0


async def test_a_key_refused_at_the_file_service_is_suspended(media):
    """The job goes to the next key, upload and submit; without another it comes back unsent."""
    async with Emulator(speed=1000, api_keys=(KEY, "sk-second")) as emulator:
        emulator.faults.on("upload", 1, faults.reply(401, b'{"success":false,"code":401,"msg":"invalid key"}'))
        outcomes = await ran(emulator, clip_jobs(media, 1), api_key=[KEY, "sk-second"])
        assert isinstance(outcomes["shot-1"], Completed)
        assert count(emulator, "upload") == 2
    async with Emulator(speed=1000) as emulator:
        emulator.faults.on("upload", faults.ALWAYS, faults.reply(401, b'{"success":false,"code":401,"msg":"no"}'))
        outcomes = await ran(emulator, clip_jobs(media, 2))
        assert {type(error_of(outcome)) for outcome in outcomes.values()} == {AuthenticationError}
        assert count(emulator, "submit") == 0


async def test_closing_while_files_travel_pays_nothing(emulator, media):
    """The upload is cut short, the job comes back withdrawn or not at all, nothing is submitted."""
    emulator.faults.on("upload", faults.ALWAYS, faults.HANG_BEFORE_ACCEPT)
    async with open_pool(emulator) as pool:
        stream = pool.run(clip_jobs(media, 3))
        taking = asyncio.create_task(anext(stream))
        await until(lambda: count(emulator, "upload") == 1)
        assert pool.stats().uploading == 1
        taking.cancel()
        await asyncio.wait([taking])
        await stream.aclose()
        await until(lambda: pool.stats().uploading == 0)
    assert count(emulator, "submit") == 0
    assert not pool.unfinished()


async def test_submits_with_a_file_cancelled_at_every_await(emulator, tmp_path):
    """Measuring, uploading, submitting: after each cancellation every paid task is known and nothing is under way."""
    emulator.faults.on("upload", faults.ALWAYS, faults.delay(0.002))
    async with open_pool(emulator) as pool:

        def submitting(number: int) -> asyncio.Task:
            path = tmp_path / f"{number}.png"
            Image.new("RGB", (400, 400), (number, 0, 0)).save(path)
            params = Wan26ImageToVideoFlash(prompt="A cat", image_urls=[path])
            return asyncio.ensure_future(pool.submit(params, key=str(number)))

        for number, turns in enumerate([*range(30), *(int(1.2**power) for power in range(20, 54))]):
            task = submitting(number)
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        for number, kind in enumerate(("upload", "submit"), 100):
            before, task = count(emulator, kind), submitting(number)
            await until(lambda kind=kind, before=before: count(emulator, kind) > before)
            task.cancel()
            await asyncio.wait([task])
        await until(lambda: pool.stats().submitting == 0 and pool.stats().requests == 0)
        await until(lambda: not [task for task in own_tasks() if "upload" in task.get_name()])
        known = set(task_ids(pool.unfinished()))
        assert known == set(emulator.tasks)
        assert known
        done = await pool.generate(dance(), key="afterwards")
        assert done.url


# --- doubt


async def test_a_doubt_is_presented_again_with_the_same_bytes(emulator, media, tmp_path):
    """`same_key` in a later run: the links come from the journal, so key and body are those of the first send."""
    journal = tmp_path / "jobs.db"
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    outcomes = await ran(emulator, clip_jobs(media, 1), journal=journal)
    assert isinstance(outcomes["shot-1"], Unknown)
    policy = attrs.evolve(PATIENT, resubmit="same_key")
    outcomes = await ran(emulator, clip_jobs(media, 1), journal=journal, retry=policy)
    assert isinstance(outcomes["shot-1"], Completed)
    first, second = (request for request in emulator.received if request.kind == "submit")
    assert first.body == second.body
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert emulator.ledger.accepted == 1
    assert count(emulator, "upload") == 1


async def test_a_doubt_is_presented_again_without_uploading_its_file_again(emulator, media, tmp_path):
    """Other links would be another request under the same key: the bytes of the first send go again, links and all."""
    journal = tmp_path / "jobs.db"
    policy = attrs.evolve(PATIENT, resubmit="same_key")
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    await ran(emulator, clip_jobs(media, 1), journal=journal)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE uploads SET expires_at = uploaded_at")  # days have gone by
    emulator.faults.on("upload", faults.ALWAYS, REFUSAL)
    outcomes = await ran(emulator, clip_jobs(media, 1), journal=journal, retry=policy)
    assert isinstance(outcomes["shot-1"], Completed)
    first, second = (request for request in emulator.received if request.kind == "submit")
    assert first.body == second.body
    assert (emulator.ledger.accepted, count(emulator, "upload")) == (1, 1)


# --- keys that may not upload


@pytest.mark.parametrize("denied", [1, 2], ids=["one key", "all keys"])
async def test_a_key_that_may_not_upload_leaves_the_files_to_the_others(media, denied):
    """It is asked once for a job, and submits all the same; a job that no key may upload for is told so at once."""
    keys = ["sk-one", "sk-two"]
    denial = {"error": {"code": "permission_denied", "message": "no files with this key"}}
    denying = [f"Bearer {key}".encode() for key in keys[:denied]]

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_denied = any(line in service.taken[-1].head for line in denying)
        writer.write(reply(json.dumps(denial).encode(), 403) if is_denied else receipt())
        await writer.drain()

    service: FileService
    async with file_service(act) as service, Emulator(speed=1000, api_keys=keys) as emulator:
        outcomes = await ran(emulator, clip_jobs(media, 6), api_key=keys, files_url=service.url)
    tried = sum(any(line in one.head for line in denying) for one in service.taken)
    assert 1 <= tried <= 6 * denied
    if denied == 1:
        assert all(isinstance(outcome, Completed) for outcome in outcomes.values())
        submits = [request for request in emulator.received if request.kind == "submit"]
        assert {request.headers["Authorization"] for request in submits} == {f"Bearer {key}" for key in keys}
    else:
        assert {type(error_of(outcome)) for outcome in outcomes.values()} == {AccessDeniedError}
        assert len({id(error_of(outcome)) for outcome in outcomes.values()}) == len(outcomes)
        assert not count(emulator, "submit")
