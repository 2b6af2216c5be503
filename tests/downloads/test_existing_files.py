"""What is on the disk from earlier runs: fetched again only when it is no longer what was saved."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import attrs
import pytest

from evolink_async.concurrency import Limiter
from evolink_async.downloads import Downloads, Folder, Published, ResultReader, Template, has_files
from evolink_async.downloads.existing_files import find_named, find_same, unchanged_files
from evolink_async.downloads.file_owners import FileOwners
from evolink_async.downloads.names import Name
from evolink_async.errors import LinkExpiredError
from evolink_async.jobs import Completed, SavedFile
from evolink_async.journal import Journal
from evolink_async.journal.rows import column_of, files_of
from evolink_async.journal.sqlite import SqliteJournal
from tests.downloads.test_downloads import FILM, HASTY, MIB, PRIVATE_TOO, completed_with, nobody
from tests.journal.test_laws import accepted, completed, intent
from tests.servers import Listener, reply, serving

pytestmark = pytest.mark.anyio

ANSWER = reply(FILM, Content_Type="video/mp4")
DIGEST = hashlib.sha256(FILM).hexdigest()


@asynccontextmanager
async def saving(
    folder: Path,
    *,
    name: str | None = None,
    answer: bytes | list[bytes] = ANSWER,
    journal: Journal | None = None,
    published: Published | None = None,
) -> AsyncIterator[tuple[Downloads, Listener]]:
    """Downloads into a folder, from a host that has one film."""
    result_reader = ResultReader(PRIVATE_TOO)
    template = Template(name) if name else None
    async with serving(answer) as server:
        yield (
            Downloads(
                Folder(folder),
                result_reader,
                Limiter(1),
                template=template,
                policy=HASTY,
                poll=nobody,
                max_bytes=MIB,
                journal=journal,
                published=published,
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
    assert file.sha256 == DIGEST
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
    """By its name and bytes, if it is younger than the end of its task: its run died between the two."""
    async with saving(tmp_path) as (downloads, server):
        job = attrs.evolve(completed_with(f"{server.url}/film.mp4"), resumed=True)
        (tmp_path / "shot-1.mp4").write_bytes(FILM)
        second = await downloads.save(job)
        assert second.files == (tmp_path / "shot-1.mp4",)
        assert second.saved[0].sha256 == DIGEST
        assert second.saved[0].mtime_ns == second.files[0].stat().st_mtime_ns
        assert list(tmp_path.iterdir()) == [second.files[0]]
        ended = attrs.evolve(job.timing, finished_at=second.files[0].stat().st_mtime + 60)
        third = await downloads.save(attrs.evolve(job, timing=ended))
    assert third.files == (tmp_path / "shot-1-2.mp4",)


async def test_a_numbered_file_that_no_journal_heard_of_is_found(tmp_path):
    """Its name was taken when it was published."""
    (tmp_path / "shot-1.mp4").write_bytes(OTHER)
    (tmp_path / "shot-1-2.mp4").write_bytes(FILM)
    async with saving(tmp_path) as (downloads, server):
        saved = await downloads.save(attrs.evolve(completed_with(f"{server.url}/film.mp4"), resumed=True))
    assert saved.files == (tmp_path / "shot-1-2.mp4",)
    assert len(list(tmp_path.iterdir())) == 2


OTHER = FILM[1:] + b"!"
"""As long as the film."""
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(FILM), FILM)
HOSTS = {
    "healthy": [ANSWER],
    "without a length": [CHUNKS],
    "busy once": [reply(b"", 503), ANSWER],
    "cut once": [reply(FILM[:99], Content_Length=len(FILM)), ANSWER],
    "not HTTP once": [b"hello\r\n", ANSWER],
}


@pytest.mark.parametrize("answers", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("foreign", [FILM + b"!", OTHER, b"holiday"], ids=["longer", "as long", "short"])
@pytest.mark.parametrize("name", ["shot-1.mp4", "shot-1.mov", "shot-1.bin"])
async def test_a_file_of_other_bytes_is_never_taken_for_the_result(tmp_path, answers, foreign, name):
    """It is another job's, or the user's; the host fails as hosts do, and is asked again as for any download."""
    (tmp_path / name).write_bytes(foreign)
    async with saving(tmp_path, answer=answers) as (downloads, server):
        saved = await downloads.save(attrs.evolve(completed_with(f"{server.url}/film.mp4"), resumed=True))
    assert saved.files[0].read_bytes() == FILM
    assert (tmp_path / name).read_bytes() == foreign
    assert server.accepted == len(answers)


@asynccontextmanager
async def journal_of(path: Path, saved: dict[str, SavedFile]) -> AsyncIterator[SqliteJournal]:
    """A journal that knows the files of some jobs."""
    journal = SqliteJournal(path)
    await journal.open()
    for key, file in saved.items():
        await journal.submitting(intent(key))
        await journal.accepted(accepted(key))
        await journal.ended(completed(key))
        await journal.saved(attrs.evolve(completed(key), saved=(file,)))
    yield journal
    await journal.aclose()


async def save_again(folder: Path, key: str, journal: Journal | None = None) -> Completed:
    """Save a job that an earlier run completed, and of whose file no journal knows."""
    async with saving(folder, journal=journal) as (downloads, server):
        return await downloads.save(attrs.evolve(completed_with(f"{server.url}/film.mp4", key=key), resumed=True))


@pytest.mark.parametrize("spelled", ["same", "by a link", "moved"])
async def test_a_file_that_a_journal_knows_of_another_job_is_not_taken(tmp_path, spelled):
    """Not even if it has the very bytes: what is done to one would be done to both.

    It is known by its path, or by its digest if the path leads to it or to nothing.
    """
    folder = tmp_path / "films"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    (folder / "a_b.mp4").write_bytes(FILM)
    path = {"same": folder, "by a link": tmp_path / "link", "moved": tmp_path / "gone"}[spelled] / "a_b.mp4"
    async with journal_of(tmp_path / "run.db", {"a b": SavedFile(path, len(FILM), DIGEST, 1)}) as journal:
        saved = await save_again(folder, "a_b", journal)
    assert [path.name for path in saved.files] == ["a_b-2.mp4"]


async def test_a_file_of_which_only_the_path_is_known_is_not_taken(tmp_path):
    """As an older journal knows it."""
    (tmp_path / "a_b.mp4").write_bytes(FILM)
    async with journal_of(tmp_path / "run.db", {"a b": SavedFile(tmp_path / "a_b.mp4")}) as journal:
        saved = await save_again(tmp_path, "a_b", journal)
    assert [path.name for path in saved.files] == ["a_b-2.mp4"]


async def test_a_file_beside_that_of_another_job_with_the_same_bytes_is_taken(tmp_path):
    """Two tasks may have made the same film."""
    (tmp_path / "one.mp4").write_bytes(FILM)
    (tmp_path / "two.mp4").write_bytes(FILM)
    async with journal_of(tmp_path / "run.db", {"one": SavedFile(tmp_path / "one.mp4", len(FILM), DIGEST)}) as journal:
        saved = await save_again(tmp_path, "two", journal)
    assert [path.name for path in saved.files] == ["two.mp4"]


async def test_the_files_of_many_jobs_are_looked_through(tmp_path, monkeypatch):
    """Page by page; and what is recorded after that is known too."""
    monkeypatch.setattr("evolink_async.downloads.file_owners.PAGE", 2)
    (tmp_path / "a_b.mp4").write_bytes(FILM)
    known = {key: SavedFile(tmp_path / f"{key}.mp4", 9, "0" * 64) for key in ("1", "2", "3", "4")}
    async with journal_of(tmp_path / "run.db", {**known, "z": SavedFile(tmp_path / "a_b.mp4")}) as journal:
        job = completed("a_b")
        assert not await FileOwners(journal, {}).is_free(SavedFile(tmp_path / "a_b.mp4"), job, 0)
        owners = FileOwners(journal, {})
        assert await owners.is_free(SavedFile(tmp_path / "new.mp4"), job, 0)
        (tmp_path / "new.mp4").write_bytes(FILM)
        owners.record(attrs.evolve(completed("5"), saved=(SavedFile(tmp_path / "new.mp4"),)))
        assert not await owners.is_free(SavedFile(tmp_path / "new.mp4"), job, 0)


async def test_a_file_is_not_taken_if_the_journal_cannot_be_read(tmp_path, caplog):
    """Nobody knows whose it is; the log says so."""
    (tmp_path / "a_b.mp4").write_bytes(FILM)
    async with journal_of(tmp_path / "run.db", {}) as journal:
        with closing(sqlite3.connect(tmp_path / "run.db")) as other, other:
            other.execute("ALTER TABLE jobs RENAME TO gone")
        saved = await save_again(tmp_path, "a_b", journal)
    assert [path.name for path in saved.files] == ["a_b-2.mp4"]
    assert "is not taken for the file of a_b" in caplog.text


@pytest.mark.parametrize(
    ("published", "resumed", "name"),
    [
        (None, True, "shot-1.mp4"),
        (("shot-1", 0), False, "shot-1.mp4"),
        (None, False, "shot-1-2.mp4"),
        (("shot/1", 0), True, "shot-1-2.mp4"),
        (("shot-1", 1), True, "shot-1-2.mp4"),
    ],
    ids=["by an earlier process", "by this process", "by nobody of ours", "by another job", "by another link"],
)
async def test_a_download_that_was_cut_short_leaves_no_second_file(tmp_path, published, resumed, name):
    """It was published, and not recorded; the same call again keeps it."""
    (tmp_path / "shot-1.mp4").write_bytes(FILM)
    files = {} if published is None else {tmp_path / "shot-1.mp4": published}
    async with saving(tmp_path, published=files) as (downloads, server):
        job = attrs.evolve(completed_with(f"{server.url}/0.mp4"), resumed=resumed)
        fetched = await downloads.fetch(job)
    assert [path.name for path in fetched.files] == [name]
    assert (tmp_path / name).read_bytes() == FILM


async def test_a_download_asked_for_again_is_a_second_file(tmp_path):
    """The first one is recorded."""
    async with journal_of(
        tmp_path / "run.db", {"shot-1": SavedFile(tmp_path / "shot-1.mp4", len(FILM), DIGEST)}
    ) as journal:
        (tmp_path / "shot-1.mp4").write_bytes(FILM)
        async with saving(tmp_path, journal=journal) as (downloads, server):
            job = attrs.evolve(completed_with(f"{server.url}/0.mp4"), resumed=True)
            fetched = await downloads.fetch(job)
    assert [path.name for path in fetched.files] == ["shot-1-2.mp4"]


async def test_links_that_share_a_name_and_bytes_are_two_files(tmp_path):
    """The file of the first is not that of the second."""
    async with saving(tmp_path, name="{key}{ext}") as (downloads, server):
        job = attrs.evolve(completed_with(f"{server.url}/a.mp4", f"{server.url}/b.mp4"), resumed=True)
        saved = await downloads.save(job)
    assert [path.name for path in saved.files] == ["shot-1.mp4", "shot-1-2.mp4"]


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_earlier_file_is_named_when_its_link_has_expired(tmp_path, status):
    """Nothing can tell whether it is the result, and a wrong film would be worse than an error."""
    (tmp_path / "shot-1.mp4").write_bytes(FILM)
    gone = reply(b"", status)
    async with saving(tmp_path, answer=gone) as (downloads, server):
        saved = await downloads.save(attrs.evolve(completed_with(f"{server.url}/film.mp4"), resumed=True))
        fresh = await downloads.save(completed_with(f"{server.url}/film.mp4"))
        other = await downloads.save(attrs.evolve(completed_with(f"{server.url}/b.mp4", key="x"), resumed=True))
    assert saved.files == ()
    assert isinstance(saved.download_error, LinkExpiredError)
    assert f"{tmp_path / 'shot-1.mp4'} may be it" in str(saved.download_error)
    assert [str(done.download_error) for done in (fresh, other)] == [f"the result's host answered HTTP {status}"] * 2


@pytest.mark.parametrize(("stem", "file"), [("猫", "_u732b.mp4"), ("é", "_xe9.mov"), ("猫", "猫.png")])
def test_a_file_under_its_escaped_name_is_found(tmp_path, stem, file):
    """An earlier run saved it on a system, or in a locale, that could not write the key."""
    (tmp_path / file).write_bytes(FILM)
    name, digest = Name(stem, None, "task-1"), DIGEST
    assert find_named(Folder(tmp_path), name, 0) == tmp_path / file
    spellings = name.spellings(Path(file).suffix)
    (found,) = find_same(Folder(tmp_path), spellings, SavedFile(tmp_path, len(FILM), digest), 0)
    assert found.path.name == file


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "\ud800"])
async def test_a_path_that_cannot_be_looked_up_counts_as_gone(tmp_path, name):
    """A row of a journal that another system or locale wrote; the film is fetched anew."""
    saved = SavedFile(tmp_path / name, 5, "0" * 64, 1)
    job = attrs.evolve(completed_with("https://films.example/1.mp4"), saved=(saved,))
    assert not has_files(job)
    assert unchanged_files(job) == (None,)


def test_what_only_looks_like_a_file_is_not_found(tmp_path):
    """A link, a folder, a pipe, an empty file."""
    (tmp_path / "elsewhere").write_bytes(FILM)
    (tmp_path / "a.mp4").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "b.mp4").mkdir()
    (tmp_path / "c.mp4").touch()
    os.mkfifo(tmp_path / "d.mp4")
    folder, same = Folder(tmp_path), SavedFile(tmp_path, len(FILM), DIGEST)
    for stem in "abcd":
        assert find_named(folder, Name(stem), 0) is None
        assert find_same(folder, Name(stem).spellings(".mp4"), same, 0) == ()
    (tmp_path / "d.bin").write_bytes(FILM)
    assert find_named(folder, Name("d"), 0) == tmp_path / "d.bin"


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
