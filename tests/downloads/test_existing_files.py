"""What is on the disk from earlier runs: fetched again only when it is no longer what was saved."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from evolink_async.concurrency import Limiter
from evolink_async.downloads import Downloads, Folder, ResultReader, Template, has_files
from evolink_async.downloads.existing_files import find_unrecorded, unchanged_files
from evolink_async.downloads.names import Name
from evolink_async.jobs import Completed, SavedFile
from evolink_async.journal.rows import column_of, files_of
from tests.downloads.test_downloads import FILM, HASTY, MIB, PRIVATE_TOO, completed_with, nobody
from tests.servers import Listener, reply, serving

pytestmark = pytest.mark.anyio

ANSWER = reply(FILM, Content_Type="video/mp4")


@asynccontextmanager
async def saving(
    folder: Path, *, name: str | None = None, answer: bytes = ANSWER
) -> AsyncIterator[tuple[Downloads, Listener]]:
    """Downloads into a folder, from a host that has one film."""
    result_reader = ResultReader(PRIVATE_TOO)
    template = Template(name) if name else None
    async with serving(answer) as server:
        yield (
            Downloads(
                Folder(folder), result_reader, Limiter(1), template=template, policy=HASTY, poll=nobody, max_bytes=MIB
            ),
            server,
        )
        await result_reader.aclose()


async def twice(folder: Path, between, *, links: int = 1) -> tuple[Completed, Completed, int]:
    """Save a job, do something to its files, save it again as a later run does; and what the host was asked then."""
    async with saving(folder) as (downloads, server):
        job = completed_with(*[f"{server.url}/{number}.mp4" for number in range(links)])
        first = await downloads.save(job)
        between(first.files)
        asked = server.accepted
        later = attrs.evolve(job, saved=files_of(column_of(first.saved)), resumed=True)
        return first, await downloads.save(later), server.accepted - asked


async def test_a_saved_file_is_described(tmp_path):
    """Its path, its size, its digest, its time."""
    async with saving(tmp_path) as (downloads, server):
        saved = await downloads.save(completed_with(f"{server.url}/film.mp4"))
    [file] = saved.saved
    assert file.path == tmp_path / "shot-1.mp4"
    assert saved.files == (file.path,)
    assert (file.size_bytes, file.mtime_ns) == (len(FILM), file.path.stat().st_mtime_ns)
    assert file.sha256 == hashlib.sha256(FILM).hexdigest()
    assert has_files(saved)


async def test_an_untouched_file_is_not_fetched_again(tmp_path):
    """Nor read: its size and its time are enough."""
    first, second, asked = await twice(tmp_path, lambda files: None)
    assert (second.saved, asked) == (first.saved, 0)


async def test_a_file_whose_time_has_changed_is_read(tmp_path):
    """As after a copy: its bytes are the same, so it is ours, and its new time is remembered."""
    first, second, asked = await twice(tmp_path, lambda files: os.utime(files[0], (1, 1)))
    assert (second.files, asked) == (first.files, 0)
    assert second.saved[0].mtime_ns == 1_000_000_000
    assert has_files(second)


@pytest.mark.parametrize("content", [b"longer" + FILM, FILM[:-1] + b"!", b""], ids=["longer", "other", "empty"])
async def test_a_file_that_was_changed_is_left_alone(tmp_path, content):
    """The changed file belongs to the user; the result is fetched again, beside it."""

    def change(files: tuple[Path, ...]) -> None:
        files[0].write_bytes(content)
        os.utime(files[0], (2_000_000_000, 2_000_000_000))

    _, second, asked = await twice(tmp_path, change)
    assert [path.name for path in second.files] == ["shot-1-2.mp4"]
    assert second.files[0].read_bytes() == FILM
    assert (tmp_path / "shot-1.mp4").read_bytes() == content
    assert asked == 1


async def test_a_pipe_in_place_of_a_file_is_left_alone(tmp_path):
    """It is not waited for; the result is fetched again, beside it."""

    def change(files: tuple[Path, ...]) -> None:
        files[0].unlink()
        os.mkfifo(files[0])

    _, second, asked = await twice(tmp_path, change)
    assert ([path.name for path in second.files], asked) == (["shot-1-2.mp4"], 1)


async def test_only_what_is_gone_is_fetched_again(tmp_path):
    """The second of three."""
    first, second, asked = await twice(tmp_path, lambda files: files[1].unlink(), links=3)
    assert (second.files, asked) == (first.files, 1)
    assert has_files(second)


async def test_a_file_that_no_journal_heard_of_is_found(tmp_path):
    """By its name and length, if it is younger than the end of its task: its run died between the two."""
    async with saving(tmp_path) as (downloads, server):
        job = attrs.evolve(completed_with(f"{server.url}/film.mp4"), resumed=True)
        (tmp_path / "shot-1.mp4").write_bytes(FILM)
        second = await downloads.save(job)
        assert second.files == (tmp_path / "shot-1.mp4",)
        assert second.saved[0].sha256 == hashlib.sha256(FILM).hexdigest()
        ended = attrs.evolve(job.timing, finished_at=second.files[0].stat().st_mtime + 60)
        third = await downloads.save(attrs.evolve(job, timing=ended))
    assert third.files == (tmp_path / "shot-1-2.mp4",)


async def test_a_file_of_the_same_name_and_another_length_is_another_jobs(tmp_path):
    """Keys that differ in signs no file name may have can share a name."""
    (tmp_path / "shot-1.mp4").write_bytes(FILM + b"!")
    async with saving(tmp_path) as (downloads, server):
        saved = await downloads.save(attrs.evolve(completed_with(f"{server.url}/film.mp4"), resumed=True))
    assert saved.files == (tmp_path / "shot-1-2.mp4",)
    assert saved.files[0].read_bytes() == FILM


async def test_an_earlier_file_is_used_when_its_link_has_expired(tmp_path):
    """The link has expired, and the file is all there is."""
    (tmp_path / "shot-1.mp4").write_bytes(FILM)
    async with saving(tmp_path, answer=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as (downloads, server):
        saved = await downloads.save(attrs.evolve(completed_with(f"{server.url}/film.mp4"), resumed=True))
    assert saved.files == (tmp_path / "shot-1.mp4",)
    assert saved.download_error is None


@pytest.mark.parametrize(("stem", "file"), [("猫", "_u732b.mp4"), ("é", "_xe9.mov"), ("猫", "猫.png")])
def test_a_file_under_its_escaped_name_is_found(tmp_path, stem, file):
    """An earlier run saved it on a system, or in a locale, that could not write the key."""
    (tmp_path / file).write_bytes(FILM)
    (found,) = find_unrecorded(Folder(tmp_path), (Name(stem, None, "task-1"),), 0)
    assert found is not None
    assert found.path.name == file


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "\ud800"])
async def test_a_path_that_cannot_be_looked_up_counts_as_gone(tmp_path, name):
    """A row of a journal that another system or locale wrote; the film is fetched anew."""
    saved = SavedFile(tmp_path / name, 5, "0" * 64, 1)
    job = attrs.evolve(completed_with("https://films.example/1.mp4"), saved=(saved,))
    assert not has_files(job)
    assert unchanged_files(job) == (None,)


def test_what_only_looks_like_a_file_is_not_found(tmp_path):
    """A link, a folder, an empty file; and names that are not told apart find nothing."""
    (tmp_path / "a.mp4").symlink_to(__file__)
    (tmp_path / "b.mp4").mkdir()
    (tmp_path / "c.mp4").touch()
    folder = Folder(tmp_path)
    assert find_unrecorded(folder, tuple(map(Name, "abc")), 0) == (None,) * 3
    (tmp_path / "d.bin").write_bytes(FILM)
    assert find_unrecorded(folder, (Name("d"), Name("d")), 0) == (None, None)
    assert [file.path.name for file in find_unrecorded(folder, (Name("d"),), 0) if file] == ["d.bin"]


async def test_a_template_names_the_files(tmp_path):
    """With what is known of the job."""
    async with saving(tmp_path, name="{model}-{key}-{index:02}{ext}") as (downloads, server):
        saved = await downloads.save(completed_with(f"{server.url}/a", f"{server.url}/b"))
    assert [path.name for path in saved.files] == [
        "wan2.6-reference-video-shot-1-01.mp4",
        "wan2.6-reference-video-shot-1-02.mp4",
    ]


def test_rows_of_older_journals_are_readable(tmp_path):
    """Plain paths: such a file is ours while it is there, as it was then."""
    (tmp_path / "film.mp4").write_bytes(FILM)
    old = files_of(json.dumps([str(tmp_path / "film.mp4")]))
    assert old == (SavedFile(tmp_path / "film.mp4"),)
    job = attrs.evolve(completed_with("https://films.example/a.mp4"), saved=old)
    assert has_files(job)
    assert unchanged_files(job) == old
    (tmp_path / "film.mp4").unlink()
    assert not has_files(job)
    assert unchanged_files(job) == (None,)
    assert files_of(None) == ()


def test_a_row_keeps_whole_paths(tmp_path, monkeypatch):
    """A later run may start elsewhere."""
    monkeypatch.chdir(tmp_path)
    file = SavedFile(Path("out/film.mp4"), 5, "ab", 7)
    assert files_of(column_of((file,))) == (SavedFile(tmp_path / "out" / "film.mp4", 5, "ab", 7),)
