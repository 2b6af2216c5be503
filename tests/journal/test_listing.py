"""`journal.listing`: jobs and ends of a file, read page by page without owning it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolink_async.jobs import STANDINGS, Completed, JobState, Planned, Unknown
from evolink_async.journal import listing
from evolink_async.journal.listing import count_ends, read_ends, read_jobs
from evolink_async.journal.sqlite import SqliteJournal
from tests.journal.test_file import older, row
from tests.kit import jobs, open_pool

ALL: tuple[JobState, ...] = tuple(STANDINGS)


@pytest.fixture
async def journal(emulator, tmp_path: Path) -> Path:
    """A file in which five jobs have ended."""
    path = tmp_path / "films.db"
    async with open_pool(emulator, journal=path) as pool:
        async for _ in pool.run(jobs(5)):
            pass
    return path


@pytest.mark.anyio
async def test_pages(journal, monkeypatch):
    """Pages joined are all jobs, once each: by their keys, and by their ends."""
    first = read_jobs(journal, ALL, limit=3)
    rest = read_jobs(journal, ALL, first[-1].standing.key, limit=3)
    keys = [job.standing.key for job in (*first, *rest)]
    assert (len(first), keys) == (3, sorted(keys))
    assert len(set(keys)) == 5
    monkeypatch.setattr(listing, "PAGE", 2)
    assert [job.end_number for job in read_ends(journal)] == [1, 2, 3, 4, 5]
    assert [job.end_number for job in read_ends(journal, 3)] == [4, 5]
    assert [*read_ends(journal, 5)] == []
    assert count_ends(journal) == 5
    assert [job.standing.key for job in read_jobs(journal, ALL, keys=keys[2:3])] == keys[2:3]
    assert read_jobs(journal, ("planned", "accepted", "failed", "unknown")) == []


@pytest.mark.anyio
async def test_a_file_in_use(journal):
    """It is read all the same."""
    owner = SqliteJournal(journal)
    await owner.open()
    try:
        assert len(read_jobs(journal, ALL)) == len([*read_ends(journal)]) == 5
    finally:
        await owner.aclose()


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_file_of_an_earlier_version(tmp_path, version):
    """Its jobs and its ends are told, and it stays what it is; a submit of a process that is gone is in doubt."""
    path = tmp_path / "films.db"
    done: dict[str, Any] = {
        "task_id": "task-1",
        "urls": '["https://example.com/v.mp4"]',
        "accepted_at": 1.0,
        "ended_at": 2.0,
    }
    older(
        path,
        version,
        row("done", "completed", **done, looks=1, lag=0.5, expires_at=3.0),
        row("later", "planned"),
        row("lost", "submitting", idempotency_key="ev-lost", sent_at=1.0),
    )
    before = path.read_bytes()
    assert [type(job.standing) for job in read_jobs(path, ALL)] == [Completed, Planned, Unknown]
    assert {job.standing.key for job in read_ends(path)} == {"done", "lost"}
    assert [job.standing.key for job in read_jobs(path, ALL[:1])] == ["later"]
    assert count_ends(path) == 0
    assert path.read_bytes() == before
