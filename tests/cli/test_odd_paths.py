"""Paths and keys that a system cannot take, or that a locale cannot write: one sentence, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evolink_async.cli import exit_codes
from evolink_async.emulator import faults
from tests.cli.conftest import QUICK, ROOT, dance, environment, write_jobs

ODD = {
    "null byte": "a\0b",
    "surrogate": "a\udce9b",
    "lone surrogate": "a\ud800b",
    "name too long": "x" * 300,
    "path too long": "a/" * 3000,
    "empty": "",
    "a folder": ".",
    "below a file": "jobs.jsonl/x",
    "a loop": "loop/x",
}


@pytest.fixture
def words(tmp_path, monkeypatch):
    """The words of a command, where {odd} stands for the path, in a folder with a jobs file and a loop of links."""
    monkeypatch.chdir(tmp_path)
    write_jobs(tmp_path, dance())
    (tmp_path / "loop").symlink_to("loop")

    def filled(text: str, odd: str) -> list[str]:
        return [odd if word == "{odd}" else word for word in text.split()]

    return filled


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize(
    "text",
    [
        "check {odd}",
        "run {odd} --out films",
        "run jobs.jsonl --out {odd}",
        "run jobs.jsonl --out films --journal {odd}",
        "run jobs.jsonl --out films --results {odd}",
        "doubts {odd}",
        "settle {odd} shot-1 resubmit",
        "upload {odd}",
        "upload jobs.jsonl --journal {odd}",
    ],
)
def test_odd_paths(cli, service, words, text, odd):
    """The exit code is a documented one; if it is that of a wrong use, a sentence says why and nothing was sent."""
    ran = cli(*words(text, odd), *(QUICK if text.startswith("run") else ()))
    assert ran.code in (exit_codes.OK, exit_codes.FAILED, exit_codes.USAGE)
    if ran.code:
        assert ran.err.count("error: ") == 1
    if ran.code == exit_codes.USAGE:
        assert [one.kind for one in service.received if one.kind == "submit"] == []


@pytest.mark.parametrize("name", ["猫.png", "é.png", "a\udce9.png", "x" * 300, "a\0.png", "\ud800"])
def test_files_that_the_locale_cannot_write(service, tmp_path, name):
    """A file in a jobs file costs its own job a typed error; the others are made."""
    line = dance(2, model="wan2.6-image-to-video-flash", video_urls=None, image_urls=[f"file:{name}"])
    jobs = write_jobs(tmp_path, dance(1), line, dance(3))
    env = environment(service) | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    for command, code in (("check", 1), ("run", 1)):
        more = ["--out", tmp_path / "out", *QUICK] if command == "run" else []
        ran = subprocess.run(
            [sys.executable, "-m", "evolink_async", command, jobs, *more],
            capture_output=True, text=True, env=os.environ | env, timeout=120, check=False,
        )  # fmt: skip
        assert (ran.returncode, "Traceback" in ran.stderr) == (code, False), ran.stderr
    assert len(list((tmp_path / "out").glob("*.mp4"))) == 2


@pytest.mark.parametrize("key", ["猫🐱", "é", "a\\u732b"])
@pytest.mark.parametrize("spelling", ["as it is", "as it is shown"])
def test_a_doubt_is_settled_in_any_locale(service, tmp_path, key, spelling):
    """By the key in UTF-8, or copied from the output of the C locale, where it has escapes."""
    service.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    jobs, journal = write_jobs(tmp_path, dance(1, custom_id=key)), tmp_path / "jobs.journal.db"
    env = environment(service) | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}

    def command(*words):
        return subprocess.run(
            [sys.executable, "-m", "evolink_async", *words], capture_output=True, env=os.environ | env, timeout=120
        )

    ran = command("run", jobs, "--out", tmp_path, *QUICK)
    shown = key.encode("ascii", "backslashreplace")
    assert ran.returncode == exit_codes.IN_DOUBT
    assert b"settle " in ran.stderr
    assert shown in ran.stderr
    assert command("doubts", journal).returncode == exit_codes.IN_DOUBT
    settled = command("settle", journal, key.encode() if spelling == "as it is" else shown, "abandon")
    assert settled.returncode == 0, settled.stderr
    assert command("doubts", journal).returncode == 0
