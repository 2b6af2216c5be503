"""The page of a journal on a server: what it is told of each job, and of what changes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import attrs
import psycopg
import pytest

from evolink_async.errors import ConfigurationError, JournalError
from evolink_async.journal.places import JournalInFile, JournalPlace, journal_at
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.report import DashboardServer, write_report
from evolink_async.report.cards import Card
from evolink_async.report.reading import PageReader, read_report
from tests.report.kit import STATES, body_of, intent_of, make_film, mixed_journal, write_job, write_journal
from tests.report.test_live import cards_in, events, served


def looking(url: str, act: Callable[[PageReader, PostgresJournal], Any]) -> None:
    """Look at an empty journal, which a pool has open."""

    async def look() -> None:
        journal = PostgresJournal(url)
        await journal.open()
        try:
            await act(PageReader(journal_at(url), lambda *_: None), journal)
        finally:
            await journal.aclose()

    asyncio.run(look())


def told(cards: list[Card]) -> list[tuple[int, str, str]]:
    """What matters of some cards."""
    return [(card.place, card.key, card.state) for card in cards]


def without_moments(card: Card) -> Card:
    """A card without what differs between two writings of the same job."""
    ended_at = card.ended_at if card.state == "ready" else None
    return attrs.evolve(card, place=0, sent_at=None, ended_at=ended_at)


def test_the_same_as_of_a_file(postgres, tmp_path):
    """The page tells the same of the same jobs; films have addresses relative to it, and those not here are gone."""
    film = make_film(tmp_path)
    mixed_journal(tmp_path / "jobs.db", 60, film)
    mixed_journal(postgres, 60, film)
    by_file = {card.key: without_moments(card) for card in read_report(tmp_path / "jobs.db").cards}
    report = read_report(postgres, tmp_path)
    assert {card.key: without_moments(card) for card in report.cards} == by_file
    assert {card.state for card in report.cards} == set(STATES)
    assert sorted(card.place for card in report.cards) == list(range(1, 61))
    assert {one.href for card in report.cards for one in card.films} == {"./shot.mp4"}
    film.unlink()
    assert {one.href for card in read_report(postgres, tmp_path).cards for one in card.films} == {None}


def test_changes(postgres):
    """A look gives what has changed since the last one, once, and nothing is asked while nothing changes."""

    async def act(reader: PageReader, journal: PostgresJournal) -> None:
        await write_job(journal, "b", "making", 1, body_of(1))
        await write_job(journal, "a", "planned", 2, body_of(2))
        assert told(reader.changes()) == [(1, "b", "making"), (2, "a", "planned")]
        assert reader.changes() == []
        before = reader.mark
        await write_job(journal, "0", "ready", 3, body_of(3))
        await journal.submitting(intent_of("a", body_of(2)))
        assert reader.mark != before
        assert told(reader.changes()) == [(2, "a", "submitting"), (3, "0", "ready")]

    looking(postgres, act)


def test_a_submit_of_a_dead_process(postgres):
    """It is a doubt when the lease of its owner has ended, although its row stays the same; not before."""

    async def act(reader: PageReader, journal: PostgresJournal) -> None:
        await journal.submitting(intent_of("shot", body_of(1)))
        assert told(reader.changes()) == [(1, "shot", "submitting")]
        with psycopg.connect(postgres, autocommit=True) as server:
            server.execute("UPDATE evolink_owners SET lease_until = clock_timestamp() - interval '1 s'")
        [card] = reader.changes()
        assert (card.state, card.search is not None) == ("doubt", True)
        assert reader.changes() == []

    looking(postgres, act)


def test_a_job_that_ends_behind_many_others(postgres, monkeypatch):
    """Only the latest ends are read, and yet a job that was under way does not stay so on the page."""
    monkeypatch.setattr("evolink_async.journal.postgres_histories.MOST", 2)

    async def act(reader: PageReader, journal: PostgresJournal) -> None:
        for number in range(2):
            await write_job(journal, f"made-{number}", "making", number, body_of(number))
        assert len(reader.changes()) == 2
        with psycopg.connect(postgres, autocommit=True) as server:
            server.execute("UPDATE evolink_jobs SET state = 'completed', urls = '[]', looks = 1, end_number = 0")
        for number in range(2, 5):
            await write_job(journal, f"ready-{number}", "ready", number, body_of(number))
        seen = {card.key: card.state for card in reader.changes()}
        assert seen == {"made-0": "ready", "made-1": "ready", "ready-3": "ready", "ready-4": "ready"}
        assert reader.changes() == []

    looking(postgres, act)


def test_a_live_page(postgres):
    """It gets what changes on the server, and settles a job while a pool uses the journal."""

    async def act(_: PageReader, journal: PostgresJournal) -> None:
        # By another owner: what this one has claimed is not settled.
        await asyncio.to_thread(write_journal, postgres, [("lost", "doubt", body_of(1), {})])

        async def settle(key: str, how: str) -> str:
            await journal_at(postgres).settle(key, how)
            return "done"

        async with served(postgres, settle=settle) as (server, client), client.get(f"{server.address}events") as page:
            stream = events(page)
            assert [(card["key"], card["state"]) for card in await cards_in(stream)] == [("lost", "doubt")]
            await write_job(journal, "new", "ready", 2, body_of(2))
            assert [(card["key"], card["state"]) for card in await cards_in(stream)] == [("new", "ready")]
            asked = {"key": "lost", "how": "abandon", "confirmed": True}
            own = {"Origin": server.address[: server.address.index("/", 8)]}
            async with client.post(f"{server.address}settle", json=asked, headers=own) as answer:
                assert answer.status == 200
            assert [(card["key"], card["state"]) for card in await cards_in(stream)] == [("lost", "failed")]

    looking(postgres, act)


@attrs.define
class Lost:
    """A journal whose doubts cannot be read at first."""

    place: JournalPlace
    is_lost: bool = True

    def doubts(self) -> list[Any]:
        """What the journal says, at the second time."""
        self.is_lost, was_lost = False, self.is_lost
        if was_lost:
            raise JournalError("the server is away")
        return self.place.doubts()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.place, name)


def test_a_server_that_goes_between_two_reads(tmp_path):
    """What the first read has found is told by the next look."""
    mixed_journal(tmp_path / "jobs.db", 5)
    lost: Any = Lost(JournalInFile(tmp_path / "jobs.db"))
    reader = PageReader(lost, lambda *_: None)
    with pytest.raises(JournalError):
        reader.changes()
    assert len(reader.changes()) == 5
    assert reader.changes() == []


def test_a_table_that_somebody_holds(postgres, monkeypatch):
    """A look ends with an error, and the next one tells all."""
    mixed_journal(postgres, 3)
    reader = PageReader(journal_at(postgres), lambda *_: None)
    monkeypatch.setattr("evolink_async.journal.postgres_connections.LONGEST_LOCK", "20ms")
    with psycopg.connect(postgres) as holder:
        holder.execute("LOCK TABLE evolink_jobs")
        with pytest.raises(JournalError, match="lock timeout"):
            reader.changes()
        holder.rollback()
    monkeypatch.undo()
    assert len(reader.changes()) == 3


def test_nothing_secret_is_in_the_page(postgres, tmp_path):
    """Of the address it has the host and the database; what was left out is told."""
    mixed_journal(postgres, 5)
    write_report(f"{postgres}&password=s3cr3t", tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text("utf-8")
    report = read_report(f"{postgres}&password=s3cr3t")
    assert "s3cr3t" not in page
    assert "search_path" not in page
    assert report.journal in page
    assert report.journal.startswith("postgresql://")
    # Without user and schema the address would lead elsewhere: there another job of this key might be settled.
    assert report.word == "ADDRESS"
    assert "its open jobs and its latest 10,000 ends" in page


def test_without_the_extra(tmp_path, monkeypatch):
    """It is one sentence, before anything is written."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in [name for name in sys.modules if name.startswith("evolink_async.journal.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigurationError, match="needs psycopg"):
        write_report("postgresql://host/films", tmp_path / "index.html")
    with pytest.raises(ConfigurationError, match="needs psycopg"):
        DashboardServer("postgresql://host/films")
    assert list(tmp_path.iterdir()) == []
