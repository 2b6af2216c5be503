"""The folder that results go to: nothing planted in it is followed or overwritten, nothing but old parts is removed."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from evolink_async.downloads import Exactly, Folder, place_of
from evolink_async.downloads import folder as folders
from evolink_async.downloads.folder import HAS_DIR_FD, STALE_SECONDS
from evolink_async.downloads.names import Name, file_stem
from evolink_async.downloads.part_file import PartFile
from evolink_async.downloads.part_version import MAX_VERSION_BYTES
from evolink_async.errors import ConfigurationError
from tests.downloads.test_names import PIECES

LABEL = "0123456789abcdef" * 2
PART, MARK = f".{LABEL}.part", f".{LABEL}.mark"
LONG_AGO = 0.0


def abandoned(folder: Path, content: bytes, version: bytes | None = b'"v1"') -> None:
    """What a process that died has left."""
    (folder / PART).write_bytes(content)
    if version is not None:
        (folder / MARK).write_bytes(version)


def snapshot(folder: Path) -> dict[str, object]:
    """Every name in a folder, and what is under it."""
    return {
        path.name: path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
        for path in folder.iterdir()
    }


def save(folder: Path, content: bytes, *, stem: str = "film") -> Path:
    """Put a whole file into a folder, as a download does."""
    with PartFile(Folder(folder), LABEL) as part:
        part.reset('"v2"')
        part.write([content])
        return part.publish(Name(stem), ".mp4").path


# --- parts


def test_a_part_is_taken_up_where_it_was_left(tmp_path):
    """But for its last byte: of a whole one there would be nothing left to ask for. The digest is that of all bytes."""
    abandoned(tmp_path, b"first half, ")
    with PartFile(Folder(tmp_path), LABEL) as part:
        assert part.has_earlier_bytes
        part.resume(LONG_AGO)
        assert (part.size_bytes, part.version) == (11, '"v1"')
        part.write([b" second", b" half"])
        saved = part.publish(Name("film"), ".mp4")
    assert saved.path.read_bytes() == b"first half, second half"
    assert saved.sha256 == hashlib.sha256(b"first half, second half").hexdigest()
    assert list(tmp_path.iterdir()) == [saved.path]


@pytest.mark.parametrize(
    "version",
    [None, b"", b"\xff", b"a\r\nCookie: b", b"x" * (MAX_VERSION_BYTES + 1)],
    ids=lambda version: str(version)[:12],
)
def test_a_part_without_a_readable_mark_is_begun_anew(tmp_path, version):
    """Its bytes are of an unknown file, and a mark becomes a header, so it must be clean."""
    abandoned(tmp_path, b"old bytes", version)
    with PartFile(Folder(tmp_path), LABEL) as part:
        part.resume(LONG_AGO)
        assert (part.size_bytes, part.version) == (0, None)
        part.reset(None)
        part.write([b"new"])
        assert part.publish(Name("film"), ".mp4").path.read_bytes() == b"new"


def test_a_part_from_before_the_machine_started_is_begun_anew(tmp_path):
    """Its last bytes may never have reached the disk."""
    abandoned(tmp_path, b"old bytes")
    with PartFile(Folder(tmp_path), LABEL) as part:
        part.resume(time.time() + 60)
        assert (part.size_bytes, part.version) == (0, None)


def test_two_parts_of_one_file_are_two_files(tmp_path):
    """As in two processes: the second takes a name of its own, both files are whole."""
    folder = Folder(tmp_path)
    with PartFile(folder, LABEL) as first, PartFile(Folder(tmp_path), LABEL) as second:
        for part, content in ((first, b"first"), (second, b"second")):
            part.reset('"v1"')
            part.write([content])
        paths = [part.publish(Name("film"), ".mp4").path for part in (first, second)]
    assert [path.read_bytes() for path in paths] == [b"first", b"second"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_part_that_was_published_just_before_a_crash_is_not_written_to(tmp_path):
    """It has two names then, and the other one is the user's."""
    abandoned(tmp_path, b"the film")
    os.link(tmp_path / PART, tmp_path / "film.mp4")
    assert save(tmp_path, b"another").name == "film-2.mp4"
    assert (tmp_path / "film.mp4").read_bytes() == b"the film"


def test_a_file_system_without_locks_costs_only_the_resuming(tmp_path, monkeypatch):
    """Another process may be writing to the part, so it is left alone."""
    abandoned(tmp_path, b"old bytes")
    monkeypatch.setattr("evolink_async.downloads.part_file.try_lock", lambda file: False)
    with PartFile(Folder(tmp_path), LABEL) as part:
        assert not part.has_earlier_bytes
        part.reset('"v1"')
        part.write([b"new"])
        assert part.publish(Name("film"), ".mp4").path.read_bytes() == b"new"
    assert snapshot(tmp_path) == {PART: b"old bytes", MARK: b'"v1"', "film.mp4": b"new"}


def test_a_file_system_without_links_publishes_too(tmp_path, monkeypatch):
    """The name is taken first, so nothing is overwritten there either."""

    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    (tmp_path / "film.mp4").write_bytes(b"mine")
    assert save(tmp_path, b"the film").name == "film-2.mp4"
    assert snapshot(tmp_path) == {"film.mp4": b"mine", "film-2.mp4": b"the film"}


def test_a_system_that_opens_no_folders_goes_by_paths(tmp_path, monkeypatch):
    """As Windows does; all the rest is the same."""
    monkeypatch.setattr(folders, "HAS_DIR_FD", False)
    abandoned(tmp_path, b"old")
    (tmp_path / "film.mp4").symlink_to(tmp_path / "elsewhere")
    assert save(tmp_path, b"the film").name == "film-2.mp4"
    assert not (tmp_path / "elsewhere").exists()
    os.utime(tmp_path / "film-2.mp4", (0, 0))
    abandoned(tmp_path, b"old")
    Folder(tmp_path).sweep(time.time() + 2 * STALE_SECONDS)
    assert snapshot(tmp_path) == {"film.mp4": tmp_path / "elsewhere", "film-2.mp4": b"the film"}


# --- names that a file system cannot hold


@pytest.fixture(params=[errno.EILSEQ, errno.EINVAL, errno.ENAMETOOLONG, None])
def refuses(request, monkeypatch):
    """Let the file system refuse some names, with an error of the system or of Python's encoding."""
    link, open_ = os.link, os.open

    def forbid(is_bad):
        def check(name: str) -> None:
            if is_bad(name):
                raise OSError(request.param, "no") if request.param else UnicodeEncodeError("ascii", name, 0, 1, "no")

        def linked(old, new, **options):
            check(new)
            link(old, new, **options)

        def opened(path, *words, **options):
            check(os.path.basename(path))  # noqa: PTH119
            return open_(path, *words, **options)

        monkeypatch.setattr(os, "link", linked)
        monkeypatch.setattr(os, "open", opened)
        monkeypatch.setattr(os, "supports_follow_symlinks", {linked})

    return forbid


@pytest.mark.parametrize(
    ("stem", "name"), [("猫", "_u732b.mp4"), ("café 😀", "caf_xe9 _U0001f600.mp4"), ("e\u0301", "_xe9.mp4")]
)
def test_a_name_beyond_ascii_is_escaped(tmp_path, refuses, stem, name):
    """Where only ASCII can be written; a second film of the name gets a number, and plain names stay."""
    refuses(lambda text: not text.isascii())
    assert [save(tmp_path, b"a", stem=stem).name, save(tmp_path, b"b", stem="plain").name] == [name, "plain.mp4"]
    assert save(tmp_path, b"c", stem=stem).name == name.replace(".mp4", "-2.mp4")
    assert (tmp_path / name).read_bytes() == b"a"


@pytest.mark.parametrize("spare", ["task-1", "", "task-unified-1-ab"])
def test_the_task_names_the_film_if_nothing_else_can(tmp_path, refuses, spare):
    """Whatever the user chose, suffix included: the film is paid for."""
    refuses(lambda text: "shot" in text or "\u732b" in text)
    with PartFile(Folder(tmp_path), LABEL) as part:
        part.reset('"v2"')
        part.write([b"film"])
        path = part.publish(Name("shot-\u732b", ".\u732b", spare), ".mp4").path
    assert path == tmp_path / f"{spare or 'result'}.mp4"
    assert path.read_bytes() == b"film"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_another_error_is_not_taken_for_the_name(tmp_path, monkeypatch, code):
    """It is raised, and no second name is tried."""
    tried = []

    def link(old, new, **_):
        tried.append(new)
        raise OSError(code, "no")

    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(os, "replace", link)
    with pytest.raises(OSError, match="no") as caught:
        save(tmp_path, b"film", stem="猫")
    assert caught.value.errno == code
    assert {Path(name).name for name in tried} == {"猫.mp4"}


# --- what is planted


@pytest.fixture
def victim(tmp_path) -> Path:
    """A file outside of the folder that must not be overwritten."""
    path = tmp_path / "victim"
    path.write_bytes(b"precious")
    return path


@pytest.mark.parametrize("name", [PART, MARK, "film.mp4"])
@pytest.mark.parametrize("plant", ["link", "dead link", "hard link", "folder", "pipe", "link to a folder"])
def test_what_is_planted_is_neither_followed_nor_overwritten(tmp_path, victim, name, plant):
    """Under the final name, the part's or its mark's: the film is saved all the same, in its folder."""
    folder = tmp_path / "films"
    folder.mkdir()
    planted = folder / name
    if plant == "hard link":
        os.link(victim, planted)
    elif plant == "folder":
        planted.mkdir()
    elif plant == "pipe":
        os.mkfifo(planted)
    else:
        planted.symlink_to({"link": victim, "dead link": tmp_path / "new", "link to a folder": tmp_path}[plant])
    try:
        path = save(folder, b"the film")
    except OSError:
        assert (name, plant) == (MARK, "folder")  # told as a DownloadError, by whoever asked for the file
    else:
        assert path.parent == folder
        assert path.read_bytes() == b"the film"
        assert not path.is_symlink()
    assert victim.read_bytes() == b"precious"
    assert sorted(tmp_path.iterdir()) == [folder, victim]


def test_a_folder_replaced_by_a_link_is_not_left(tmp_path):
    """It was opened before: what is saved goes where it was meant to go."""
    meant, elsewhere = tmp_path / "films", tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = Folder(meant)
    meant.rename(tmp_path / "moved")
    meant.symlink_to(elsewhere)
    with PartFile(folder, LABEL) as part:
        part.reset(None)
        part.write([b"the film"])
        part.publish(Name("film"), ".mp4")
    assert list(elsewhere.iterdir()) == []
    assert snapshot(tmp_path / "moved") == {"film.mp4": b"the film"}


def test_the_folder_itself_may_be_a_link(tmp_path):
    """It is the user's own."""
    (tmp_path / "real").mkdir()
    (tmp_path / "films").symlink_to(tmp_path / "real")
    assert save(tmp_path / "films", b"the film") == tmp_path / "films" / "film.mp4"
    assert snapshot(tmp_path / "real") == {"film.mp4": b"the film"}


def test_a_folder_is_closed_with_the_last_who_holds_it(tmp_path):
    """No descriptor is left open."""
    folders = [Folder(tmp_path) for _ in range(20)]
    assert descriptors_of(tmp_path) == 20 * HAS_DIR_FD
    del folders
    assert descriptors_of(tmp_path) == 0


def descriptors_of(path: Path) -> int:
    """How many descriptors of this process are open on `path`, whatever other tests left for the collector."""
    found = 0
    for entry in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the one of the listing itself is closed by now
            found += os.path.samestat(entry.stat(), path.stat())
    return found


def hostile(count: int) -> list[str]:
    """Keys that mean something to a system."""
    dice = random.Random(count)
    return ["".join(dice.choices(PIECES, k=dice.randint(0, 8))) for _ in range(count)]


def publish_all(folder: Path, keys: list[str]) -> None:
    """Save a file for each key, beside files that are there already."""
    place = Folder(folder)
    for number, key in enumerate(keys):
        with PartFile(place, f"{number:032x}") as part:
            part.write([str(number).encode()])
            part.publish(Name(file_stem(key)), ".mp4")


def test_hostile_keys_overwrite_nothing(tmp_path):
    """500 files, each whole and in the folder; the soak session saves 100,000."""
    folder = tmp_path / "inner"
    folder.mkdir()
    mine = {f"{file_stem(key)}.mp4": b"mine" for key in hostile(500)[::7]}
    for name, content in mine.items():
        (folder / name).write_bytes(content)
    publish_all(folder, hostile(500))
    found = snapshot(folder)
    assert {name: found.pop(name) for name in mine} == mine
    assert sorted(int(content) for content in found.values() if isinstance(content, bytes)) == list(range(500))
    assert list(tmp_path.iterdir()) == [folder]


# --- sweeping


def test_only_old_parts_of_ours_are_removed(tmp_path):
    """Not young ones, not those in use, not what only looks like one, and no other file of any age."""
    keep = ["film.mp4", ".hidden.part", ".part", f"{LABEL}.part", f".{LABEL}.mp4", f".{LABEL}.partial", ".a.mark"]
    old = [PART, MARK, f".{LABEL}-0123abcd.part"]
    for name in keep + old:
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (0, 0))
    young = f".{'f' * 32}.part"
    (tmp_path / young).write_bytes(b"x")
    (tmp_path / f".{'e' * 32}.part").symlink_to(tmp_path / "film.mp4")
    (tmp_path / f".{'d' * 32}.part").mkdir()
    Folder(tmp_path).sweep(time.time())
    assert sorted(snapshot(tmp_path)) == sorted([*keep, young, f".{'e' * 32}.part", f".{'d' * 32}.part"])


def test_a_part_in_use_is_not_swept(tmp_path):
    """However long its host has been silent."""
    with PartFile(Folder(tmp_path), LABEL) as part:
        part.write([b"the film"])
        Folder(tmp_path).sweep(time.time() + 10 * STALE_SECONDS)
        assert part.publish(Name("film"), ".mp4").path.read_bytes() == b"the film"


# --- paths


def test_a_path_is_a_folder_or_a_file(tmp_path):
    """A folder if it is one, or ends like one."""
    assert place_of(tmp_path) == (tmp_path, None)
    assert place_of(f"{tmp_path}/new/") == (tmp_path / "new", None)
    assert place_of(tmp_path / "new" / "My film.mp4") == (tmp_path / "new", Exactly("My film", ".mp4"))
    assert place_of("film.mp4") == (Path(), Exactly("film", ".mp4"))
    assert place_of(".") == (Path(), None)
    assert place_of("..") == (Path(".."), None)


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_no_path_is_refused(path):
    """At once, and by our error."""
    with pytest.raises(ConfigurationError, match="is no path"):
        place_of(path)
