"""Addresses where only a file is taken, and empty names: refused before anything is done, and no password is shown."""

from __future__ import annotations

import pytest

SECRET = "postgresql://me:SECRETPW@127.0.0.1:1/films"
OTHERS = (
    "mysql://me:SECRETPW@h/films",
    "postgresql+psycopg://me:SECRETPW@h/films",
    "sqlite:///SECRETPW.db",
    "host=h password=SECRETPW",
    "postgresql://me:SECRET@SECRETPW@127.0.0.1:1/films",
    "postgresql://me:SEC/SECRETPW@127.0.0.1:1/films",
)


@pytest.mark.parametrize("address", [SECRET, *OTHERS])
@pytest.mark.parametrize(
    "words",
    [
        ("run", "jobs.jsonl", "--out", "films"),
        ("generate", "wan2.6-text-to-video", "--prompt", "x"),
        ("upload", "a.mp4"),
        ("check", "jobs.jsonl"),
        ("wait", "--key", "k"),
        ("watch", "--key", "k"),
        ("download", "--key", "k", "--out", "films/"),
    ],
)
def test_a_command_that_takes_a_journal_file_only(cli, tmp_path, monkeypatch, words, address):
    """One sentence that names the commands which take an address."""
    monkeypatch.chdir(tmp_path)
    ran = cli(*words, "--journal", address)
    assert (ran.code, ran.out, ran.err.count("error: "), [*tmp_path.iterdir()]) == (2, "", 1, [])
    assert "takes a journal file only; enqueue, worker, jobs" in ran.err
    assert "SECRET" not in ran.err


@pytest.mark.parametrize("address", OTHERS)
@pytest.mark.parametrize(
    "words",
    [
        ("jobs", "{}"), ("outcomes", "{}"), ("doubts", "{}"), ("settle", "{}", "k", "abandon"),
        ("report", "{}", "-o", "a.html"), ("report", "{}"), ("dashboard", "{}"),
        ("journal", "prune", "{}", "--older", "30d"), ("worker", "--journal", "{}"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_of_postgresql(cli, tmp_path, monkeypatch, words, address):
    """Also one whose password has an @ or a /: PostgreSQL would take a part of it for the host."""
    monkeypatch.chdir(tmp_path)
    ran = cli(*(word.format(address) for word in words))
    assert (ran.code, ran.out, ran.err.count("error: "), [*tmp_path.iterdir()]) == (2, "", 1, [])
    assert "SECRET" not in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("run", "", "--out", "films"), ("run", "a.jsonl", "--out", ""),
        ("run", "a.jsonl", "--out", "x", "--results", ""),
        ("run", "a.jsonl", "--out", "x", "--journal", ""), ("check", ""), ("status", ""), ("status", "task", ""),
        ("watch", ""), ("wait", ""), ("download", "task", "--out", ""), ("upload", ""), ("upload", "a", ""),
        ("jobs", ""), ("doubts", ""), ("report", "a.db", "-o", ""), ("models", ""), ("worker", "--journal", ""),
        ("generate", "wan2.6-text-to-video", "--prompt", "x", "--out", ""),
    ],
)  # fmt: skip
def test_an_empty_name(cli, tmp_path, monkeypatch, words):
    """It is not taken for the current folder, or for nothing."""
    monkeypatch.chdir(tmp_path)
    ran = cli(*words)
    assert (ran.code, ran.out, [*tmp_path.iterdir()]) == (2, "", [])
    assert "Must not be empty." in ran.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--speed", "5"), "--speed needs --emulator"),
        (("--dashboard-port", "0"), "--dashboard-port needs --dashboard"),
    ],
)
def test_an_option_that_would_do_nothing(cli, tmp_path, words, sentence):
    """It is refused, as --most-per-job is without a budget."""
    ran = cli("run", tmp_path / "jobs.jsonl", "--out", tmp_path / "films", *words)
    assert (ran.code, [*tmp_path.iterdir()]) == (2, [])
    assert sentence in ran.err
