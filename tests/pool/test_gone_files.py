"""The local file of a job is gone, and its key is asked for again: what was sent is told, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs
import pytest
from PIL import Image

from evolink_async import Accepted, Completed, Failed, Job, RetryPolicy, SessionPool, Unknown, Wan26ImageToVideoFlash
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.service.json_types import JsonObject
from evolink_async.errors import JournalConflictError, PreflightError, SubmissionUnknownError, TaskFailedError
from evolink_async.journal import Journal, MemoryJournal
from tests.kit import PATIENT, as_completed, error_of, open_pool, until

pytestmark = pytest.mark.anyio

SAME_KEY = attrs.evolve(PATIENT, resubmit="same_key")


@pytest.fixture
def picture(tmp_path) -> Path:
    """A file that the model takes."""
    path = tmp_path / "cat.png"
    Image.new("RGB", (500, 500)).save(path)
    return path


def removed(path: Path) -> None:
    """There is no such file any more."""
    path.unlink()


def replaced_by_a_folder(path: Path) -> None:
    """A folder has its name."""
    path.unlink()
    path.mkdir()


def damaged(path: Path) -> None:
    """It is no picture any more."""
    path.write_bytes(path.read_bytes()[:20])


def made_too_small(path: Path) -> None:
    """It breaks a rule of the model."""
    Image.new("RGB", (5, 5)).save(path)


def job(picture: Path, **changes) -> Job:
    """The job with the file."""
    return Job("k", Wan26ImageToVideoFlash(**({"prompt": "A cat", "image_urls": [picture]} | changes)))


async def told(pool: SessionPool, one: Job):
    """What a run tells of a job."""
    async with pool.run([one]) as stream:
        [outcome] = [outcome async for outcome in stream]
    return outcome


def posts(emulator: Emulator) -> int:
    """Paid requests that came in."""
    return sum(request.kind == "submit" for request in emulator.received)


async def bought(emulator: Emulator, one: Job, state: type, journal: str | Path | Journal) -> None:
    """Buy a job, and leave it in a state."""
    if state is Unknown:
        emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    if state is Failed:
        failed: JsonObject = {"status": "failed", "results": [], "error": {"code": "content", "message": "no cats"}}
        for kind in ("poll", "batch"):
            emulator.faults.on(kind, faults.ALWAYS, faults.extra(failed))
    async with open_pool(emulator, journal=journal) as pool:
        if state is Accepted:
            await pool.submit(one.params, key=one.key)
        else:
            assert isinstance(await told(pool, one), state)


@pytest.mark.parametrize("fate", [removed, replaced_by_a_folder, damaged, made_too_small])
@pytest.mark.parametrize("state", [Accepted, Completed, Failed, Unknown])
async def test_a_run_tells_what_was_sent(emulator, tmp_path, picture, state, fate):
    """Whatever has happened to the file: as an ordinary resume does."""
    one, journal = job(picture), tmp_path / "jobs.db"
    await bought(emulator, one, state, journal)
    fate(picture)
    async with open_pool(emulator, journal=journal) as pool:
        outcome = await told(pool, one)
    assert isinstance(outcome, Completed if state is Accepted else state)
    if state is Failed:
        assert isinstance(error_of(outcome), TaskFailedError)
    assert posts(emulator) == 1


@pytest.mark.parametrize("state", [Accepted, Completed, Unknown])
async def test_single_calls_tell_it_too(emulator, tmp_path, picture, state):
    """`submit` and `generate` by the key."""
    one, journal = job(picture), tmp_path / "jobs.db"
    await bought(emulator, one, state, journal)
    removed(picture)
    async with open_pool(emulator, journal=journal) as pool:
        if state is Unknown:
            for call in (pool.submit, pool.generate):
                with pytest.raises(SubmissionUnknownError):
                    await call(one.params, key="k")
        else:
            accepted = await pool.submit(one.params, key="k")
            assert (await pool.generate(one.params, key="k")).task_id == accepted.task_id
    assert posts(emulator) == 1


@pytest.mark.parametrize("state", [Accepted, Unknown])
async def test_a_journal_in_memory_knows_it_too(emulator, picture, state):
    """Though it keeps no body of an accepted job."""
    one, journal = job(picture), MemoryJournal()
    await bought(emulator, one, state, journal)
    removed(picture)
    async with open_pool(emulator, journal=journal) as pool:
        for changes in ({"prompt": "A dog"}, {"audio_url": picture.with_name("voice.mp3")}):
            assert isinstance(error_of(await told(pool, job(picture, **changes))), JournalConflictError)
        assert isinstance(await told(pool, one), Completed if state is Accepted else Unknown)
    assert posts(emulator) == 1


@pytest.mark.parametrize(
    ("changes", "fields"),
    [({"prompt": "A dog"}, ("prompt",)), ({"duration": 10}, ("duration",))],
)
@pytest.mark.parametrize("state", [Accepted, Completed, Unknown])
async def test_another_job_under_its_key_is_a_conflict(emulator, tmp_path, picture, state, changes, fields):
    """What can be compared without the file is compared."""
    journal = tmp_path / "jobs.db"
    await bought(emulator, job(picture), state, journal)
    removed(picture)
    async with open_pool(emulator, journal=journal) as pool:
        error = error_of(await told(pool, job(picture, **changes)))
    assert isinstance(error, JournalConflictError)
    assert error.fields == fields
    assert posts(emulator) == 1


async def test_other_places_for_files_are_a_conflict(emulator, tmp_path, picture):
    """One file more is another job, and so is a link that is not the one of its file."""
    journal = tmp_path / "jobs.db"
    await bought(emulator, job(picture), Completed, journal)
    removed(picture)
    async with open_pool(emulator, journal=journal) as pool:
        for changes in ({"audio_url": picture.with_name("voice.mp3")}, {"image_urls": ["https://example.com/cat.png"]}):
            assert isinstance(error_of(await told(pool, job(picture, **changes))), JournalConflictError)
    assert posts(emulator) == 1


async def test_what_was_never_sent_is_refused(emulator, tmp_path, picture):
    """A job that is only planned, one whose key is not known, and one without a key of its own."""
    one, journal = job(picture), tmp_path / "jobs.db"
    emulator.faults.on("submit", 1, faults.reply(400, b'{"error": {"code": "invalid_request", "message": "no"}}'))
    async with open_pool(emulator, journal=journal) as pool:
        assert isinstance(await told(pool, one), Failed)
    removed(picture)
    async with open_pool(emulator, journal=journal) as pool:
        outcomes = [await told(pool, one), await told(pool, Job("new", one.params))]
        async with pool.run([one.params]) as stream:
            outcomes += [outcome async for outcome in stream]
        for call in (pool.submit, pool.generate):
            with pytest.raises(PreflightError):
                await call(one.params, key="k")
    assert all(isinstance(error_of(outcome), PreflightError) for outcome in outcomes)
    assert posts(emulator) == 1


async def test_a_job_that_is_being_submitted_is_joined(emulator, picture):
    """Its file was there when that began."""
    emulator.faults.on("submit", 1, faults.delay(0.3))
    async with open_pool(emulator) as pool:
        one = job(picture)
        first = asyncio.create_task(pool.generate(one.params, key="k"))
        await until(lambda: posts(emulator))
        removed(picture)
        with pytest.raises(JournalConflictError):
            await pool.generate(job(picture, prompt="A dog").params, key="k")
        assert (await pool.generate(one.params, key="k")).task_id == (await first).task_id
    assert posts(emulator) == 1


async def test_a_doubt_is_not_sent_again_without_its_file(emulator, tmp_path, picture):
    """It stays in doubt and says why. When the file is back it is sent again as the same purchase."""
    one, journal = job(picture), tmp_path / "jobs.db"
    await bought(emulator, one, Unknown, journal)
    content = picture.read_bytes()
    removed(picture)
    async with open_pool(emulator, journal=journal, retry=SAME_KEY) as pool:
        outcome = await told(pool, one)
    assert isinstance(outcome, Unknown)
    assert "was not sent again, because a local file" in str(outcome.error)
    assert posts(emulator) == 1
    picture.write_bytes(content)
    async with open_pool(emulator, journal=journal, retry=SAME_KEY) as pool:
        as_completed(await told(pool, one))
    assert (posts(emulator), emulator.ledger.accepted) == (2, 1)


async def test_a_failed_task_is_not_bought_anew_without_its_file(emulator, tmp_path, picture):
    """The new purchase is refused before it is sent."""
    one, journal = job(picture), tmp_path / "jobs.db"
    await bought(emulator, one, Failed, journal)
    removed(picture)
    async with open_pool(emulator, journal=journal) as pool, pool.run([one], retry_failed=True) as stream:
        [outcome] = [outcome async for outcome in stream]
    assert isinstance(error_of(outcome), PreflightError)
    assert posts(emulator) == 1


async def test_an_estimate_knows_that_it_costs_nothing(emulator, tmp_path, picture):
    """The job was bought; only one that would be bought is refused for its file."""
    one, journal = job(picture), tmp_path / "jobs.db"
    await bought(emulator, one, Completed, journal)
    removed(picture)
    async with open_pool(emulator, journal=journal) as pool:
        found = await pool.estimate([one, Job("new", one.params), job(picture, prompt="A dog")])
    assert (found.ended, found.refused, found.duplicates, found.jobs) == (1, 1, 1, 0)


async def test_no_permit_is_kept(emulator, picture):
    """Refused jobs give back what they had: many more than are read ahead come to their end."""
    removed(picture)
    params = job(picture).params
    async with open_pool(emulator, retry=RetryPolicy(patience=5)) as pool:
        async with pool.run(Job(str(number), params) for number in range(300)) as stream:
            outcomes = [outcome async for outcome in stream]
        assert pool._engine is not None
        assert pool._engine.in_flight.used == 0
    assert all(isinstance(error_of(outcome), PreflightError) for outcome in outcomes)
    assert len(outcomes) == 300
