"""Files by way of the pool: their names, one job's files, and what a journal remembers of them."""

from __future__ import annotations

import gc
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import evolink_async as ev
from evolink_async.downloads import has_files
from evolink_async.emulator import faults
from tests.kit import as_completed, dance, jobs, open_pool, until

pytestmark = pytest.mark.anyio


async def completed_of(pool: ev.SessionPool, count: int = 1, **words: Any) -> list[ev.Completed]:
    """Run some jobs, which all complete."""
    outcomes = [as_completed(outcome) async for outcome in pool.run(jobs(count), **words)]
    return sorted(outcomes, key=lambda outcome: outcome.key)


def fetched(emulator) -> int:
    """How often a result was asked for."""
    return sum(request.kind == "result" for request in emulator.received)


# --- names


async def test_a_run_names_its_files_by_a_template(emulator, tmp_path):
    """With the fields that are allowed."""
    async with open_pool(emulator) as pool:
        done = await completed_of(pool, 3, download_to=tmp_path, name="{model}_{key}_{index:03}{ext}")
    assert [outcome.files[0].name for outcome in done] == [
        f"wan2.6-reference-video_shot-{number}_001.mp4" for number in (1, 2, 3)
    ]
    assert sorted(tmp_path.iterdir()) == [outcome.files[0] for outcome in done]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ({"download_to": "films", "name": "{kay}{ext}"}, "unknown field {kay}"),
        ({"download_to": "films", "name": "film{ext}"}, "the same name"),
        ({"download_to": "films", "name": "../{key}{ext}"}, "is a path"),
        ({"name": "{key}{ext}"}, "give download_to too"),
    ],
)
async def test_a_bad_template_is_refused_at_once(emulator, tmp_path, monkeypatch, words, fault):
    """Before a job is read, and before there is a folder."""
    monkeypatch.chdir(tmp_path)
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError) as caught:
            pool.run(jobs(1), **words)
    assert fault in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert emulator.received == []


async def test_a_run_lets_go_of_its_folder(emulator, tmp_path):
    """No descriptor stays open, be the stream read to its end or left; who still writes in a thread has it as long."""

    def is_let_go() -> bool:
        gc.collect()
        return not [link for link in Path("/dev/fd").iterdir() if link.is_dir() and link.samefile(tmp_path)]

    async with open_pool(emulator) as pool:
        await completed_of(pool, download_to=tmp_path)
        async with pool.run(jobs(3), download_to=tmp_path) as stream:
            await anext(stream)
        del stream
        await until(is_let_go)


# --- one job


async def test_one_job_is_downloaded_into_a_folder(emulator, tmp_path):
    """One that is there, or one whose path ends with a slash; named as `run` names files."""
    async with open_pool(emulator) as pool:
        done = await pool.generate(dance(), key="shot-1")
        here = await pool.download(done, tmp_path)
        there = await pool.download(done, f"{tmp_path}/new/")
    assert here.files == (tmp_path / "shot-1.mp4",)
    assert there.files == (tmp_path / "new" / "shot-1.mp4",)
    assert has_files(here)
    assert has_files(there)
    assert done.files == ()


async def test_one_job_is_downloaded_to_a_file(emulator, tmp_path):
    """Under the name given; where it is taken, the next free one."""
    async with open_pool(emulator) as pool:
        done = await pool.generate(dance())
        paths = [(await pool.download(done, tmp_path / "My film.mp4")).files[0] for _ in range(3)]
    assert [path.name for path in paths] == ["My film.mp4", "My film-2.mp4", "My film-3.mp4"]
    assert len({path.read_bytes() for path in paths}) == 1


async def test_a_download_that_fails_is_raised(emulator, tmp_path):
    """A call for one job raises, as all of them do; the next one may succeed."""
    emulator.faults.on("result", 1, faults.reply(410))
    async with open_pool(emulator) as pool:
        done = await pool.generate(dance())
        with pytest.raises(ev.DownloadError):
            await pool.download(done, tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert has_files(await pool.download(done, tmp_path))


async def test_a_place_that_cannot_be_is_refused(emulator, tmp_path):
    """A file where a folder should be."""
    (tmp_path / "file").touch()
    async with open_pool(emulator) as pool:
        done = await pool.generate(dance())
        with pytest.raises(ev.ConfigurationError, match="cannot write to the folder"):
            await pool.download(done, tmp_path / "file" / "film.mp4")


# --- what a journal remembers


async def test_a_second_run_knows_its_files(emulator, tmp_path):
    """Where they are, how long, which bytes: none is fetched again, and none that has only been touched."""
    journal, films = tmp_path / "run.db", tmp_path / "films"
    async with open_pool(emulator, journal=journal) as pool:
        first = await completed_of(pool, 3, download_to=films)
    count = fetched(emulator)
    first[1].files[0].touch()
    async with open_pool(emulator, journal=journal) as pool:
        second = await completed_of(pool, 3, download_to=films)
    assert [outcome.files for outcome in second] == [outcome.files for outcome in first]
    assert [outcome.saved[0].sha256 for outcome in second] == [outcome.saved[0].sha256 for outcome in first]
    assert second[1].saved[0].mtime_ns != first[1].saved[0].mtime_ns
    assert fetched(emulator) == count == 3
    async with open_pool(emulator, journal=journal) as pool:
        assert all(has_files(outcome) for outcome in await completed_of(pool, 3, download_to=films))


async def test_a_file_that_was_edited_is_kept(emulator, tmp_path):
    """The second run fetches the result again, beside it; the third knows that."""
    journal, films = tmp_path / "run.db", tmp_path / "films"
    async with open_pool(emulator, journal=journal) as pool:
        await completed_of(pool, download_to=films)
    (films / "shot-1.mp4").write_text("edited")
    for _ in range(2):
        async with open_pool(emulator, journal=journal) as pool:
            [done] = await completed_of(pool, download_to=films)
        assert done.files == (films / "shot-1-2.mp4",)
    assert (films / "shot-1.mp4").read_text() == "edited"
    assert fetched(emulator) == 2


async def test_what_was_downloaded_by_hand_is_remembered_too(emulator, tmp_path):
    """The next run says where it is."""
    journal = tmp_path / "run.db"
    async with open_pool(emulator, journal=journal) as pool:
        [done] = await completed_of(pool)
        await pool.download(done, tmp_path / "film.mp4")
    async with open_pool(emulator, journal=journal) as pool:
        [again] = await completed_of(pool)
    assert again.files == (tmp_path / "film.mp4",)


async def test_a_journal_of_an_earlier_version_is_readable(emulator, tmp_path):
    """Where there is nothing but paths."""
    journal, films = tmp_path / "run.db", tmp_path / "films"
    async with open_pool(emulator, journal=journal) as pool:
        [done] = await completed_of(pool, download_to=films)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE jobs SET files = json_array(?)", (str(done.files[0]),))
    async with open_pool(emulator, journal=journal) as pool:
        [again] = await completed_of(pool, download_to=films)
    assert again.files == done.files
    assert fetched(emulator) == 1


async def test_two_keys_that_share_a_name_have_two_films(emulator, tmp_path):
    """The second is saved in a later run, and its host is busy at first: it is asked again, and no film is shared."""
    journal, films = tmp_path / "run.db", tmp_path / "films"
    wishes = [ev.Job("a b", dance()), ev.Job("a_b", dance(2))]
    async with open_pool(emulator, journal=journal) as pool:
        assert len([outcome async for outcome in pool.run(wishes)]) == 2
    saved = []
    for wish in wishes:
        emulator.faults.on("result", fetched(emulator) + 1, faults.reply(503))
        async with open_pool(emulator, journal=journal) as pool:
            saved += [as_completed(outcome).files[0] async for outcome in pool.run([wish], download_to=films)]
    assert [path.name for path in saved] == ["a_b.mp4", "a_b-2.mp4"]
    assert sorted(films.iterdir()) == sorted(saved)
    assert fetched(emulator) == 4


async def test_a_film_that_the_journal_lost_is_fetched_and_kept_once(emulator, tmp_path):
    """The run died between publishing and recording."""
    journal, films = tmp_path / "run.db", tmp_path / "films"
    async with open_pool(emulator, journal=journal) as pool:
        first = await completed_of(pool, 3, download_to=films)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE jobs SET files = NULL, state = 'completed' WHERE key = 'shot-2'")
    async with open_pool(emulator, journal=journal) as pool:
        second = await completed_of(pool, 3, download_to=films)
    assert [outcome.files for outcome in second] == [outcome.files for outcome in first]
    assert len(list(films.iterdir())) == 3
    assert fetched(emulator) == 4
