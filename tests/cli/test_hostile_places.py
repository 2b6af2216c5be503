"""Forty jobs with hostile keys where nothing is as usual: locales, streams, full disks.

Every film that is paid for is saved, or its job has one typed error; the same command again buys nothing anew.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolink_async.cli import exit_codes
from evolink_async.emulator import Emulator
from tests.cli.conftest import QUICK, ROOT, Ran, dance, environment, finish, submits, write_jobs

KEYS = [
    "shot-1", "猫🐱", "猫\u3000一", "a\u00a0b", "👩\u200d🚀", "❤\ufe0f", "é", "e\u0301", "ﬁ", "\u0130", "ß", "русский",
    "한국어", "العربية", "हिन्दी", "漢" * 255, "x" * 255, "😀" * 100, "../../etc/passwd", "a/b\\c", "con", "NUL.txt",
    "-rf", "$(id)", "`id`", "%2e%2e%2f", "{key}", "'\"", " ", ".", "..", "~", "C:", "\ufeff", "\u202e4pm.", "\u200b",
    "\u0378", "\ue000", "\U0010ffff", "a" * 120 + "é",
]  # fmt: skip
STRICT = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with forty jobs in a file."""
    write_jobs(tmp_path, *(dance(n, custom_id=key) for n, key in enumerate(KEYS)))
    return tmp_path


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Locales that this machine need not have: they are compiled here, in a folder of their own."""
    place = tmp_path_factory.mktemp("locales")
    for name, charset in (("en_US", "ISO-8859-1"), ("zh_CN", "GBK")):
        if shutil.which("localedef") is not None:
            command = ["localedef", "-i", name, "-f", charset, str(place / f"{name}.{charset}")]
            subprocess.run(command, capture_output=True, check=False, timeout=60)
    return place


def run_there(folder: Path, emulator: Emulator, *words: object, shell: str = "{}", **env: str) -> Ran:
    """Run the jobs in a process of its own; `shell` is a command of the shell around it."""
    own = [sys.executable, "-W", "error", "-m", "evolink_async", "run", folder / "jobs.jsonl", *QUICK, *words]
    process = subprocess.Popen(
        ["bash", "-c", shell.format(shlex.join(map(str, own)))],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment(emulator) | env,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return finish(process)


def films(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.mp4") if path.stat().st_size]


def check_saved(ran: Ran, out: Path) -> None:
    """Each job has its own film, under the name that is told."""
    assert sorted(line["custom_id"] for line in ran.lines) == sorted(KEYS)
    assert [line["error"] for line in ran.lines if line["error"]] == []
    told = {os.fsencode(file) for line in ran.lines for file in line["files"]}
    assert len(told) == len(films(out)) == len(KEYS)


@pytest.mark.parametrize("locale", ["C", "en_US.ISO-8859-1", "zh_CN.GBK"])
def test_a_locale_that_cannot_write_the_keys(local, locales, folder, locale):
    """All films are saved; the names that the locale lacks are escaped; run again, nothing is bought or fetched."""
    if "." in locale and not (locales / locale).is_dir():
        pytest.skip(f"the locale {locale} cannot be made here: install the package `locales`")
    env = {"LC_ALL": locale, "LOCPATH": str(locales), **STRICT}
    ran = run_there(folder, local, "--out", folder / "out", **env)
    assert ran.code == 0, ran.err
    check_saved(ran, folder / "out")
    again = run_there(folder, local, "--out", folder / "out", **env)
    assert (again.code, submits(local)) == (0, len(KEYS))
    check_saved(again, folder / "out")
    assert all(line["resumed"] for line in again.lines)


def test_a_folder_that_the_locale_cannot_write(local, folder):
    """A path from the command line is used as it is, byte for byte, also in the journal and in a later run."""
    out = folder / "фильмы 猫"
    for _ in range(2):
        ran = run_there(folder, local, "--out", out, "--results", out / "é.jsonl", LC_ALL="C", **STRICT)
        assert ran.code == 0, ran.err
        assert len(films(out)) == len(KEYS)
    ran = run_there(folder, local, "--out", out, LC_ALL="C.UTF-8")
    assert (ran.code, submits(local)) == (0, len(KEYS))
    assert len(films(out)) == len(KEYS)


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", ">&- 2>/dev/full"])
def test_streams_that_are_closed(local, folder, streams):
    """All films are saved, exit code 0; the journal is none of the streams."""
    ran = run_there(folder, local, "--out", folder / "out", shell=f"{{}} {streams}")
    assert ran.code == 0
    assert len(films(folder / "out")) == len(KEYS)
    again = run_there(folder, local, "--out", folder / "out")
    assert (again.code, submits(local)) == (0, len(KEYS))
    check_saved(again, folder / "out")


def test_a_full_standard_output(local, folder):
    """Nothing more is bought; what was is saved; exit code 1; the same command with room does the rest."""
    ran = run_there(folder, local, "--out", folder / "out", "--in-flight", "5", shell="{} >/dev/full")
    assert ran.code == 1
    assert "The output cannot be written (No space left on device): no more jobs are sent" in ran.err
    assert len(films(folder / "out")) == local.ledger.accepted < len(KEYS)
    again = run_there(folder, local, "--out", folder / "out")
    assert (again.code, local.ledger.accepted) == (0, len(KEYS))
    check_saved(again, folder / "out")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)], capture_output=True, text=True, check=False
    ) if shutil.which("mount") else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip(f"no small disk can be made here: {mounted.stderr.strip() if mounted else 'no mount'}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(local, folder, small_disk):
    """A film without room is a typed error of its job, with its link; with room, the same command saves it."""
    words = ("--out", small_disk, "--journal", folder / "jobs.db")
    ran = run_there(folder, local, *words)
    assert ran.code == 1
    assert local.ledger.accepted == len(KEYS)
    errors = [line for line in ran.lines if line["error"]]
    assert {line["error"]["type"] for line in errors} == {"DownloadError"}
    assert all(line["status"] == "completed" and line["urls"] for line in errors)
    assert 0 < len(films(small_disk)) == len(KEYS) - len(errors)
    make_room(small_disk)
    again = run_there(folder, local, *words)
    assert (again.code, submits(local)) == (0, len(KEYS))
    check_saved(again, small_disk)


def test_a_journal_on_a_full_disk(local, folder, small_disk):
    """What cannot be written down is not sent; what was sent is told with its link, or is in doubt in the next run."""
    words = ("--out", small_disk)
    ran = run_there(folder, local, *words)
    assert ran.code == 1
    assert sorted(line["custom_id"] for line in ran.lines) == sorted(KEYS)
    paid = [line for line in ran.lines if line["status"] == "completed"]
    assert local.ledger.accepted == len(paid) < len(KEYS)
    assert all(line["urls"] for line in paid)
    refused = {line["error"]["type"] for line in ran.lines if line["status"] != "completed"}
    assert refused == {"JournalError"}
    make_room(small_disk)
    again = run_there(folder, local, *words)
    doubts = [line for line in again.lines if line["status"] == "unknown"]
    assert again.code == (exit_codes.IN_DOUBT if doubts else exit_codes.OK)
    assert {line["custom_id"] for line in doubts} <= {line["custom_id"] for line in paid}
    assert (submits(local), len(films(small_disk))) == (len(KEYS), len(KEYS) - len(doubts))


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
