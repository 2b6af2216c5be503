"""The names of journals: what is neither a path nor an address is refused, and not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

import evolink_async as ev
from evolink_async.journal.places import JournalInFile, journal_at
from evolink_async.journal.postgres_place import JournalOnServer


@pytest.mark.parametrize(
    "given",
    [
        "postgresql+psycopg://me:SECRETPW@h/films",
        "mysql://me:SECRETPW@h/films",
        "POSTGRESQL://me:SECRETPW@h/films",
        " postgresql://me:SECRETPW@h/films",
        "sqlite:///SECRETPW.db",
        "host=h password=SECRETPW",
        "postgresql://me:SECRET@SECRETPW@h/films",
        "postgresql://me:SEC/SECRETPW@h/films",
        Path("postgresql://me:SECRETPW@h/films"),
    ],
)
def test_what_may_hold_a_password_is_not_shown(tmp_path, monkeypatch, given):
    """No file of this name is made, and no message shows it."""
    monkeypatch.chdir(tmp_path)
    for use in (lambda: ev.SessionPool("sk-1", journal=given), lambda: journal_at(given).count_ends()):
        with pytest.raises(ev.ConfigurationError, match="the journal") as caught:
            use()
        assert "SECRET" not in str(caught.value)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["films:/run.db", "C:run.db", "me@host.db", "password.db"])
def test_odd_paths_are_paths(tmp_path, monkeypatch, name):
    """A colon or an @ does not make an address."""
    monkeypatch.chdir(tmp_path)
    ev.SessionPool("sk-1", journal=name)
    assert isinstance(journal_at(name), JournalInFile)


@pytest.mark.parametrize(
    "address", ["postgresql://me:p%40w@h/films", "postgresql:///films?user=me@x", "postgres://h1,h2:5432/films"]
)
def test_good_addresses(address):
    """An @ is written %40; in the settings behind a question mark it may stand."""
    assert isinstance(journal_at(address), JournalOnServer)
